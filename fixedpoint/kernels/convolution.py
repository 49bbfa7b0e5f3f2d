"""What the forward pass and the input gradient are, apart from their words: made once for a layer, and then looked up.

A pass takes a millisecond or two, in which looking up what never changes would otherwise be a good part.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from convstream.fixedpoint.kernels.layout.phases import Scan
from convstream.fixedpoint.operands import Operand
from convstream.fixedpoint.requantize import Requantizer


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

    The source is (images, channels, rows, columns); there may be a bias for every filter.  `bits` are the widths of
    the source's words, the weights', and the sums of both; the word of the bias that a sum begins with is shifted left
    by `bias_shift` bits, and `rule` rounds the sums.  There is one object for each layer, pass and rule, equal to
    itself alone, so that what depends on it is found fast.
    """

    source: Operand
    weights: Operand
    bias: Operand | None
    images: int
    channels: int
    rows: Scan
    columns: Scan
    filters: Filters
    weight_count: int
    bits: tuple[int, int, int]
    bias_shift: int
    rule: Requantizer

    @cached_property
    def result_shape(self) -> tuple[int, int, int, int]:
        """Images, filters, rows and columns."""
        return self.images, self.filters.count, self.rows.results, self.columns.results

    @cached_property
    def no_bias(self) -> np.ndarray:
        """Words of none; of the weights' dtype, for which code is compiled anyway."""
        return np.empty(0, self.weights.dtype)

    @property
    def bias_dtype(self) -> np.dtype:
        return (self.bias or self.weights).dtype

    @cached_property
    def bias_form(self) -> tuple[int, int, int]:
        """How many words it has, of how many bits, and how far they are shifted."""
        return (self.filters.count, self.bias.width, self.bias_shift) if self.bias else (0, 0, 0)

    @cached_property
    def makes_all(self) -> bool:
        """Whether every result is some position's."""
        return self.rows.makes_all and self.columns.makes_all

    @cached_property
    def reads_all(self) -> bool:
        """Whether every word of the source is gathered."""
        return self.rows.reads_all and self.columns.reads_all

    @property
    def pairs(self) -> int:
        """Pairs of channels, the last one's perhaps of a single one."""
        return (self.channels + 1) // 2

    @property
    def multiplications(self) -> int:
        """About how many there are."""
        return self.images * self.rows.size * self.columns.size * self.weight_count
