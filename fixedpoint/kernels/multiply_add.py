"""The multiply-add that all fast passes are made of: 16-bit pairs into 32-bit lanes, on whatever vectors the CPU has.

    a   a0  a1  |  a2  a3  |  a4  a5  | ...     16 bits each
    b   b0  b1  |  b2  b3  |  b4  b5  | ...
    sum    += a0*b0 + a1*b1   += a2*b2 + a3*b3  ...     32 bits each, modulo 2**32

It is plain vector arithmetic (`runtime.vectors`).  Nothing saturates and nothing is rounded, so every CPU gives
the same bits.  Where sums outgrow 32 bits and products are not small enough to add up many before they move to 64,
there are two sums for each lane, of which the second adds up the upper halves of the same products::

    s = a0*b0 + a1*b1       low += s        modulo 2**32        the sum of n products is  high * 2**16 + r,
                            high += s >> 16                     r = the sum of n lower halves = low - (high << 16),
                                                                which 32 bits hold while n <= 2**16

This takes a product of two pairs to fit 32 bits, as all do but that of four operands of -2**15: see `layout.digits`.

Two kernels use it, both in tiles that stay in registers, smaller ones where there are two sums::

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
from numba.core import cgutils
from numba.extending import intrinsic

from convstream.fixedpoint.kernels.runtime.jit import INT, INTS, INTS_2D, TWO, compiled, entry, inner
from convstream.fixedpoint.kernels.runtime.vectors import (
    I64,
    LANES,
    PAIRS,
    SUMS,
    add_shifted,
    broadcast,
    load,
    pair_products,
    same,
    shuffle,
    sums_of_lanes,
    whole_sums,
    wide_sums_of_lanes,
)

#: Filters and vectors of a tile of `dot`: its sums, and all operands beside them, fit the sixteen registers of AVX2.
FILTERS, VECTORS = 4, 2
#: Filters of the kinds of blocks of `correlate`.
WIDE, NARROW, THIN = 6, 4, 3
#: Pixels that `correlate` computes at once, and that `dot` adds at once.
TILE_PIXELS = VECTORS * LANES
DOT_PIXELS = 2 * LANES
#: Steps that `correlate` adds up at once: their pixels and weights fit the first-level cache.
TILE_STEPS = 256
#: Where the steps of a copied tile start.
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
    """Whether -2**15 comes twice in succession in `words`, int16 of one dimension."""
    found = False
    for i in range(words.size - 1):
        found |= (words[np.uint64(i)] == -32768) & (words[np.uint64(i + 1)] == -32768)
    return found


def _data(context, builder, kind, array):
    return context.make_array(kind)(context, builder, array).data


class _Tile:
    """The sums of a tile while they are made, by row and vector: one for each lane, or two."""

    def __init__(self, builder, rows, halves):
        self._builder, self.places = builder, [(row, vector) for row in range(rows) for vector in range(VECTORS)]
        self._low, self._high = (
            {place: cgutils.alloca_once(builder, SUMS) for place in self.places if kept} for kept in (True, halves)
        )
        for total in (*self._low.values(), *self._high.values()):
            builder.store(same(SUMS, 0), total)

    def add(self, place, a, b):
        """Add the products of the pairs of `a` and `b`."""
        builder, products = self._builder, pair_products(self._builder, a, b)
        builder.store(builder.add(builder.load(self._low[place]), products), self._low[place])
        if self._high:
            high = builder.add(builder.load(self._high[place]), builder.ashr(products, same(SUMS, 16)))
            builder.store(high, self._high[place])

    def sums(self, place):
        low = self._builder.load(self._low[place])
        return whole_sums(self._builder, low, self._builder.load(self._high[place])) if self._high else low

    def sums_of_lanes(self, wide):
        """One vector of the sums over the lanes of every place."""
        builder = self._builder
        lows, highs = ([builder.load(total) for total in of.values()] for of in (self._low, self._high))
        if highs:
            return whole_sums(builder, sums_of_lanes(builder, lows), sums_of_lanes(builder, highs))
        return wide_sums_of_lanes(builder, lows) if wide else sums_of_lanes(builder, lows)


def _correlate_tile(filters, of_block, halves):
    """The kernel of `correlate` for so many filters of a block, with one sum for each lane or two."""

    @intrinsic
    def correlate_tile(
        typing, planes, pixel, offsets, weights, first, shift, before, before_place, before_pitch, sums, place, pitch
    ):
        """sums[place + f * pitch + ...] = the same of `before` + sum over steps of weight f times pixels, << shift."""
        signature = types.void(
            planes, pixel, offsets, weights, first, shift, before, before_place, before_pitch, sums, place, pitch
        )

        def generate(context, builder, signature, arguments):
            kinds = signature.args
            if halves and kinds[9].dtype.bitwidth == 32:
                return context.get_dummy_value()  # sums of 32 bits are never made of halves
            pixel, first, shift, before_place, before_pitch, place, pitch = (
                arguments[i] for i in (1, 4, 5, 7, 8, 10, 11)
            )
            planes, offsets, weights, before, sums = (
                _data(context, builder, kinds[i], arguments[i]) for i in (0, 2, 3, 6, 9)
            )
            steps = context.make_array(kinds[2])(context, builder, arguments[2]).nitems
            tile = _Tile(builder, filters, halves)
            pixels, weights = builder.gep(planes, [pixel]), builder.gep(weights, [first])
            with cgutils.for_range(builder, steps, intp=I64) as loop:
                here = builder.gep(pixels, [builder.load(builder.gep(offsets, [loop.index]))])
                vectors = [load(builder, builder.gep(here, [I64(v * LANES)]), PAIRS, 4) for v in range(VECTORS)]
                weight = builder.gep(weights, [builder.mul(loop.index, I64(of_block))])
                for f in range(filters):
                    word = builder.load(builder.gep(weight, [I64(f)]))
                    pair = builder.bitcast(broadcast(builder, word, SUMS), PAIRS)
                    for v in range(VECTORS):
                        tile.add((f, v), vectors[v], pair)
            for f, v in tile.places:
                source, target = (
                    builder.gep(array, [builder.add(builder.add(start, builder.mul(I64(f), row)), I64(v * LANES))])
                    for array, start, row in ((before, before_place, before_pitch), (sums, place, pitch))
                )
                add_shifted(builder, source, tile.sums((f, v)), shift, target)
            return context.get_dummy_value()

        return signature, generate

    return correlate_tile


_wide, _narrow, _thin = (_correlate_tile(filters, filters, False) for filters in (WIDE, NARROW, THIN))
_half_of_wide, _half_of_narrow, _thin_halves = (
    _correlate_tile(filters, of_block, True) for filters, of_block in ((3, WIDE), (2, NARROW), (THIN, THIN))
)


@inner
def correlate(
    planes, images, size, pixels, offsets, steps, weights, place_of_weights, blocks, chunk, halves, shift,
    start, fresh, sums, pitch,
):  # fmt: skip
    """Correlate all filters with a band of `pixels` of each image, at one point or several, each with its own weights.

    Parameters
    ----------
    planes : int32 (images, size), a pair of pixels each
    offsets : int64 (points, ...), where each step's plane starts for pixel 0
    steps : the first of them, and one behind the last
    weights : int32 (points, ...), a pair of weights each, from `place_of_weights` on (steps, filters) of every block
    blocks : int64, the first filter of each block, and one behind the last
    chunk : steps whose sum fits 32 bits, or 64 made of two sums of 32, if `halves`
    start : (points, filters * TILE_PIXELS), what to add the sums to, shifted left; if not `fresh`, what `sums` holds
    sums : int32 or int64 (points, images * filters * pitch)
    """
    points, count = offsets.shape[0], steps[1] - steps[0]
    chunks = max(1, -(-count // min(chunk, TILE_STEPS)))
    length = -(-count // chunks)
    deep = points * count * blocks[-1] > images * size  # so much that a tile is worth copying, to be walked many times
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
                first = place_of_weights + filter_ * count + part * length * lanes
                for lane in range(0, lanes, lanes // 2 if halves and lanes != THIN else lanes):
                    weight, place = first + lane, target + (filter_ + lane) * pitch
                    before_place = (filter_ + lane) * TILE_PIXELS if from_start else place
                    given = (of_weights, weight, shift, before, before_place, before_pitch, of_point, place, pitch)
                    if halves and lanes == WIDE:
                        _half_of_wide(*operands, *given)
                    elif halves and lanes == NARROW:
                        _half_of_narrow(*operands, *given)
                    elif halves:
                        _thin_halves(*operands, *given)
                    elif lanes == WIDE:
                        _wide(*operands, *given)
                    elif lanes == NARROW:
                        _narrow(*operands, *given)
                    else:
                        _thin(*operands, *given)


@lru_cache
def correlate_entry(sums: np.dtype) -> int:
    """Address of `correlate` into sums of this dtype."""
    pairs, sums = types.int32, from_dtype(sums)[:, ::1]
    return entry(
        correlate, pairs[::1], INT, INT, INT, INTS_2D, TWO, pairs[:, ::1], INT, INTS, INT, types.boolean, INT,
        sums, types.boolean, sums, INT,
    )  # fmt: skip


def _dot_tile(rows, halves):
    """The kernel of `dot` for so many filters, with one sum for each lane or two."""

    @intrinsic
    def dot_tile(typing, filters, filter_, plane, pixels, column, offsets, begin, end, shift, sums, pitch):
        """sums[filter_ + f, column + v] += the sum over begin..end of plane filter_ + f times column + v, << shift."""
        signature = types.void(filters, filter_, plane, pixels, column, offsets, begin, end, shift, sums, pitch)

        def generate(context, builder, signature, arguments):
            kinds = signature.args
            if halves and kinds[9].dtype.bitwidth == 32:
                return context.get_dummy_value()
            filter_, plane, column, begin, end, shift, pitch = (arguments[i] for i in (1, 2, 4, 6, 7, 8, 10))
            filters, pixels, offsets, sums = (_data(context, builder, kinds[i], arguments[i]) for i in (0, 3, 5, 9))
            tile = _Tile(builder, rows, halves)
            planes = [builder.gep(filters, [builder.mul(builder.add(filter_, I64(f)), plane)]) for f in range(rows)]
            columns = [
                builder.gep(pixels, [builder.load(builder.gep(offsets, [builder.add(column, I64(v))]))])
                for v in range(VECTORS)
            ]
            with cgutils.for_range_slice(builder, begin, end, I64(DOT_PIXELS), intp=I64) as (here, _):
                vectors = [load(builder, builder.gep(start, [here]), PAIRS, 2) for start in columns]
                for f in range(rows):
                    row = load(builder, builder.gep(planes[f], [here]), PAIRS, 2)
                    for v in range(VECTORS):
                        tile.add((f, v), vectors[v], row)
            vector = tile.sums_of_lanes(sums.type.pointee == I64)
            for f in range(rows):
                of_filter = shuffle(builder, vector, vector, range(f * VECTORS, (f + 1) * VECTORS))
                row = builder.mul(builder.add(filter_, I64(f)), pitch)
                target = builder.gep(sums, [builder.add(row, column)])
                add_shifted(builder, target, of_filter, shift, target)
            return context.get_dummy_value()

        return signature, generate

    return dot_tile


_dot, _dot_of_half = _dot_tile(FILTERS, False), _dot_tile(FILTERS // 2, True)


@inner
def dot(filters, filter_count, plane, pixels, offsets, begin, end, halves, shift, sums, pitch):
    """Add to `sums` the dot product of every filter plane with every column, over pixels begin..end-1.

    Parameters
    ----------
    filters : int16 (filter_count rounded up, plane);  pixels : int16;  offsets : int64 (columns,), where each starts
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
    return entry(dot, words, INT, INT, words, INTS, INT, INT, types.boolean, INT, sums, INT)
