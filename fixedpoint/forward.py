"""Forward pass in integers: z[n,k,i,j] = b[k] + sum over c,r,s of w[k,c,r,s] * x[n,c, iS+r-P, jS+s-P]."""

from functools import lru_cache
from math import prod

import numpy as np

from convstream.fixedpoint.kernels.convolution import Convolution, Filters
from convstream.fixedpoint.kernels.convolve import convolve
from convstream.fixedpoint.kernels.layout.phases import forward_phases
from convstream.fixedpoint.kernels.runtime.jit import compiled
from convstream.fixedpoint.layer import Layer
from convstream.fixedpoint.operands import Operand, operand
from convstream.fixedpoint.requantize import EXACT, NO_DRAWS, result_rule, rule_draws


def forward(x: np.ndarray, w: np.ndarray, b: np.ndarray, layer: Layer, first_beat: int = 0) -> np.ndarray:
    """Pre-activation output, rounded to the output's format.

    Parameters
    ----------
    x : integers (N,C,H,W);  w : integers (K,C,F,F);  b : integers (K,); each in its own format of `layer`.
    first_beat : beats of z since reset that came before; only stochastic rounding depends on it.

    Returns
    -------
    ndarray (N,K,OH,OW) of the output format's dtype.

    Raises
    ------
    ValueError
        An operand is not of integers, of the wrong shape, or out of its format's range.
    """
    return convolve(forward_convolution(layer), x, w, b, rule_draws("z", layer, first_beat))


def forward_accumulate(x: np.ndarray, w: np.ndarray, b: np.ndarray, layer: Layer) -> np.ndarray:
    """Exact accumulators of z before rounding: int64 (N,K,OH,OW) of format ``layer.accumulators["z"]``."""
    return convolve(forward_convolution(layer, exact=True), x, w, b, NO_DRAWS)


@lru_cache
def forward_convolution(layer: Layer, *, exact: bool = False) -> Convolution:
    """The forward pass apart from its words; `exact`: with the sums themselves for results."""
    geometry, formats = layer.geometry, layer.formats
    rows, columns = geometry.rows, geometry.columns
    taps = rows.kernel * columns.kernel
    return Convolution(
        Operand("x", layer), Operand("w", layer), Operand("b", layer),
        geometry.batch, geometry.in_channels, forward_phases(rows), forward_phases(columns),
        Filters(geometry.out_channels, geometry.in_channels * taps, taps, columns.kernel), prod(geometry.w_shape),
        (formats.input.width, formats.weights.width, layer.accumulators["z"].width), layer.bias_shift,
        EXACT if exact else result_rule("z", layer),
    )  # fmt: skip


def forward_definition(x: np.ndarray, w: np.ndarray, b: np.ndarray, layer: Layer) -> np.ndarray:
    """The same as `forward_accumulate`, by the formula: what everything faster is tested against."""
    geometry = layer.geometry
    rows, columns = geometry.rows, geometry.columns
    x, w, b = (operand(name, words, layer).astype(np.int32) for name, words in (("x", x), ("w", w), ("b", b)))
    z = np.empty(geometry.z_shape, np.int64)
    _accumulate(
        x, w, b, layer.bias_shift,
        (rows.stride, rows.pad_before, rows.dilation), (columns.stride, columns.pad_before, columns.dilation), z,
    )  # fmt: skip
    return z


@compiled
def _accumulate(x, w, b, bias_shift, rows, columns, z):
    images, in_channels, height, width = x.shape
    out_channels, _, kernel_rows, kernel_columns = w.shape
    row_stride, row_pad, row_dilation = rows
    column_stride, column_pad, column_dilation = columns
    for n in range(images):
        for k in range(out_channels):
            for i in range(z.shape[2]):
                for j in range(z.shape[3]):
                    total = np.int64(b[k]) << np.int64(bias_shift)
                    for c in range(in_channels):
                        for r in range(kernel_rows):
                            y = i * row_stride + r * row_dilation - row_pad
                            if y < 0 or y >= height:
                                continue
                            for s in range(kernel_columns):
                                u = j * column_stride + s * column_dilation - column_pad
                                if 0 <= u < width:
                                    total += np.int64(w[k, c, r, s]) * np.int64(x[n, c, y, u])
                    z[n, k, i, j] = total
