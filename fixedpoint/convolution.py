"""What the forward pass and the input gradient are, apart from their words: made once for a layer, and then looked up.

A pass takes a millisecond or two, in which looking up what never changes would otherwise be a good part.
"""

from dataclasses import dataclass

from fixedpoint.scan import Scan


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

    `bits` are the widths of the source's words, the weights', and the sums of both.  There is one object for each
    layer and pass, equal to itself alone, so that what depends on it is found fast.
    """

    images: int
    channels: int
    rows: Scan
    columns: Scan
    filters: Filters
    weights: int
    bits: tuple[int, int, int]

    @property
    def pairs(self) -> int:
        """Pairs of channels, the last one's perhaps of a single one."""
        return (self.channels + 1) // 2

    @property
    def multiplications(self) -> int:
        """About how many there are."""
        return self.images * self.rows.size * self.columns.size * self.weights
