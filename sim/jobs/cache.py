"""Cache: folders named by what went into them, each built once and never seen half-built."""

import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from convstream.sim.errors import CheckFailed


def cached_folder(root: Path, kind: str, ingredients: Iterable[str | bytes], build: Callable[[Path], None]) -> Path:
    """The folder below `root` that `build` fills from `ingredients`; filled now if this is the first call for them.

    It is filled under another name and renamed when complete, so that a crash leaves nothing that looks finished.
    Of several processes that want it at once, one builds and the others wait.
    """
    folder = _folder(root, kind, ingredients)
    if folder.is_dir():
        return folder
    root.mkdir(parents=True, exist_ok=True)
    with (root / f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            unfinished = Path(tempfile.mkdtemp(prefix=f".{kind}-", dir=root))
            try:
                build(unfinished)
                unfinished.rename(folder)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    return folder


async def kept_folder(
    root: Path, kind: str, ingredients: Iterable[str | bytes], fill: Callable[[Path], Awaitable[None]]
) -> Path:
    """Like `cached_folder`, for work that is waited for among other work.

    Of several processes that want the folder at once, each fills one and the first is kept.  If `fill` raises
    CheckFailed, what it wrote stays under its other name, with the logs that tell why.
    """
    folder = _folder(root, kind, ingredients)
    if folder.is_dir():
        return folder
    root.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f"{kind}-unfinished-", dir=root))
    try:
        await fill(unfinished)
    except CheckFailed:
        raise
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    try:
        unfinished.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
        shutil.rmtree(unfinished)
    return folder


def found_folder(root: Path, kind: str, ingredients: Iterable[str | bytes]) -> Path | None:
    """The folder that was filled from `ingredients` before, if any was."""
    folder = _folder(root, kind, ingredients)
    return folder if folder.is_dir() else None


def _folder(root: Path, kind: str, ingredients: Iterable[str | bytes]) -> Path:
    digest = hashlib.sha256()
    for ingredient in ingredients:
        data = ingredient.encode() if isinstance(ingredient, str) else ingredient
        digest.update(len(data).to_bytes(8, "big") + data)
    return root / f"{kind}-{digest.hexdigest()[:24]}"
