"""Forward cores beside those of NNgen and FINN: the same layers, the same Yosys and nextpnr, one seed.

    python benchmarks/hardware.py            (make benchmark-hardware sets up what it compares with)

*Useful* is the share of multiplier cycles in which a multiplier multiplies a weight with a pixel that is not padding;
MAC are such products; kLUT4 are 1000.  Rates are those of images back to back: one a period.

convstream   cycles: of the first image, first beat in to last beat out; period: to the next image.  Everything is in:
             streams, memories, rounding.  Weights are loaded.
NNgen        cycles: of one image, start to done; it does one after the other.  Everything is in: its DMA on a bus of
             32 bits to a memory with the delays of its own test benches, which brings the weights too, and rounding.
             Its core puts out the same bits as convstream's, or nothing is reported.
FINN         can not be installed with pip: its RTL window generator and multiply unit were simulated and routed once,
             by the same programs for the same device.  Sums leave as they are: no rounding, no streams around them.

Cells are those of the core alone, by Yosys; it is placed and routed with a shift register at every port.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from hardware_measure import TARGET, Core, Silicon, simulate_convstream, simulate_nngen, synthesize
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

from convstream.console import counting
from convstream.fixedpoint.layer import Lanes, Layer
from convstream.layer_file import read_layer_file

_LAYERS = Path(__file__).parents[1] / "examples" / "layers"
_PICTURE = Path(__file__).with_suffix(".png")


@dataclass(frozen=True)
class Quoted:
    """What FINN took: multipliers, cycles of a frame, and where it was routed its cells and clock rate."""

    folding: str
    multipliers: int
    period: int
    silicon: Silicon


@dataclass(frozen=True)
class Contest:
    """A layer and who takes part: par_ich and par_och of NNgen, which has a multiplier for every tap; lanes of ours.

    All are simulated and synthesized; those with as many multipliers as `placed` says are placed and routed, too.
    (NNgen's cores with 144 multipliers fill 152 of the device's 156: each placement step takes nextpnr minutes.)
    """

    name: str
    title: str
    nngen: tuple[tuple[int, int], ...]
    finn: tuple[Quoted, ...]
    lanes: tuple[Lanes, ...]
    placed: tuple[int, ...]


def _finn(folding: str, multipliers: int, period: int, clock_mhz: float = 0, *cells: int) -> Quoted:
    kinds = dict(zip(("lut", "register", "dsp", "block_ram"), cells, strict=False))
    return Quoted(folding, multipliers, period, Silicon(kinds, clock_mhz or None))


#: Lanes: as many multipliers as each of the others has.
CONTESTS = (
    Contest(
        "photograph_3x3", "3 -> 16, 32 x 32, 3 x 3", ((1, 1), (1, 4), (4, 4)),
        (_finn("SIMD 3, PE 4", 12, 36887), _finn("SIMD 3, PE 16", 48, 9280, 56.8, 3527, 4307, 72, 1),
         _finn("window 27 x 4", 108, 4161)),
        (Lanes(3, 1, 3), Lanes(3, 4, 1), Lanes(3, 4, 3), Lanes(3, 16, 1), Lanes(3, 4, 9), Lanes(3, 16, 3)),
        (9, 48),
    ),
    Contest(
        "middle_3x3", "16 -> 16, 16 x 16, 3 x 3", ((1, 1), (1, 4), (4, 4)),
        (_finn("SIMD 4, PE 4", 16, 36864), _finn("SIMD 16, PE 4", 64, 9216, 72.6, 8222, 5002, 96, 0),
         _finn("window 144 x 1", 144, 4105)),
        (Lanes(1, 1, 9), Lanes(4, 4, 1), Lanes(4, 1, 9), Lanes(16, 4, 1), Lanes(16, 1, 9)),
        (9, 64),
    ),
    Contest(
        "down_3x3_s2", "16 -> 32, 16 x 16, 3 x 3 s2", ((1, 1), (4, 4)),
        (_finn("SIMD 16, PE 4", 64, 4608), _finn("SIMD 16, PE 8", 128, 2304), _finn("SIMD 16, PE 32", 512, 609)),
        (Lanes(1, 1, 9), Lanes(16, 4, 1), Lanes(16, 8, 1), Lanes(16, 1, 9), Lanes(16, 32, 1)),
        (9, 64),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Design:
    """One way to compute a layer; `cycles` and clock rate are None and `cells` empty where nobody measured them."""

    tool: str
    choice: str
    multipliers: int
    products: int  # of an image, without padding
    cycles: int | None
    period: float
    cells: dict[str, int]
    clock_mhz: float | None

    @property
    def useful(self) -> float:
        return self.products / self.period / self.multipliers

    def per_second(self, kind: str, many: int = 1) -> float | None:
        """Millions of useful products a second, for so many cells of a kind."""
        if not self.clock_mhz:
            return None
        return self.products / self.period * self.clock_mhz / self.cells[kind] * many


#: Columns in which less is better, and more.
_COSTS = {
    "cycles": lambda design: design.cycles,
    "LUT4": lambda design: design.cells.get("lut"),
    "FF": lambda design: design.cells.get("register"),
    "MULT18": lambda design: design.cells.get("dsp"),
    "DP16KD": lambda design: design.cells.get("block_ram"),
}
_GAINS = {
    "useful": lambda design: design.useful,
    "MHz": lambda design: design.clock_mhz,
    "/MULT18": lambda design: design.per_second("dsp"),
    "/kLUT4": lambda design: design.per_second("lut", 1000),
}


def measure() -> dict[str, list[Design]]:
    """All designs by the title of their layer: first simulated, then synthesized."""
    found: list[tuple[Contest, Layer, str, str, int, Core]] = []
    for contest in CONTESTS:
        layer = read_layer_file(_LAYERS / f"{contest.name}.toml").layer
        for par_ich, par_och in contest.nngen:
            multipliers = par_ich * par_och * layer.geometry.rows.kernel * layer.geometry.columns.kernel
            choice = f"ich {par_ich}, och {par_och}"
            found.append((contest, layer, "NNgen", choice, multipliers, simulate_nngen(layer, par_ich, par_och)))
            _tell(found)
        for lanes in contest.lanes:
            choice = f"{lanes.in_lanes} x {lanes.out_lanes} x {lanes.kernel_lanes}"
            core = simulate_convstream(layer, lanes)
            found.append((contest, layer, "convstream", choice, lanes.multipliers, core))
            _tell(found)
    placed = [multipliers in contest.placed for contest, *_, multipliers, _ in found]
    with counting("synthesizing", len(found)) as advance:
        silicon = synthesize([core for *_, core in found], placed, advance)
    designs = {contest.title: list(_quoted(contest)) for contest in CONTESTS}
    for (contest, layer, tool, choice, multipliers, core), made in zip(found, silicon, strict=True):
        products = layer.geometry.multiplications // layer.geometry.batch
        of_core = core.cycles, core.period, made.cells, made.clock_mhz
        designs[contest.title].append(Design(tool, choice, multipliers, products, *of_core))
    return designs


def _tell(found: Sequence[tuple]) -> None:
    contest, _, tool, choice, _, core = found[-1]
    print(f"{contest.title}: {tool}, {choice}: {core.cycles:,} cycles simulated", file=sys.stderr, flush=True)


def _quoted(contest: Contest) -> Iterator[Design]:
    geometry = read_layer_file(_LAYERS / f"{contest.name}.toml").layer.geometry
    for finn in contest.finn:
        products = geometry.multiplications // geometry.batch
        of_core = None, finn.period, finn.silicon.cells, finn.silicon.clock_mhz
        yield Design("FINN", finn.folding, finn.multipliers, products, *of_core)


def print_table(title: str, designs: Sequence[Design]) -> None:
    products = designs[0].products
    print(f"\n{title}: {products:,} products an image")
    print(f"{'':26}{'mult.':>5}{'cycles':>8}{'period':>8}{'useful':>8}{'LUT4':>8}{'carry':>7}{'FF':>8}{'MULT18':>8}"
          f"{'DP16KD':>8}{'MHz':>7}   MMAC/s per")  # fmt: skip
    print(f"{'':101}{'MULT18':>8}{'kLUT4':>7}")
    for design in designs:
        cells = design.cells
        print(
            f"{design.tool:11}{design.choice:15}{design.multipliers:5}{_number(design.cycles, 8)}"
            f"{_number(design.period, 8)}{design.useful:8.1%}{_number(cells.get('lut'), 8)}"
            f"{_number(cells.get('carry'), 7)}{_number(cells.get('register'), 8)}{_number(cells.get('dsp'), 8)}"
            f"{_number(cells.get('block_ram'), 8)}{_number(design.clock_mhz, 7, 1)}"
            f"{_number(design.per_second('dsp'), 8, 1)}{_number(design.per_second('lut', 1000), 7)}".rstrip()
        )


def _number(value: float | None, width: int, digits: int = 0) -> str:
    return " " * width if value is None else f"{value:{width},.{digits}f}"


def print_ratios(designs: dict[str, list[Design]]) -> None:
    """How far ahead convstream is of the others, with the same number of multipliers."""
    print("\nahead of NNgen with as many multipliers, by a factor of (below 1: behind)")
    print(f"{'':28}{'mult.':>6}" + "".join(f"{name:>9}" for name in (*_COSTS, *_GAINS)))
    for title, ours, theirs in _pairs(designs, "NNgen"):
        costs = [_ratio(cost(theirs), cost(ours)) for cost in _COSTS.values()]
        gains = [_ratio(gain(ours), gain(theirs)) for gain in _GAINS.values()]
        print(f"{title:28}{ours.multipliers:6}{''.join(costs + gains)}")
    print("\nahead of FINN with as many multipliers, by a factor of")
    print(f"{'':28}{'mult.':>6}{'period':>9}{'/MULT18':>9}")
    for title, ours, theirs in _pairs(designs, "FINN"):
        rates = [design.per_second("dsp") for design in (ours, theirs)]
        ratios = _ratio(theirs.period, ours.period) + _ratio(*rates)
        print(f"{title:28}{ours.multipliers:6}{ratios}")
    routed = [design for of_layer in designs.values() for design in of_layer if design.clock_mhz]
    lowest = min((design for design in routed if design.tool == "convstream"), key=_rate)
    best = max((design for design in routed if design.tool != "convstream"), key=_rate)
    print(f"\nMMAC/s per MULT18: lowest of convstream {_rate(lowest):.1f}; best of the others {_rate(best):.1f}, "
          f"by {best.tool}: {_rate(lowest) / _rate(best):.2f}x")  # fmt: skip


def _pairs(designs: dict[str, list[Design]], tool: str) -> Iterator[tuple[str, Design, Design]]:
    for title, of_layer in designs.items():
        ours = {design.multipliers: design for design in of_layer if design.tool == "convstream"}
        for theirs in of_layer:
            if theirs.tool == tool:
                yield title, ours[theirs.multipliers], theirs


def _ratio(better: float | None, worse: float | None) -> str:
    if better is None or worse is None:
        return " " * 9
    return f"{better / worse:8.2f}x" if worse else f"{'none':>9}"


def _rate(design: Design) -> float:
    return design.per_second("dsp")


_COLOURS = {"convstream": "#0b6e99", "NNgen": "#c8553d", "FINN": "#8a8a8a"}
_ROWS = {
    "useful multiplier cycles, per cent": lambda design: 100 * design.useful,
    "MMAC/s per DSP multiplier": lambda design: design.per_second("dsp"),
    "LUT4": lambda design: design.cells.get("lut"),
}


def draw(designs: dict[str, list[Design]], path: Path) -> None:
    """Write a PNG: a column for each layer, over the number of multipliers."""
    with mpl.rc_context({"font.size": 9, "font.family": "DejaVu Sans", "axes.titlesize": 10}):
        figure = Figure(figsize=(11, 7.5), layout="constrained", facecolor="white")
        grid = figure.subplots(len(_ROWS), len(designs), sharey="row", sharex="col", squeeze=False)
        for column, (title, of_layer) in zip(grid.T, designs.items(), strict=True):
            column[0].set_title(title)
            column[-1].set_xlabel("multipliers")
            for axes, quantity in zip(column, _ROWS.values(), strict=True):
                _draw_tools(axes, of_layer, quantity)
        for axes, label in zip(grid[:, 0], _ROWS, strict=True):
            axes.set_ylabel(label)
        for axes in grid[:-1, 0]:
            axes.set_ylim(0)
        grid[-1, 0].set_yscale("log")
        grid[0, 0].legend(frameon=False, loc="lower left")
        figure.suptitle(f"One image after another, 8 bits, on {TARGET.device} by Yosys and nextpnr")
        figure.savefig(path, format="png", dpi=100, metadata={"Software": None})


def _draw_tools(axes: Axes, designs: Sequence[Design], quantity) -> None:
    for tool, colour in _COLOURS.items():
        points = sorted((design.multipliers, quantity(design)) for design in designs
                        if design.tool == tool and quantity(design) is not None)  # fmt: skip
        if points:
            axes.plot(*zip(*points, strict=True), "o-", color=colour, label=tool)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator([9, 16, 36, 64, 144, 512]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.grid(color="#e4e4e4")
    axes.spines[["top", "right"]].set_visible(False)


def main() -> None:
    designs = measure()
    for title, of_layer in designs.items():
        print_table(title, of_layer)
    print_ratios(designs)
    draw(designs, _PICTURE)


if __name__ == "__main__":
    main()
