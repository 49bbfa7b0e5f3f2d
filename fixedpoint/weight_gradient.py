"""Weight gradient in integers: dw[k,c,r,s] = sum over n,i,j of dz[n,k,i,j] * x[n,c, iS+r-P, jS+s-P]."""

from functools import lru_cache

import numpy as np

from convstream.fixedpoint.kernels.layout.digits import split
from convstream.fixedpoint.kernels.layout.phases import forward_phases
from convstream.fixedpoint.kernels.layout.tiles import Resources
from convstream.fixedpoint.kernels.multiply_add import lowest_neighbours
from convstream.fixedpoint.kernels.runtime.jit import compiled
from convstream.fixedpoint.kernels.weight_sums import WeightSums
from convstream.fixedpoint.layer import Layer
from convstream.fixedpoint.operands import Operand, operand
from convstream.fixedpoint.requantize import EXACT, NO_DRAWS, result_rule, rule_draws


def weight_gradient(x: np.ndarray, dz: np.ndarray, layer: Layer, first_beat: int = 0) -> np.ndarray:
    """Gradient of the cost with respect to w, summed over the batch, rounded to the weight gradient's format.

    Parameters
    ----------
    x : integers (N,C,H,W);  dz : integers (N,K,OH,OW); each in its own format of `layer`.
    first_beat : beats of dw since reset that came before; only stochastic rounding depends on it.

    Returns
    -------
    ndarray (K,C,F,F) of the weight gradient format's dtype.

    Raises
    ------
    ValueError
        An operand is not of integers, of the wrong shape, or out of its format's range.
    """
    return _convolve(x, dz, layer, False, rule_draws("dw", layer, first_beat))


def weight_gradient_accumulate(x: np.ndarray, dz: np.ndarray, layer: Layer) -> np.ndarray:
    """Exact accumulators of dw before rounding: int64 (K,C,F,F) of format ``layer.accumulators["dw"]``."""
    return _convolve(x, dz, layer, True, NO_DRAWS)


def _convolve(x: np.ndarray, dz: np.ndarray, layer: Layer, exact: bool, draws: np.ndarray) -> np.ndarray:
    of_x, of_dz, reads_all = _operands(layer)
    x, dz = of_x.array(x, kernel_checks_range=reads_all), of_dz.array(dz, kernel_checks_range=True)
    halves = layer.formats.output_gradient.width != 16 or not lowest_neighbours(dz.reshape(-1))
    results = _sums(layer, exact, halves, Resources.current()).run(x, dz, draws)
    if results is None:
        of_x.checked(x), of_dz.checked(dz)
    return results


@lru_cache
def _operands(layer: Layer) -> tuple[Operand, Operand, bool]:
    """x, dz, and whether every pixel is gathered."""
    axes = forward_phases(layer.geometry.rows), forward_phases(layer.geometry.columns)
    return Operand("x", layer), Operand("dz", layer), all(axis.reads_all for axis in axes)


@lru_cache
def _sums(layer: Layer, exact: bool, halves: bool, resources: Resources) -> WeightSums:
    geometry, formats, rule = layer.geometry, layer.formats, EXACT if exact else result_rule("dw", layer)
    cut = split(
        formats.input.width, formats.output_gradient.width, layer.accumulator("dw").width,
        halves=halves, wide=rule.wide,
    )  # fmt: skip
    rows, columns = forward_phases(geometry.rows), forward_phases(geometry.columns)
    return WeightSums(*_operands(layer)[:2], geometry.w_shape, rows, columns, cut, rule, resources)


def weight_gradient_definition(x: np.ndarray, dz: np.ndarray, layer: Layer) -> np.ndarray:
    """The same as `weight_gradient_accumulate`, by the formula: what everything faster is tested against."""
    geometry = layer.geometry
    rows, columns = geometry.rows, geometry.columns
    dw = np.empty(geometry.w_shape, np.int64)
    _accumulate(
        operand("x", x, layer).astype(np.int32), operand("dz", dz, layer).astype(np.int32),
        (rows.stride, rows.pad_before, rows.dilation), (columns.stride, columns.pad_before, columns.dilation), dw,
    )  # fmt: skip
    return dw


@compiled
def _accumulate(x, dz, rows, columns, dw):
    images, in_channels, height, width = x.shape
    out_channels, _, kernel_rows, kernel_columns = dw.shape
    out_height, out_width = dz.shape[2], dz.shape[3]
    row_stride, row_pad, row_dilation = rows
    column_stride, column_pad, column_dilation = columns
    for k in range(out_channels):
        for c in range(in_channels):
            for r in range(kernel_rows):
                for s in range(kernel_columns):
                    total = np.int64(0)
                    for n in range(images):
                        for i in range(out_height):
                            y = i * row_stride + r * row_dilation - row_pad
                            if y < 0 or y >= height:
                                continue
                            for j in range(out_width):
                                u = j * column_stride + s * column_dilation - column_pad
                                if 0 <= u < width:
                                    total += np.int64(dz[n, k, i, j]) * np.int64(x[n, c, y, u])
                    dw[k, c, r, s] = total
