"""Gathering: rows of a tensor on their way into the planes of `layout.planes`, and a look at every word.

`gather` goes from plane to plane and finds out which of its rows are of the source and which are padding.  It is the
same for all tensors, and leaves the words to a function that it calls by address, one for each dtype::

                      words of at most 16 bits      digits of wider ones, see `layout.digits`
    single pixels     whole_pixels                  digit_pixels
    pairs             whole_pairs                   digit_pairs

Each of them fills one plane, front to back, with zeros between the rows::

    first                    first + above                                             first + size
    | 0 0 0 ... padding      | 0 ..begin.. words ..end.. 0 | 0 ..begin.. words ..end..  0 0 0 |
                             |<-------- pitch ------------>|

All words are looked through for any outside their format while they pass: to read them once more from memory would take
as long as gathering them.  In a word of b bits, those from bit b-1 on are all alike.  ``word ^ word << 1`` has a bit
set, an edge, where one is unlike the bit below it, so no word may have an edge at bit b or above.
"""

from functools import cache, lru_cache

import numpy as np
from numba import carray, types

from convstream.fixedpoint.kernels.runtime.jit import FOUR, INT, INTS, INTS_2D, TWO, at, call, entry, inner, words_of
from convstream.fixedpoint.kernels.runtime.threads import OFF

#: Which words a plane takes (first, partner, rows, distance of rows, stride), and where they go in the planes.
_SOURCE, _TARGET = types.UniTuple(INT, 5), types.UniTuple(INT, 6)


@inner
def gather(
    fill, source, shape, width, images, together, first_row, height, rows, stride, phases, pitch, size, digit, planes,
    length, counters,
):  # fmt: skip
    """Planes of rows `first_row` and on of every channel and phase, zeros where there is padding.

    Parameters
    ----------
    fill : address of the function that fills a plane
    source : address of integers of `shape`: images, channels, rows, columns;  width : bits of their format
    images : the first of them, and one behind the last
    together : channels of a plane: 1, or 2 for pairs, in which a last channel is paired with itself one place on
    height : rows of a plane;  rows : (stride, pad);  stride : that of the columns
    phases : int64 (phases, 4), see `Planes.phase_table`
    size : elements of a plane; what is behind its last row becomes 0
    digit : what to take of every word, see `layout.digits`
    planes : address of `length` elements, int16 or, for pairs, int32, the first of a pair in its low half
    counters : of `runtime.threads`, whose last stage is called off if a word is outside its format
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
        call(fill, (
            at(source), count * channels * source_height * source_width, width,
            (start, partner, lines, rows[0] * source_width, stride), digit, at(planes), length,
            (plane * size, above, begin, end, pitch, size), counters,
        ))  # fmt: skip


@inner
def _clear(planes, begin, end):
    for place in range(begin, end):
        planes[np.uint64(place)] = 0


@inner
def whole_pixels(source, count, width, words_of_plane, digit, planes, length, places, counters):
    """Single pixels of words of at most 16 bits."""
    words, planes = carray(source, (count,)), carray(planes, (length,))
    start, _, rows, apart, stride = words_of_plane
    first, above, begin, end, pitch, size = places
    edges, filled = np.int16(0), first
    for row in range(rows):
        source_row, target = start + row * apart, first + above + row * pitch
        _clear(planes, filled, target + begin)
        if stride == 1:
            for place in range(begin, end):
                word = np.int16(words[np.uint64(source_row + place)])
                edges = np.int16(edges | word ^ word << 1)
                planes[np.uint64(target + place)] = word
        elif stride == 2:  # like the loop below, for the compiler to see
            for place in range(begin, end):
                word = np.int16(words[np.uint64(source_row + 2 * place)])
                edges = np.int16(edges | word ^ word << 1)
                planes[np.uint64(target + place)] = word
        else:
            for place in range(begin, end):
                word = np.int16(words[np.uint64(source_row + place * stride)])
                edges = np.int16(edges | word ^ word << 1)
                planes[np.uint64(target + place)] = word
        filled = target + end
    _clear(planes, filled, first + size)
    if edges & np.int16(np.int64(-1) << np.int64(width)):
        counters[-1, OFF] = 1


@inner
def digit_pixels(source, count, width, words_of_plane, digit, planes, length, places, counters):
    """Single pixels of one digit of every word."""
    words, planes = carray(source, (count,)), carray(planes, (length,))
    start, _, rows, apart, stride = words_of_plane
    first, above, begin, end, pitch, size = places
    offset, shift, mask, half = digit[0], digit[1], digit[2], digit[3]
    edges, filled = np.int64(0), first
    for row in range(rows):
        source_row, target = start + row * apart, first + above + row * pitch
        _clear(planes, filled, target + begin)
        for place in range(begin, end):
            word = np.int64(words[np.uint64(source_row + place * stride)])
            edges |= word ^ word << 1
            planes[np.uint64(target + place)] = ((word + offset) >> shift & mask) - half
        filled = target + end
    _clear(planes, filled, first + size)
    if edges & np.int64(-1) << np.int64(width):
        counters[-1, OFF] = 1


@inner
def _pair_with_next(planes, begin, end):
    """The last of them, of which no tap reads a second half, keeps the one that it has."""
    for place in range(begin, end - 1):
        planes[np.uint64(place)] = planes[np.uint64(place)] & 0xFFFF | planes[np.uint64(place + 1)] << 16


@inner
def whole_pairs(source, count, width, words_of_plane, digit, planes, length, places, counters):
    """Pairs of words of at most 16 bits."""
    words, planes = carray(source, (count,)), carray(planes, (length,))
    start, partner, rows, apart, stride = words_of_plane
    first, above, begin, end, pitch, size = places
    edges, filled = np.int32(0), first
    for row in range(rows):
        source_row, target = start + row * apart, first + above + row * pitch
        _clear(planes, filled, target + begin)
        if stride == 1:
            for place in range(begin, end):
                low = np.int64(words[np.uint64(source_row + place)])
                high = np.int64(words[np.uint64(source_row + partner + place)])
                pair = np.int32(low & 0xFFFF | high << 16)
                edges = np.int32(edges | pair ^ pair << 1)
                planes[np.uint64(target + place)] = pair
        elif stride == 2:  # like the loop below, for the compiler to see
            for place in range(begin, end):
                low = np.int64(words[np.uint64(source_row + 2 * place)])
                high = np.int64(words[np.uint64(source_row + partner + 2 * place)])
                pair = np.int32(low & 0xFFFF | high << 16)
                edges = np.int32(edges | pair ^ pair << 1)
                planes[np.uint64(target + place)] = pair
        else:
            for place in range(begin, end):
                low = np.int64(words[np.uint64(source_row + place * stride)])
                high = np.int64(words[np.uint64(source_row + partner + place * stride)])
                pair = np.int32(low & 0xFFFF | high << 16)
                edges = np.int32(edges | pair ^ pair << 1)
                planes[np.uint64(target + place)] = pair
        filled = target + end
    _clear(planes, filled, first + size)
    if (edges | edges >> 16) & np.int16(np.int64(-1) << np.int64(width)) & 0xFFFF:
        counters[-1, OFF] = 1
    if partner == 0:
        _pair_with_next(planes, first, first + size)


@inner
def digit_pairs(source, count, width, words_of_plane, digit, planes, length, places, counters):
    """Pairs of one digit of every word."""
    words, planes = carray(source, (count,)), carray(planes, (length,))
    start, partner, rows, apart, stride = words_of_plane
    first, above, begin, end, pitch, size = places
    offset, shift, mask, half = digit[0], digit[1], digit[2], digit[3]
    edges, filled = np.int64(0), first
    for row in range(rows):
        source_row, target = start + row * apart, first + above + row * pitch
        _clear(planes, filled, target + begin)
        for place in range(begin, end):
            low = np.int64(words[np.uint64(source_row + place * stride)])
            high = np.int64(words[np.uint64(source_row + partner + place * stride)])
            edges |= low ^ low << 1 | high ^ high << 1
            low, high = ((low + offset) >> shift & mask) - half, ((high + offset) >> shift & mask) - half
            planes[np.uint64(target + place)] = low & 0xFFFF | high << 16
        filled = target + end
    _clear(planes, filled, first + size)
    if edges & np.int64(-1) << np.int64(width):
        counters[-1, OFF] = 1
    if partner == 0:
        _pair_with_next(planes, first, first + size)


@lru_cache
def fill_entry(dtype: np.dtype, *, pairs: bool, whole: bool) -> int:
    """Address of the function that fills a plane from words of this dtype."""
    fill = (whole_pairs if whole else digit_pairs) if pairs else (whole_pixels if whole else digit_pixels)
    elements = types.CPointer(types.int32 if pairs else types.int16)
    return entry(fill, words_of(dtype), INT, INT, _SOURCE, INTS, elements, INT, _TARGET, INTS_2D)


@cache
def gather_entry() -> int:
    """Address of `gather`; after any of `fill_entry`."""
    return entry(
        gather, INT, INT, FOUR, INT, TWO, INT, INT, INT, TWO, INT, INTS_2D, INT, INT, INTS, INT, INT, INTS_2D
    )
