"""Files that somebody else made: damaged, hostile or simply wrong, each refused on one line, none unpickled."""

import io
import os
import zipfile

import numpy as np
import pytest

from convstream.sim.errors import BadInput
from convstream.sim.tensors.npz import read_npz, write_npz

SHAPES = {"a": (2, 3)}
GOOD = np.arange(6, dtype=np.int16).reshape(2, 3)


def npy(array: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **options)
    return file.getvalue()


def header(text: bytes, version: bytes = b"\x01\x00") -> bytes:
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text


def archive(member: bytes, name: str = "a.npy") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr(name, member)
    return file.getvalue()


class Exploding:
    """Unpickling this would fail the test."""

    def __reduce__(self):
        return pytest.fail, ("something was unpickled",)


def test_what_is_written_is_read_and_numpy_reads_it_too(tmp_path):
    arrays = {"a": GOOD, "b": GOOD.T.astype(">i4")}
    write_npz(tmp_path / "file.npz", arrays)
    for read in (read_npz(tmp_path / "file.npz", {"a": (2, 3), "b": (3, 2)}), np.load(tmp_path / "file.npz")):
        for name, array in arrays.items():
            np.testing.assert_array_equal(read[name], array)
            assert read[name].dtype == array.dtype.newbyteorder("<")


def test_the_bytes_depend_on_nothing_but_the_arrays(tmp_path, monkeypatch):
    write_npz(tmp_path / "first.npz", {"a": GOOD})
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setattr("time.time", lambda: 2e9)
    write_npz(tmp_path / "second.npz", {"a": np.asfortranarray(GOOD).astype(">i2")})
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()


@pytest.mark.parametrize(("content", "message"), [
    (b"", "not a sound .npz file"),
    (b"PK\x03\x04 and then nothing", "not a sound .npz file"),
    (npy(GOOD), "not a sound .npz file"),
    (archive(npy(GOOD), "b.npy"), "must hold the arrays a; a missing"),
    (archive(npy(GOOD))[:-30], "not a sound .npz file"),
    (archive(npy(GOOD))[:60] + bytes(20) + archive(npy(GOOD))[80:], "not a sound .npz file"),
    (archive(npy(GOOD)[:-4]), "not a sound .npz file"),
    (archive(npy(GOOD) + b"more"), "a goes on behind its last element"),
    (archive(b"not an array at all"), "not a sound .npz file"),
    (archive(npy(np.array([[Exploding()]]), allow_pickle=True)), "a holds pickled Python objects"),
    (archive(npy(GOOD.astype("datetime64[s]"))), "must be integers or floats"),
    (archive(npy(np.zeros((2, 3), [("re", "f4"), ("im", "f4")]))), "must be integers or floats"),
    (archive(npy(GOOD.T)), r"a has shape \(3, 2\); the layer needs \(2, 3\)"),
    (archive(npy(GOOD, version=(3, 0))), "array format .* is not for plain numbers"),
    # 10 terabytes, as the header has it
    (archive(header(b"{'descr': '<i8', 'fortran_order': False, 'shape': (1000000, 1250000), }\n")), "a has shape"),
    (archive(header(b"{'descr': '<i8', 'fortran_order': False, 'shape': (-2, -3), }\n")), r"a has shape \(-2, -3\)"),
    (archive(header(b"(" * 9000)), "not a sound .npz file"),
    (archive(header(b"__import__('os').abort()")), "not a sound .npz file"),
    (archive(header(b"{'descr': '|O', 'fortran_order': False, 'shape': (2, 3), }\n")), "pickled Python objects"),
], ids=[
    "empty", "torn", "npy", "other name", "cut", "overwritten", "short", "long", "text", "pickle", "dates", "fields",
    "transposed", "version", "terabytes", "negative", "nested", "code", "objects",
])  # fmt: skip
def test_unsound_files_are_refused_on_one_line(tmp_path, content, message):
    path = tmp_path / "file.npz"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=message) as caught:
        read_npz(path, SHAPES)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "file.npz"
    path.write_bytes(archive(npy(GOOD) + bytes(100_000_000)))
    assert path.stat().st_size < 200_000
    with pytest.raises(BadInput, match="goes on behind its last element"):
        read_npz(path, SHAPES)


def test_every_single_damaged_byte_is_noticed_or_harmless(tmp_path):
    path = tmp_path / "file.npz"
    sound = archive(npy(GOOD))
    for position in range(len(sound)):
        path.write_bytes(sound[:position] + bytes([sound[position] ^ 0x41]) + sound[position + 1 :])
        try:
            array = read_npz(path, SHAPES)["a"]
        except BadInput:
            continue
        np.testing.assert_array_equal(array, GOOD)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(BadInput, match="No such file or directory"):
        read_npz(tmp_path / "none.npz", SHAPES)
    with pytest.raises(BadInput, match="Is a directory"):
        read_npz(tmp_path, SHAPES)


def test_only_plain_files_are_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zeros").symlink_to("/dev/zero")
    for name in ("pipe", "zeros"):
        with pytest.raises(BadInput, match=f"{name}: Not a plain file"):
            read_npz(tmp_path / name, SHAPES)
    write_npz(tmp_path / "file.npz", {"a": GOOD})
    (tmp_path / "link").symlink_to("file.npz")
    np.testing.assert_array_equal(read_npz(tmp_path / "link", SHAPES)["a"], GOOD)
