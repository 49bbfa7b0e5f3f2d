"""The two ways to play a core: which is taken when, and that they see the same, cycle by cycle, fault by fault."""

import shutil
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from convstream.hdl.convert import convert
from convstream.hdl.passes import PASSES
from convstream.layer_file import read_layer_file
from convstream.sim.backends.playback import Run
from convstream.sim.jobs.processes import SimulationError
from convstream.sim.result import SimulationResult
from convstream.sim.simulate import simulate_episodes
from convstream.sim.stimulus import cut_short, play_batches, with_wrong_last
from tests.hdl.cores import batch_of, random_layer
from tests.sim.stand_ins import CORES, FORWARD, Fault, forward_tensors, needs_icarus

SIMULATOR = "icarus" if shutil.which("iverilog") else "verilator"
LAYERS = Path(__file__).parents[3] / "examples" / "layers"


def assert_same(one: SimulationResult, other: SimulationResult) -> None:
    """Both say the same in everything but where their log is."""
    for field in fields(SimulationResult):
        if field.name != "log":
            np.testing.assert_equal(getattr(one, field.name), getattr(other, field.name), field.name)


def both_ways(layer, episode, pass_name, **options):
    for beat_by_beat in (True, False):
        (result,) = simulate_episodes(layer, [episode], pass_name, beat_by_beat=beat_by_beat, **options)
        yield result


@pytest.mark.parametrize(
    ("fault", "simulator"),
    [
        (Fault.NONE, "verilator"),
        (Fault.BIT_FLIPPED, "verilator"),
        (Fault.LAST_MISSING, SIMULATOR),
        (Fault.BEAT_REPEATED, SIMULATOR),
        (Fault.ERROR_SPURIOUS, SIMULATOR),
        pytest.param(Fault.UNKNOWN_BIT, "icarus", marks=needs_icarus),
    ],
)
def test_the_same_verdict(fault, simulator, build_root):
    episode = play_batches(FORWARD, "forward", [forward_tensors(fault)])
    core = CORES / "conv_forward.v"
    one, other = both_ways(FORWARD, episode, "forward", simulator=simulator, verilog=core, build_root=build_root)
    assert one.matched == (fault is Fault.NONE)
    assert_same(one, other)


@pytest.mark.parametrize(
    ("fault", "simulator"),
    [(Fault.HANGS, "verilator"), (Fault.SIMULATION_ENDS, "verilator"), (Fault.BEAT_LOST, SIMULATOR)],
)
def test_the_same_error(fault, simulator, build_root):
    episode = play_batches(FORWARD, "forward", [forward_tensors(fault)])
    errors = []
    for beat_by_beat in (True, False):
        with pytest.raises(SimulationError) as caught:
            simulate_episodes(
                FORWARD, [episode], "forward", simulator=simulator, verilog=CORES / "conv_forward.v",
                build_root=build_root, beat_by_beat=beat_by_beat,
            )  # fmt: skip
        errors.append(str(caught.value).partition("(see")[0])
    assert errors[0] == errors[1]


@pytest.mark.parametrize("pass_name", PASSES)
def test_real_cores_are_played_alike(pass_name, build_root, tmp_path):
    layer = random_layer(7)
    first = batch_of(layer, 1)
    batches = [first, batch_of(layer, 2, number=1, weights=first)]
    core = convert(layer, pass_name, tmp_path)
    episode = play_batches(layer, pass_name, batches)
    one, other = both_ways(layer, episode, pass_name, simulator=SIMULATOR, verilog=core, build_root=build_root)
    assert one.matched
    assert_same(one, other)


@pytest.mark.campaign
@pytest.mark.parametrize("pass_name", PASSES)
@pytest.mark.parametrize("name", sorted(path.stem for path in LAYERS.glob("*.toml")))
def test_example_layers_are_played_alike(name, pass_name, build_root, tmp_path):
    layer = read_layer_file(LAYERS / f"{name}.toml").layer
    episode = play_batches(layer, pass_name, [batch_of(layer, 1)])
    one, other = both_ways(
        layer, episode, pass_name, verilog=convert(layer, pass_name, tmp_path), build_root=build_root
    )
    assert one.matched
    assert_same(one, other)


@pytest.fixture
def ways(monkeypatch, build_root):
    """Simulate, and give the name of the way that was taken."""

    class Taken(Exception):
        pass

    def take(name):
        def way(*_):
            raise Taken(name)

        monkeypatch.setattr(Run, name, way)

    def ways(*episodes, **options):
        with pytest.raises(Taken) as taken:
            simulate_episodes(
                FORWARD, episodes, "forward", build_root=build_root, verilog=CORES / "conv_forward.v", **options
            )
        return str(taken.value)

    take("beat_by_beat")
    take("by_player")
    return ways


def test_the_fast_way_is_taken_where_it_can_be(ways):
    good = play_batches(FORWARD, "forward", [forward_tensors(), forward_tensors(seed=1)])
    reload = play_batches(FORWARD, "forward", [forward_tensors(), forward_tensors(bias=(0, 0))])
    assert ways(good) == ways(good, stall=0.5) == ways(good, stall={"x": 0.9}) == "by_player"
    assert ways(good, waves=True) == ways(good, beat_by_beat=True) == "beat_by_beat"
    assert ways(good, good) == ways(reload) == "beat_by_beat"
    assert ways(with_wrong_last(good, "x", [3], 3)) == ways(cut_short(good, "x", 7)) == "beat_by_beat"
