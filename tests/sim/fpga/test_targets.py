"""FPGA targets: DSP multipliers of a product, as Yosys 0.70 was seen to use them."""

from dataclasses import replace
from pathlib import Path

import pytest

from convstream.fixedpoint.layer import Lanes
from convstream.hdl.passes import PASSES
from convstream.layer_file import read_layer_file
from convstream.sim.fpga.targets import TARGETS

LAYER = read_layer_file(Path(__file__).parents[3] / "examples" / "layers" / "wide_16bit_3x3.toml").layer

#: Widths of two words, and how many of each family's multipliers ``y <= a * b`` took.
SEEN = {
    "ecp5": {
        (2, 2): 1, (8, 8): 1, (18, 18): 1, (19, 2): 1, (19, 19): 1, (20, 2): 2, (20, 19): 2, (20, 20): 4, (24, 18): 2,
        (24, 19): 2, (24, 24): 4, (32, 16): 2, (32, 19): 2, (32, 20): 4, (32, 32): 4,
    },
    "xilinx": {
        (2, 2): 0, (5, 3): 0, (6, 2): 0, (5, 5): 1, (6, 3): 1, (7, 2): 1, (18, 18): 1, (19, 18): 1, (19, 19): 2,
        (25, 18): 1, (25, 19): 2, (25, 25): 2, (26, 2): 2, (26, 18): 2, (26, 19): 4, (32, 18): 2, (32, 32): 4,
    },
}  # fmt: skip


@pytest.mark.parametrize(("target", "widths", "count"), [(t, *seen) for t in SEEN for seen in SEEN[t].items()])
def test_a_product_takes_as_many_multipliers_as_yosys_used(target, widths, count):
    multiplier = TARGETS[target].multiplier
    assert multiplier.count(*widths) == multiplier.count(*reversed(widths)) == count


def test_each_core_multiplies_what_its_streams_bring():
    formats = replace(LAYER.formats, input=replace(LAYER.formats.input, width=20),
                      output_gradient=replace(LAYER.formats.output_gradient, width=24))  # fmt: skip
    layer = replace(LAYER, formats=formats, lanes=Lanes(1, 2, 3))
    assert formats.weights.width == 16
    assert [TARGETS["ecp5"].dsps(layer, name) for name in PASSES] == [6 * 2, 6 * 2, 6 * 4]
    assert [TARGETS["ice40"].dsps(layer, name) for name in PASSES] == [0, 0, 0]
