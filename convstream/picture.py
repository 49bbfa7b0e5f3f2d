"""A picture of a layer at work, forward and backward: what goes in, and what comes out in float and in hardware."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.image import AxesImage

from convstream.figure import INK, figure_file
from convstream.fixedpoint.layer import Layer
from convstream.fixedpoint.quantize import dequantize
from convstream.sim.errors import one_line
from convstream.sim.tensors.filters import NAMES
from convstream.sim.tensors.pictures import mosaic, mosaic_shape

_FILTERS = 5
_CHANNELS = 3
_TILE = (4, 4)


class Column(NamedTuple):
    """One picture thrice: as the reference has it, as the core has it, and the difference in units of last place.

    The first two are float64 (images, rows, columns).
    """

    title: str
    exact: np.ndarray
    hardware: np.ndarray
    step: float


def draw(
    path: Path, name: str, layer: Layer, words: dict[str, np.ndarray], floats: dict[str, np.ndarray],
    cores: dict[str, np.ndarray], *, named: bool,
) -> None:  # fmt: skip
    """Write a picture: what goes in, and of what comes out the float result, the hardware's and their difference.

    Parameters
    ----------
    words : the operands x (N,C,H,W) and, where there are gradients, dz (N,K,OH,OW), in their formats.
    floats : the reference's z, dx, dw and db, float64;  cores : those that the simulated cores gave, words.
        The images of a batch are laid out as a mosaic: of a photograph, they are its tiles.
    named : whether the first filters are those of `sim.tensors.filters`.
    """
    titles = [NAMES[k] if named and k < len(NAMES) else f"filter {k}" for k in range(layer.geometry.out_channels)]
    forward = [_column(layer, "z", f"z: {titles[k]}", floats, cores, k) for k in range(min(_FILTERS, len(titles)))]
    coloured = named and layer.geometry.in_channels == _CHANNELS
    channels = ("red", "green", "blue") if coloured else [f"channel {c}" for c in range(_CHANNELS)]
    gradients = {
        "dx": [(f"dx: {channels[c]}", c) for c in range(min(_CHANNELS, layer.geometry.in_channels))],
        "dw": [("dw: all kernels", None)],
        "db": [("db: all filters", None)],
    }
    backward = [_column(layer, tensor, title, floats, cores, channel)
                for tensor, columns in gradients.items() if tensor in cores for title, channel in columns]  # fmt: skip
    rows = 2 if backward else 1
    with figure_file(path, (13, 6 * rows), dpi=110, font_size=9, axes_titlesize=9) as figure:
        figure.suptitle(one_line(_title(name, layer)), fontsize=12, parse_math=False)
        panels = figure.subfigures(rows, 2, width_ratios=(1, 1.75), squeeze=False)
        _show_input(panels[0, 0].subplots(), layer, words["x"])
        _show_columns(panels[0, 1], forward)
        if backward:
            gradient = panels[1, 0].subplots()
            gradient.set_title(f"gradient of the cost at the output, dz: {titles[0]}")
            dz = dequantize(words["dz"][:, 0], layer.formats.output_gradient)
            _show(gradient, dz, "gray", _limits(dz))
            _show_columns(panels[1, 1], backward)


def _column(
    layer: Layer, tensor: str, title: str, floats: dict[str, np.ndarray], cores: dict[str, np.ndarray],
    channel: int | None = None,
) -> Column:  # fmt: skip
    """One channel of all images, or all kernels of a weight gradient, or all values of a bias gradient as tiles."""
    form = layer.formats.of(tensor)
    both = [floats[tensor], dequantize(cores[tensor], form)]
    if channel is not None:
        both = [images[:, channel] for images in both]
    elif tensor == "dw":
        both = [kernels.reshape(-1, *kernels.shape[2:]) for kernels in both]
    else:
        both = [np.broadcast_to(values[:, None, None], (len(values), *_TILE)) for values in both]
    return Column(title, *both, form.step)


def _show_columns(panel: SubFigure, columns: list[Column]) -> None:
    differences = [(column.hardware - column.exact) / column.step for column in columns]
    bound = 0.5 if max(np.abs(difference).max() for difference in differences) <= 0.5 else 1.0
    axes = panel.subplots(3, len(columns), squeeze=False)
    for (first, second, third), column, difference in zip(axes.T, columns, differences, strict=True):
        first.set_title(column.title)
        limits = _limits(column.exact)
        _show(first, column.exact, "gray", limits)
        _show(second, column.hardware, "gray", limits)
        shown = _show(third, difference, "RdBu_r", (-bound, bound))
    for axis, label in zip(axes[:, 0], ("float64", "simulated hardware", "difference"), strict=True):
        axis.set_ylabel(label, color=INK)
    bar = panel.colorbar(shown, ax=axes, location="bottom", aspect=60, pad=0.02)
    steps = ", ".join(dict.fromkeys(f"{column.title.split(':')[0]} {column.step:g}" for column in columns))
    bar.set_label(f"hardware minus float, in units of the last place ({steps})", color=INK)
    bar.outline.set_visible(False)


def _title(name: str, layer: Layer) -> str:
    geometry = layer.geometry
    size = f"{geometry.rows.kernel} x {geometry.columns.kernel}"
    channels = "1 channel" if geometry.in_channels == 1 else f"{geometry.in_channels} channels"
    return f"{name}: {channels} into {geometry.out_channels} filters of {size}"


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
