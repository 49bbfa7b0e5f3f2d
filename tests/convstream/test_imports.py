"""Floats of a file: what became of them is told wherever they are used, and nothing is told of other tensors."""

import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from convstream.layer_file import read_layer_file
from convstream.sim.tensors.sources import make_inputs
from tests.convstream.test_cli import EXAMPLE, run  # noqa: F401  a fixture

SEED = 'source = "random"'


@pytest.fixture
def layer_path(tmp_path) -> Path:
    """The example, with x half of it beyond the range, w on a grid, b of integers, dz within the range."""
    text = EXAMPLE.read_text()
    assert SEED in text
    path = tmp_path / "layer.toml"
    path.write_text(text.replace(SEED, 'source = "file"\npath = "mine.npz"'))
    layer = read_layer_file(path).layer
    rng, shapes, formats = np.random.default_rng(0), layer.geometry.shapes, layer.formats
    end = -formats.input.lowest * formats.input.step
    x = rng.uniform(-0.9, 0.9, shapes["x"]) * end
    x.flat[: x.size // 2] = rng.choice([-2, 2], x.size // 2) * end
    w = rng.integers(formats.weights.lowest, formats.weights.highest, shapes["w"]) * formats.weights.step
    dz = rng.uniform(-0.9, 0.9, shapes["dz"]) * -formats.output_gradient.lowest * formats.output_gradient.step
    np.savez(tmp_path / "mine.npz", x=x.astype(np.float32), w=w, b=np.zeros(shapes["b"], int), dz=dz)
    return path


def exact_sqnr(layer_path: Path, tensor: str) -> float:
    """By rational numbers, from the words and the file."""
    file = read_layer_file(layer_path)
    words = make_inputs(file.layer, file.data, layer_path.parent).words[tensor].ravel().tolist()
    values = [Fraction(value) for value in np.load(layer_path.parent / "mine.npz")[tensor].ravel().tolist()]
    step = 1 / Fraction(2) ** file.layer.formats.of(tensor).fraction
    noise = sum((word * step - value) ** 2 for word, value in zip(words, values, strict=True))
    return 10 * math.log10(sum(value**2 for value in values) / noise)


def expected_shares(layer_path: Path) -> dict[str, float]:
    size = math.prod(read_layer_file(layer_path).layer.geometry.shapes["x"])
    return {"x": size // 2 / size, "w": 0.0, "dz": 0.0}


def check(layer_path: Path, imports: dict[str, dict]) -> None:
    assert {name: row["clipped_share"] for name, row in imports.items()} == expected_shares(layer_path)
    assert imports["w"]["sqnr_db"] is None, "exact"
    for name in ("x", "dz"):
        assert imports[name]["sqnr_db"] == pytest.approx(exact_sqnr(layer_path, name), abs=0.001)
    assert imports["x"]["sqnr_db"] < 10 < imports["dz"]["sqnr_db"]


def test_vectors_tell_and_keep_it(run, layer_path, tmp_path):  # noqa: F811
    code, out, err = run("vectors", layer_path, "--out", tmp_path / "v", "--json")
    assert code == 0
    manifest = json.loads((tmp_path / "v/manifest.json").read_text())
    check(layer_path, manifest["imports"])
    assert json.loads(out)["manifest"]["imports"] == manifest["imports"]
    assert err.startswith(f"warning: {tmp_path / 'mine.npz'}: 5")
    assert " % of x was clipped to -" in err
    assert len(err.splitlines()) == 1
    assert run("vectors", "--check", tmp_path / "v")[0] == 0


@pytest.mark.usefixtures("build_root")
@pytest.mark.parametrize("arguments", [["reference"], ["report", "--picture", "picture.png"]])
def test_json_tells_it(run, layer_path, monkeypatch, arguments):  # noqa: F811
    monkeypatch.chdir(layer_path.parent)
    code, out, err = run(*arguments, layer_path, "--json")
    assert code == 0
    assert err.startswith("warning: ")
    check(layer_path, {row["tensor"]: row for row in json.loads(out)["imports"]})


def test_a_table_tells_it(run, layer_path):  # noqa: F811
    code, out, _ = run("reference", layer_path)
    assert code == 0
    (row,) = (line.split() for line in out.splitlines() if line.split()[:1] == ["x"])
    assert row[-1] == f"{expected_shares(layer_path)['x']:.2%}"
    assert "imported from floats" in out


def test_nothing_is_told_of_what_is_generated(run, tmp_path):  # noqa: F811
    code, _, err = run("vectors", EXAMPLE, "--out", tmp_path / "v")
    assert (code, err) == (0, "")
    assert "imports" not in json.loads((tmp_path / "v/manifest.json").read_text())
    code, out, _ = run("reference", EXAMPLE, "--json")
    assert json.loads(out)["imports"] == []
    assert "imported" not in run("reference", EXAMPLE)[1]


def test_words_of_a_vectors_folder_are_no_import(run, tmp_path):  # noqa: F811
    run("vectors", EXAMPLE, "--out", tmp_path / "v")
    path = tmp_path / "layer.toml"
    path.write_text(EXAMPLE.read_text().replace(SEED, 'source = "file"\npath = "v/tensors.npz"'))
    assert run("vectors", path, "--out", tmp_path / "again")[::2] == (0, "")
    assert "imports" not in json.loads((tmp_path / "again/manifest.json").read_text())


def test_the_largest_floats(layer_path):
    """Their squares are beyond float64; the ratio is not."""
    file = read_layer_file(layer_path)
    arrays = dict(np.load(layer_path.parent / "mine.npz"))
    arrays["x"] = np.full(arrays["x"].shape, -1.7e308)
    arrays["w"] = np.full(arrays["w"].shape, 5e-324)
    arrays["dz"] = np.zeros(arrays["dz"].shape)
    np.savez(layer_path.parent / "mine.npz", **arrays)
    rows = {row.tensor: row for row in make_inputs(file.layer, file.data, layer_path.parent).imports}
    assert (rows["x"].clipped_share, rows["x"].sqnr_db) == (1, pytest.approx(0))
    assert (rows["w"].clipped_share, rows["w"].sqnr_db) == (0, pytest.approx(0))
    assert (rows["dz"].clipped_share, rows["dz"].sqnr_db) == (0, math.inf)
