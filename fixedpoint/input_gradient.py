"""Input gradient in integers: each pixel sums w * dz over exactly the (tap, output) pairs that looked at it.

On one axis, kernel 3 at stride 2, the pairs of a pixel are the taps of its phase, and their number differs::

    pixel          0     1     2     3     4          no zero is inserted between outputs, and nothing is rotated:
    output 0    tap 0     1     2                     pixel 2 takes tap 2 of output 0 and tap 0 of output 1
    output 1                tap 0     1     2
"""

from functools import lru_cache
from math import prod
from typing import NamedTuple

import numpy as np

from convstream.fixedpoint.kernels.convolution import Convolution, Filters
from convstream.fixedpoint.kernels.convolve import convolve
from convstream.fixedpoint.kernels.layout.phases import gradient_phases
from convstream.fixedpoint.kernels.runtime.jit import compiled
from convstream.fixedpoint.layer import Layer
from convstream.fixedpoint.operands import Operand, operand
from convstream.fixedpoint.requantize import EXACT, NO_DRAWS, result_rule, rule_draws
from convstream.reference.geometry import Axis


class Sources(NamedTuple):
    """The (tap, output) pairs of all pixels of an axis, end to end; pixel p has those of start[p] to start[p+1]."""

    start: np.ndarray
    taps: np.ndarray
    outputs: np.ndarray


def axis_sources(axis: Axis) -> Sources:
    """`Axis.sources` of every pixel, as arrays that compiled code can walk."""
    pairs = [axis.sources(pixel) for pixel in range(axis.size)]
    start = np.cumsum([0] + [len(of_pixel) for of_pixel in pairs], dtype=np.int64)
    flat = np.array([pair for of_pixel in pairs for pair in of_pixel], np.int64).reshape(-1, 2)
    return Sources(start, flat[:, 0].copy(), flat[:, 1].copy())


def input_gradient(w: np.ndarray, dz: np.ndarray, layer: Layer, first_beat: int = 0) -> np.ndarray:
    """Gradient of the cost with respect to x, rounded to the input gradient's format.

    Pixels that no output looked at get zero.

    Parameters
    ----------
    w : integers (K,C,F,F);  dz : integers (N,K,OH,OW); each in its own format of `layer`.
    first_beat : beats of dx since reset that came before; only stochastic rounding depends on it.

    Returns
    -------
    ndarray (N,C,H,W) of the input gradient format's dtype.

    Raises
    ------
    ValueError
        An operand is not of integers, of the wrong shape, or out of its format's range.
    """
    return convolve(gradient_convolution(layer), dz, w, None, rule_draws("dx", layer, first_beat))


def input_gradient_accumulate(w: np.ndarray, dz: np.ndarray, layer: Layer) -> np.ndarray:
    """Exact accumulators of dx before rounding: int64 (N,C,H,W) of format ``layer.accumulators["dx"]``."""
    return convolve(gradient_convolution(layer, exact=True), dz, w, None, NO_DRAWS)


@lru_cache
def gradient_convolution(layer: Layer, *, exact: bool = False) -> Convolution:
    """The input gradient apart from its words; `exact`: with the sums themselves for results."""
    geometry, formats = layer.geometry, layer.formats
    rows, columns = geometry.rows, geometry.columns
    taps = rows.kernel * columns.kernel
    return Convolution(
        Operand("dz", layer), Operand("w", layer), None,
        geometry.batch, geometry.out_channels, gradient_phases(rows), gradient_phases(columns),
        Filters(geometry.in_channels, taps, geometry.in_channels * taps, columns.kernel), prod(geometry.w_shape),
        (formats.output_gradient.width, formats.weights.width, layer.accumulator("dx").width), 0,
        EXACT if exact else result_rule("dx", layer),
    )  # fmt: skip


def input_gradient_definition(w: np.ndarray, dz: np.ndarray, layer: Layer) -> np.ndarray:
    """The same as `input_gradient_accumulate`, by the formula: what everything faster is tested against."""
    w, dz = operand("w", w, layer).astype(np.int32), operand("dz", dz, layer).astype(np.int32)
    dx = np.empty(layer.geometry.x_shape, np.int64)
    _accumulate(w, dz, axis_sources(layer.geometry.rows), axis_sources(layer.geometry.columns), dx)
    return dx


@compiled
def _accumulate(w, dz, rows, columns, dx):
    images, in_channels, height, width = dx.shape
    out_channels = w.shape[0]
    for n in range(images):
        for c in range(in_channels):
            for y in range(height):
                for u in range(width):
                    total = np.int64(0)
                    for k in range(out_channels):
                        for row in range(rows.start[y], rows.start[y + 1]):
                            r, i = rows.taps[row], rows.outputs[row]
                            for column in range(columns.start[u], columns.start[u + 1]):
                                s, j = columns.taps[column], columns.outputs[column]
                                total += np.int64(w[k, c, r, s]) * np.int64(dz[n, k, i, j])
                    dx[n, c, y, u] = total
