"""Descriptor of a forward pass or an input gradient: everything about it but the words, made once for a layer.

A pass takes a millisecond or two; deriving this anew for each would be a good part of that.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from convstream.fixedpoint.kernels.layout.phases import PhaseAxis
from convstream.fixedpoint.operands import Operand
from convstream.fixedpoint.requantize import Requantizer


@dataclass(frozen=True)
class Filters:
    """Layout of the weights of `count` filters in a flat array: strides between neighbours."""

    count: int
    of_filter: int
    of_channel: int
    of_row: int


@dataclass(frozen=True, eq=False)
class Convolution:
    """Sums of source times weight over channels and taps, for every filter, position and image.

    The source is (images, channels, rows, columns); there may be a bias for every filter.  `bits` are the widths of
    the source's words, the weights', and the sums of both; the word of the bias that a sum begins with is shifted left
    by `bias_shift` bits, and `rule` rounds the sums.  There is one object for each layer, pass and rule, compared by
    identity, so that caches keyed by it are fast.
    """

    source: Operand
    weights: Operand
    bias: Operand | None
    images: int
    channels: int
    rows: PhaseAxis
    columns: PhaseAxis
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
        """An empty bias; of the weights' dtype, for which code is compiled anyway."""
        return np.empty(0, self.weights.dtype)

    @property
    def bias_dtype(self) -> np.dtype:
        return (self.bias or self.weights).dtype

    @cached_property
    def bias_form(self) -> tuple[int, int, int]:
        """Words of the bias, bits of each, and bits that they are shifted left by."""
        return (self.filters.count, self.bias.width, self.bias_shift) if self.bias else (0, 0, 0)

    @cached_property
    def makes_all(self) -> bool:
        """Whether every result is computed at some position."""
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
        """Their number, padding included."""
        return self.images * self.rows.size * self.columns.size * self.weight_count
