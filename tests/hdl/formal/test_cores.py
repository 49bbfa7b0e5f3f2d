"""Whole cores, tiny ones, proven for all time: which weights, and which sums.  Data are cut from control."""

from functools import cache
from pathlib import Path

import pytest

from convstream.fixedpoint.dataflow.schedule.latency import result_latency
from convstream.fixedpoint.dataflow.schedule.plan import Plan
from convstream.hdl.convert import convert
from tests.hdl.formal.blocks import small_layer
from tests.hdl.formal.prove import decide, planted, with_properties

#: Products and words of memories may be anything.
_CUT = "cutpoint t:$mul t:$mem_v2"
_INDUCTION, _FAULT_CYCLES, _COVER_CYCLES = 4, 60, 80

_ENGINES = {
    "two by two pixels": small_layer(channels=(1, 1)),
    "one pixel": small_layer(size=(1, 1), channels=(1, 1)),
    "two groups": small_layer(size=(1, 2), channels=(2, 2)),
    "room for two sets": small_layer(channels=(1, 1), weight_sets=2),
    "results without taps": small_layer(size=(1, 1), channels=(2, 1), padding=1),
    "three by three taps": small_layer(size=(3, 3), channels=(1, 1), kernel=3),
}
_ONE_ROW = small_layer(size=(1, 2), channels=(1, 1))


@cache
def _core(layer, pass_name, folder):
    return convert(layer, pass_name, Path(folder)).read_text()


def _engine(layer, pass_name, folder, edit=lambda verilog: verilog):
    plan = Plan(layer, gradient=pass_name == "input_gradient")
    latency = result_latency(plan)
    biases = "1'b0" if plan.gradient else "engine_weight_loader_write_bias"
    return with_properties(
        edit(_core(layer, pass_name, folder)), "window_engine", LATENCY=latency,
        PARKING=1 << (latency - 1).bit_length(), WRITES_BIAS=biases,
    )  # fmt: skip


@pytest.mark.parametrize("name", _ENGINES)
@pytest.mark.parametrize("pass_name", ["forward", "input_gradient"])
def test_no_weight_is_written_while_a_frame_is_computed(pass_name, name, tmp_path):
    checked = _engine(_ENGINES[name], pass_name, str(tmp_path))
    assert decide(tmp_path, checked, "prove", _INDUCTION, _CUT) == "PASS"


@pytest.mark.campaign
def test_a_second_set_can_be_written_after_a_frame(tmp_path):
    checked = _engine(_ENGINES["one pixel"], "forward", str(tmp_path))
    assert decide(tmp_path, checked, "cover", _COVER_CYCLES, _CUT) == "PASS"


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("(engine_weight_loader_whole && (!engine_weight_loader_loading) && (!engine_weight_loader_waiting))",
         "(engine_weight_loader_whole && (!engine_weight_loader_loading))"),
        ("((engine_weight_loader_waiting && engine_parked))", "(engine_weight_loader_waiting)"),
        ("s_axis_weights_tready = engine_weight_loader_loading", "s_axis_weights_tready = engine_parked"),
    ],
)  # fmt: skip
def test_a_planted_fault_of_the_weights_is_found(right, wrong, tmp_path):
    def edit(verilog):
        changed = planted(verilog, right, wrong)
        if "tready" in right:
            changed = planted(
                changed, "(s_axis_weights_tvalid && engine_weight_loader_loading);",
                "(s_axis_weights_tvalid && (engine_parked || engine_weight_loader_loading));",
            )  # fmt: skip
        return changed

    checked = _engine(_ENGINES["two by two pixels"], "forward", str(tmp_path), edit)
    assert decide(tmp_path / "bmc", checked, "bmc", _FAULT_CYCLES, _CUT).startswith("FAIL: Assert failed")


def test_no_sum_is_added_to_before_it_is_sent(tmp_path):
    checked = with_properties(_core(_ONE_ROW, "weight_gradient", str(tmp_path)), "conv_weight_gradient")
    assert decide(tmp_path / "prove", checked, "prove", _INDUCTION, _CUT) == "PASS"
    assert decide(tmp_path / "cover", checked, "cover", _COVER_CYCLES, _CUT) == "PASS"


def test_without_holding_dz_back_there_is_no_proof(tmp_path):
    faulty = planted(
        _core(_ONE_ROW, "weight_gradient", str(tmp_path)), "((gradient_lines_writer_free_rows != 0) && (!held))",
        "(gradient_lines_writer_free_rows != 0)",
    )  # fmt: skip
    # it takes more cycles than a search from power-up can look at; but there is no proof any more
    found = decide(tmp_path / "prove", with_properties(faulty, "conv_weight_gradient"), "prove", _INDUCTION, _CUT)
    assert found.startswith("UNKNOWN: Assert failed")
