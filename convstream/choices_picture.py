"""A picture of all choices of lanes: what they cost, what they reach, and those that no other one beats."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, PercentFormatter

from convstream.figure import INK, figure_file
from convstream.sim.errors import one_line
from convstream.sim.explore.exploration import Candidate, Rules

_FAINT, _SET, _RULE = "#bbbbbb", "#0b5fa5", "#c0392b"

#: From pale to dark: no useful cycle to all of them.
_USEFUL = "YlGnBu"

#: Between two points that are labelled, at the resolution at which figures are laid out.
_LABEL_PIXELS = 24


def draw_choices(
    path: Path, title: str, found: Sequence[Candidate], best: Sequence[Candidate], recommended: Candidate | None,
    rules: Rules,
) -> None:  # fmt: skip
    """Write a picture of multipliers and cycles of all candidates, both axes logarithmic, the useful share as colour.

    Parameters
    ----------
    best : those to be connected, the fewest multipliers first.
    """
    with figure_file(path, (10, 6), dpi=120, axes_edgecolor=_FAINT) as figure:
        axes = figure.subplots()
        axes.set_title(one_line(title), loc="left", parse_math=False)
        axes.set_xscale("log")
        axes.set_yscale("log")
        _scatter(axes, found, best, recommended)
        _label(axes, best)
        _draw_rules(axes, rules, found[0].dsps / found[0].choice.multipliers)
        _name_axes(axes, rules)
        axes.legend(frameon=False, loc="lower left")


def _scatter(axes: Axes, found: Sequence[Candidate], best: Sequence[Candidate], recommended: Candidate | None) -> None:
    useful = [candidate.choice.useful for candidate in found]
    points = axes.scatter(*_points(found), s=26, c=useful, cmap=_USEFUL, vmin=0, vmax=1, linewidths=0, zorder=3,
                          label=f"all {len(found):,} choices")  # fmt: skip
    axes.figure.colorbar(points, ax=axes, pad=0.01, fraction=0.04, format=PercentFormatter(1),
                         label="useful: share of the multipliers' cycles")  # fmt: skip
    if best:
        axes.plot(*_points(best), color=_SET, lw=1, marker="o", ms=8, fillstyle="none",
                  label=f"no other beats these {len(best):,}")  # fmt: skip
    if recommended:
        axes.scatter(*_points([recommended]), s=260, marker="*", color=_RULE, zorder=4, label="recommended")


def _label(axes: Axes, best: Sequence[Candidate]) -> None:
    """Lanes beside the points, but for those that are too near to the last one that has them."""
    axes.autoscale_view()  # or it is not known yet where on the page a point is
    last = None
    for candidate, point in zip(best, zip(*_points(best), strict=True), strict=True):
        place = axes.transData.transform(point)
        if last is not None and np.hypot(*(place - last)) < _LABEL_PIXELS:
            continue
        last, text = place, "·".join(map(str, vars(candidate.choice.lanes).values()))
        axes.annotate(text, point, (7, 5), textcoords="offset points", fontsize=8, color=_SET)


def _draw_rules(axes: Axes, rules: Rules, dsps_per_multiplier: float) -> None:
    """The budget, which counts DSP multipliers, and the rate that is wanted."""
    if rules.budget_dsps is not None and dsps_per_multiplier:
        axes.axvline(rules.budget_dsps / dsps_per_multiplier, color=_RULE, lw=1, ls="--",
                     label=f"budget: {rules.budget_dsps:,} DSP multipliers")  # fmt: skip
    if rules.target_fps is not None and rules.clock_mhz is not None:
        axes.axhline(rules.clock_mhz * 1e6 / rules.target_fps, color=_RULE, lw=1, ls=":",
                     label=f"target: {rules.target_fps:,.12g} images/s at {rules.clock_mhz:g} MHz")  # fmt: skip


def _name_axes(axes: Axes, rules: Rules) -> None:
    axes.set_xlabel("multipliers", color=INK)
    axes.set_ylabel("cycles of an image", color=INK)
    plain = FuncFormatter(lambda value, _: f"{value:,.12g}")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(plain)
        axis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_locator(LogLocator(base=4, numticks=12))
    axes.grid(which="major", color="#eeeeee", lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.text(1, 1.01, "labels: in·out·kernel lanes", transform=axes.transAxes, ha="right", fontsize=8, color=_SET)
    if rules.clock_mhz is not None:
        convert = partial(_divide, rules.clock_mhz * 1e6)
        rate = axes.secondary_yaxis("right", functions=(convert, convert))
        rate.set_ylabel(f"images/s at {rules.clock_mhz:g} MHz", color=INK)
        rate.yaxis.set_major_formatter(plain)


def _points(candidates: Sequence[Candidate]) -> tuple[list[int], list[float]]:
    choices = [candidate.choice for candidate in candidates]
    return [choice.multipliers for choice in choices], [float(choice.cycles) for choice in choices]


def _divide(dividend: float, divisors: np.ndarray) -> np.ndarray:
    """Cycles of an image to images a second, and back; matplotlib tries it with zeros."""
    with np.errstate(divide="ignore"):
        return dividend / np.asarray(divisors, dtype=float)
