"""What the forward pass and the input gradient are, apart from their words: made once for a layer, and then looked up.

A pass takes a millisecond or two, in which looking up what never changes would otherwise be a good part.
"""

from dataclasses import dataclass

import numpy as np

from fixedpoint.scan import Scan

#: Words of a bias: none of any filter, all sums begin with 0.
NO_BIAS = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Filters:
    """Where the weights of `count` filters are in a flat array: the distances between neighbours."""

    count: int
    of_filter: int
    of_channel: int
    of_row: int


@dataclass(frozen=True, eq=False)
class Convolution:
    """Sums of source times weight over channels and taps, for every filter, position and image.

    `bits` are the widths of the source's words, the weights', and the sums of both; the word of the bias that a sum
    begins with is shifted left by `bias_shift` bits.  There is one object for each layer and pass, equal to itself
    alone, so that what depends on it is found fast.
    """

    images: int
    channels: int
    rows: Scan
    columns: Scan
    filters: Filters
    weights: int
    bits: tuple[int, int, int]
    bias_shift: int

    @property
    def pairs(self) -> int:
        """Pairs of channels, the last one's perhaps of a single one."""
        return (self.channels + 1) // 2

    @property
    def multiplications(self) -> int:
        """About how many there are."""
        return self.images * self.rows.size * self.columns.size * self.weights
