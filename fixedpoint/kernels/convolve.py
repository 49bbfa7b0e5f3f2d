"""Convolution in exact sums: what the forward pass and the input gradient have in common.

One product for each tap (`kernels.direct`), or, where 3 x 3 taps meet many channels, fewer (`kernels.winograd`).
Both compute one row tile after the other, on whichever thread is free.  The planes and sums of a row tile are private
to it, so memory does not grow with the layer, threads share nothing that they write to, and no sum depends on the
number of threads: integers add up to the same in any order.  Why sums are exact is written in `layout.digits`.
"""

from functools import lru_cache

import numpy as np

from convstream.fixedpoint.kernels.convolution import Convolution
from convstream.fixedpoint.kernels.direct import Direct
from convstream.fixedpoint.kernels.layout.digits import split
from convstream.fixedpoint.kernels.layout.tiles import Resources
from convstream.fixedpoint.kernels.winograd import Winograd, winograd_suits


def convolve(
    convolution: Convolution, source: np.ndarray, weights: np.ndarray, bias: np.ndarray | None, draws: np.ndarray
) -> np.ndarray:
    """All sums of `convolution`, rounded; 0 where no position has a result.

    Parameters
    ----------
    source, weights, bias : operands of `convolution`
    draws : int64, one for each result, if the rounding rule takes any

    Returns
    -------
    ndarray (images, filters, rows, columns) of the rule's dtype

    Raises
    ------
    ValueError
        An operand has another shape, holds no integers or words outside its format, see `fixedpoint.operands`.
    """
    source = convolution.source.array(source, kernel_checks_range=convolution.reads_all)
    weights = convolution.weights.array(weights, kernel_checks_range=True)
    bias = convolution.bias.array(bias, kernel_checks_range=True) if convolution.bias else convolution.no_bias
    results = (np.empty if convolution.makes_all else np.zeros)(convolution.result_shape, convolution.rule.dtype)
    resources = Resources.current()
    if not _plan(convolution, True, resources).run(source, weights, bias, draws, results):
        for operand, words in (convolution.source, source), (convolution.weights, weights), (convolution.bias, bias):
            if operand:
                operand.checked(words)
        _plan(convolution, False, resources).run(source, weights, bias, draws, results)
    return results


@lru_cache
def _plan(convolution: Convolution, halves: bool, resources: Resources) -> Direct | Winograd:
    """The algorithm and its plan; sums are in halves only if the weights allow them."""
    wide = convolution.rule.wide
    if not wide and winograd_suits(convolution):
        return Winograd(convolution, resources)
    return Direct(convolution, split(*convolution.bits, halves=halves, wide=wide), resources)
