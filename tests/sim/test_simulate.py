"""The simulation as a whole, on stand-in cores: what is right matches, and every planted fault is caught."""

import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from convstream.sim.jobs.processes import SimulationError
from convstream.sim.simulate import simulate, simulate_episodes
from convstream.sim.stimulus import cut_short, play_batches, with_wrong_last
from tests.sim.stand_ins import (
    CORES,
    FORWARD,
    WEIGHT_GRADIENT,
    Fault,
    both_simulators,
    both_ways,
    forward_tensors,
    needs_icarus,
    weight_gradient_tensors,
)


@pytest.fixture
def forward(build_root):
    """Simulate episodes of the forward stand-in, by default one batch of tensors."""

    def forward(tensors=None, episodes=None, **options):
        episodes = episodes or [play_batches(FORWARD, "forward", [tensors])]
        options = {"build_root": build_root, "verilog": CORES / "conv_forward.v"} | options
        results = simulate_episodes(FORWARD, episodes, "forward", **options)
        return results[0] if tensors else results

    return forward


@both_simulators
@both_ways
@pytest.mark.parametrize("stall", [0, 0.5, 0.95])
def test_a_right_core_matches_in_every_value(simulator, beat_by_beat, stall, forward, build_root):
    tensors = forward_tensors()
    result = forward(tensors, simulator=simulator, beat_by_beat=beat_by_beat, stall=stall)
    assert result.matched
    assert (result.compared_values, result.wrong_values) == (48, 0)
    np.testing.assert_array_equal(result.tensors[0]["z"], tensors["z"])
    assert result.log is None
    assert not list((build_root / "runs").iterdir())


@both_simulators
def test_cycles_are_counted_from_the_first_beat_of_data_in_to_the_last_beat_out(simulator, forward):
    result = forward(forward_tensors(), simulator=simulator)
    weights, x, z = (result.beat_cycles[stream] for stream in ("weights", "x", "z"))
    assert list(np.diff(weights)) == [1, 1, 1]
    assert list(np.diff(x)) == [1] * 23
    assert list(z - x) == [1] * 24
    assert list(result.frame_cycles["z"]) == [z[11], z[23]]
    assert result.latency_cycles == 1
    assert result.cycles == z[23] - x[0] + 1


def test_data_may_be_offered_before_the_weights_are_loaded(build_root):
    result = simulate(
        FORWARD, forward_tensors(), "forward", weights_first=False, stall=0.5, build_root=build_root,
        verilog=CORES / "conv_forward.v",
    )  # fmt: skip
    assert result.matched


@needs_icarus
@both_ways
def test_both_simulators_see_the_same_beats_in_the_same_cycles(beat_by_beat, forward):
    one, other = (
        forward(forward_tensors(), simulator=simulator, beat_by_beat=beat_by_beat, stall=0.6, seed=7)
        for simulator in ("verilator", "icarus")
    )
    for stream in ("weights", "x", "z"):
        np.testing.assert_array_equal(one.beat_cycles[stream], other.beat_cycles[stream])


def test_the_seed_decides_the_stalls(forward):
    first, again, other = (forward(forward_tensors(), stall=0.5, seed=seed).cycles for seed in (1, 1, 2))
    assert first == again != other


@both_ways
def test_a_stream_can_be_stalled_alone(beat_by_beat, forward):
    result = forward(forward_tensors(), beat_by_beat=beat_by_beat, stall={"x": 0.9}, seed=2)
    assert result.matched
    assert np.diff(result.beat_cycles["x"]).max() > 10
    assert list(np.diff(result.beat_cycles["weights"])) == [1, 1, 1]


@both_simulators
def test_a_wrong_bit_is_told_in_full(simulator, forward):
    tensors = forward_tensors(Fault.BIT_FLIPPED)
    result = forward(tensors, simulator=simulator)
    expected = tensors["z"][0, 1, 1, 1]
    mismatch = result.mismatch
    assert (result.matched, result.wrong_values) == (False, 1)
    assert (mismatch.tensor, mismatch.index) == ("z", (0, 1, 1, 1))
    assert (mismatch.batch, mismatch.beat, mismatch.lane) == (0, 5, 1)
    assert (mismatch.expected, mismatch.got) == (expected, expected ^ 2)
    assert mismatch.cycle == result.beat_cycles["z"][5]
    assert str(mismatch) == (
        f"z[0,1,1,1]: expected {expected} ({expected / 16:g}), got {expected ^ 2} ({(expected ^ 2) / 16:g}), "
        f"at beat 5 of m_axis_z in batch 0, lane 1, cycle {mismatch.cycle}"
    )
    assert result.log.is_file()


@needs_icarus
def test_unknown_bits_are_a_mismatch(forward):
    result = forward(forward_tensors(Fault.UNKNOWN_BIT), simulator="icarus")
    assert (result.mismatch.index, result.mismatch.got) == ((0, 0, 1, 1), None)
    assert "got unknown bits" in str(result.mismatch)
    assert re.search("beat 5: tdata is [01]+X[01]+", result.protocol_errors[0])


def test_a_core_that_takes_data_without_asking_for_tvalid_is_wrong(forward):
    assert forward(forward_tensors(Fault.LOOKS_WITHOUT_ASKING), stall=0.5).mismatch is not None


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        (Fault.DATA_CHANGED, r"tdata, tlast changed from \(\w+, 0\) to \(\w+, 0\) before the transfer"),
        (Fault.LAST_MISSING, "beat 11: tlast is missing"),
        (Fault.LAST_EARLY, "beat 5: tlast is early"),
        (Fault.BEAT_REPEATED, "1 beats more than the expected 24 came out"),
        (Fault.PADDING_DIRTY, "beat 5: bits above the last lane are not zero"),
        (Fault.ERROR_SPURIOUS, r"frame_error is 1 in 1 cycles \(\d+\), and must be in 0"),
    ],
)
@both_ways
def test_a_broken_rule_is_told(beat_by_beat, fault, complaint, forward):
    result = forward(forward_tensors(fault), beat_by_beat=beat_by_beat, stall=0.5, seed=4)
    assert not result.matched
    assert [error for error in result.protocol_errors if re.search(complaint, error)], result.protocol_errors


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        (Fault.BEAT_LOST, "m_axis_z: 23 of 24 beats came out, tvalid is 0; idle is .*; z.*expected.* at beat 7 "),
        (Fault.HANGS, "s_axis_x: 9 of 24 beats went in, tready is 0; m_axis_z: 9 of 24 beats came out"),
        (Fault.VALID_WITHDRAWN, "s_axis_x: all 24 beats went in; .* tvalid fell before the transfer"),
        (Fault.SIMULATION_ENDS, "the test bench did not come to its end"),
    ],
)
@both_ways
def test_missing_beats_are_no_verdict(beat_by_beat, fault, complaint, forward, build_root):
    with pytest.raises(SimulationError, match=complaint):
        forward(forward_tensors(fault), beat_by_beat=beat_by_beat, stall=0.5, seed=4)
    assert list((build_root / "runs").glob("*/simulation.log"))


def test_weights_are_reloaded_between_batches_where_they_changed(forward):
    batches = [forward_tensors(bias=bias, seed=seed) for seed, bias in enumerate([(3, -2), (3, -2), (-20, 9)])]
    episode = play_batches(FORWARD, "forward", batches)
    assert [len(plays) for plays in episode.plays.values()] == [2, 3]
    (result,) = forward(episodes=[episode], stall=0.3)
    assert result.matched
    assert result.compared_values == 3 * 48
    assert len(result.frame_cycles["z"]) == 6
    for seen, batch in zip(result.tensors, batches, strict=True):
        np.testing.assert_array_equal(seen["z"], batch["z"])
    reload, reloaded = result.beat_cycles["weights"][4], result.beat_cycles["weights"][7]
    assert result.beat_cycles["z"][47] < reload < reloaded < result.beat_cycles["x"][48]


def test_a_mismatch_names_the_batch(forward):
    batches = [forward_tensors(), forward_tensors(seed=1)]
    batches[1]["z"] = batches[1]["z"].copy()
    batches[1]["z"][1, 0, 2, 3] ^= 1
    (result,) = forward(episodes=[play_batches(FORWARD, "forward", batches)], beat_by_beat=True)
    assert (result.mismatch.batch, result.mismatch.beat, result.mismatch.index) == (1, 23, (1, 0, 2, 3))


@pytest.mark.parametrize(("lasts", "errors"), [([4, 11, 23], 1), ([12, 23], 2), ([4, 5, 11, 23], 2), ([], 2)])
def test_every_wrong_tlast_must_raise_frame_error_for_a_cycle(lasts, errors, forward):
    good = play_batches(FORWARD, "forward", [forward_tensors()])
    results = forward(episodes=[with_wrong_last(good, "x", lasts, errors), good], stall=0.2)
    assert [result.matched for result in results] == [True, True]
    assert [result.compared_values for result in results] == [0, 48]


@pytest.mark.parametrize(("stream", "beats"), [("x", 7), ("x", 15), ("weights", 3)])
def test_a_reset_upon_work_half_done_is_followed_by_right_results(stream, beats, forward):
    good = play_batches(FORWARD, "forward", [forward_tensors()])
    short = cut_short(good, stream, beats)
    if stream == "weights":
        short = cut_short(short, "x", 0)
    results = forward(episodes=[short, good], stall=0.5)
    assert [result.matched for result in results] == [True, True]
    assert len(results[0].beat_cycles[stream]) == beats
    assert results[1].compared_values == 48


def test_a_silent_frame_error_is_told(forward):
    good = play_batches(FORWARD, "forward", [forward_tensors(Fault.ERROR_SILENT)])
    (result,) = forward(episodes=[with_wrong_last(good, "x", [11], frame_errors=1)])
    assert result.protocol_errors == ("frame_error is 1 in 0 cycles, and must be in 1",)


def test_tvalid_in_reset_is_told(forward):
    good = play_batches(FORWARD, "forward", [forward_tensors(Fault.VALID_IN_RESET)])
    first, second = forward(episodes=[good, good])
    assert first.matched
    assert "tvalid is 1 in reset" in second.protocol_errors[0]


@both_simulators
@pytest.mark.parametrize("stall", [0, 0.5, {"x": 0.95}, {"dz": 0.95, "dw": 0.5}])
def test_two_inputs_and_two_outputs_go_at_their_own_pace(simulator, stall, build_root):
    batches = [weight_gradient_tensors(seed) for seed in range(2)]
    episode = play_batches(WEIGHT_GRADIENT, "weight_gradient", batches)
    (result,) = simulate_episodes(
        WEIGHT_GRADIENT, [episode], "weight_gradient", simulator=simulator, stall=stall, build_root=build_root,
        verilog=CORES / "conv_weight_gradient.v",
    )  # fmt: skip
    assert result.matched
    assert result.compared_values == 4
    assert [tensors["dw"].item() for tensors in result.tensors] == [batch["dw"].item() for batch in batches]


def test_the_second_output_is_compared_too(build_root):
    tensors = weight_gradient_tensors()
    wrong = {**tensors, "db": tensors["db"] + 1}
    episode = play_batches(WEIGHT_GRADIENT, "weight_gradient", [tensors, wrong])
    (result,) = simulate_episodes(
        WEIGHT_GRADIENT, [episode], "weight_gradient", build_root=build_root,
        verilog=CORES / "conv_weight_gradient.v",
    )  # fmt: skip
    assert (result.mismatch.tensor, result.mismatch.got) == ("db", tensors["db"].item())


@both_simulators
def test_waves_are_kept(simulator, forward):
    result = forward(forward_tensors(), simulator=simulator, waves=True)
    text = result.waves.read_text()
    assert "$enddefinitions" in text
    assert "m_axis_z_tdata" in text


def test_a_simulator_that_does_not_end_is_stopped(forward):
    with pytest.raises(SimulationError, match="did not end within 0.01 seconds"):
        forward(forward_tensors(), timeout_seconds=0.01)


@both_simulators
def test_rejected_verilog_is_quoted(simulator, forward, tmp_path):
    broken = tmp_path / "conv_forward.v"
    broken.write_text((CORES / "conv_forward.v").read_text().replace("endmodule", "end module"))
    with pytest.raises(SimulationError, match="failed: .*core.v:.*error"):
        forward(forward_tensors(), simulator=simulator, verilog=broken)


def test_a_core_without_the_ports_of_its_pass_is_no_verdict(forward, tmp_path):
    other = tmp_path / "conv_forward.v"
    other.write_text((CORES / "conv_forward.v").read_text().replace("m_axis_z", "m_axis_y"))
    with pytest.raises(SimulationError, match="m_axis_z_tdata"):
        forward(forward_tensors(), verilog=other)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"simulator": "modelsim"}, "simulator must be one of verilator, icarus, not 'modelsim'"),
        ({"stall": 1.0}, "stall must be between 0 and 0.95, not 1.0"),
        ({"stall": {"y": 0.5}}, "forward has the streams weights, x, z, and no 'y'"),
    ],
)
def test_options_are_checked_before_anything_is_built(options, complaint, forward, build_root):
    with pytest.raises(ValueError, match=complaint):
        forward(forward_tensors(), **options)
    assert not (build_root / "runs").exists()


def test_only_passes_with_a_module_can_be_simulated(build_root):
    with pytest.raises(ValueError, match="pass must be one of forward, input_gradient, weight_gradient, not 'bias'"):
        simulate_episodes(FORWARD, [], "bias", build_root=build_root)


def test_runs_at_the_same_time_do_not_meet(forward, build_root):
    faults = [Fault.NONE, Fault.BIT_FLIPPED, Fault.NONE, Fault.BIT_FLIPPED]
    with ThreadPoolExecutor(max_workers=4) as pool:
        results = list(pool.map(lambda fault: forward(forward_tensors(fault)), faults))
    assert [result.wrong_values for result in results] == [0, 1, 0, 1]
    assert results[1].log != results[3].log
    assert len(list((build_root / "runs").iterdir())) == 2


@pytest.fixture
def altered(tmp_path):
    """The forward stand-in with one line replaced."""

    def altered(line, replacement):
        text = (CORES / "conv_forward.v").read_text()
        assert text.count(line) == 1
        path = tmp_path / "conv_forward.v"
        path.write_text(text.replace(line, replacement))
        return path

    return altered


@both_ways
def test_a_core_that_puts_out_nothing_is_told_with_what_it_waits_for(beat_by_beat, forward, altered):
    dead = altered("m_axis_z_tvalid <= !(fault == BEAT_LOST && taken == 7);", "")
    told = (
        "m_axis_z: 0 of 24 beats came out, tvalid is 0; idle is 1, weights_loaded is 1, waits_for_weights is 0, "
        "waits_for_x is 1"
    )
    with pytest.raises(SimulationError, match=told):
        forward(forward_tensors(), beat_by_beat=beat_by_beat, verilog=dead)


@both_ways
def test_tready_in_reset_is_told(beat_by_beat, forward, altered):
    eager = altered("assign s_axis_weights_tready = aresetn;", "assign s_axis_weights_tready = 1'b1;")
    result = forward(forward_tensors(), beat_by_beat=beat_by_beat, verilog=eager)
    assert "s_axis_weights, cycle 2, beat 0: tready is 1 in reset" in result.protocol_errors[0]
