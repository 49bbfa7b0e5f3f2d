"""The cycle model against the converted cores, to the cycle, and what stalls cost."""

from dataclasses import replace
from pathlib import Path

import pytest

from convstream.fixedpoint.dataflow.timing.cycles import core_cycles
from convstream.hdl.passes import PASSES
from convstream.layer_file import read_layer_file
from convstream.sim.simulate import simulate_episodes
from convstream.sim.stimulus import play_batches
from tests.hdl.cores import batch_of, padded_layer, random_layer, simulate_batches

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


# several taps and source groups, columns of taps in parallel or not; an input gradient without any tap
@pytest.mark.parametrize("seed", [4, 6, 12])
@pytest.mark.parametrize("pass_name", PASSES)
def test_layer_with_results_without_taps(pass_name, seed, build_root, any_simulator):
    _check(padded_layer(seed), pass_name, build_root, any_simulator)


def _ends(layer, pass_name, episodes, build_root, simulator):
    """For each episode, by output stream, the cycles of its frames' ends from the first beat of data on."""
    for result in simulate_episodes(layer, episodes, pass_name, simulator=simulator, build_root=build_root):
        assert result.matched, (result.mismatch, result.protocol_errors)
        first_in = min(cycles[0] for stream, cycles in result.beat_cycles.items() if stream in ("x", "dz"))
        yield {stream: ends - first_in for stream, ends in result.frame_cycles.items()}


def _five_batches(layer, pass_name):
    batches = [batch_of(layer, seed=1)]
    batches += [batch_of(layer, seed=1 + number, number=number, weights=batches[0]) for number in range(1, 5)]
    return play_batches(layer, pass_name, batches)


@pytest.mark.parametrize("seed", [2, *(pytest.param(seed, marks=pytest.mark.campaign) for seed in range(10, 40))])
@pytest.mark.parametrize("pass_name", PASSES)
def test_a_stall_costs_no_more_than_it_lasts(pass_name, seed, build_root, any_simulator):
    layer = random_layer(seed)
    free = _five_batches(layer, pass_name)
    (stream, *_) = PASSES[pass_name].outputs
    core = core_cycles(layer, pass_name)
    last = core.frame_end(stream, len(free.expected[stream].lasts) - 1)
    begins = [core.first_beat + part * (last - core.first_beat) // 5 for part in range(5)]
    stalled = [replace(free, sinks={stream: ("held", begin + 30, 70)}) for begin in begins]
    unstalled, *others = _ends(layer, pass_name, [free, *stalled], build_root, any_simulator)
    for ends in others:
        assert (ends[stream] <= unstalled[stream] + 70).all()
        assert (ends[stream] >= unstalled[stream]).all()


@pytest.mark.parametrize("seed", [2, *(pytest.param(seed, marks=pytest.mark.campaign) for seed in range(10, 40))])
@pytest.mark.parametrize("pass_name", ["forward", "input_gradient"])
def test_the_period_behind_a_slow_sink_is_that_of_the_sink_or_of_the_core(pass_name, seed, build_root, any_simulator):
    layer = random_layer(seed)
    free = _five_batches(layer, pass_name)
    (stream,) = PASSES[pass_name].outputs
    beats = free.expected[stream].lasts[0] + 1
    ways = {16: ("one_in_sixteen",), 4: ("after_pause",), 2: ("after_valid",)}
    episodes = [replace(free, sinks={stream: way}) for way in ways.values()]
    period = core_cycles(layer, pass_name).period
    for cycles, ends in zip(ways, _ends(layer, pass_name, episodes, build_root, any_simulator), strict=True):
        frames = len(ends[stream])
        first = frames // 2  # by then the queue is full, if it ever will be
        if cycles * beats >= 2 * period:
            assert ends[stream][-1] - ends[stream][first] == (frames - 1 - first) * cycles * beats


@pytest.mark.campaign
@pytest.mark.parametrize("pass_name", PASSES)
@pytest.mark.parametrize("name", sorted(path.stem for path in _LAYERS.glob("*.toml")))
def test_example_layer(name, pass_name, build_root):
    _check(read_layer_file(_LAYERS / f"{name}.toml").layer, pass_name, build_root, "verilator")


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(100, 300))
@pytest.mark.parametrize("pass_name", PASSES)
def test_two_hundred_random_layers(pass_name, seed, build_root, any_simulator):
    _check((padded_layer if seed % 4 == 0 else random_layer)(seed), pass_name, build_root, any_simulator)
