"""What the converted cores become on an ECP5: one multiplier a product, block RAM without copies, nothing unsound."""

import asyncio
import re

import pytest

from convstream.fixedpoint.formats import Format, Formats
from convstream.fixedpoint.layer import Lanes, Layer
from convstream.hdl.convert import convert
from convstream.hdl.passes import PASSES
from convstream.reference.geometry import Geometry
from convstream.sim.errors import CheckFailed
from convstream.sim.fpga.synthesis import synthesize
from convstream.sim.fpga.targets import TARGETS
from convstream.sim.fpga.yosys import map_to_cells
from convstream.sim.jobs.parallel import Processors

ECP5 = TARGETS["ecp5"]
_BLOCK_SHAPES = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))  # words, bits of a DP16KD
_MEMORY = re.compile(r"reg (?:signed )?\[(\d+):0\] (\w+) \[0:(\d+)-1\];")
_MANY_WORDS = 256  # fewer may be in distributed RAM


def small_layer(channels=(4, 4), lanes=(2, 2, 1), width=8, size=8, kernel=3):
    in_channels, out_channels = channels
    geometry = Geometry.square(
        batch=2, in_channels=in_channels, height=size, width=size, out_channels=out_channels, kernel=kernel, stride=1,
        padding=1,
    )  # fmt: skip
    operand, wide = Format(width, width - 2), Format(16, 0)
    formats = Formats(operand, operand, wide, operand, operand, operand, wide, wide)
    return Layer(geometry, formats, Lanes(*lanes))


def cells_of(layer, pass_name, build_root):
    (core,) = synthesize(layer, [pass_name], ECP5, seeds=0, build_root=build_root)
    return core.cells


@pytest.mark.parametrize(("pass_name", "options"), [
    ("forward", {"width": 18}),
    ("forward", {"width": 2}),
    ("forward", {"channels": (1, 2), "lanes": (1, 2, 9)}),
    ("input_gradient", {"lanes": (2, 1, 3)}),
    ("weight_gradient", {"width": 18}),
])  # fmt: skip
def test_every_product_is_one_dsp_multiplier(pass_name, options, build_root):
    layer = small_layer(**options)
    cells = cells_of(layer, pass_name, build_root)
    assert cells["MULT18X18D"] == layer.lanes.multipliers
    assert "ALU54B" not in cells


@pytest.mark.parametrize("pass_name", PASSES)
def test_large_memories_are_block_ram_without_copies(pass_name, build_root, tmp_path):
    layer = small_layer(channels=(16, 16), lanes=(4, 2, 1), size=16)
    declared = _MEMORY.findall(convert(layer, pass_name, tmp_path).read_text())
    memories = [(int(words), int(highest_bit) + 1) for highest_bit, name, words in declared]
    large = [memory for memory in memories if memory[0] >= _MANY_WORDS]
    small = [memory for memory in memories if memory not in large]
    # distributed RAM has one read port: the sums of dz, which are added to while others are sent, have two readers
    small += [memory for memory, (_, name, _) in zip(memories, declared, strict=True) if name.endswith("_sums")]
    assert large
    cells = cells_of(layer, pass_name, build_root)
    assert cells["DP16KD"] == sum(map(_fewest_blocks, large))
    assert cells.get("TRELLIS_DPR16X4", 0) <= sum(-(-words // 16) * -(-bits // 4) for words, bits in small)


def _fewest_blocks(memory):
    words, bits = memory
    return min(-(-words // depth) * -(-bits // width) for depth, width in _BLOCK_SHAPES)


def test_sixty_four_multipliers_take_few_cells(build_root):
    cells = cells_of(small_layer(channels=(16, 16), lanes=(8, 8, 1), size=16), "forward", build_root)
    assert cells["MULT18X18D"] == 64
    assert cells["LUT4"] <= 60 * 64
    assert cells["TRELLIS_FF"] <= 90 * 64


_LATCH = "always @* if (a) y = b;"
_LOOP = "wire t = ~(t & a); always @(posedge clk) y <= t;"
_TWO_DRIVERS = "wire t = a; assign t = b; always @(posedge clk) y <= t;"
_NO_DRIVER = "wire t; always @(posedge clk) y <= t;"


@pytest.mark.parametrize(
    "fault", [_LATCH, _LOOP, _TWO_DRIVERS, _NO_DRIVER], ids=["latch", "loop", "two drivers", "no driver"]
)
def test_a_core_with_a_fault_is_refused(fault, build_root):
    def synthesize_module(body):
        verilog = f"module m (input clk, a, b, output reg y); {body} endmodule\n"
        return asyncio.run(map_to_cells(Processors(), verilog, "m", "m", ECP5, "", build_root / "synth"))

    assert synthesize_module("always @(posedge clk) y <= a & b;").cells["TRELLIS_FF"] == 1
    with pytest.raises(CheckFailed, match="Yosys refuses m: ERROR: "):
        synthesize_module(fault)
