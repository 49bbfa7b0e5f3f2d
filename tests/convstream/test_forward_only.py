"""Layers without gradients, or without some: what is there works, what needs more says what is missing."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from convstream.fixedpoint.bias_gradient import bias_gradient
from convstream.fixedpoint.input_gradient import input_gradient
from convstream.fixedpoint.weight_gradient import weight_gradient
from convstream.layer_file import read_layer_file
from convstream.sim.layers.tables import layer_tables, parse_layer
from convstream.sim.tensors.sources import make_tensors
from convstream.sim.vectors.folder import all_tensors
from tests.convstream.test_cli import EXAMPLE, run  # noqa: F401  a fixture

GRADIENTS = ("output_gradient", "input_gradient", "weight_gradient", "bias_gradient")


@pytest.fixture
def write(tmp_path):
    """Writes the example without some formats, and with another source of data; gives its path."""

    def write(without=GRADIENTS, source: str = 'source = "random"') -> Path:
        lines = EXAMPLE.read_text().replace('source = "random"', source).splitlines()
        kept = [line for line in lines if not line.startswith(tuple(f"{name} " for name in without))]
        assert len(kept) == len(lines) - len(without)
        path = tmp_path / "layer.toml"
        path.write_text("\n".join(kept))
        return path

    return write


@pytest.fixture
def without_dz(write, tmp_path) -> Path:
    """A layer with all formats, whose file holds x, w and b alone."""
    layer = read_layer_file(EXAMPLE).layer
    tensors = make_tensors(layer, read_layer_file(EXAMPLE).data, tmp_path)
    np.savez(tmp_path / "mine.npz", **{name: tensors[name] for name in ("x", "w", "b")})
    return write((), 'source = "file"\npath = "mine.npz"')


@pytest.mark.parametrize(("without", "passes", "tensors"), [
    ((), ("forward", "input_gradient", "weight_gradient"), "x w b z dz dx dw db"),
    (GRADIENTS, ("forward",), "x w b z"),
    (("output_gradient",), ("forward",), "x w b z"),
    (("input_gradient",), ("forward", "weight_gradient"), "x w b z dz dw db"),
    (("weight_gradient", "bias_gradient"), ("forward", "input_gradient"), "x w b z dz dx"),
    (("bias_gradient",), ("forward", "input_gradient"), "x w b z dz dx dw"),
])  # fmt: skip
def test_a_layer_has_what_its_formats_allow(write, without, passes, tensors):
    file, full = read_layer_file(write(without)), read_layer_file(EXAMPLE)
    assert file.layer.passes == passes
    assert list(file.layer.tensors) == tensors.split()
    assert list(file.layer.accumulators) == [name for name in ("z", "dx", "dw", "db") if name in tensors.split()]
    assert parse_layer(layer_tables(file.layer, file.data), "again")[0] == file.layer
    words = all_tensors(file.layer, make_tensors(file.layer, file.data, EXAMPLE.parent))
    assert list(words) == tensors.split()
    expected = all_tensors(full.layer, make_tensors(full.layer, full.data, EXAMPLE.parent))
    for name in ("x", "w", "b", "z"):
        np.testing.assert_array_equal(words[name], expected[name])


@pytest.mark.parametrize("source", ['source = "random"', 'source = "photograph"'])
def test_all_means_what_is_there(run, write, tmp_path, source):  # noqa: F811
    path = write(GRADIENTS, source)
    if "photograph" in source:
        path.write_text(path.read_text().replace("in_channels = 4", "in_channels = 3").replace("in_lanes = 2", ""))
    code, out, _ = run("estimate", path, "--json")
    assert (code, [core["pass"] for core in json.loads(out)["cores"]]) == (0, ["forward"])
    code, out, _ = run("reference", path, "--json", "--out", tmp_path / "reference")
    assert (code, [row["pass"] for row in json.loads(out)["passes"]]) == (0, ["forward"])
    assert sorted(np.load(tmp_path / "reference/reference.npz")) == ["b", "w", "x", "z"]
    assert run("vectors", path, "--out", tmp_path / "v")[0] == 0
    assert run("vectors", "--check", tmp_path / "v")[0] == 0
    assert {file.name for file in (tmp_path / "v").iterdir()} == {
        "manifest.json", "tensors.npz", "weights.hex", "x.hex", "z.hex"
    }  # fmt: skip


@pytest.mark.usefixtures("build_root")
def test_simulation_verilog_and_report_of_what_is_there(run, write, tmp_path, monkeypatch):  # noqa: F811
    path = write()
    monkeypatch.chdir(tmp_path)
    code, out, _ = run("simulate", path, "--json")
    assert (code, [(row["pass"], row["bit_exact"]) for row in json.loads(out)["runs"]]) == (0, [("forward", True)])
    code, out, _ = run("verilog", path, "--out", tmp_path / "verilog", "--json")
    assert (code, json.loads(out)["modules"]) == (0, ["conv_forward"])
    code, out, _ = run("report", path, "--picture", tmp_path / "picture.png", "--json")
    assert (code, [row["core"] for row in json.loads(out)["passes"]]) == (0, ["bit-exact"])
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_forward_needs_no_dz(run, without_dz, tmp_path):  # noqa: F811
    assert run("vectors", without_dz, "--out", tmp_path / "v")[::2] == (0, "")
    assert run("vectors", "--check", tmp_path / "v")[0] == 0
    manifest = json.loads((tmp_path / "v/manifest.json").read_text())
    assert list(manifest["streams"]) == ["weights", "x", "z"]
    code, out, _ = run("reference", without_dz, "--json")
    assert (code, [row["tensor"] for row in json.loads(out)["passes"]]) == (0, ["z"])
    code, out, _ = run("estimate", without_dz, "--json")
    assert len(json.loads(out)["cores"]) == 3, "which needs no tensors"


@pytest.mark.parametrize("command", [["estimate"], ["synth"], ["simulate"], ["verilog", "--out", "there"], ["explore"]])
def test_a_pass_says_which_formats_it_lacks(run, write, tmp_path, monkeypatch, command):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    path = write(("output_gradient", "bias_gradient"))
    code, out, err = run(*command, path, "--pass", "weight-gradient")
    missing = "formats.output_gradient, formats.bias_gradient"
    assert (code, out) == (2, "")
    assert err == f"convstream: {path}: {missing}: missing; the pass weight-gradient needs it\n"
    assert [file.name for file in tmp_path.iterdir()] == ["layer.toml"]


@pytest.mark.parametrize("command", [["simulate"], ["verilog", "--out", "there"], ["explore", "--simulate"]])
def test_a_pass_says_that_it_lacks_dz(run, without_dz, tmp_path, monkeypatch, command):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*command, without_dz, "--pass", "input-gradient")
    assert (code, out) == (2, "")
    assert err == f"convstream: {tmp_path / 'mine.npz'}: dz: missing; the pass input-gradient needs it\n"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["layer.toml", "mine.npz"]


def test_a_file_must_hold_what_every_pass_needs(run, without_dz, tmp_path):  # noqa: F811
    np.savez(tmp_path / "mine.npz", x=np.zeros(1), b=np.zeros(1))
    code, _, err = run("reference", without_dz)
    assert code == 2
    assert "must hold the arrays x, w, b, dz; w missing" in err


def test_functions_say_which_format_they_lack():
    layer = read_layer_file(EXAMPLE).layer
    words = make_tensors(layer, read_layer_file(EXAMPLE).data, EXAMPLE.parent)
    x, w, dz = (words[name] for name in ("x", "w", "dz"))
    calls = {
        "input_gradient": lambda layer: input_gradient(w, dz, layer),
        "weight_gradient": lambda layer: weight_gradient(x, dz, layer),
        "bias_gradient": lambda layer: bias_gradient(dz, layer),
    }
    for rounding in "half_even", "stochastic":
        for name, call in calls.items():
            for key in (name, "output_gradient"):
                poorer = replace(layer, formats=replace(layer.formats, rounding=rounding, **{key: None}))
                with pytest.raises(ValueError, match=rf"^formats\.{key}: missing"):
                    call(poorer)
    assert all_tensors(layer.without_gradients(), words).keys() == {"x", "w", "b", "z"}
