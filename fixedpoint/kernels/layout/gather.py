"""Gathering: rows of a tensor into the planes of `layout.planes`, with a check of every word's range.

`gather` computes, for one plane after the other, which of its rows are of the source and which are padding.  It is the
same for all tensors; words are copied by a kernel that it calls by address, one for each dtype::

                      words of at most 16 bits      digits of wider ones, see `layout.digits`
    single pixels     whole_pixels                  digit_pixels
    pairs             whole_pairs                   digit_pairs

Each of them fills one plane, front to back, with zeros between the rows::

    first                    first + above                                             first + size
    | 0 0 0 ... padding      | 0 ..begin.. words ..end.. 0 | 0 ..begin.. words ..end..  0 0 0 |
                             |<-------- pitch ------------>|

Words are range-checked on their way: to read them once more from memory would take as long as gathering them.  In a
word of b bits, those from bit b-1 on are all alike.  ``word ^ word << 1`` has a bit
set, an edge, where one is unlike the bit below it, so no word may have an edge at bit b or above.
"""

from functools import cache, lru_cache

import numpy as np
from numba import carray, types

from convstream.fixedpoint.kernels.runtime.calls import FOUR, INT, INTS, INTS_2D, TWO, at, by_address, words_of
from convstream.fixedpoint.kernels.runtime.jit import inner
from convstream.fixedpoint.kernels.runtime.threads import CANCELLED

_fill_entry, _call_fill = by_address("fill")
_gather_entry, call_gather = by_address("gather")

#: Words of a plane (first, partner, rows, distance of rows, stride), and the part of `planes` that they fill.
_SOURCE, _TARGET = types.UniTuple(INT, 5), types.UniTuple(INT, 6)


@inner
def gather(
    fill, source, shape, width, images, together, first_row, height, rows, stride, phases, pitch, size, digit, planes,
    length, counters,
):  # fmt: skip
    """Planes of rows `first_row` and on of every channel and phase, zeros where there is padding.

    Parameters
    ----------
    fill : address of the kernel that fills a plane
    source : address of integers of `shape`: images, channels, rows, columns;  width : bits of their format
    images : the first of them, and one behind the last
    together : channels of a plane: 1, or 2 for pairs, in which a last channel is paired with its own next pixel
    height : rows of a plane;  rows : (stride, pad);  stride : that of the columns
    phases : int64 (phases, 4), see `Planes.phase_table`
    size : elements of a plane; what is behind its last row becomes 0
    digit : the digit of every word that is gathered, see `layout.digits`
    planes : address of `length` elements, int16 or, for pairs, int32, the first of a pair in its low half
    counters : of `runtime.threads`, whose last stage is cancelled if a word is outside its format
    """
    count, channels, source_height, source_width = shape
    of_image = (channels + together - 1) // together * phases.shape[0]
    for plane in range((images[1] - images[0]) * of_image):
        image, channel = images[0] + plane // of_image, plane % of_image // phases.shape[0] * together
        row_phase, first_column, begin, end = phases[plane % phases.shape[0]]
        y = first_row * rows[0] + row_phase - rows[1]
        above = max(0, -(y // rows[0]))
        lines = max(0, min(height, (source_height - 1 - y) // rows[0] + 1) - above)
        start = ((image * channels + channel) * source_height + y + above * rows[0]) * source_width + first_column
        above *= pitch
        if stride == rows[0] == 1 and end - begin == pitch == source_width:
            lines, end = min(lines, 1), lines * pitch  # rows without padding are one long row
        partner = source_height * source_width if channel + 1 < channels else 0
        _call_fill(fill, (
            at(source), count * channels * source_height * source_width, width,
            (start, partner, lines, rows[0] * source_width, stride), digit, at(planes), length,
            (plane * size, above, begin, end, pitch, size), counters,
        ))  # fmt: skip


@inner
def _clear(planes, begin, end):
    for element in range(begin, end):
        planes[np.uint64(element)] = 0


@inner
def whole_pixels(source, count, width, words_of_plane, digit, planes, length, part, counters):
    """Single pixels of words of at most 16 bits."""
    words, planes = carray(source, (count,)), carray(planes, (length,))
    start, _, rows, apart, stride = words_of_plane
    first, above, begin, end, pitch, size = part
    edges, filled = np.int16(0), first
    for row in range(rows):
        source_row, target = start + row * apart, first + above + row * pitch
        _clear(planes, filled, target + begin)
        if stride == 1:
            for column in range(begin, end):
                word = np.int16(words[np.uint64(source_row + column)])
                edges = np.int16(edges | word ^ word << 1)
                planes[np.uint64(target + column)] = word
        elif stride == 2:  # like the loop below, for the compiler to see
            for column in range(begin, end):
                word = np.int16(words[np.uint64(source_row + 2 * column)])
                edges = np.int16(edges | word ^ word << 1)
                planes[np.uint64(target + column)] = word
        else:
            for column in range(begin, end):
                word = np.int16(words[np.uint64(source_row + column * stride)])
                edges = np.int16(edges | word ^ word << 1)
                planes[np.uint64(target + column)] = word
        filled = target + end
    _clear(planes, filled, first + size)
    if edges & np.int16(np.int64(-1) << np.int64(width)):
        counters[-1, CANCELLED] = 1


@inner
def digit_pixels(source, count, width, words_of_plane, digit, planes, length, part, counters):
    """Single pixels of one digit of every word."""
    words, planes = carray(source, (count,)), carray(planes, (length,))
    start, _, rows, apart, stride = words_of_plane
    first, above, begin, end, pitch, size = part
    offset, shift, mask, half = digit[0], digit[1], digit[2], digit[3]
    edges, filled = np.int64(0), first
    for row in range(rows):
        source_row, target = start + row * apart, first + above + row * pitch
        _clear(planes, filled, target + begin)
        for column in range(begin, end):
            word = np.int64(words[np.uint64(source_row + column * stride)])
            edges |= word ^ word << 1
            planes[np.uint64(target + column)] = ((word + offset) >> shift & mask) - half
        filled = target + end
    _clear(planes, filled, first + size)
    if edges & np.int64(-1) << np.int64(width):
        counters[-1, CANCELLED] = 1


@inner
def _pair_with_next(planes, begin, end):
    """The last keeps its second half, which no tap reads."""
    for element in range(begin, end - 1):
        planes[np.uint64(element)] = planes[np.uint64(element)] & 0xFFFF | planes[np.uint64(element + 1)] << 16


@inner
def whole_pairs(source, count, width, words_of_plane, digit, planes, length, part, counters):
    """Pairs of words of at most 16 bits."""
    words, planes = carray(source, (count,)), carray(planes, (length,))
    start, partner, rows, apart, stride = words_of_plane
    first, above, begin, end, pitch, size = part
    edges, filled = np.int32(0), first
    for row in range(rows):
        source_row, target = start + row * apart, first + above + row * pitch
        _clear(planes, filled, target + begin)
        if stride == 1:
            for column in range(begin, end):
                low = np.int64(words[np.uint64(source_row + column)])
                high = np.int64(words[np.uint64(source_row + partner + column)])
                pair = np.int32(low & 0xFFFF | high << 16)
                edges = np.int32(edges | pair ^ pair << 1)
                planes[np.uint64(target + column)] = pair
        elif stride == 2:  # like the loop below, for the compiler to see
            for column in range(begin, end):
                low = np.int64(words[np.uint64(source_row + 2 * column)])
                high = np.int64(words[np.uint64(source_row + partner + 2 * column)])
                pair = np.int32(low & 0xFFFF | high << 16)
                edges = np.int32(edges | pair ^ pair << 1)
                planes[np.uint64(target + column)] = pair
        else:
            for column in range(begin, end):
                low = np.int64(words[np.uint64(source_row + column * stride)])
                high = np.int64(words[np.uint64(source_row + partner + column * stride)])
                pair = np.int32(low & 0xFFFF | high << 16)
                edges = np.int32(edges | pair ^ pair << 1)
                planes[np.uint64(target + column)] = pair
        filled = target + end
    _clear(planes, filled, first + size)
    if (edges | edges >> 16) & np.int16(np.int64(-1) << np.int64(width)) & 0xFFFF:
        counters[-1, CANCELLED] = 1
    if partner == 0:
        _pair_with_next(planes, first, first + size)


@inner
def digit_pairs(source, count, width, words_of_plane, digit, planes, length, part, counters):
    """Pairs of one digit of every word."""
    words, planes = carray(source, (count,)), carray(planes, (length,))
    start, partner, rows, apart, stride = words_of_plane
    first, above, begin, end, pitch, size = part
    offset, shift, mask, half = digit[0], digit[1], digit[2], digit[3]
    edges, filled = np.int64(0), first
    for row in range(rows):
        source_row, target = start + row * apart, first + above + row * pitch
        _clear(planes, filled, target + begin)
        for column in range(begin, end):
            low = np.int64(words[np.uint64(source_row + column * stride)])
            high = np.int64(words[np.uint64(source_row + partner + column * stride)])
            edges |= low ^ low << 1 | high ^ high << 1
            low, high = ((low + offset) >> shift & mask) - half, ((high + offset) >> shift & mask) - half
            planes[np.uint64(target + column)] = low & 0xFFFF | high << 16
        filled = target + end
    _clear(planes, filled, first + size)
    if edges & np.int64(-1) << np.int64(width):
        counters[-1, CANCELLED] = 1
    if partner == 0:
        _pair_with_next(planes, first, first + size)


@lru_cache
def fill_entry(dtype: np.dtype, *, pairs: bool, whole: bool) -> int:
    """Address of the kernel that fills a plane from words of this dtype."""
    fill = (whole_pairs if whole else digit_pairs) if pairs else (whole_pixels if whole else digit_pixels)
    elements = types.CPointer(types.int32 if pairs else types.int16)
    return _fill_entry(fill, words_of(dtype), INT, INT, _SOURCE, INTS, elements, INT, _TARGET, INTS_2D)


@cache
def gather_entry() -> int:
    """Address of `gather`; after any of `fill_entry`."""
    return _gather_entry(
        gather, INT, INT, FOUR, INT, TWO, INT, INT, INT, TWO, INT, INTS_2D, INT, INT, INTS, INT, INT, INTS_2D
    )
