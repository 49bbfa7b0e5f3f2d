"""How a core walks one spatial axis: which sources and taps each position needs, as short cyclic tables.

A *position* is a pixel of the result (an output of the forward pass, an input pixel of the input gradient); a
*source* is a pixel of the stream that the core keeps in its line buffer.  All that is particular about an axis
happens near its two ends; between them the same few positions repeat with the period of the stride.  A program
is therefore a table of records whose middle part is walked several times, and its size depends on kernel and
stride, never on the image::

    forward, size 7, kernel 3, stride 1, padding 1        record   0 | 1 | 2
                                                          taps    1,2|0..2|0,1
    position 0 1 2 3 4 5 6                                 walked once|5 times|once

Stride, padding and phase end here: the hardware only steps through the tables.
"""

from dataclasses import dataclass
from functools import cached_property

from reference.geometry import Axis


@dataclass(frozen=True)
class AxisWalk:
    """The walk of one pass along one axis.

    Parameters
    ----------
    axis : Axis
    gradient : bool
        False: positions are outputs and sources are pixels of x.  True (input gradient): positions are pixels of
        x that have at least one source, sources are pixels of dz.
    parallel : bool
        All taps are multiplied at once, from a window of neighbouring sources, instead of one after the other.
    """

    axis: Axis
    gradient: bool
    parallel: bool

    def __post_init__(self):
        if self.axis.dilation != 1:
            raise ValueError(f"the hardware supports dilation 1, not {self.axis.dilation}")

    @property
    def sources(self) -> int:
        """Sources in one frame."""
        return self.axis.out_size if self.gradient else self.axis.size

    @property
    def window(self) -> int:
        """Most sources that one position touches."""
        return self.axis.most_sources if self.gradient else self.axis.kernel

    @cached_property
    def tap_order(self) -> tuple[int, ...]:
        """Taps in the order of weight memory, such that ascending sources meet ascending addresses.

        A gradient meets the taps of one phase, from the last to the first; the phases follow each other.
        """
        if not self.gradient:
            return tuple(range(self.axis.kernel))
        phases = range(min(self.axis.stride, self.axis.kernel))
        return tuple(tap for phase in phases for tap in reversed(range(phase, self.axis.kernel, self.axis.stride)))

    def window_index(self, tap: int) -> int:
        """Which source of the window meets a tap, counted from the lowest: the same at every position."""
        return self.window - 1 - tap // self.axis.stride if self.gradient else tap

    def pairs(self, position: int) -> list[tuple[int, int]]:
        """(source, tap) pairs of a position, by ascending source."""
        if self.gradient:
            return sorted((out, tap) for tap, out in self.axis.sources(position))
        return [(self.axis.origin(position) + tap, tap) for tap in self.axis.taps(position)]

    @property
    def results(self) -> int:
        """Pixels of the result in one frame."""
        return self.axis.size if self.gradient else self.axis.out_size

    @cached_property
    def positions(self) -> tuple[int, ...]:
        """Positions that are computed: a gradient's position without sources is zero and takes no time.

        If no position has a source (the stride jumps over every pixel), all are computed, from masked sources.
        """
        everywhere = tuple(range(self.results))
        if not self.gradient:
            return everywhere
        return self.axis.seen_pixels or everywhere

    def window_start(self, position: int) -> int:
        """Lowest source of a position's window; it may lie before the first source of the frame."""
        if self.gradient:
            return (position + self.axis.pad_before) // self.axis.stride - self.window + 1
        return self.axis.origin(position)

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """First source of each position: of its window where taps are parallel, else the first that exists."""
        if self.parallel:
            return tuple(self.window_start(position) for position in self.positions)
        starts, latest = [], 0
        for position in self.positions:
            latest = min((source for source, _ in self.pairs(position)), default=latest)
            starts.append(latest)
        return tuple(starts)

    @cached_property
    def needed(self) -> tuple[int, ...]:
        """Sources, counted from the start of the frame, that must have arrived before each position.

        At least one: a position that lies wholly on padding still waits for its frame to begin.
        """
        needed, latest = [], 1
        for position in self.positions:
            latest = max([latest] + [source + 1 for source, _ in self.pairs(position)])
            needed.append(latest)
        return tuple(needed)

    @cached_property
    def needed_steps(self) -> tuple[int, ...]:
        """How many more sources the position after each one needs; the first of the next frame follows the last."""
        following = self.needed[1:] + (self.needed[0] + self.sources,)
        return tuple(there - here for here, there in zip(self.needed, following, strict=True))

    @cached_property
    def kept(self) -> tuple[int, ...]:
        """For each position, the first source that it or a later one needs."""
        kept, latest = [], self.sources
        for position in reversed(self.positions):
            latest = min([latest] + [source for source, _ in self.pairs(position)])
            kept.append(latest)
        return tuple(kept[::-1])

    @property
    def early_sources(self) -> tuple[int, ...]:
        """For each position, how many sources are given back after it that need not even have come.

        The last one that it needs may still be arriving, and is counted with them.
        """
        following = self.kept[1:] + (self.kept[0] + self.sources,)
        return tuple(max(0, kept - needed + 1) for needed, kept in zip(self.needed, following, strict=True))

    def serial_taps(self, position: int) -> int:
        """Taps that are walked one after the other; a position without any still takes one (masked) step."""
        return 1 if self.parallel else max(1, len(self.pairs(position)))

    def tap_address(self, position: int) -> int:
        """Place of the first walked tap in `tap_order`."""
        pairs = self.pairs(position)
        return 0 if self.parallel or not pairs else self.tap_order.index(pairs[0][1])

    def mask(self, position: int) -> int:
        """A bit for each tap lane, set where the lane's source exists."""
        pairs = self.pairs(position)
        return sum(1 << tap for _, tap in pairs) if self.parallel else int(bool(pairs))
