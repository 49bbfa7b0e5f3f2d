"""Arrays in .npz files: written byte for byte the same everywhere, read without trusting the file.

A file may come from anyone.  Nothing in it is unpickled, and no array is read before its header has been found to
announce the expected shape, so a small file cannot ask for more memory than the layer itself.
"""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from convstream.sim.errors import BadInput, one_line
from convstream.sim.files.regular_file import open_plain

_HEADER_READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write `arrays`, little-endian and uncompressed: no clock, machine or compressor shows in the bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")  # dated 1980-01-01
            member.create_system = 3
            member.external_attr = 0o644 << 16
            with archive.open(member, "w", force_zip64=True) as file:
                little_endian = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
                np.lib.format.write_array(file, little_endian, version=(1, 0), allow_pickle=False)


def read_npz(
    path: Path, shapes: dict[str, tuple[int, ...]], optional: Sequence[str] = ()
) -> dict[str, np.ndarray]:
    """The arrays named in `shapes`, but for `optional` ones that the file lacks; others that it holds are ignored.

    Raises
    ------
    BadInput
        The file is not a sound .npz, or an array is missing, of another shape, or not of real numbers.
    """
    try:
        with open_plain(path) as file, zipfile.ZipFile(file) as archive:
            present = [name for name in shapes if f"{name}.npy" in archive.namelist()]
            missing = [name for name in shapes if name not in (*present, *optional)]
            if missing:
                raise BadInput(f"{path}: must hold the arrays {', '.join(shapes)}; {', '.join(missing)} missing")
            return {name: _read_array(path, archive, name, shapes[name]) for name in present}
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or one_line(error)}") from None
    except BadInput:
        raise
    except Exception as error:  # a damaged file can upset the archive, the compressor or the header in many ways
        raise BadInput(f"{path}: not a sound .npz file: {one_line(error)}") from error


def _read_array(path: Path, archive: zipfile.ZipFile, name: str, expected: tuple[int, ...]) -> np.ndarray:
    with archive.open(f"{name}.npy") as file:
        shape, dtype = _read_header(file)
        if dtype.hasobject:
            raise BadInput(f"{path}: {name} holds pickled Python objects, which are never loaded; save numbers")
        if dtype.kind not in "iuf":
            raise BadInput(f"{path}: {name} holds {one_line(dtype)}; must be integers or floats")
        if shape != expected:
            raise BadInput(f"{path}: {name} has shape {shape}; the layer needs {expected}")
        file.seek(0)
        array = np.lib.format.read_array(file, allow_pickle=False)
        if file.read(1):  # also makes the archive compare its checksum
            raise BadInput(f"{path}: {name} goes on behind its last element")
        return array


def _read_header(file: BinaryIO) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(file)
    if version not in _HEADER_READERS:
        raise ValueError(f"array format {version} is not for plain numbers")
    shape, _, dtype = _HEADER_READERS[version](file)
    return shape, dtype
