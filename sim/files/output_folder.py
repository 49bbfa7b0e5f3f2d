"""Folders of generated files that are whole or absent: written aside, sealed by a manifest, then renamed.

    parent/.vectors.1f9c    draft: the files, then manifest.json with the size and sha256 of each
    parent/vectors          the old folder goes, the draft takes its name

A crash leaves the old folder, the new one or none, never half of one; a draft it leaves behind is never taken for
the folder.  Only a folder that a manifest of the same kind describes completely is ever replaced.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from convstream.sim.errors import BadInput, CheckFailed, one_line
from convstream.sim.files.new_folder import new_folder
from convstream.sim.files.regular_file import open_plain

MANIFEST = "manifest.json"
_LARGEST_MANIFEST_BYTES = 1 << 20

#: Characters of a folder's name that its draft bears: the whole, with what is added, could be too long for a name.
_LONGEST_PREFIX = 40


@contextmanager
def output_folder(folder: Path, kind: str, contents: dict[str, Any], layer: str | None = None) -> Iterator[Path]:
    """The draft of `folder`, to be filled in the with-block; sealed and renamed at its end, dropped if it raises.

    Parameters
    ----------
    kind : what the folder is, such as "convstream vectors".
    contents : further keys of the manifest.
    layer : name of the layer, in a folder that may hold several: the files of the others stay.  The manifest then has
        a table `layers`: of each the `contents` and the names of its files.

    Raises
    ------
    BadInput
        `folder` exists and is not ours, or cannot be written, or something was put into it meanwhile.
    """
    folder = require_ours(folder, kind)
    try:
        draft = new_folder(folder.parent, _draft_prefix(folder))
        try:
            yield draft
            with _locked(folder.parent):
                if layer is not None:
                    contents = {"layers": _with_others(draft, folder, kind, layer, contents)}
                files = {name: _describe(draft / name) for name in _file_names(draft)}
                (draft / MANIFEST).write_text(json.dumps({"kind": kind, **contents, "files": files}, indent=2) + "\n")
                _rename(draft, folder, kind)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise BadInput(f"{folder}: cannot be written: {error.strerror or error}") from None


def require_ours(folder: Path, kind: str) -> Path:
    """The whole path of a folder that can be written and replaced: absent, empty, or of this kind with nothing added.

    Asked before any work, so that its results are not lost.

    Raises
    ------
    BadInput
        Something else is there, or it cannot be written.
    """
    try:
        folder = folder.resolve()
        if folder.exists():
            with _locked(folder.parent):  # another program may be about to give the folder its name
                if folder.exists():
                    _require_replaceable(folder, kind, folder)
        above = next(parent for parent in folder.parents if parent.exists())
        with TemporaryDirectory(prefix=_draft_prefix(folder), dir=above):
            pass  # permissions alone do not tell: a draft can be made there
    except OSError as error:
        raise BadInput(f"{folder}: cannot be written: {error.strerror or error}") from None
    except RuntimeError:
        raise BadInput(f"{folder}: cannot be written: the link leads back to itself; give another folder") from None
    return folder


def _require_replaceable(folder: Path, kind: str, name: Path) -> None:
    """Refuse a folder that is not ours, or holds what is not ours; `name` is what messages call it."""
    if not folder.is_dir():
        raise BadInput(f"{name}: exists and is not a folder")
    if any(folder.iterdir()):
        try:
            manifest = read_manifest(folder, kind)
        except BadInput:
            raise BadInput(
                f"{name}: exists and was not written as {kind}: give another folder, or remove it"
            ) from None
        if added := _added(folder, manifest):
            raise BadInput(f"{name}: holds {added[0]!r}, which is not ours: move it, or give another folder")
    if Path.cwd().is_relative_to(folder):  # whoever stands in it would be left in a folder that is gone
        raise BadInput(f"{name}: is the current folder or above it, and cannot be replaced: give one below or beside")


def read_manifest(folder: Path, kind: str) -> dict[str, Any]:
    """The manifest of a sealed folder; its files are not looked at.

    Raises
    ------
    BadInput
        There is no manifest, or it is not of this kind.
    """
    path = folder / MANIFEST
    try:
        with open_plain(path) as file:
            content = file.read(_LARGEST_MANIFEST_BYTES + 1)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from None
    if len(content) > _LARGEST_MANIFEST_BYTES:
        raise BadInput(f"{path}: not a manifest: larger than {_LARGEST_MANIFEST_BYTES} bytes")
    try:
        manifest = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}: not a manifest: {one_line(error)}") from None
    if not isinstance(manifest, dict) or manifest.get("kind") != kind:
        raise BadInput(f"{path}: not a manifest of {kind}")
    files = manifest.get("files")
    if not isinstance(files, dict) or not all(isinstance(entry, dict) for entry in files.values()):
        raise BadInput(f"{path}: files must be a table of tables")
    layers = manifest.get("layers", {})
    if not isinstance(layers, dict) or not all(
        isinstance(layer, dict) and isinstance(layer.get("files"), list) for layer in layers.values()
    ):
        raise BadInput(f"{path}: layers must be a table of tables, each with a list of files")
    return manifest


def check_files(folder: Path, manifest: dict[str, Any]) -> None:
    """Compare the files of a sealed folder with its manifest.

    Raises
    ------
    CheckFailed
        A file is missing, was added, or is not as it was written.
    """
    if added := _added(folder, manifest):
        raise CheckFailed(f"{folder}: {added[0]!r} is not in the manifest")
    sealed = manifest["files"]
    if missing := sorted(sealed.keys() - set(_file_names(folder))):
        raise CheckFailed(f"{folder}: {missing[0]!r} is missing")
    for name in sorted(sealed):
        path = folder / name
        if path.is_symlink() or not path.is_file():
            raise CheckFailed(f"{path}: is not a plain file")
        if path.stat().st_size != sealed[name].get("bytes") or _describe(path) != sealed[name]:
            raise CheckFailed(f"{path}: is not as it was written: size or sha256 differs from the manifest's")


def _file_names(folder: Path) -> list[str]:
    paths = [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]
    return sorted(path.relative_to(folder).as_posix() for path in paths)


def _added(folder: Path, manifest: dict[str, Any]) -> list[str]:
    """What is in the folder and not in its manifest: files, links, and folders that hold none of its files."""
    files = {MANIFEST, *manifest["files"]}
    folders = {above.as_posix() for name in files for above in PurePosixPath(name).parents}
    names = set(_file_names(folder))
    below = {path.relative_to(folder).as_posix() for path in folder.rglob("*")} - names
    return sorted((names - files) | (below - folders))


def _draft_prefix(folder: Path) -> str:
    return f".{folder.name[:_LONGEST_PREFIX]}."


def _describe(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One program at a time: of two that add a layer to the same folder, the second keeps what the first has added."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _with_others(draft: Path, folder: Path, kind: str, layer: str, contents: dict[str, Any]) -> dict[str, Any]:
    """The table of layers: this one, in `draft`, and the others in `folder`, whose files are copied."""
    layers = {layer: {**contents, "files": _file_names(draft)}}
    if (folder / MANIFEST).exists():
        there = _file_names(folder)
        for name, other in read_manifest(folder, kind).get("layers", {}).items():
            if name != layer:
                layers[name] = other | {"files": [file for file in other["files"] if file in there]}
                for file in layers[name]["files"]:
                    shutil.copy2(folder / file, draft / file, follow_symlinks=False)
    return dict(sorted(layers.items()))


def _rename(draft: Path, folder: Path, kind: str) -> None:
    old = draft.with_name(f"{draft.name}.old")
    if folder.exists():
        folder.rename(old)
    try:
        if old.exists():
            _require_replaceable(old, kind, folder)  # again: something may have been put into it since
        draft.rename(folder)
    except (OSError, BadInput):
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
