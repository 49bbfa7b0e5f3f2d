"""Drafts: a file appears whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from convstream.sim.errors import BadInput


@contextmanager
def draft_of(path: Path) -> Iterator[Path]:
    """A path to write to, which becomes `path` at the end of the with-block; that it can is found out before.

    If `path` is a link, what it leads to is written, and the link stays.
    """
    try:
        target = path.resolve()
        if path.is_dir():
            raise IsADirectoryError(None, "Is a directory")
        if path.exists() and not path.is_file():
            raise OSError(None, "Not a plain file")  # a device would be replaced by what is meant for it
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = TemporaryDirectory(dir=target.parent, prefix=f".{target.name[:40]}-")
    except OSError as error:
        raise BadInput(f"{path}: cannot be written: {error.strerror}") from None
    except RuntimeError:
        raise BadInput(f"{path}: cannot be written: the link leads back to itself; give another file") from None
    with folder as name:
        draft = Path(name) / path.name  # its ending may say what to write
        yield draft
        draft.replace(target)
