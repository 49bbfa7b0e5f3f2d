"""Control blocks proven for all time, by induction; and each proof shown to fail on planted faults."""

from functools import cache

import pytest

from tests.hdl.formal.prove import decide, planted, verilog_of, with_properties

_INDUCTION = 4
_FAULT_CYCLES = 40  # after power-up
_COVER_CYCLES = 60

#: Text of the block's Verilog, and what a slip would make of it.
_FAULTS = {
    "frame_synchronizer": [
        ("(awake && (!completing) && (room", "((!completing) && (room"),
        ("(!(room && frame_done))", "(!frame_done)"),
        ("(wrong && frame_done)", "wrong"),
        ("dropping <= (!(s_axis_tvalid && s_axis_tlast))", "dropping <= (!s_axis_tlast)"),
        ("frame_error <= wrong", "frame_error <= (frame_error || wrong)"),
    ],
    "line_writer": [
        ("((free_rows != 0) && (!held))", "(free_rows != 0)"),
        ("((free_rows + released) - 1)", "(free_rows + released)"),
        ("(row_done && (row == 1))", "row_done"),
        ("write_word <= 0", "write_word <= s_axis_tdata[3-1:0]"),
        ("arrivals_row <= (step && row_done)", "arrivals_row <= row_done"),
    ],
    "weight_loader": [
        ("(whole && (!loading) && (!waiting))", "(whole && (!loading))"),
        ("(whole && (!loading) && (!waiting))", "(whole && (!waiting))"),
        ("((waiting && parked))", "(waiting)"),
        ("whole <= set_end", "whole <= 1'b1"),
        ("beyond <= bias", "beyond <= 1'b0"),
        ("(bias && place_end && (!beyond))", "(bias && place_end)"),
    ],
    "filter_order": [("group <= (group + 1)", "group <= group"), ("== (3 - 1));", "== (2 - 1));")],
    "drain": [
        ("assign sent = (active && (wait_left == 0)", "assign sent = (active"),
        ("(room || silent)", "room"),
        ("draining = (active || silent)", "draining = active"),
        ("wait_left <= 3", "wait_left <= 2"),
    ],
    "bias_gradient": [
        (" || ((sums_unsent == 1) && row_arrived && (sums_row == 1))", ""),
        ("held = ((sums_unsent == 2) || ", "held = ("),
        ("sums_unsent <= (sums_unsent - 1)", "sums_unsent <= 0"),
        ("sums_upper <= (!sums_upper)", "sums_upper <= sums_upper"),
    ],
    "result_queue": [
        ("(begun[2] == removed[2]) || ", ""),
        ("(written != removed)", "(begun != removed)"),
        ("(begun == removed)", "(written == removed)"),
        ("written <= (written + 1)", "written <= (written + 2)"),
    ],
    "send_results": [
        ("(m_axis_tready || (!beat_valid)));", "m_axis_tready);"),
        ("m_axis_tlast <= last", "m_axis_tlast <= 1'b0"),
        ("beat_valid <= 0", "beat_valid <= 1"),
    ],
    "send_with_gaps": [
        ("started <= (!last)", "started <= 1'b0"),
        ("(taken && computed)", "taken"),
        ("((group == 1) && column_at_end && row_at_end)", "(column_at_end && row_at_end)"),
    ],
    "walk": [("(loop_round != 3)", "(loop_round != 2)"), ("(index == 1) && (!looping)", "(index == 1) || (!looping)")],
    "parking": [
        ("(busy || (!at_frame_start))", "busy"),
        ("quiet_cycles[3] && at_frame_start && (!busy)", "quiet_cycles[3]"),
        ("(quiet_cycles[3] && at_frame_start", "(quiet_cycles[2] && at_frame_start"),
    ],
    "hold_apart": [("(4 - 1)", "(3 - 1)"), (" && (!taken)", "")],
    "delay": [("stage_2_target <= following", "stage_2_target <= source")],
}


@cache
def _verilog(block: str) -> str:
    return verilog_of(block)


@pytest.mark.parametrize("block", _FAULTS)
def test_a_block_is_proven(block, tmp_path):
    assert decide(tmp_path, with_properties(_verilog(block), block), "prove", _INDUCTION) == "PASS"


@pytest.mark.campaign
@pytest.mark.parametrize("block", _FAULTS)
def test_what_the_properties_speak_of_can_happen(block, tmp_path):
    assert decide(tmp_path, with_properties(_verilog(block), block), "cover", _COVER_CYCLES) == "PASS"


def _faults():
    """The first one of each block, and all others in a campaign."""
    for block, faults in _FAULTS.items():
        for number, fault in enumerate(faults):
            yield pytest.param(block, *fault, marks=[pytest.mark.campaign] if number else [])


@pytest.mark.parametrize(("block", "right", "wrong"), list(_faults()))
def test_a_planted_fault_is_found(block, right, wrong, tmp_path):
    faulty = with_properties(planted(_verilog(block), right, wrong), block)
    assert decide(tmp_path, faulty, "bmc", _FAULT_CYCLES).startswith("FAIL: Assert failed")
