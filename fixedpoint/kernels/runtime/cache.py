"""Machine code of compiled functions, kept in files from one run to the next.

Numba itself numbers the files of a function and lists them in an index.  Two processes that save at once may then both
write file 1, and the index of one calls the other's code.  Here the name of a file is a digest of everything that its
code depends on, so a file that is found is the right one:

- the sources of this package: a kernel contains the functions that it calls, and vector code that yet another file
  writes,
- the versions of Numba and llvmlite, and the types of the arguments,
- the CPU and the instruction sets that Numba compiles for, from which `runtime.vectors` has the width of vectors.
"""

import pickle
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import llvmlite
import numba
from numba.core.caching import FunctionCache
from numba.core.serialize import dumps

_SOURCES = sha256(b"".join(path.read_bytes() for path in sorted(Path(__file__).parents[2].rglob("*.py")))).hexdigest()
_VERSIONS = numba.__version__, llvmlite.__version__


class KernelCache(FunctionCache):
    """The cache of one function's dispatcher.

    Raises
    ------
    RuntimeError
        No folder can be written where Numba keeps code: that of the sources, the user's, or NUMBA_CACHE_DIR.
    """

    def __init__(self, function: Callable):
        super().__init__(function)
        self._cache_file = _Files(Path(self._cache_path), self._impl.filename_base)


class _Files:
    """What Numba's cache asks of its files, with one file for each key and no index."""

    def __init__(self, folder: Path, stem: str):
        self._folder, self._stem = folder, f"{stem}.{_SOURCES[:16]}"

    def load(self, key: tuple) -> Any:
        """What was saved for `key`: types of arguments, target, digests of bytecode; None if nothing was."""
        with suppress(OSError, EOFError, pickle.UnpicklingError):  # not there, or cut short when the machine went down
            return pickle.loads(self._path(key).read_bytes())
        return None

    def save(self, key: tuple, data: Any) -> None:
        """Keep `data` for `key`, if there is space, and remove what other sources left in this folder."""
        path = self._path(key)
        unfinished = path.with_suffix(f".{uuid4().hex}")
        with suppress(OSError):
            try:
                unfinished.write_bytes(dumps(data))
                unfinished.replace(path)
            finally:
                unfinished.unlink(missing_ok=True)
            for file in path.parent.glob("*.nb?"):
                if f".{_SOURCES[:16]}." not in file.name:
                    file.unlink(missing_ok=True)

    def _path(self, key: tuple) -> Path:
        return self._folder / f"{self._stem}.{sha256(repr((_VERSIONS, key)).encode()).hexdigest()[:32]}.nbc"
