"""Filters that people know by sight: what the first filters of a layer are when its data are pictures.

Each is built from two rows, the binomial one that smooths and its difference, so that it exists for every kernel::

    F = 3      smooth 1  2  1        edge  -1  0  1
    F = 5      smooth 1  4  6  4  1  edge  -1 -2  0  2  1
"""

import math
from fractions import Fraction

import numpy as np

from convstream.fixedpoint.layer import Layer

NAMES = ("blur", "vertical edges", "horizontal edges", "outline", "sharpen")


def known_filters(layer: Layer) -> np.ndarray:
    """The first ``min(K, 5)`` filters, in the order of `NAMES`: weights words, object integers (k,C,F,F).

    Every filter looks at the brightness, the sum over the channels.  It is as strong as the weights' format allows
    without a picture that could push its output out of range.
    """
    geometry = layer.geometry
    smooth = np.multiply.outer(_smooth(geometry.rows.kernel), _smooth(geometry.columns.kernel))
    centre = np.zeros_like(smooth)
    centre[geometry.rows.kernel // 2, geometry.columns.kernel // 2] = smooth.sum()
    kernels = (
        smooth,
        np.multiply.outer(_smooth(geometry.rows.kernel), _edge(geometry.columns.kernel)),
        np.multiply.outer(_edge(geometry.rows.kernel), _smooth(geometry.columns.kernel)),
        centre - smooth,
        2 * centre - smooth,
    )
    chosen = kernels[: geometry.out_channels]
    return np.stack([np.stack([_to_words(kernel, layer)] * geometry.in_channels) for kernel in chosen])


def _smooth(taps: int) -> np.ndarray:
    return np.array([math.comb(taps - 1, tap) for tap in range(taps)], object)


def _edge(taps: int) -> np.ndarray:
    """Difference of the next narrower smooth rows: each tap minus its mirror image falls to zero in the middle."""
    if taps == 1:
        return np.array([1], object)
    narrower = np.concatenate([[0], _smooth(taps - 1), [0]])
    return narrower[:-1] - narrower[1:]


def _to_words(kernel: np.ndarray, layer: Layer) -> np.ndarray:
    """`kernel` times the largest factor that keeps its words and its worst output in range, rounded half up."""
    formats = layer.formats
    strongest = Fraction(formats.weights.highest, max(abs(kernel).max(), 1))
    # worst output: every pixel of every channel at +-2**(input.width - 1), whichever suits the sign of its tap
    room_bits = layer.accumulators["z"].fraction - formats.output.fraction + formats.output.width - formats.input.width
    in_range = Fraction(2) ** room_bits / (max(abs(kernel).sum(), 1) * layer.geometry.in_channels)
    words = [math.floor(tap * min(strongest, in_range) + Fraction(1, 2)) for tap in kernel.flat]
    return np.array(words, object).reshape(kernel.shape)
