"""Streams that do not keep step, and frames that a reset cuts off."""

from dataclasses import replace

import pytest

from convstream.fixedpoint.dataflow.schedule.gradient_plan import GradientPlan
from convstream.hdl.passes import PASSES
from convstream.layer_file import read_layer_file
from convstream.sim.beats import beat_count
from convstream.sim.simulate import simulate_episodes
from convstream.sim.stimulus import cut_short, play_batches
from tests.hdl.cores import batch_of, random_layer
from tests.hdl.test_example_layers import LAYERS


def _ring_beats(ring) -> int:
    return ring.ring_rows * ring.columns * ring.groups


@pytest.mark.parametrize("name", ["corner_4x4_s3", "remainder_3x3_s2"])
@pytest.mark.parametrize("ahead", ["x", "dz"])
def test_one_stream_runs_ahead_until_its_line_buffer_is_full(name, ahead, build_root, any_simulator):
    layer = read_layer_file(LAYERS / f"{name}.toml").layer
    plan = GradientPlan(layer)
    ring, behind = (plan.window.ring, "dz") if ahead == "x" else (plan.gradient_ring, "x")
    beats = min(_ring_beats(ring), beat_count(layer, ahead))
    episode = play_batches(layer, "weight_gradient", [batch_of(layer, 1), batch_of(layer, 2, number=1)])
    first, *others = episode.plays[behind]
    waiting = [replace(first, after={ahead: beats}), *others]
    episode = replace(episode, plays={**episode.plays, behind: waiting})
    stalls = {ahead: 0.0, behind: 0.7}  # and then it stays ahead
    (result,) = simulate_episodes(
        layer, [episode], "weight_gradient", simulator=any_simulator, stall=stalls, build_root=build_root
    )
    assert result.matched, (result.mismatch, result.protocol_errors)
    assert (result.beat_cycles[ahead] < result.beat_cycles[behind][0]).sum() >= beats


def _cuts(layer, pass_name):
    """Beats of the inputs that come before a reset: as many as a core takes without the others."""
    if pass_name == "weight_gradient":
        plan, x, dz = GradientPlan(layer), beat_count(layer, "x"), beat_count(layer, "dz")
        full_x, full_dz = min(_ring_beats(plan.window.ring), x), min(_ring_beats(plan.gradient_ring), dz)
        return [{"x": 1, "dz": 0}, {"x": full_x, "dz": 0}, {"x": 0, "dz": full_dz}, {"x": x - 1, "dz": dz - 1}]
    source = "dz" if pass_name == "input_gradient" else "x"
    weights, beats = beat_count(layer, "weights"), beat_count(layer, source)
    return [{"weights": 1, source: 0}, {"weights": weights - 1, source: 1}, {"weights": weights, source: beats // 2},
            {"weights": weights, source: beats - 1}]  # fmt: skip


@pytest.mark.parametrize("pass_name", PASSES)
def test_a_frame_cut_off_by_a_reset_leaves_nothing_behind(pass_name, build_root, any_simulator):
    layer = random_layer(41)
    good = play_batches(layer, pass_name, [batch_of(layer, 1)], weights_first=False)  # nothing waits for what is cut
    episodes = []
    for cut in _cuts(layer, pass_name):
        begun = good
        for stream, beats in cut.items():
            begun = cut_short(begun, stream, beats)
        episodes += [begun, good]
    for result in simulate_episodes(layer, episodes, pass_name, simulator=any_simulator, build_root=build_root):
        assert result.matched, (result.mismatch, result.protocol_errors)
