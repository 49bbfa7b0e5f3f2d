"""The schedule of one spatial axis: which sources and taps each position needs, as short cyclic tables.

A *position* is a pixel of the result (an output of the forward pass, an input pixel of the input gradient); a
*source* is a pixel of the stream that the core keeps in its line buffer.  All that is particular about an axis
happens near its two ends; between them the same few positions repeat with the period of the stride.  A descriptor
table is therefore one of records whose middle part is repeated, and its size depends on kernel and stride, never on
the image::

    forward, size 7, kernel 3, stride 1, padding 1        record   0 | 1 | 2
                                                          taps    1,2|0..2|0,1
    position 0 1 2 3 4 5 6                                 walked once|5 times|once

Stride, padding and phase end here: the hardware only steps through the tables.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from convstream.reference.geometry import Axis


class Overlap(NamedTuple):
    """The sources under the kernel at each position: `counts` neighbours from `sources` on, the first under `taps`.

    Where the count is 0 the others say nothing.
    """

    sources: np.ndarray
    taps: np.ndarray
    counts: np.ndarray


@dataclass(frozen=True)
class AxisSchedule:
    """The schedule of one pass along one axis.

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

    def _overlap_of(self, positions: np.ndarray) -> Overlap:
        axis, places = self.axis, positions + self.axis.pad_before
        if self.gradient:
            sources = np.maximum(0, -((axis.kernel - 1 - places) // axis.stride))
            last = np.minimum(places // axis.stride, axis.out_size - 1)
            return Overlap(sources, places - sources * axis.stride, np.maximum(0, last + 1 - sources))
        origins = positions * axis.stride - axis.pad_before
        taps = np.maximum(0, -origins)
        return Overlap(origins + taps, taps, np.maximum(0, np.minimum(axis.kernel, axis.size - origins) - taps))

    @cached_property
    def overlap(self) -> Overlap:
        """What the computed positions meet."""
        return self._overlap_of(np.array(self.positions))

    @property
    def results(self) -> int:
        """Pixels of the result in one frame."""
        return self.axis.size if self.gradient else self.axis.out_size

    @cached_property
    def positions(self) -> tuple[int, ...]:
        """Positions that are computed: a gradient's position without sources is zero and takes no time.

        If no position has a source (the stride jumps over every pixel), all are computed, from masked sources.
        """
        everywhere = np.arange(self.results)
        seen = everywhere[self._overlap_of(everywhere).counts > 0] if self.gradient else everywhere
        return tuple(seen.tolist()) or tuple(everywhere.tolist())

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
        return self._tuple(np.maximum.accumulate(np.where(self.overlap.counts, self.overlap.sources, 0)))

    @cached_property
    def needed(self) -> tuple[int, ...]:
        """Sources, counted from the start of the frame, that must have arrived before each position.

        At least one: a position that lies wholly on padding still waits for its frame to begin.
        """
        sources, _, counts = self.overlap
        return self._tuple(np.maximum.accumulate(np.where(counts, sources + counts, 1)))

    @cached_property
    def needed_steps(self) -> tuple[int, ...]:
        """How many more sources the position after each one needs; the first of the next frame follows the last."""
        following = self.needed[1:] + (self.needed[0] + self.sources,)
        return tuple(there - here for here, there in zip(self.needed, following, strict=True))

    @cached_property
    def kept(self) -> tuple[int, ...]:
        """For each position, the first source that it or a later one needs."""
        wanted = np.where(self.overlap.counts, self.overlap.sources, self.sources)
        return self._tuple(np.minimum.accumulate(wanted[::-1])[::-1])

    @property
    def _kept_after(self) -> tuple[int, ...]:
        """For each position, the first source that a later one needs; after the last, one of the next frame."""
        return self.kept[1:] + (self.kept[0] + self.sources,)

    @cached_property
    def kept_steps(self) -> tuple[int, ...]:
        """Sources that no position after each one needs, of those that it or a later one does."""
        return tuple(there - here for here, there in zip(self.kept, self._kept_after, strict=True))

    @property
    def early_sources(self) -> tuple[int, ...]:
        """For each position, how many sources are given back after it that need not even have come.

        The last one that it needs may still be arriving, and is counted with them.
        """
        return tuple(max(0, kept - needed + 1) for needed, kept in zip(self.needed, self._kept_after, strict=True))

    @cached_property
    def serial_taps(self) -> tuple[int, ...]:
        """Taps that each position walks one after the other; 0 if no tap has a source: it lies wholly on padding."""
        counts = self.overlap.counts
        return self._tuple(np.minimum(1, counts) if self.parallel else counts)

    @cached_property
    def tap_addresses(self) -> tuple[int, ...]:
        """Place of the first walked tap of each position in `tap_order`."""
        if self.parallel:
            return (0,) * len(self.positions)
        taps = np.where(self.overlap.counts, self.overlap.taps, self.tap_order[0])
        return self._tuple(np.argsort(self.tap_order)[taps])

    @cached_property
    def masks(self) -> tuple[int, ...]:
        """For each position a bit for each tap lane, set where the lane's source exists."""
        if not self.parallel:
            return self._tuple(self.overlap.counts > 0)
        step = -self.axis.stride if self.gradient else 1
        taps = zip(self.overlap.taps.tolist(), self.overlap.counts.tolist(), strict=True)
        return tuple(sum(1 << tap for tap in range(first, first + step * count, step)) for first, count in taps)

    @staticmethod
    def _tuple(numbers: np.ndarray) -> tuple[int, ...]:
        """As Python integers, which Verilog is made of."""
        return tuple(int(number) for number in numbers.tolist())
