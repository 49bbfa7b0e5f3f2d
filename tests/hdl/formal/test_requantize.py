"""The requantizer equals its specification, for every accumulator and every draw."""

from itertools import product

import pytest

from convstream.fixedpoint.dataflow.schedule.latency import REQUANTIZE_LATENCY
from convstream.fixedpoint.formats import Overflow, Rounding
from tests.hdl.formal.prove import decide, planted, verilog_of, with_properties

_MODES = ["floor", "toward_zero", "half_up", "half_away", "half_even", "stochastic"]
_SHAPES = [(10, 4, 4), (20, 9, 8), (30, 14, 8), (60, 40, 16), (12, 0, 8), (12, -3, 8)]  # accumulator, shift, result


def _specified(tmp_path, rounding, overflow, width, shift, result, mode="prove", edit=lambda verilog: verilog):
    verilog = verilog_of("requantize", rounding, overflow, width, shift, result)
    draws = rounding == "stochastic" and shift > 0
    checked = with_properties(
        edit(verilog), "requantize", ACCUMULATOR=width, SHIFT=shift, RESULT=result, MODE=_MODES.index(rounding),
        WRAP=int(overflow == "wrap"), DRAW="{1'b0, draw}" if draws else "0",
    )  # fmt: skip
    return decide(tmp_path, checked, mode, 3 + REQUANTIZE_LATENCY)


def test_all_modes_are_here():
    assert set(_MODES) == set(Rounding)


@pytest.mark.parametrize("overflow", list(Overflow))
@pytest.mark.parametrize("rounding", _MODES)
def test_it_is_its_specification(rounding, overflow, tmp_path):
    assert _specified(tmp_path, rounding, overflow, 20, 9, 8) == "PASS"


@pytest.mark.campaign
@pytest.mark.parametrize(("width", "shift", "result"), _SHAPES)
@pytest.mark.parametrize(("rounding", "overflow"), list(product(_MODES, Overflow)))
def test_it_is_its_specification_at_other_widths(rounding, overflow, width, shift, result, tmp_path):
    assert _specified(tmp_path, rounding, overflow, width, shift, result) == "PASS"


@pytest.mark.parametrize(
    ("rounding", "right", "wrong"),
    [
        ("half_even", "value[9]", "value[8]"),
        ("half_away", "up = (value >= 0)", "up = 1'b1"),
        ("toward_zero", "increment = (512 - 1)", "increment = 512"),
        ("half_up", "9'd256", "9'd255"),
        ("stochastic", "rounded <= (value + $signed({1'b0, draw}))", "rounded <= value"),
        ("floor", "result <= 128", "result <= 129"),
    ],
)
def test_a_planted_fault_is_found(rounding, right, wrong, tmp_path):
    found = _specified(tmp_path, rounding, "saturate", 20, 9, 8, "bmc", lambda verilog: planted(verilog, right, wrong))
    assert found.startswith("FAIL: Assert failed")
