"""Every example layer through every core, on every simulator, with and without stalls: bit for bit."""

import shutil
from functools import cache
from pathlib import Path

import pytest

from convstream.hdl.passes import PASSES
from convstream.layer_file import read_layer_file
from convstream.sim.simulate import SIMULATORS
from convstream.sim.tensors.sources import make_tensors
from tests.hdl.cores import results_of, simulate_batches

LAYERS = Path(__file__).parents[2] / "examples" / "layers"


@cache
def _tensors(path):
    file = read_layer_file(path)
    return file.layer, results_of(file.layer, make_tensors(file.layer, file.data, path.parent))


def _check(name, pass_name, simulator, stall, build_root):
    if simulator == "icarus" and not shutil.which("iverilog"):
        pytest.skip("Icarus Verilog is not installed")
    layer, tensors = _tensors(LAYERS / f"{name}.toml")
    result = simulate_batches(layer, pass_name, [tensors], simulator=simulator, stall=stall, build_root=build_root)
    assert result.matched, (result.mismatch, result.protocol_errors)


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("pass_name", PASSES)
@pytest.mark.parametrize("name", ["corner_4x4_s3", "remainder_3x3_s2"])
def test_small_layer(name, pass_name, simulator, build_root):
    _check(name, pass_name, simulator, 0.5, build_root)


@pytest.mark.campaign
@pytest.mark.parametrize("stall", [0.0, 0.5])
@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("pass_name", PASSES)
@pytest.mark.parametrize("name", sorted(path.stem for path in LAYERS.glob("*.toml")))
def test_layer(name, pass_name, simulator, stall, build_root):
    _check(name, pass_name, simulator, stall, build_root)
