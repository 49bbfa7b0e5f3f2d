"""Convolution in exact sums: what the forward pass and the input gradient have in common.

One product for each tap (`fixedpoint.taps`), or, where 3 x 3 taps meet many channels, fewer (`fixedpoint.winograd`).
Both go band by band, on whichever thread a band falls to.  The planes and sums of a band are private to it, so memory
does not grow with the layer, threads share nothing that they write to, and no sum depends on how many there are:
integers add up to the same in any order.  Why sums are exact is written in `fixedpoint.limbs`.
"""

from functools import lru_cache

import numpy as np

from fixedpoint.bands import Means, means
from fixedpoint.convolution import Convolution
from fixedpoint.limbs import split
from fixedpoint.requantize import Requantizer
from fixedpoint.taps import Taps
from fixedpoint.winograd import Tiles, tiles_suit


def convolve(
    convolution: Convolution, source: np.ndarray, weights: np.ndarray, bias: np.ndarray, rule: Requantizer,
    results: np.ndarray,
) -> None:  # fmt: skip
    """Compute all sums, and round them by `rule` into `results`.

    Parameters
    ----------
    source : integers (images, channels, rows, columns);  weights : integers, contiguous
    bias : int64 (filters,), words, or `NO_BIAS`
    results : integers (images, filters, rows, columns), contiguous; those that no position makes are left alone
    """
    for halves in True, False:
        if _way(convolution, rule.wide, halves, means()).run(source, weights, bias, rule, results):
            return


@lru_cache
def _way(convolution: Convolution, wide: bool, halves: bool, given: Means) -> Taps | Tiles:
    """How to compute it, with sums of 64 bits if `wide`, and sums in halves only if the weights allow them."""
    if not wide and tiles_suit(convolution):
        return Tiles(convolution, given)
    return Taps(convolution, split(*convolution.bits, halves=halves, wide=wide), given)
