"""The watchdog lets every right core end, however much of its work is padding, and does not wait long for others."""

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convstream.fixedpoint.dataflow.timing.cycles import core_cycles
from convstream.fixedpoint.formats import Format, Formats
from convstream.fixedpoint.layer import Layer
from convstream.hdl.convert import convert
from convstream.hdl.passes import PASSES
from convstream.reference.geometry import Geometry
from convstream.sim.jobs.processes import SimulationError
from convstream.sim.simulate import simulate
from convstream.sim.stimulus import play_batches, with_wrong_last
from convstream.sim.verilog.export import write_bench
from convstream.sim.watchdog import cycle_limit
from tests.hdl.cores import batch_of
from tests.sim.stand_ins import CORES, FORWARD, Fault, both_ways, forward_tensors, needs_icarus
from tests.strategies import core_layers


@pytest.mark.parametrize("pass_name", PASSES)
@given(core_layers(), st.integers(1, 3), st.integers(0, 100), st.sampled_from([0, 0.5, 0.95]))
def test_the_limit_is_above_twice_what_a_core_takes_and_not_far_above(pass_name, layer, batches, beats, stall):
    limit = cycle_limit(layer, pass_name, batches, beats).cycles(stall)
    core, stalled = core_cycles(layer, pass_name), beats / (1 - stall)
    assert limit >= 2 * (core.batch_cycles(batches) + stalled)
    assert limit <= 2 * (batches * core.batch_cycles() + stalled) + 1000 + 1000 / (1 - stall)


def _padded(channels, filters, height, width, padding):
    geometry = Geometry.square(batch=1, in_channels=channels, height=height, width=width, out_channels=filters,
                               kernel=1, padding=padding)  # fmt: skip
    narrow, wide = Format(8, 6), Format(16, 8)
    return Layer(geometry, Formats(narrow, narrow, wide, narrow, narrow, narrow, wide, wide))


#: Most of the cycles are those of results without taps, and of rows of outputs without any.
PADDED = {"forward": _padded(8, 1, 2, 2, 16), "weight_gradient": _padded(16, 8, 1, 8, 4)}


@both_ways
@pytest.mark.parametrize("pass_name", PADDED)
def test_a_right_core_that_works_on_padding_is_not_stuck(pass_name, beat_by_beat, build_root, any_simulator):
    layer = PADDED[pass_name]
    result = simulate(layer, batch_of(layer, 1), pass_name, simulator=any_simulator, build_root=build_root,
                      beat_by_beat=beat_by_beat)  # fmt: skip
    assert result.matched, result.protocol_errors


@needs_icarus
@pytest.mark.parametrize("pass_name", PADDED)
def test_nor_is_it_in_the_exported_bench(pass_name, tmp_path):
    layer, core = PADDED[pass_name], PASSES[pass_name].module
    convert(layer, pass_name, tmp_path)
    write_bench(tmp_path, layer, batch_of(layer, 1), pass_name, core)
    for command in (["iverilog", "-g2001", "-o", "tb", f"{core}.v", f"{core}_tb.v"], ["vvp", "tb", "+stall=0"]):
        done = subprocess.run(
            [shutil.which(command[0]), *command[1:]], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout
    assert "\nPASS" in f"\n{done.stdout}"


@both_ways
def test_a_core_that_is_stuck_is_found_in_the_cycle_of_the_limit(beat_by_beat, build_root):
    limit = cycle_limit(FORWARD, "forward", 1, beats=4 + 24 + 24).cycles(0.5)
    with pytest.raises(SimulationError, match=f"no end within {limit} cycles"):
        simulate(FORWARD, forward_tensors(Fault.HANGS), "forward", stall=0.5, build_root=build_root,
                 verilog=CORES / "conv_forward.v", beat_by_beat=beat_by_beat)  # fmt: skip


@pytest.fixture
def episode():
    return play_batches(FORWARD, "forward", [forward_tensors()] * 3)


def test_frames_of_an_episode_are_counted_by_their_ends(episode):
    assert episode.frames == 3 * FORWARD.geometry.batch
    cut = with_wrong_last(episode, "x", [3, 5, 7, 23], 3)  # of the first batch: four frames for two
    assert cut.frames == 2 * FORWARD.geometry.batch + 4
