"""A picture of a layer at work: its input, and what some filters make of it in float and in hardware."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from fixedpoint.layer import Layer
from fixedpoint.quantize import dequantize
from sim.errors import one_line
from sim.filters import NAMES
from sim.pictures import mosaic, mosaic_shape

_FILTERS = 5
_INK = "#222222"


def draw(
    path: Path, name: str, layer: Layer, x: np.ndarray, z_float: np.ndarray, z_hardware: np.ndarray, *, named: bool
) -> None:
    """Write a PNG: the input, and for the first filters the float result, the hardware's and their difference.

    Parameters
    ----------
    x, z_hardware : words (N,C,H,W) and (N,K,OH,OW);  z_float : float64 (N,K,OH,OW).
        The images of the batch are laid out as a mosaic: of a photograph, they are its tiles.
    named : whether the first filters are those of `sim.filters`.
    """
    form = layer.formats.output
    hardware = dequantize(z_hardware, form)
    difference = (hardware - z_float) / form.step
    bound = 0.5 if np.abs(difference).max() <= 0.5 else 1.0
    count = min(_FILTERS, layer.geometry.out_channels)
    with mpl.rc_context({"font.size": 9, "text.color": _INK, "axes.titlesize": 9, "font.family": "DejaVu Sans"}):
        figure = Figure(figsize=(13, 6), layout="constrained", facecolor="white")
        figure.suptitle(one_line(_title(name, layer)), fontsize=12, parse_math=False)
        left, right = figure.subfigures(1, 2, width_ratios=(1, 1.75))
        _show_input(left.subplots(), layer, x)
        axes = right.subplots(3, count, squeeze=False)
        for k in range(count):
            column = axes[:, k]
            column[0].set_title(NAMES[k] if named and k < len(NAMES) else f"filter {k}")
            limits = _limits(z_float[:, k])
            _show(column[0], z_float[:, k], "gray", limits)
            _show(column[1], hardware[:, k], "gray", limits)
            shown = _show(column[2], difference[:, k], "RdBu_r", (-bound, bound))
        for axis, label in zip(axes[:, 0], ("float64", "simulated hardware", "difference"), strict=True):
            axis.set_ylabel(label, color=_INK)
        bar = right.colorbar(shown, ax=axes, location="bottom", aspect=60, pad=0.02)
        bar.set_label(f"hardware minus float, in units of the last place ({form.step:g})", color=_INK)
        bar.outline.set_visible(False)
        figure.savefig(path, format="png", dpi=120, metadata={"Software": None})


def _title(name: str, layer: Layer) -> str:
    geometry = layer.geometry
    size = f"{geometry.rows.kernel} x {geometry.columns.kernel}"
    return f"{name}: {geometry.in_channels} channels into {geometry.out_channels} filters of {size}"


def _show_input(axes: Axes, layer: Layer, x: np.ndarray) -> None:
    form, geometry = layer.formats.input, layer.geometry
    levels = (x.transpose(0, 2, 3, 1) - float(form.lowest)) / (form.highest - form.lowest)
    colour = geometry.in_channels == 3
    axes.set_title(f"input: {geometry.batch} images of {geometry.rows.size} x {geometry.columns.size}, "
                   + ("red, green and blue" if colour else f"channel 0 of {geometry.in_channels}"))  # fmt: skip
    _show(axes, levels if colour else levels[..., 0], "gray", (0, 1))


def _show(axes: Axes, images: np.ndarray, colours: str, limits: tuple[float, float]) -> AxesImage:
    """Images (N,H,W) or, in colour, (N,H,W,3), side by side with a white line between them."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    rows, columns = mosaic_shape(len(images))
    margins = [(0, rows * columns - len(images)), (0, 1), (0, 1), (0, 0)]
    white = 1.0 if images.ndim == 4 else np.nan  # where there is no number, nothing is drawn
    framed = np.pad(images, margins[: images.ndim], constant_values=white)
    return axes.imshow(mosaic(framed)[:-1, :-1], cmap=colours, vmin=limits[0], vmax=limits[1])


def _limits(images: np.ndarray) -> tuple[float, float]:
    """Black and white: one value in a hundred is beyond either."""
    low, high = np.percentile(images, (1, 99))
    return float(low), float(max(high, low + 1e-9))
