"""Opening files that may be anybody's: a pipe in their place would keep a reader waiting, a device would never end."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def open_plain(path: Path) -> Iterator[BinaryIO]:
    """A plain file, or what a link leads to, open for reading during the with-block.

    Raises
    ------
    OSError
        There is no such file, or it is something else.
    """
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(None, "Not a plain file", str(path))
        yield file
