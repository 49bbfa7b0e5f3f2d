import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from convstream.fixedpoint.formats import Format, Formats, Overflow, Rounding
from convstream.fixedpoint.layer import Lanes, Layer
from convstream.fixedpoint.streams import tensor_streams
from convstream.reference.geometry import Geometry
from convstream.sim.accuracy import ImportAccuracy
from convstream.sim.beats import STREAM_TENSORS, stream_tensors
from convstream.sim.errors import BadInput, CheckFailed
from convstream.sim.files.output_folder import output_folder
from convstream.sim.layers.schema import FileData, RandomData
from convstream.sim.tensors.npz import write_npz
from convstream.sim.tensors.sources import make_tensors
from convstream.sim.vectors.folder import TENSORS, all_tensors, check_vectors, read_vectors, write_vectors
from convstream.sim.vectors.manifest import KIND

ROOT = Path(__file__).parents[3]

WORD, WIDE = Format(6, 4), Format(13, 6)
GEOMETRY = Geometry.square(
    batch=2, in_channels=4, height=5, width=7, out_channels=6, kernel=3, stride=2, padding=1,
)  # fmt: skip
LAYER = Layer(GEOMETRY, Formats(WORD, WORD, WIDE, WORD, WORD, WORD, WIDE, WIDE), Lanes(2, 3, 3))


def write(folder: Path, layer: Layer = LAYER, seed: int = 1) -> dict[str, np.ndarray]:
    data = RandomData(seed=seed)
    tensors = all_tensors(layer, make_tensors(layer, data, folder))
    write_vectors(folder, layer, data, tensors)
    return tensors


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_written_is_read_and_sound(tmp_path):
    tensors = write(tmp_path / "v")
    for vectors in (read_vectors(tmp_path / "v"), check_vectors(tmp_path / "v")):
        assert vectors.layer == LAYER
        assert vectors.data == RandomData(seed=1)
        for name in TENSORS:
            np.testing.assert_array_equal(vectors.tensors[name], tensors[name])


def test_hex_files_hold_the_streams_as_the_manifest_describes_them(tmp_path):
    tensors = write(tmp_path / "v")
    manifest = json.loads((tmp_path / "v/manifest.json").read_text())
    assert set(manifest["streams"]) == set(STREAM_TENSORS)
    for name, stream in manifest["streams"].items():
        text = (tmp_path / "v" / stream["file"]).read_text()
        lines = text.splitlines()
        assert len(lines) == stream["beats"] == sum(part["beats"] for part in stream["parts"])
        assert text == "".join(f"{int(line, 16):0{stream['beat_bits'] // 4}x}\n" for line in lines)
        for tensor, words in stream_tensors(LAYER, [int(line, 16) for line in lines], name).items():
            np.testing.assert_array_equal(words, tensors[tensor])


def test_the_manifest_says_where_tlast_is_and_in_which_order_axes_travel(tmp_path):
    write(tmp_path / "v")
    streams = json.loads((tmp_path / "v/manifest.json").read_text())["streams"]
    assert streams["x"]["frame_beats"] == 5 * 7 * 2
    assert streams["weights"]["frame_beats"] == streams["weights"]["beats"] == 6 * 9 * 2 + 6
    for stream in streams.values():
        for part in stream["parts"]:
            axes = {"image": 0, "filter": 0 if part["tensor"] in ("w", "b", "dw", "db") else 1,
                    "channel": 1, "row": 2, "column": 3, "kernel_row": 2, "kernel_column": 3}  # fmt: skip
            travelled = [axes[axis] for axis in part["order"]]
            indices = np.arange(np.prod(part["shape"])).reshape(part["shape"]).transpose(travelled).ravel()
            expected = np.unravel_index(indices[part["lanes"]], part["shape"])
            assert tensor_streams(LAYER)[part["tensor"]].index_of(1, 0) == tuple(expected)


def test_the_rule_of_stochastic_rounding_is_written_down(tmp_path):
    formats = Formats(WORD, WORD, WIDE, WORD, WORD, WORD, WIDE, WIDE, Rounding.STOCHASTIC, Overflow.WRAP, 77)
    write(tmp_path / "v", Layer(GEOMETRY, formats))
    rounding = json.loads((tmp_path / "v/manifest.json").read_text())["rounding"]
    assert (rounding["mode"], rounding["overflow"], rounding["seed"]) == ("stochastic", "wrap", 77)
    assert "xorshift" in rounding["generator"]
    assert check_vectors(tmp_path / "v").layer.formats == formats


def test_another_process_writes_the_same_bytes(tmp_path):
    """Another hash seed, locale, time zone, umask and folder; and nothing of them shows."""
    write(tmp_path / "here")
    script = "from tests.sim.vectors.test_folder import *; os.umask(0o077); write(Path(sys.argv[1]))"
    environment = os.environ | {"PYTHONHASHSEED": "7", "LC_ALL": "C", "TZ": "Asia/Tokyo", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", script, tmp_path / "elsewhere"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    assert content(tmp_path / "here") == content(tmp_path / "elsewhere")


def test_the_seed_shows(tmp_path):
    write(tmp_path / "1", seed=1)
    write(tmp_path / "2", seed=2)
    assert content(tmp_path / "1")["x.hex"] != content(tmp_path / "2")["x.hex"]


def test_a_vectors_folder_is_a_source_of_data(tmp_path):
    tensors = write(tmp_path / "v")
    data = FileData(source="file", path="v/tensors.npz")
    for name, words in make_tensors(LAYER, data, tmp_path).items():
        np.testing.assert_array_equal(words, tensors[name])


def reseal(folder: Path, change) -> None:
    """Change tensors, files or manifest and seal the folder again, so that every hash is right."""
    tensors = dict(read_vectors(folder).tensors)
    manifest = json.loads((folder / "manifest.json").read_text())
    files = content(folder)
    change(tensors, files, manifest)
    shutil.rmtree(folder)
    with output_folder(folder, KIND, {key: manifest[key] for key in manifest if key not in ("kind", "files")}) as draft:
        for name in set(files) - {"manifest.json", "tensors.npz"}:
            (draft / name).write_bytes(files[name])
        write_npz(draft / "tensors.npz", tensors)


def set_word(tensor, value):
    def change(tensors, files, manifest):
        tensors[tensor] = tensors[tensor].copy()
        tensors[tensor].flat[0] = value

    return change


def flip_digit(name):
    def change(tensors, files, manifest):
        files[name] = (b"1" if files[name][:1] == b"0" else b"0") + files[name][1:]

    return change


def set_key(*path, value):
    def change(tensors, files, manifest):
        for key in path[:-1]:
            manifest = manifest[key]
        manifest[path[-1]] = value

    return change


@pytest.mark.parametrize(("change", "message"), [
    (set_word("x", 32), r"x\[0, 0, 0, 0\] is 32, outside -32..31"),
    (set_word("z", 99), r"1 of \d+ words of z differ; the first is z\[0, 0, 0, 0\] = 99, must be"),
    (set_word("dx", 99), "words of dx differ"),
    (set_word("dw", 4000), "words of dw differ"),
    (set_word("db", 4000), "words of db differ"),
    (flip_digit("weights.hex"), "weights.hex: does not hold the tensors of tensors.npz"),
    (flip_digit("dz.hex"), "dz.hex: does not hold the tensors"),
    (lambda tensors, files, manifest: files.update({"z.hex": files["z.hex"].rstrip()}), "z.hex: does not hold"),
    (set_key("streams", "x", "frame_beats", value=1), "manifest.json: streams does not follow from the layer"),
    (set_key("accumulators", "z", "width", value=99), "manifest.json: accumulators does not follow from the layer"),
    (set_key("cores", "forward", "batch_cycles", value=1), "manifest.json: cores does not follow from the layer"),
    (set_key("streams", "x", "parts", 0, "lanes", value=2.0), "manifest.json: streams does not follow from the layer"),
    (set_key("author", value="me"), "manifest.json: author is not part of it"),
    (set_key("rounding", value=None), "manifest.json: rounding does not follow from the layer"),
    (lambda tensors, files, manifest: files.update({"extra.hex": b""}), "extra.hex: is not part of test vectors"),
    (lambda tensors, files, manifest: files.pop("db.hex"), "db.hex: is missing"),
])  # fmt: skip
def test_check_finds_what_is_wrong_even_when_it_is_sealed(tmp_path, change, message):
    write(tmp_path / "v")
    reseal(tmp_path / "v", change)
    with pytest.raises(CheckFailed, match=message):
        check_vectors(tmp_path / "v")


@pytest.mark.parametrize("imports", [
    {}, [], None, {"z": {"clipped_share": 0.0, "sqnr_db": 1.0}}, {"x": {"clipped_share": 0.0}}, {"x": None},
    {"x": {"clipped_share": 1.5, "sqnr_db": 1.0}}, {"x": {"clipped_share": 0.0, "sqnr_db": "high"}},
    {"x": {"clipped_share": 0.0, "sqnr_db": 1.0, "more": 0}}, {"x": {"clipped_share": 0.0, "sqnr_db": 1.00001}},
])  # fmt: skip
def test_imports_of_a_manifest_are_checked(tmp_path, imports):
    data = FileData(source="file", path="mine.npz")
    tensors = all_tensors(LAYER, make_tensors(LAYER, RandomData(), tmp_path))
    sound = ImportAccuracy("x", sqnr_db=31.25, clipped_share=0.125)
    write_vectors(tmp_path / "v", LAYER, data, tensors, [sound, ImportAccuracy("b", math.inf, 0.0)])
    check_vectors(tmp_path / "v")
    reseal(tmp_path / "v", set_key("imports", value=imports))
    with pytest.raises(CheckFailed, match="manifest.json: imports "):
        check_vectors(tmp_path / "v")


def test_nothing_is_imported_but_from_a_file(tmp_path):
    write(tmp_path / "v")
    reseal(tmp_path / "v", set_key("imports", value={"x": {"clipped_share": 0.0, "sqnr_db": 1.0}}))
    with pytest.raises(CheckFailed, match="manifest.json: imports are of x, w, b or dz, where they come from a file"):
        check_vectors(tmp_path / "v")


def test_another_version_may_have_made_quicker_cores(tmp_path):
    def change(tensors, files, manifest):
        manifest["convstream"] = "0.0.1"
        manifest["cores"]["forward"]["batch_cycles"] -= 1

    write(tmp_path / "v")
    reseal(tmp_path / "v", change)
    check_vectors(tmp_path / "v")


def test_check_finds_changed_bytes(tmp_path):
    write(tmp_path / "v")
    path = tmp_path / "v/dw.hex"
    path.write_bytes(path.read_bytes().replace(b"0", b"1", 1))
    with pytest.raises(CheckFailed, match="dw.hex: is not as it was written"):
        check_vectors(tmp_path / "v")


@pytest.mark.parametrize("content", [b"PK\x03\x04 torn", None], ids=["torn", "pipe"])
def test_files_are_compared_with_their_hashes_before_they_are_read(tmp_path, content):
    write(tmp_path / "v")
    path = tmp_path / "v/tensors.npz"
    path.unlink()
    if content is None:
        os.mkfifo(path)
    else:
        path.write_bytes(content)
    with pytest.raises(CheckFailed, match=r"tensors.npz: is not (as it was written|a plain file)"):
        check_vectors(tmp_path / "v")


@pytest.mark.parametrize(("change", "message"), [
    (set_key("schema", value=2), "manifest has schema 2; this version reads 1"),
    (set_key("schema", value=1.0), "manifest has schema 1.0; this version reads 1"),
    (set_key("schema", value=True), "manifest has schema true; this version reads 1"),
    (set_key("layer_file", value=None), "layer_file: top level = null: must be a table"),
    (set_key("layer_file", "layer", "kernel", value=0), "manifest.json: layer_file: layer.kernel = 0: must be"),
    (set_key("layer_file", "layer", "out_channels", value=3), r"w has shape \(6, 4, 3, 3\); the layer needs"),
    (set_key("layer_file", "formats", "output", value={"width": 9, "fraction": 4}), "z holds int8; must be int16"),
])  # fmt: skip
def test_folders_that_cannot_be_read(tmp_path, change, message):
    write(tmp_path / "v")
    reseal(tmp_path / "v", change)
    with pytest.raises(BadInput, match=message) as caught:
        check_vectors(tmp_path / "v")
    assert "\n" not in str(caught.value)


def test_not_a_vectors_folder(tmp_path):
    with pytest.raises(BadInput, match=r"manifest.json: No such file or directory"):
        check_vectors(tmp_path)
    with pytest.raises(BadInput, match=r"manifest.json: No such file or directory"):
        check_vectors(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "manifest.json")
    with pytest.raises(BadInput, match=r"manifest.json: Not a plain file"):
        check_vectors(tmp_path)
