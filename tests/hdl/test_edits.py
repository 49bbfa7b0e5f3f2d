"""Edits of MyHDL's Verilog: each one is made as often as the core has places for it, or the conversion fails."""

import re

import pytest

from convstream.fixedpoint.formats import Format, Formats, Overflow, Rounding
from convstream.fixedpoint.layer import Layer
from convstream.hdl.convert import convert, elaborate
from convstream.hdl.edits import count_blocks, edit_verilog
from convstream.hdl.errors import ConversionError
from convstream.hdl.passes import PASSES
from convstream.reference.geometry import Geometry

_VERILOG = """\
module core (
    aclk
);
// What the core computes.

input aclk;
reg [7:0] lines_bank_0_0_bank_words [0:16-1];
reg [7:0] weight_memory_bank_0_bank_words [0:4-1];
always @(posedge aclk) begin: products_multiply_0_bring_near
    near <= far;
end
endmodule
"""


def test_attributes_are_added_and_the_docstring_is_removed():
    edited = edit_verilog(_VERILOG, memories=2, multipliers=1)
    assert edited.count("\n(* no_rw_check *) reg [7:0] ") == 2
    assert edited.count("\n(* keep *) always @(posedge aclk) begin: products_multiply_0_bring_near\n") == 1
    assert edited.startswith("module core (\n    aclk\n);\n\ninput aclk;\n")


@pytest.mark.parametrize(
    ("right", "wrong", "what"),
    [
        ("reg [7:0] weight", "logic [7:0] weight", "1 block RAMs, must show 2"),
        ("_bank_words", "_bank_store", "0 block RAMs, must show 2"),
        ("always @(posedge aclk) begin", "always @(posedge aclk)\nbegin", "0 registers .*, must show 1"),
        ("// What the core computes.", "/* What the core computes. */", "0 comments below the ports, must show 1"),
    ],
)
def test_an_edit_that_does_not_fit_is_an_error(right, wrong, what):
    assert right in _VERILOG
    with pytest.raises(ConversionError, match=f"the Verilog of MyHDL shows {what}"):
        edit_verilog(_VERILOG.replace(right, wrong), memories=2, multipliers=1)


@pytest.mark.parametrize("pass_name", PASSES)
def test_the_smallest_core_has_its_attributes(pass_name, tmp_path):
    form = Format(2, 0)
    formats = Formats(*[form] * 8, Rounding.FLOOR, Overflow.WRAP)
    geometry = Geometry.square(
        batch=1, in_channels=1, height=1, width=1, out_channels=1, kernel=1, stride=1, padding=0
    )  # fmt: skip
    layer = Layer(geometry, formats)
    text = convert(layer, pass_name, tmp_path).read_text()
    memories = {"forward": 3, "input_gradient": 2, "weight_gradient": 3}[pass_name]
    assert count_blocks(elaborate(layer, pass_name), "memory") == memories
    assert len(re.findall(r"^\(\* no_rw_check \*\) reg ", text, re.MULTILINE)) == memories
    assert len(re.findall(r"^\(\* keep \*\) always ", text, re.MULTILINE)) == 1
