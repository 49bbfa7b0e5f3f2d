"""The layout in which one convolution kernel serves every pass: padded phase planes with a common pitch.

A band of rows of the source is padded and dealt out to its phases (see `fixedpoint.scan`), one flat plane for every
channel and phase, all of one pitch: the columns of the result and those that its taps reach beyond.  A tap is then a
constant distance, for every position of the band, and no window is ever copied out::

    plane of channel c, phase (0,0)       pitch = 6: 4 positions and 2 that taps reach         position (1,2) = 8
     0  1  2  3 | 4  5
     6  7 [8] 9 |10 11       tap of shift (0,0) reads 8, of shift (0,2) reads 10, of shift (1,1) reads 15:
    12 13 14 15 |16 17       always 8 + shift_row * pitch + shift_column.  Positions 4, 5, 10, 11, ... are computed
    18 19 20 21 |22 23       like the others, from whatever is there, and never looked at.

`correlate` takes two products at a time, so its planes hold pairs of pixels: of channels 2c and 2c+1, or, if a last
channel is left over, of that channel and itself one place on, which serves two taps of a row at once::

    channels 0, 1     x[0,0] x[1,0]   x[0,1] x[1,1]   x[0,2] x[1,2]   ...        weights  w[0,r,s] w[1,r,s]
    channel  2        x[2,0] x[2,1]   x[2,1] x[2,2]   x[2,2] x[2,3]   ...        weights  w[2,r,s] w[2,r,s+1], or 0

What a kernel reads: h rows of positions are ``(h-1) * pitch + positions`` pixels, rounded up to whole vectors; the
tap that reaches farthest starts ``reach_rows * pitch + reach_columns`` into its plane.  Without the rounding it ends
exactly with the last of the plane's ``(h + reach_rows) * pitch`` elements; with it, less than `SLACK` behind it, in
the next plane or in the elements that are allocated after the last one.

On their way into planes all words are looked through for any outside their format: to read them once more from memory
would take as long as gathering them.  In a word of b bits, those from bit b-1 on are all alike.  ``word ^ word << 1``
has a bit set, an edge, where one is unlike the bit below it, so no word may have an edge at bit b or above.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numba import carray, from_dtype, types

from fixedpoint.compiled import FOUR, INT, INTS, INTS_2D, TWO, at, call, compiled, entry, inner, words_of
from fixedpoint.scan import Scan, Target
from fixedpoint.threads import AT_ONCE, OFF, finish, take

#: Elements after the last plane that whole vectors may read: more than any tile of `fixedpoint.pair_kernels`.
SLACK = 64


@dataclass(frozen=True)
class Planes:
    """Where the elements of a band of `height` rows of positions lie, for both kinds of planes."""

    channels: int
    rows: Scan
    columns: Scan
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
        """For the gathering kernels: row phase, column of place 0, and places begin..end-1 that are no padding."""
        table, scan = [], self.columns
        for row, column in self.phases:
            first = column - scan.pad
            begin = min(self.pitch, max(0, -(first // scan.stride)))
            end = max(begin, min(self.pitch, (scan.size - 1 - first) // scan.stride + 1))
            table.append((row, first, begin, end))
        return np.array(table, np.int64).reshape(-1, 4)

    def _offsets(self, taps: list[tuple]) -> np.ndarray:
        """Place in a group of phase planes that each (row tap, column tap) reads for position 0."""
        plane = {phase: index * self.size for index, phase in enumerate(self.phases)}
        return np.array(
            [plane[row.phase, column.phase] + row.shift * self.pitch + column.shift for row, column in taps], np.int64
        )

    # --- planes of single pixels, for `dot` ---

    @property
    def plane_count(self) -> int:
        return self.channels * len(self.phases)

    def columns_of_weights(self) -> np.ndarray:
        """Where each weight (c, r, s) of a filter, in this order, reads for position 0."""
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
        int64 (3, steps): the place in the pair planes that each step reads for position 0, and the weights of both
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
    """The taps of a row in couples that read neighbouring places of one phase; None where there is no second."""
    couples, by_place = [], {(tap.phase, tap.shift): tap for tap in target.taps}
    for place in sorted(by_place):
        if place in by_place:
            one = by_place.pop(place)
            couples.append((one, by_place.pop((one.phase, one.shift + 1), None)))
    return couples


@inner
def _clear(planes, begin, end):
    for place in range(begin, end):
        planes[np.uint64(place)] = 0


@inner
def gather(source, shape, width, image, first_row, height, rows, stride, phases, pitch, size, digit, planes, counters):
    """Planes of single pixels: rows `first_row` and on of every channel and phase, zeros where there is padding.

    Parameters
    ----------
    source : integers of `shape`: images, channels, rows, columns;  width : bits of their format
    height : rows of a plane;  rows : (stride, pad);  stride : that of the columns
    size : elements of a plane, what is behind its last row becomes 0
    phases : int64 (phases, 4), see `Planes.phase_table`;  digit : what to take of every word, see `fixedpoint.limbs`
    planes : int16, at least channels * phases * size elements, overwritten
    counters : of `fixedpoint.threads`, whose last stage is called off if a word is outside its format
    """
    images, channels, source_height, source_width = shape
    words = carray(source, (images * channels * source_height * source_width,))
    offset, shift, mask, half = digit[0], digit[1], digit[2], digit[3]
    whole, above = shift == 0 and mask == -1, np.int64(-1) << np.int64(width)
    edges, narrow_edges = np.int32(0), np.int16(0)
    for plane in range(channels * phases.shape[0]):
        channel, phase = plane // phases.shape[0], plane % phases.shape[0]
        row_phase, first, begin, end = phases[phase]
        lines, length, top = height, pitch, first_row - rows[1]
        if stride == rows[0] == 1 and end - begin == pitch == source_width and 0 <= top <= source_height - height:
            lines, length, end = 1, height * pitch, height * pitch  # rows without padding are one long row
        for row in range(lines):
            target = plane * size + row * pitch
            y = (first_row + row) * rows[0] + row_phase - rows[1]
            if y < 0 or y >= source_height:
                _clear(planes, target, target + length)
                continue
            _clear(planes, target, target + begin)
            _clear(planes, target + end, target + length)
            start = ((image * channels + channel) * source_height + y) * source_width + first
            if whole and stride == 1:
                for place in range(begin, end):
                    narrow = np.int16(words[np.uint64(start + place)])
                    narrow_edges = np.int16(narrow_edges | narrow ^ narrow << 1)
                    planes[np.uint64(target + place)] = narrow
            elif whole and stride == 2:  # like the loop above, for the compiler to see
                for place in range(begin, end):
                    narrow = np.int16(words[np.uint64(start + 2 * place)])
                    narrow_edges = np.int16(narrow_edges | narrow ^ narrow << 1)
                    planes[np.uint64(target + place)] = narrow
            else:
                for place in range(begin, end):
                    word = np.int64(words[np.uint64(start + place * stride)])
                    edges = np.int32(edges | word ^ word << 1)
                    planes[np.uint64(target + place)] = ((word + offset) >> shift & mask) - half
        _clear(planes, plane * size + height * pitch, (plane + 1) * size)
    if edges & np.int32(above) | narrow_edges & np.int16(above):
        counters[-1, OFF] = 1


@lru_cache
def gather_entry(dtype: np.dtype) -> int:
    """Address of `gather` from words of this dtype."""
    return entry(
        gather, words_of(dtype), FOUR, INT, INT, INT, INT, TWO, INT, INTS_2D, INT, INT, INTS, types.int16[::1],
        INTS_2D,
    )  # fmt: skip


@inner
def gather_pairs(source, shape, width, images, first_row, height, rows, stride, phases, pitch, digit, planes, counters):
    """Planes of pairs: as `gather`, for channels two by two; a last channel is paired with itself one place on.

    `planes` is int32, the first of a pair in its low half, at least pairs * phases * height * pitch elements for each
    of images[0] to images[1] - 1.  (The last place of a row of a lone channel has no second half; no tap reads it.)
    """
    count, channels, source_height, source_width = shape
    words = carray(source, (count * channels * source_height * source_width,))
    offset, shift, mask, half = digit[0], digit[1], digit[2], digit[3]
    whole, above = shift == 0 and mask == -1, np.int64(-1) << np.int64(width)
    edges, pair_edges = np.int32(0), np.int32(0)
    count = (channels + 1) // 2 * phases.shape[0]
    for plane in range((images[1] - images[0]) * count):
        image, of_image = images[0] + plane // count, plane % count
        channel, phase = of_image // phases.shape[0] * 2, of_image % phases.shape[0]
        row_phase, first, begin, end = phases[phase]
        partner = source_height * source_width if channel + 1 < channels else 0
        lines, length, top = height, pitch, first_row - rows[1]
        if stride == rows[0] == 1 and end - begin == pitch == source_width and 0 <= top <= source_height - height:
            lines, length, end = 1, height * pitch, height * pitch  # rows without padding are one long row
        for row in range(lines):
            target = (plane * height + row) * pitch
            y = (first_row + row) * rows[0] + row_phase - rows[1]
            if y < 0 or y >= source_height:
                _clear(planes, target, target + length)
                continue
            _clear(planes, target, target + begin)
            _clear(planes, target + end, target + length)
            start = ((image * channels + channel) * source_height + y) * source_width + first
            if whole and stride == 1:
                for place in range(begin, end):
                    low = np.int64(words[np.uint64(start + place)])
                    high = np.int64(words[np.uint64(start + partner + place)])
                    pair = np.int32(low & 0xFFFF | high << 16)
                    pair_edges = np.int32(pair_edges | pair ^ pair << 1)
                    planes[np.uint64(target + place)] = pair
            elif whole and stride == 2:  # like the loop above, for the compiler to see
                for place in range(begin, end):
                    low = np.int64(words[np.uint64(start + 2 * place)])
                    high = np.int64(words[np.uint64(start + partner + 2 * place)])
                    pair = np.int32(low & 0xFFFF | high << 16)
                    pair_edges = np.int32(pair_edges | pair ^ pair << 1)
                    planes[np.uint64(target + place)] = pair
            else:
                for place in range(begin, end):
                    low = np.int64(words[np.uint64(start + place * stride)])
                    high = np.int64(words[np.uint64(start + partner + place * stride)])
                    edges = np.int32(edges | low ^ low << 1 | high ^ high << 1)
                    low, high = ((low + offset) >> shift & mask) - half, ((high + offset) >> shift & mask) - half
                    planes[np.uint64(target + place)] = low & 0xFFFF | high << 16
            if partner == 0:
                for place in range(target, target + length - 1):
                    planes[np.uint64(place)] = planes[np.uint64(place)] & 0xFFFF | planes[np.uint64(place + 1)] << 16
    if edges & np.int32(above) | (pair_edges | pair_edges >> 16) & np.int16(above) & 0xFFFF:
        counters[-1, OFF] = 1


@lru_cache
def gather_pairs_entry(dtype: np.dtype) -> int:
    """Address of `gather_pairs` from words of this dtype."""
    return entry(
        gather_pairs, words_of(dtype), FOUR, INT, TWO, INT, INT, TWO, INT, INTS_2D, INT, INTS, types.int32[::1],
        INTS_2D,
    )  # fmt: skip


@inner
def pack_filter(weights, count, start, first, second, digit, packed, place, apart):
    """One filter's pairs, from weight `start` of `count` on, to every place that lies `apart` from the one before."""
    words = carray(weights, (count,))
    offset, shift, mask, half = digit[0], digit[1], digit[2], digit[3]
    whole = shift == 0 and mask == -1
    for step in range(first.size):
        low, high = np.int64(words[np.uint64(start + first[step])]), np.int64(0)
        if second[step] >= 0:
            high = np.int64(words[np.uint64(start + second[step])])
        if not whole:
            low, high = ((low + offset) >> shift & mask) - half, ((high + offset) >> shift & mask) - half
        packed[np.uint64(place + step * apart)] = low & 0xFFFF | high << 16


@lru_cache
def pack_filter_entry(dtype: np.dtype) -> int:
    """Address of `pack_filter` from words of this dtype."""
    return entry(pack_filter, words_of(dtype), INT, INT, INTS, INTS, INTS, types.int32[::1], INT, INT)


@inner
def _lowest_pair(pairs):
    """Whether any of `pairs`, int32 of one dimension, is twice -2**15."""
    found = False
    for i in range(pairs.size):
        found |= pairs[np.uint64(i)] == np.int32(-0x7FFF8000)
    return found


@inner
def look_through(weights, count, width, part, parts, counters):
    """Call off the last stage if a word in this part of `count` weights is not of `width` bits."""
    words = carray(weights, (count,))
    kind = words.dtype.type
    edges, above = kind(0), kind(np.int64(-1) << np.int64(width))
    if above == 0:  # the dtype holds no others
        return
    for place in range(count * part // parts, count * (part + 1) // parts):
        word = words[np.uint64(place)]
        edges = kind(edges | word ^ word << 1)
    if edges & above:
        counters[-1, OFF] = 1


@lru_cache
def look_through_entry(dtype: np.dtype) -> int:
    """Address of `look_through` for words of this dtype."""
    return entry(look_through, words_of(dtype), INT, INT, INT, INT, INTS_2D)


@inner
def spread_bias(bias, count, width, shift, filter_, starts, lanes, counters):
    """The bias of a filter, shifted left, in as many lanes; 0 for those behind the last of `count`.

    Call off the last stage if it is not of `width` bits.
    """
    words = carray(bias, (count,))
    word = np.int64(words[filter_]) if filter_ < count else np.int64(0)
    for lane in range(lanes):
        starts[filter_ * lanes + lane] = word << shift
    if (word ^ word << 1) & (np.int64(-1) << np.int64(width)):
        counters[-1, OFF] = 1


@lru_cache
def spread_bias_entry(dtype: np.dtype, sums: np.dtype) -> int:
    """Address of `spread_bias` from words of this dtype to sums of that one."""
    return entry(spread_bias, words_of(dtype), INT, INT, INT, INT, from_dtype(sums)[::1], INT, INTS_2D)


@compiled
def pack_weights(
    look_through, pack_filter, spread_bias, counters, weights, bias, weight_count, weight_width, bias_count, bias_width,
    bias_shift, filter_weights, filters, first, second, bounds, digits, blocks, halves, packed, starts,
):  # fmt: skip
    """Weights in the order of `correlate`, a pair in 32 bits: of each target, of each digit, for each block; the bias.

    At most AT_ONCE blocks; returns whether any may be left.

    Parameters
    ----------
    look_through, pack_filter, spread_bias : their addresses
    counters : of `fixedpoint.threads`; a task of stage 0 is a block, of all targets and digits
    weights, bias : addresses of so many integers of formats of so many bits;  filter_weights : distance of filters
    first, second : int64 (steps,), see `Planes.steps`, of all targets
    bounds : int64 (targets + 1,), the first step of each target, and one behind the last
    digits : int64 (digits, 4), see `fixedpoint.limbs`
    blocks : int64, the first filter of each block, and one behind the last
    halves : whether to call off stage 1 if any pair is twice -2**15
    packed : int32 (1, ...), (steps, filters) of every block; the last ones are filled up with the last filter, whose
        sums nobody reads
    starts : int32 or int64 (1, filters * TILE_PIXELS), see `correlate`: the bias, shifted left by `bias_shift`
    """
    pairs = packed[0]
    for _ in range(AT_ONCE):
        block = take(counters, 0)
        if block >= blocks.size - 1:
            return False
        lanes = blocks[block + 1] - blocks[block]
        call(look_through, (at(weights), weight_count, weight_width, block, blocks.size - 1, counters))
        for filter_ in range(blocks[block], blocks[block + 1]):
            call(spread_bias, (
                at(bias), bias_count, bias_width, bias_shift, filter_, starts[0], starts.shape[1] // blocks[-1],
                counters,
            ))  # fmt: skip
        for target in range(bounds.size - 1):
            one, other = first[bounds[target] : bounds[target + 1]], second[bounds[target] : bounds[target + 1]]
            for digit in range(digits.shape[0]):
                place = blocks[-1] * (bounds[target] * digits.shape[0] + one.size * digit) + blocks[block] * one.size
                for lane in range(lanes):
                    start = min(blocks[block] + lane, filters - 1) * filter_weights
                    call(pack_filter, (
                        at(weights), weight_count, start, one, other, digits[digit], pairs, place + lane, lanes,
                    ))  # fmt: skip
                if halves and _lowest_pair(pairs[place : place + lanes * one.size]):
                    counters[1, OFF] = 1
        finish(counters, 0)
    return True
