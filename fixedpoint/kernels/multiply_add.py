"""The multiply-add of all fast passes: 16-bit pairs into 32-bit lanes, on vectors of any width.

    a   a0  a1  |  a2  a3  |  a4  a5  | ...     16 bits each
    b   b0  b1  |  b2  b3  |  b4  b5  | ...
    sum    += a0*b0 + a1*b1   += a2*b2 + a3*b3  ...     32 bits each, modulo 2**32

It is plain vector arithmetic (`runtime.register_tiles`).  Nothing saturates and nothing is rounded, so every CPU gives
the same bits.  Where sums outgrow 32 bits and products are not small enough to add up many before they move to 64,
there are two sums for each lane, of which the second adds up the upper halves of the same products::

    s = a0*b0 + a1*b1       low += s        modulo 2**32        the sum of n products is  high * 2**16 + r,
                            high += s >> 16                     r = the sum of n lower halves = low - (high << 16),
                                                                which 32 bits hold while n <= 2**16

This takes a product of two pairs to fit 32 bits, as all do but that of four operands of -2**15: see `layout.digits`.

Two kernels use it, both in register tiles, smaller ones where there are two sums::

    correlate: lanes are pixels                          dot: lanes are partial sums
               two vectors of pixel pairs                       two vectors of x, at two taps
      weight   +--------+--------+                        dz    +--------+--------+
      pair  0  |  sum   |  sum   |                      plane 0 |  sum   |  sum   |   each lane of a tile is
            1  |  sum   |  sum   |   one step: the            1 |  sum   |  sum   |   added up at the end
            2  |  sum   |  sum   |   next channel pair        2 |  sum   |  sum   |
            3  |  sum   |  sum   |   or tap                   3 |  sum   |  sum   |   one step: the next pixels
               +--------+--------+                              +--------+--------+
               (six weights, if there are)

No kernel checks an index: `layout.planes` says how large the arrays have to be.
"""

from functools import lru_cache

import numpy as np
from numba import from_dtype, types

from convstream.fixedpoint.kernels.runtime.calls import INT, INTS, INTS_2D, TWO, by_address
from convstream.fixedpoint.kernels.runtime.jit import compiled, inner
from convstream.fixedpoint.kernels.runtime.register_tiles import VECTORS, correlate_tile, dot_tile
from convstream.fixedpoint.kernels.runtime.vectors import LANES

_correlate_entry, call_correlate = by_address("correlate")
_dot_entry, call_dot = by_address("dot")

#: Filters of a register tile of `dot`.
FILTERS = 4
#: Filters of the kinds of blocks of `correlate`.
WIDE, NARROW, THIN = 6, 4, 3
#: Pixels that `correlate` computes at once, and that `dot` adds at once.
TILE_PIXELS = VECTORS * LANES
DOT_PIXELS = 2 * LANES
#: Steps that `correlate` adds up at once: their pixels and weights fit the first-level cache.
TILE_STEPS = 256
#: First element of each step of a copied tile.
_OF_COPY = np.arange(0, TILE_STEPS * TILE_PIXELS, TILE_PIXELS)


@lru_cache
def filter_blocks(filters: int) -> np.ndarray:
    """First filter of each block of `correlate`, and one behind the last: wide, then narrow ones, or a thin one."""
    if filters <= THIN:
        return np.array([0, THIN])
    filters += filters % 2
    narrow = (0, 2, 1)[filters % WIDE // 2]  # a remainder of 2 is two narrow blocks for a wide one
    wide = (filters - narrow * NARROW) // WIDE
    return np.cumsum([0] + [WIDE] * wide + [NARROW] * narrow)


@compiled
def lowest_neighbours(words):
    """Whether two neighbours of `words`, int16 of one dimension, are -2**15."""
    found = False
    for i in range(words.size - 1):
        found |= (words[np.uint64(i)] == -32768) & (words[np.uint64(i + 1)] == -32768)
    return found


_wide, _narrow, _thin = (correlate_tile(filters, filters, False) for filters in (WIDE, NARROW, THIN))
_half_of_wide, _half_of_narrow, _thin_halves = (
    correlate_tile(filters, of_block, True) for filters, of_block in ((3, WIDE), (2, NARROW), (THIN, THIN))
)


@inner
def correlate(
    planes, images, size, pixels, offsets, steps, weights, first_weight, blocks, chunk, halves, shift,
    start, fresh, sums, pitch,
):  # fmt: skip
    """Correlate all filters with `pixels` of a row tile of each image, at one point or several.

    Parameters
    ----------
    planes : int32 (images, size), a pair of pixels each
    offsets : int64 (points, ...), the index that each step reads for pixel 0
    steps : the first of them, and one behind the last
    weights : int32 (points, ...), a pair of weights each, from `first_weight` on (steps, filters) of every block
    blocks : int64, the first filter of each block, and one behind the last
    chunk : steps whose sum fits 32 bits, or 64 made of two sums of 32, if `halves`
    start : (points, filters * TILE_PIXELS), what the sums, shifted left, are added to; if not `fresh`, to `sums`
    sums : int32 or int64 (points, images * filters * pitch)
    """
    points, count = offsets.shape[0], steps[1] - steps[0]
    chunks = max(1, -(-count // min(chunk, TILE_STEPS)))
    length = -(-count // chunks)
    deep = points * count * blocks[-1] > images * size  # a tile is read so often that it is worth copying
    copy = np.empty(length * TILE_PIXELS, np.int32)
    tiles = (pixels + TILE_PIXELS - 1) // TILE_PIXELS
    for turn in range(points * chunks):
        point, part = turn // chunks, turn % chunks
        of_part = offsets[point, steps[0] + part * length : min(steps[0] + (part + 1) * length, steps[1])]
        of_point, of_weights = sums[point], weights[point]
        from_start = fresh and part == 0
        before, before_pitch = (start[point], TILE_PIXELS) if from_start else (of_point, pitch)
        for tile in range(images * tiles):
            image, pixel = tile // tiles, tile % tiles * TILE_PIXELS
            source, target = image * size + pixel, image * blocks[-1] * pitch + pixel
            if deep:
                for step in range(of_part.size):
                    for lane in range(TILE_PIXELS):
                        copy[np.uint64(step * TILE_PIXELS + lane)] = planes[np.uint64(of_part[step] + source + lane)]
            operands = (copy, 0, _OF_COPY[: of_part.size]) if deep else (planes, source, of_part)
            for block in range(blocks.size - 1):
                filter_, lanes = blocks[block], blocks[block + 1] - blocks[block]
                first = first_weight + filter_ * count + part * length * lanes
                for lane in range(0, lanes, lanes // 2 if halves and lanes != THIN else lanes):
                    weight, index = first + lane, target + (filter_ + lane) * pitch
                    before_index = (filter_ + lane) * TILE_PIXELS if from_start else index
                    rest = (of_weights, weight, shift, before, before_index, before_pitch, of_point, index, pitch)
                    if halves and lanes == WIDE:
                        _half_of_wide(*operands, *rest)
                    elif halves and lanes == NARROW:
                        _half_of_narrow(*operands, *rest)
                    elif halves:
                        _thin_halves(*operands, *rest)
                    elif lanes == WIDE:
                        _wide(*operands, *rest)
                    elif lanes == NARROW:
                        _narrow(*operands, *rest)
                    else:
                        _thin(*operands, *rest)


@lru_cache
def correlate_entry(sums: np.dtype) -> int:
    """Address of `correlate` into sums of this dtype."""
    pairs, sums = types.int32, from_dtype(sums)[:, ::1]
    return _correlate_entry(
        correlate, pairs[::1], INT, INT, INT, INTS_2D, TWO, pairs[:, ::1], INT, INTS, INT, types.boolean, INT,
        sums, types.boolean, sums, INT,
    )  # fmt: skip


_dot, _dot_of_half = dot_tile(FILTERS, False), dot_tile(FILTERS // 2, True)


@inner
def dot(filters, filter_count, plane, pixels, offsets, begin, end, halves, shift, sums, pitch):
    """Add to `sums` the dot product of every filter plane with every column, over pixels begin..end-1.

    Parameters
    ----------
    filters : int16 (filter_count rounded up, plane);  pixels : int16
    offsets : int64 (columns,), index of the first pixel of each
    halves : whether each lane has two sums of 32 bits, not one
    sums : int32 or int64 (filter_count rounded up, pitch), to which the products, shifted left, are added
    """
    for filter_ in range(0, filter_count, FILTERS // 2 if halves else FILTERS):
        for column in range(0, offsets.size, VECTORS):
            if halves:
                _dot_of_half(filters, filter_, plane, pixels, column, offsets, begin, end, shift, sums, pitch)
            else:
                _dot(filters, filter_, plane, pixels, column, offsets, begin, end, shift, sums, pitch)


@lru_cache
def dot_entry(sums: np.dtype) -> int:
    """Address of `dot` into sums of this dtype."""
    words, sums = types.int16[::1], from_dtype(sums)[::1]
    return _dot_entry(dot, words, INT, INT, words, INTS, INT, INT, types.boolean, INT, sums, INT)
