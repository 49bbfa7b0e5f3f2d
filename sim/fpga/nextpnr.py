"""nextpnr: a mapped core placed and routed on a device, and the clock rate that this gives."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convstream.sim.errors import CheckFailed
from convstream.sim.fpga import yowasp
from convstream.sim.fpga.targets import Router
from convstream.sim.fpga.yosys import Netlist
from convstream.sim.jobs.cache import kept_folder
from convstream.sim.jobs.parallel import Processors

_LOG, _REPORT = "nextpnr.log", "report.json"
_SECONDS = 6 * 3600
_USED_CELLS = re.compile(r"^Info:\s+(\w+):\s+(\d+)/\s*(\d+)\s+\d+%$", re.MULTILINE)


@dataclass(frozen=True)
class Step:
    """A part of a path: through a cell (`kind` says how) or along a net (`routing`), and the pin where it ends."""

    kind: str
    delay_ns: float
    pin: str


@dataclass(frozen=True)
class Routed:
    """One placement: its clock rate and the path that limits it, from the output of a register to the next one."""

    seed: int
    clock_mhz: float
    path: tuple[Step, ...]
    log: Path

    @property
    def logic_ns(self) -> float:
        return sum(step.delay_ns for step in self.path if step.kind != "routing")

    @property
    def routing_ns(self) -> float:
        return sum(step.delay_ns for step in self.path if step.kind == "routing")


@dataclass(frozen=True)
class Misfit:
    """The device has too few cells of one type."""

    cell: str
    needed: int
    available: int
    log: Path


async def place_and_route(
    processors: Processors, netlist: Netlist, router: Router, seed: int, version: str, root: Path
) -> Routed | Misfit:
    """Place and route a netlist; from a folder below `root` if it was done before.

    Raises
    ------
    CheckFailed
        nextpnr failed, though the device has cells enough.
    """
    arguments = [*router.options, "--seed", str(seed), "--timing-allow-fail", "--report", _REPORT, "--log", _LOG, "-q"]

    async def fill(folder: Path) -> None:
        file = Path("..", *netlist.file.relative_to(root).parts)
        command = [*yowasp.command(router.program), "--json", str(file), *arguments]
        printed = folder / "nextpnr.output"
        failed = await processors.run(command, folder, yowasp.environment(folder), printed, _SECONDS)
        if failed and _misfit(folder) is None:
            raise CheckFailed(f"{router.program} failed: {yowasp.quote_error(folder / _LOG)} (log: {folder / _LOG})")

    ingredients = (version, netlist.file.parent.name, *arguments)
    folder = await kept_folder(root, f"{netlist.file.parent.name}-seed{seed}", ingredients, fill)
    return _misfit(folder) or _read_report(folder, seed)


def _misfit(folder: Path) -> Misfit | None:
    log = folder / _LOG
    for cell, needed, available in _USED_CELLS.findall(log.read_text(errors="replace")):
        if int(needed) > int(available):
            return Misfit(cell, int(needed), int(available), log)
    return None


def _read_report(folder: Path, seed: int) -> Routed:
    report = json.loads((folder / _REPORT).read_text())
    clock_mhz = min(clock["achieved"] for clock in report["fmax"].values())
    inside = next(path for path in report["critical_paths"] if path["from"] == path["to"])
    return Routed(seed, clock_mhz, tuple(_step(part) for part in inside["path"]), folder / _LOG)


def _step(part: dict[str, Any]) -> Step:
    return Step(part["type"], part["delay"], f"{part['to']['cell']}.{part['to']['port']}")
