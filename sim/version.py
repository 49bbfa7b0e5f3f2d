"""Version of this program, as all that it writes has it."""

from importlib.metadata import PackageNotFoundError, version


def convstream_version() -> str:
    """The installed version; 0 in a checkout that was not installed."""
    try:
        return version("convstream")
    except PackageNotFoundError:
        return "0"
