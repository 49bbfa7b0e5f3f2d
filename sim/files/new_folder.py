"""Folders of a new name, with the permissions that the umask asks for; those of `tempfile` are for one user alone."""

import secrets
from pathlib import Path


def new_folder(parent: Path, prefix: str) -> Path:
    """Make a folder in `parent`, which is made too, and return its path: `prefix` and eight random digits."""
    folder = parent / f"{prefix}{secrets.token_hex(4)}"
    folder.mkdir(parents=True)
    return folder
