"""Synthesis of cores: cells by Yosys, clock rate by nextpnr, several placements of each side by side."""

import asyncio
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from convstream.fixedpoint.layer import Layer
from convstream.hdl.convert import convert
from convstream.hdl.passes import PASSES
from convstream.sim.fpga import nextpnr, yosys, yowasp
from convstream.sim.fpga.nextpnr import Misfit, Routed
from convstream.sim.fpga.pin_wrapper import WRAPPER, pin_wrapper
from convstream.sim.fpga.targets import Target
from convstream.sim.jobs.parallel import Processors


@dataclass(frozen=True)
class Synthesis:
    """What one core takes on a target, and how fast it runs there.

    Attributes
    ----------
    cells : number of cells of the core, by type; its wrapper's are not in it.
    routed : one placement a seed; none if there was none to make, or the core does not fit.
    misfit : why it does not fit.
    log : of Yosys.
    """

    pass_name: str
    cells: dict[str, int]
    routed: tuple[Routed, ...]
    misfit: Misfit | None
    log: Path

    @property
    def median(self) -> Routed | None:
        """The placement with the median clock rate, the slower of two in the middle."""
        if not self.routed:
            return None
        middle = statistics.median_low(placement.clock_mhz for placement in self.routed)
        return next(placement for placement in self.routed if placement.clock_mhz == middle)


def synthesize(
    layer: Layer, pass_names: Sequence[str], target: Target, seeds: int, build_root: Path = Path("build"),
    processors: int | None = None,
) -> list[Synthesis]:  # fmt: skip
    """Synthesize the cores of some passes; with what was done before taken from `build_root`.

    Parameters
    ----------
    pass_names : keys of `PASSES`.
    seeds : how many placements of each core, of which the clock rate is the median; 0 counts cells only.
    build_root : receives a folder ``synth`` with all logs and netlists.
    processors : how many programs may run at once; by default as many as there are processors.

    Raises
    ------
    BadInput
        A program is not installed.
    CheckFailed
        A program failed, or it found a fault in a core.
    """
    root = build_root.resolve() / "synth"
    root.mkdir(parents=True, exist_ok=True)
    return asyncio.run(_synthesize(layer, pass_names, target, range(1, seeds + 1), root, processors))


async def _synthesize(
    layer: Layer, pass_names: Sequence[str], target: Target, seeds: Sequence[int], root: Path, count: int | None
) -> list[Synthesis]:
    processors, router = Processors(count), target.router if seeds else None
    programs = [yosys.PROGRAM, router.program] if router else [yosys.PROGRAM]
    with tempfile.TemporaryDirectory(dir=root, prefix=".") as scratch:
        versions = await yowasp.prepare(processors, programs, Path(scratch))
        verilog = {name: convert(layer, name, Path(scratch)).read_text() for name in pass_names}

    async def core(name: str) -> Synthesis:
        module = PASSES[name].module
        top, wrapper = (WRAPPER, pin_wrapper(layer, name)) if target.router else (module, "")
        netlist = await yosys.map_to_cells(processors, verilog[name] + wrapper, module, top, target, versions[0], root)

        async def placement(seed: int) -> Routed | Misfit:
            return await nextpnr.place_and_route(processors, netlist, router, seed, versions[1], root)

        placements = await asyncio.gather(*(placement(seed) for seed in seeds)) if router else []
        misfit = next((placement for placement in placements if isinstance(placement, Misfit)), None)
        return Synthesis(name, netlist.cells, () if misfit else tuple(placements), misfit, netlist.log)

    return list(await asyncio.gather(*(core(name) for name in pass_names)))
