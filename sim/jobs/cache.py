"""Cache: folders named by what went into them, each built once and never seen half-built.

    root/icarus-conv_forward-<digest of the ingredients>
        contents.json      names and sizes of the files; a folder that lacks one of them is built again
        ...
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from convstream.sim.errors import BadInput, CheckFailed
from convstream.sim.files.new_folder import new_folder

_CONTENTS = "contents.json"


def cached_folder(root: Path, kind: str, ingredients: Iterable[str | bytes], build: Callable[[Path], None]) -> Path:
    """The folder below `root` that `build` fills from `ingredients`; filled now if this is the first call for them.

    It is filled under another name and renamed when complete, so that a crash leaves nothing that looks finished.
    Of several processes that want it at once, one builds and the others wait.

    Raises
    ------
    BadInput
        It is there and cannot be read: another user built it.
    """
    folder = _folder(root, kind, ingredients)
    if _is_whole(folder):
        return folder
    root.mkdir(parents=True, exist_ok=True)
    lock = os.open(root / f".{folder.name}.lock", os.O_RDONLY | os.O_CREAT, 0o666)  # another user's is locked as well
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_whole(folder):
            unfinished = new_folder(root, f".{kind}-")
            try:
                build(unfinished)
                _keep(unfinished, folder)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    finally:
        os.close(lock)
    return folder


async def kept_folder(
    root: Path, kind: str, ingredients: Iterable[str | bytes], fill: Callable[[Path], Awaitable[None]]
) -> Path:
    """Like `cached_folder`, for work that is waited for among other work.

    Of several processes that want the folder at once, each fills one and the first is kept.  If `fill` raises
    CheckFailed, what it wrote stays under its other name, with the logs that tell why.
    """
    folder = _folder(root, kind, ingredients)
    if _is_whole(folder):
        return folder
    unfinished = new_folder(root, f"{kind}-unfinished-")
    try:
        await fill(unfinished)
    except CheckFailed:
        raise
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    _keep(unfinished, folder)
    return folder


def found_folder(root: Path, kind: str, ingredients: Iterable[str | bytes]) -> Path | None:
    """The folder that was filled from `ingredients` before, if any was."""
    folder = _folder(root, kind, ingredients)
    return folder if _is_whole(folder) else None


def _folder(root: Path, kind: str, ingredients: Iterable[str | bytes]) -> Path:
    digest = hashlib.sha256()
    for ingredient in ingredients:
        data = ingredient.encode() if isinstance(ingredient, str) else ingredient
        digest.update(len(data).to_bytes(8, "big") + data)
    return root / f"{kind}-{digest.hexdigest()[:24]}"


def _is_whole(folder: Path) -> bool:
    """Whether the folder is there, with every file that was built."""
    try:
        sizes = json.loads((folder / _CONTENTS).read_bytes())
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except PermissionError:
        raise BadInput(
            f"{folder}: was built by another user, and cannot be read: remove it, or work in another folder"
        ) from None
    except (OSError, ValueError, AttributeError):
        return False


def _keep(unfinished: Path, folder: Path) -> None:
    """Give a filled folder its name, unless another process was first; an incomplete folder makes way."""
    files = {path.relative_to(unfinished).as_posix(): path for path in unfinished.rglob("*") if path.is_file()}
    (unfinished / _CONTENTS).write_text(json.dumps({name: path.stat().st_size for name, path in files.items()}))
    try:
        unfinished.rename(folder)
    except OSError:
        if not _is_whole(folder):
            incomplete = unfinished.with_name(f"{unfinished.name}.old")
            folder.rename(incomplete)
            unfinished.rename(folder)
            unfinished = incomplete
        shutil.rmtree(unfinished, ignore_errors=True)
