"""What conversion raises; apart from it, so that a command line can name it without importing MyHDL."""


class ConversionError(RuntimeError):
    """The converter failed or warned: a defect of this package, not of its input."""
