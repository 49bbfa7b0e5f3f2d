"""The way in which the integer model cannot be had at all."""


class CompilerDisabled(ImportError):
    """Numba is told not to compile: kernels are vector code, which Python cannot run instead."""
