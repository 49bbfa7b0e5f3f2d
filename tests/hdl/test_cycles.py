"""The cycle model against the converted cores: every output cycle of every image, to the cycle."""

from pathlib import Path

import pytest

from convstream.layer_file import read_layer_file
from fixedpoint.dataflow.cycles import core_cycles
from hdl.passes import PASSES
from tests.hdl.cores import batch_of, random_layer, simulate_batches

_LAYERS = Path(__file__).parents[2] / "examples" / "layers"


def _check(layer, pass_name, build_root, simulator, batches=2):
    """Batches back to back, from a reset on, with weights loaded once and streams that never wait."""
    played = [batch_of(layer, seed=1)]
    played += [batch_of(layer, seed=1 + number, number=number, weights=played[0]) for number in range(1, batches)]
    result = simulate_batches(layer, pass_name, played, simulator=simulator, build_root=build_root)
    assert result.matched

    predicted = core_cycles(layer, pass_name)
    first_in = min(cycles[0] for stream, cycles in result.beat_cycles.items() if stream in ("x", "dz"))
    for stream, ends in result.frame_cycles.items():
        assert [predicted.frame_end(stream, frame) for frame in range(len(ends))] == list(ends - first_in), stream
    assert predicted.first_beat == result.latency_cycles
    assert predicted.batch_cycles(batches) == result.cycles


@pytest.mark.parametrize("pass_name", PASSES)
@pytest.mark.parametrize("name", ["corner_4x4_s3", "remainder_3x3_s2"])
def test_small_layer(name, pass_name, build_root, any_simulator):
    _check(read_layer_file(_LAYERS / f"{name}.toml").layer, pass_name, build_root, any_simulator)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("pass_name", PASSES)
def test_random_layer(pass_name, seed, build_root, any_simulator):
    _check(random_layer(seed), pass_name, build_root, any_simulator, batches=3)


@pytest.mark.campaign
@pytest.mark.parametrize("pass_name", PASSES)
@pytest.mark.parametrize("name", sorted(path.stem for path in _LAYERS.glob("*.toml")))
def test_example_layer(name, pass_name, build_root):
    _check(read_layer_file(_LAYERS / f"{name}.toml").layer, pass_name, build_root, "verilator")


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(100, 300))
@pytest.mark.parametrize("pass_name", PASSES)
def test_two_hundred_random_layers(pass_name, seed, build_root, any_simulator):
    _check(random_layer(seed), pass_name, build_root, any_simulator)
