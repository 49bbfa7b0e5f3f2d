"""Padded phase planes with a common pitch: the layout in which one convolution kernel serves every pass.

A row tile of rows of the source is padded and dealt out to its phases (see `layout.phases`), one flat plane for every
channel and phase, all of one pitch: the columns of the result and those that its taps reach beyond.  A tap is then a
constant distance, for every position of the row tile, and no window is ever copied out::

    plane of channel c, phase (0,0)       pitch = 6: 4 positions and 2 that taps reach         position (1,2) = 8
     0  1  2  3 | 4  5
     6  7 [8] 9 |10 11       tap of shift (0,0) reads 8, of shift (0,2) reads 10, of shift (1,1) reads 15:
    12 13 14 15 |16 17       always 8 + shift_row * pitch + shift_column.  Positions 4, 5, 10, 11, ... are computed
    18 19 20 21 |22 23       like the others, from whatever is there, and never read.

`correlate` takes two products at a time, so its planes hold pairs of pixels: of channels 2c and 2c+1, or, if a last
channel is left over, of that channel and its own next pixel, which serves two taps of a row at once::

    channels 0, 1     x[0,0] x[1,0]   x[0,1] x[1,1]   x[0,2] x[1,2]   ...        weights  w[0,r,s] w[1,r,s]
    channel  2        x[2,0] x[2,1]   x[2,1] x[2,2]   x[2,2] x[2,3]   ...        weights  w[2,r,s] w[2,r,s+1], or 0

What a kernel reads: h rows of positions are ``(h-1) * pitch + positions`` pixels, rounded up to whole vectors; the
tap that reaches farthest starts ``reach_rows * pitch + reach_columns`` into its plane.  Without the rounding it ends
exactly with the last of the plane's ``(h + reach_rows) * pitch`` elements; with it, less than `SLACK` behind it, in
the next plane or in the elements that are allocated after the last one.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from convstream.fixedpoint.kernels.layout.phases import PhaseAxis, Target

#: Elements after the last plane that whole vectors may read: more than any tile of `kernels.multiply_add`.
SLACK = 64


@dataclass(frozen=True)
class Planes:
    """Indices of the elements of a row tile of `height` rows of positions, in both kinds of planes."""

    channels: int
    rows: PhaseAxis
    columns: PhaseAxis
    height: int

    @cached_property
    def pitch(self) -> int:
        return self.columns.positions + self.columns.reach

    @property
    def size(self) -> int:
        """Elements of one plane."""
        return (self.height + self.rows.reach) * self.pitch

    @cached_property
    def phases(self) -> list[tuple[int, int]]:
        return [(row, column) for row in self.rows.phases for column in self.columns.phases]

    @cached_property
    def phase_table(self) -> np.ndarray:
        """For `gather`: row phase, column of element 0, and elements begin..end-1 of a row that are no padding."""
        table, phase_axis = [], self.columns
        for row, column in self.phases:
            first = column - phase_axis.pad
            begin = min(self.pitch, max(0, -(first // phase_axis.stride)))
            end = max(begin, min(self.pitch, (phase_axis.size - 1 - first) // phase_axis.stride + 1))
            table.append((row, first, begin, end))
        return np.array(table, np.int64).reshape(-1, 4)

    def _offsets(self, taps: list[tuple]) -> np.ndarray:
        """Index in a group of phase planes that each (row tap, column tap) reads for position 0."""
        plane = {phase: index * self.size for index, phase in enumerate(self.phases)}
        return np.array(
            [plane[row.phase, column.phase] + row.shift * self.pitch + column.shift for row, column in taps], np.int64
        )

    # --- planes of single pixels, for `dot` ---

    @property
    def plane_count(self) -> int:
        return self.channels * len(self.phases)

    def columns_of_weights(self) -> np.ndarray:
        """Index of the element that each weight (c, r, s) of a filter, in this order, reads for position 0."""
        (row_target,), (column_target,) = self.rows.targets, self.columns.targets
        taps = self._offsets([(row, column) for row in row_target.taps for column in column_target.taps])
        return (np.arange(self.channels)[:, None] * (len(self.phases) * self.size) + taps).ravel()

    # --- planes of pairs, for `correlate` ---

    @property
    def pair_count(self) -> int:
        return (self.channels + 1) // 2 * len(self.phases)

    def steps(self, rows: Target, columns: Target, channel_weights: int, row_weights: int) -> np.ndarray:
        """The products of one target, in pairs.

        Parameters
        ----------
        channel_weights, row_weights : distance between weights of neighbouring channels, and kernel rows.

        Returns
        -------
        int64 (3, steps): the index in the pair planes that each step reads for position 0, and the weights of both
        halves of the pair; -1 for none
        """
        both = [(row, column) for row in rows.taps for column in columns.taps]
        weight = np.array([row.index * row_weights + column.index for row, column in both], np.int64)
        pair = np.arange(self.channels // 2)[:, None]
        offsets = [(pair * (len(self.phases) * self.size) + self._offsets(both)).ravel()]
        first = [(pair * (2 * channel_weights) + weight).ravel()]
        second = [first[0] + channel_weights]
        if self.channels % 2:
            couples = [(row, *couple) for row in rows.taps for couple in _neighbours(columns)]
            base = (self.channels - 1) * channel_weights
            group = self.channels // 2 * len(self.phases) * self.size
            offsets.append(group + self._offsets([(row, one) for row, one, _ in couples]))
            first.append(np.array([base + row.index * row_weights + one.index for row, one, _ in couples], np.int64))
            second.append(np.array(
                [base + row.index * row_weights + two.index if two else -1 for row, _, two in couples], np.int64
            ))  # fmt: skip
        return np.array([np.concatenate(part) for part in (offsets, first, second)])


def _neighbours(target: Target) -> list[tuple]:
    """The taps of a row in couples that read neighbours in one phase; None where there is no second."""
    couples, by_element = [], {(tap.phase, tap.shift): tap for tap in target.taps}
    for element in sorted(by_element):
        if element in by_element:
            one = by_element.pop(element)
            couples.append((one, by_element.pop((one.phase, one.shift + 1), None)))
    return couples
