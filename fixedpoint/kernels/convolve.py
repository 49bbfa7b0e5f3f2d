"""Convolution in exact sums: what the forward pass and the input gradient have in common.

One product for each tap (`kernels.direct`), or, where 3 x 3 taps meet many channels, fewer (`kernels.winograd`).
Both go band by band, on whichever thread a band falls to.  The planes and sums of a band are private to it, so memory
does not grow with the layer, threads share nothing that they write to, and no sum depends on how many there are:
integers add up to the same in any order.  Why sums are exact is written in `layout.digits`.
"""

from functools import lru_cache

import numpy as np

from convstream.fixedpoint.kernels.convolution import Convolution
from convstream.fixedpoint.kernels.direct import Taps
from convstream.fixedpoint.kernels.layout.digits import split
from convstream.fixedpoint.kernels.layout.tiles import Means, means
from convstream.fixedpoint.kernels.winograd import Tiles, tiles_suit


def convolve(
    convolution: Convolution, source: np.ndarray, weights: np.ndarray, bias: np.ndarray | None, draws: np.ndarray
) -> np.ndarray:
    """All sums of `convolution`, rounded; 0 where no position makes a result.

    Parameters
    ----------
    source, weights, bias : its operands
    draws : int64, one for each result, if the rule of rounding takes any

    Returns
    -------
    ndarray (images, filters, rows, columns) of the rule's dtype

    Raises
    ------
    ValueError
        An operand is not what it has to be, see `fixedpoint.operands`.
    """
    source = convolution.source.array(source, looked_through=convolution.reads_all)
    weights = convolution.weights.array(weights, looked_through=True)
    bias = convolution.bias.array(bias, looked_through=True) if convolution.bias else convolution.no_bias
    results = (np.empty if convolution.makes_all else np.zeros)(convolution.result_shape, convolution.rule.dtype)
    given = means()
    if not _way(convolution, True, given).run(source, weights, bias, draws, results):
        for operand, words in (convolution.source, source), (convolution.weights, weights), (convolution.bias, bias):
            if operand:
                operand.checked(words)
        _way(convolution, False, given).run(source, weights, bias, draws, results)
    return results


@lru_cache
def _way(convolution: Convolution, halves: bool, given: Means) -> Taps | Tiles:
    """How to compute it, with sums in halves only if the weights allow them."""
    wide = convolution.rule.wide
    if not wide and tiles_suit(convolution):
        return Tiles(convolution, given)
    return Taps(convolution, split(*convolution.bits, halves=halves, wide=wide), given)
