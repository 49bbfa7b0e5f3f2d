"""Random words, the same on every machine for the same seed.

The bits are raw words of PCG64, which NumPy keeps stable for ever (its distributions it does not), one independent
generator for each tensor; all that is made of them is integer arithmetic.
"""

import math
from fractions import Fraction

import numpy as np

from convstream.fixedpoint.formats import Format
from convstream.fixedpoint.layer import Layer

#: Generator of each tensor, as its place among the children of the seed.
_CHILD = {"x": 0, "w": 1, "b": 2, "dz": 3}
_EXTREMES_CHILD = 4


def random_tensors(layer: Layer, seed: int, extremes: float = 0.0) -> dict[str, np.ndarray]:
    """Uniform words x, w, b and dz, int64, whose results use the range of their formats well.

    x fills its format.  w, b and dz are only as large as lets z, dx, dw and db overflow now and then, but rarely.
    There is no dz where the layer has no gradients; x, w and b are the same with them and without.

    Parameters
    ----------
    extremes : share of all words, 0..1, that are replaced by the format's lowest or highest, by the toss of a coin.
    """
    geometry, formats = layer.geometry, layer.formats
    rows, columns = geometry.rows, geometry.columns
    outputs = geometry.batch * rows.out_size * columns.out_size
    x_limit = -formats.input.lowest
    w_limit = min(_balanced_limit(layer, "z", geometry.in_channels * rows.kernel * columns.kernel, x_limit),
                  formats.weights.highest)  # fmt: skip
    limits = {
        "x": x_limit,
        "w": w_limit,
        "b": max(1, math.floor(_full_scale(layer, "z") / 4 / 2**layer.bias_shift)),
    }
    if "dz" in layer.tensors:
        sums = {
            "dx": (geometry.out_channels * rows.most_sources * columns.most_sources, w_limit),
            "dw": (outputs, x_limit),
            "db": (3 * outputs, 1),  # a sum of words, not of products: sqrt(3) times as wide
        }
        present = [_balanced_limit(layer, name, *of_sum) for name, of_sum in sums.items() if name in layer.tensors]
        limits["dz"] = min(present, default=formats.output_gradient.highest)
    tensors = {}
    for name, limit in limits.items():
        bits = _generator(seed, _CHILD[name])
        tensors[name] = _uniform(formats.of(name), limit, geometry.shapes[name], bits)
        _replace_by_extremes(tensors[name], formats.of(name), extremes, _generator(seed, _EXTREMES_CHILD, _CHILD[name]))
    return tensors


def _generator(seed: int, *child: int) -> np.random.PCG64:
    return np.random.PCG64(np.random.SeedSequence(seed, spawn_key=child))


def _uniform(form: Format, limit: int, shape: tuple[int, ...], bits: np.random.PCG64) -> np.ndarray:
    """Uniform integers in -limit..limit; a limit beyond the format stands for the whole format."""
    lowest, highest = (form.lowest, form.highest) if limit > form.highest else (-limit, limit)
    draws = bits.random_raw(math.prod(shape)) >> 32  # 32 bits, so that the product below fits in 64
    return (draws * (highest - lowest + 1) >> 32).astype(np.int64).reshape(shape) + lowest


def _replace_by_extremes(words: np.ndarray, form: Format, share: float, bits: np.random.PCG64) -> None:
    draws = bits.random_raw(words.size).reshape(words.shape)
    chosen = draws >> 11 < int(share * 2**53)
    words[chosen] = np.where(draws[chosen] & 1, form.highest, form.lowest)


def _full_scale(layer: Layer, result: str) -> Fraction:
    """End of the range of `result` in units of its accumulator."""
    form = layer.formats.of(result)
    return Fraction(2) ** (form.width - 1 + layer.accumulators[result].fraction - form.fraction)


def _balanced_limit(layer: Layer, result: str, terms: int, other_limit: int) -> int:
    """Limit of uniform operands whose sum of products with others, also uniform, has a good size for `result`.

    The sum's standard deviation is ``limit * other_limit * sqrt(terms) / 3``; a third of full scale is a good size.
    """
    return max(1, math.isqrt(math.floor((_full_scale(layer, result) / other_limit) ** 2 / terms)))
