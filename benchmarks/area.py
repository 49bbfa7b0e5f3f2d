"""Cells and clock rate of every example layer's three cores on an ECP5: Yosys and nextpnr, median of three placements.

    python benchmarks/area.py            (make benchmark-area sets up the programs)

Cells are those of the core alone; it is placed and routed with a shift register at every port.  What was placed once
is kept below build/, so that an interrupted run goes on where it stopped.  Hours on a small machine.
"""

import argparse
from pathlib import Path

from convstream.hdl.passes import PASSES
from convstream.layer_file import read_layer_file
from convstream.sim.fpga.synthesis import Synthesis, synthesize
from convstream.sim.fpga.targets import TARGETS

_LAYERS = Path(__file__).parents[1] / "examples" / "layers"
_TARGET = TARGETS["ecp5"]
_SEEDS = 3
_KINDS = ("lut", "carry", "register", "dsp", "block_ram")


def _row(name: str, multipliers: int, core: Synthesis) -> str:
    cells = _TARGET.count_kinds(core.cells)
    counts = "".join(f"{cells[kind]:8,}" for kind in _KINDS)
    clock = f"{core.median.clock_mhz:8.1f}" if core.median else "does not fit".rjust(14)
    per_multiplier = f"{cells['lut'] / multipliers:8.1f}{cells['register'] / multipliers:8.1f}"
    return f"{name:18}{core.pass_name.replace('_', '-'):16}{multipliers:>6}{counts}{per_multiplier}{clock}"


def main() -> None:
    layers = {path.stem: path for path in sorted(_LAYERS.glob("*.toml"))}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", metavar="LAYER", nargs="*", help="names from examples/layers; by default all")
    names = parser.parse_args().names or list(layers)
    if unknown := sorted(set(names) - set(layers)):
        parser.error(f"no such layers: {', '.join(unknown)}; there are {', '.join(layers)}")
    print(f"{_TARGET.device}; MHz: median of {_SEEDS} placements; LUT and FF also per multiplier")
    heads = "".join(f"{head:>8}" for head in ("LUT4", "carry", "FF", "DSP", "BRAM", "LUT/m", "FF/m", "MHz"))
    print(f"{'layer':18}{'pass':16}{'mult.':>6}{heads}")
    for name in names:
        layer = read_layer_file(layers[name]).layer
        for core in synthesize(layer, list(PASSES), _TARGET, _SEEDS):
            print(_row(name, layer.lanes.multipliers, core), flush=True)


if __name__ == "__main__":
    main()
