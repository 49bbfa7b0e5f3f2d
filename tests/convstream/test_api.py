"""The library's names: documented by examples that run, light to import, and what they promise to raise."""

import doctest
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import convstream as cs
import convstream.cores
import convstream.model

ROOT = Path(__file__).parents[2]
LAYER = cs.Layer.conv2d(
    in_channels=2, out_channels=4, height=5, width=6, kernel=3, stride=2, padding=1, batch=2,
    formats=cs.Formats.bits(8), in_lanes=2, out_lanes=2,
)  # fmt: skip


@pytest.mark.parametrize("module", [convstream.model, convstream.cores])
def test_examples_of_the_docstrings(module):
    result = doctest.testmod(module)
    assert result.attempted > 2
    assert not result.failed


def test_every_name_is_there_and_documented():
    assert dir(cs) == cs.__all__
    for name in cs.__all__:
        assert getattr(cs, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'forwards'"):
        cs.forwards  # noqa: B018


@pytest.mark.parametrize(
    ("names", "absent"),
    [
        ("cs.load, cs.Layer, cs.BadInput, cs.__version__", ("numba", "myhdl", "cocotb")),
        ("cs.estimate", ("numba", "myhdl", "cocotb")),
        ("cs.forward, cs.quantize", ("myhdl", "cocotb", "pydantic")),
    ],
)
def test_a_name_imports_what_it_needs_and_no_more(names, absent):
    program = f"import sys, convstream as cs; {names}; print([name for name in {absent!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout == "[]\n", done.stderr


def test_layers_are_those_of_their_files():
    path = ROOT / "examples" / "layers" / "middle_3x3.toml"
    layer = cs.load(str(path))
    assert layer == cs.load(path)
    assert layer == cs.Layer.conv2d(
        in_channels=16, out_channels=16, height=16, width=16, kernel=3, padding="same", batch=4, formats=layer.formats,
        in_lanes=4, out_lanes=4,
    )  # fmt: skip
    with pytest.raises(cs.BadInput, match=r"none\.toml: No such file"):
        cs.load("none.toml")


def test_vectors_are_the_models_results_and_can_be_checked(tmp_path):
    tensors = cs.vectors(LAYER, tmp_path / "random", seed=7)
    assert list(tensors) == ["x", "w", "b", "dz", "z", "dx", "dw", "db"]
    x, w, b, dz = (tensors[name] for name in ("x", "w", "b", "dz"))
    assert np.array_equal(tensors["z"], cs.forward(LAYER, x, w, b))
    for name, words in cs.gradients(LAYER, x, w, dz)._asdict().items():
        assert np.array_equal(tensors[name], words), name
    cs.vectors(LAYER, tmp_path / "mine", {"x": -x, "w": w, "b": b, "dz": dz})
    for folder in ("random", "mine"):
        done = subprocess.run(
            [sys.executable, "-m", "convstream", "vectors", "--check", tmp_path / folder, "--json"], cwd=ROOT,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert json.loads(done.stdout)["result"] == "all right"


@pytest.mark.parametrize("rounding", [cs.Rounding.HALF_EVEN, cs.Rounding.STOCHASTIC])
def test_batches_follow_each_other_with_new_weights_and_no_reset(rounding, build_root):
    formats = cs.Formats.bits(8, rounding=rounding)
    layer = cs.Layer(LAYER.geometry, formats, LAYER.lanes)
    batches = [cs.vectors(layer, seed=seed) for seed in (1, 2, 3)]
    result = cs.simulate(layer, batches, "forward", build=build_root)
    assert result.matched
    assert result.compared_values == 3 * batches[0]["z"].size
    for number, (batch, found) in enumerate(zip(batches, result.tensors, strict=True)):
        expected = cs.forward(layer, batch["x"], batch["w"], batch["b"], batch=number)
        assert np.array_equal(found["z"], expected)
    draws_go_on = rounding == cs.Rounding.STOCHASTIC
    assert np.array_equal(expected, batch["z"]) != draws_go_on


def test_a_pass_asks_for_its_own_inputs_only(build_root):
    tensors = cs.vectors(LAYER)
    for pass_name, needed in (("forward", "x w b"), ("weight_gradient", "x dz")):
        result = cs.simulate(LAYER, {name: tensors[name] for name in needed.split()}, pass_name, build=build_root)
        assert result.matched


def test_verilog_is_that_of_the_command(tmp_path):
    assert cs.verilog(LAYER, tmp_path / "cores", prefix="first") == [
        "first_conv_forward", "first_conv_input_gradient", "first_conv_weight_gradient",
    ]  # fmt: skip
    assert (tmp_path / "cores" / "first_conv_forward.v").read_text().count("module first_conv_forward") == 1
    with pytest.raises(cs.BadInput, match='prefix "module": is a keyword'):
        cs.verilog(LAYER, tmp_path / "cores", prefix="module")


def test_wrong_operands_are_refused():
    tensors = cs.vectors(LAYER)
    with pytest.raises(ValueError, match="x"):
        cs.vectors(LAYER, inputs=tensors | {"x": tensors["x"] + 0.5})
    with pytest.raises(ValueError, match="tensor must be one of x, w, b"):
        cs.quantize(LAYER, "y", np.zeros(1))
    with pytest.raises(ValueError, match="finite"):
        cs.quantize(LAYER, "x", np.array([np.nan]))
