"""The multiply-add that all fast passes are made of: 16-bit pairs into 32-bit lanes, on whatever vectors the CPU has.

    a   a0  a1  |  a2  a3  |  a4  a5  | ...     16 bits each
    b   b0  b1  |  b2  b3  |  b4  b5  | ...
    sum    += a0*b0 + a1*b1   += a2*b2 + a3*b3  ...     32 bits each, modulo 2**32

It is emitted as plain vector arithmetic (extend, multiply, add neighbours), which LLVM turns into the one instruction
that AVX-512, AVX2 and SSE2 have for it, or into what another CPU can do instead.  Nothing saturates and nothing is
rounded, so every CPU gives the same bits.  Two kernels use it, both in tiles that stay in registers::

    correlate: lanes are pixels                          dot: lanes are partial sums
               two vectors of pixel pairs                       two vectors of x, at two taps
      weight   +--------+--------+                        dz    +--------+--------+
      pair  0  |  sum   |  sum   |                      plane 0 |  sum   |  sum   |   each lane of a tile is
            1  |  sum   |  sum   |   one step: the            1 |  sum   |  sum   |   added up at the end
            2  |  sum   |  sum   |   next channel pair        2 |  sum   |  sum   |
            3  |  sum   |  sum   |   or tap                   3 |  sum   |  sum   |   one step: the next pixels
               +--------+--------+                              +--------+--------+
               (six weights, if there are)

No kernel checks an index: `fixedpoint.planes` says how large the arrays have to be.
"""

from functools import lru_cache

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fixedpoint.compiled import compiled

#: 32-bit lanes of a vector; a result never depends on it.
LANES = 16 if binding.get_host_cpu_features().get("avx512bw") else 8
#: Filters and vectors of a tile: its sums, and all operands beside them, fit the sixteen registers of AVX2.
FILTERS, VECTORS = 4, 2
#: Filters of the two kinds of blocks of `correlate`.
WIDE, NARROW = 6, 4
#: Pixels that `correlate` computes at once, and that `dot` adds at once.
TILE_PIXELS = VECTORS * LANES
DOT_PIXELS = 2 * LANES
#: Steps that `correlate` adds up at once: their pixels and weights fit the first-level cache.
TILE_STEPS = 256


@lru_cache
def filter_blocks(filters: int) -> np.ndarray:
    """First filter of each block of `correlate`, wide ones before narrow ones, and one behind the last."""
    filters = max(NARROW, filters + filters % 2)
    narrow = (0, 2, 1)[filters % WIDE // 2]  # a remainder of 2 is two narrow blocks for a wide one
    wide = (filters - narrow * NARROW) // WIDE
    return np.cumsum([0] + [WIDE] * wide + [NARROW] * narrow)

_I32, _I64 = ir.IntType(32), ir.IntType(64)
_SUMS = ir.VectorType(_I32, LANES)
_PAIRS = ir.VectorType(ir.IntType(16), 2 * LANES)
_PRODUCTS = ir.VectorType(_I32, 2 * LANES)


def _shuffle(builder, first, second, lanes):
    return builder.shuffle_vector(first, second, ir.Constant(ir.VectorType(_I32, len(lanes)), list(lanes)))


def _sums_of_lanes(builder, vectors):
    """One vector of the sums of all lanes of each of `vectors`, 4, 8, 16, ... of them."""
    count = vectors[0].type.count
    for lanes, apart in ((0, 1), 2), ((0, 2), 1):  # in every four lanes: aaaa, bbbb -> aabb;  aabb, ccdd -> abcd
        low = [four + side + lane for four in range(0, count, 4) for side in (0, count) for lane in lanes]
        high = [lane + apart for lane in low]
        vectors = [
            builder.add(_shuffle(builder, one, two, low), _shuffle(builder, one, two, high))
            for one, two in zip(vectors[::2], vectors[1::2], strict=True)
        ]
    while count > 4:
        count //= 2
        halves = [[_shuffle(builder, v, v, range(start, start + count)) for start in (0, count)] for v in vectors]
        vectors = [builder.add(*both) for both in halves]
    while len(vectors) > 1:
        count *= 2
        couples = zip(vectors[::2], vectors[1::2], strict=True)
        vectors = [_shuffle(builder, one, two, range(count)) for one, two in couples]
    return vectors[0]


def _wide_sums_of_lanes(builder, vectors):
    """The same in 64 bits, of 32-bit lanes: 16 bits at a time, so that only the last step is wide."""
    kind = vectors[0].type
    low = _sums_of_lanes(builder, [builder.and_(v, ir.Constant(kind, [0xFFFF] * kind.count)) for v in vectors])
    high = _sums_of_lanes(builder, [builder.ashr(v, ir.Constant(kind, [16] * kind.count)) for v in vectors])
    wide = ir.VectorType(_I64, low.type.count)
    high = builder.shl(builder.sext(high, wide), ir.Constant(wide, [16] * wide.count))
    return builder.add(high, builder.sext(low, wide))


def _multiply_add(builder, total, a, b):
    products = builder.mul(builder.sext(a, _PRODUCTS), builder.sext(b, _PRODUCTS))
    nothing = ir.Constant(_PRODUCTS, ir.Undefined)
    even, odd = (_shuffle(builder, products, nothing, range(start, 2 * LANES, 2)) for start in (0, 1))
    return builder.add(total, builder.add(even, odd))


def _load(builder, pointer, kind, alignment):
    value = builder.load(builder.bitcast(pointer, kind.as_pointer()))
    value.align = alignment
    return value


def _broadcast(builder, word, kind):
    lane = builder.insert_element(ir.Constant(kind, ir.Undefined), word, _I32(0))
    return _shuffle(builder, lane, lane, [0] * kind.count)


def _data(context, builder, kind, array):
    return context.make_array(kind)(context, builder, array).data


def _add(builder, before, vector, shift, target):
    """target[lane] = before[lane] + (vector[lane] << shift), in the type that they point to."""
    kind = ir.VectorType(target.type.pointee, vector.type.count)
    if kind.element == _I64:
        vector = vector if vector.type == kind else builder.sext(vector, kind)
        vector = builder.shl(vector, _broadcast(builder, shift, kind))
    total = builder.add(_load(builder, before, kind, 4), vector)
    builder.store(total, builder.bitcast(target, kind.as_pointer())).align = 4


def _correlate_tile(filters):
    """The kernel of `correlate` for a block of so many filters."""

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
            pixel, first, shift, before_place, before_pitch, place, pitch = (
                arguments[i] for i in (1, 4, 5, 7, 8, 10, 11)
            )
            planes, offsets, weights, before, sums = (
                _data(context, builder, kinds[i], arguments[i]) for i in (0, 2, 3, 6, 9)
            )
            steps = context.make_array(kinds[2])(context, builder, arguments[2]).nitems
            tile = [(f, v) for f in range(filters) for v in range(VECTORS)]
            totals = {place: cgutils.alloca_once(builder, _SUMS) for place in tile}
            for total in totals.values():
                builder.store(ir.Constant(_SUMS, None), total)
            pixels, weights = builder.gep(planes, [pixel]), builder.gep(weights, [first])
            with cgutils.for_range(builder, steps, intp=_I64) as loop:
                here = builder.gep(pixels, [builder.load(builder.gep(offsets, [loop.index]))])
                vectors = [_load(builder, builder.gep(here, [_I64(v * LANES)]), _PAIRS, 4) for v in range(VECTORS)]
                weight = builder.gep(weights, [builder.mul(loop.index, _I64(filters))])
                for f in range(filters):
                    word = builder.load(builder.gep(weight, [_I64(f)]))
                    pair = builder.bitcast(_broadcast(builder, word, _SUMS), _PAIRS)
                    for v in range(VECTORS):
                        total = _multiply_add(builder, builder.load(totals[f, v]), vectors[v], pair)
                        builder.store(total, totals[f, v])
            for f, v in tile:
                source, target = (
                    builder.gep(array, [builder.add(builder.add(start, builder.mul(_I64(f), row)), _I64(v * LANES))])
                    for array, start, row in ((before, before_place, before_pitch), (sums, place, pitch))
                )
                _add(builder, source, builder.load(totals[f, v]), shift, target)
            return context.get_dummy_value()

        return signature, generate

    return correlate_tile


_correlate_wide, _correlate_narrow = _correlate_tile(WIDE), _correlate_tile(NARROW)


@compiled
def correlate(planes, images, size, pixels, offsets, weights, blocks, chunk, shift, start, sums, pitch):
    """Correlate all filters with a band of `pixels` of each image, at one point or several, each with its own weights.

    Parameters
    ----------
    planes : int32 (images, size), a pair of pixels each
    offsets : int64 (points, steps), where each step's plane starts for pixel 0
    weights : int32 (points, filters * steps), a pair of weights each, of (steps, filters) of every block
    blocks : int64, the first filter of each block, and one behind the last;  chunk : steps whose sum fits 32 bits
    start : (points, filters * TILE_PIXELS), what to add the sums to, shifted left; if empty, what `sums` holds
    sums : int32 or int64 (points, images * filters * pitch)
    """
    points, steps = offsets.shape
    chunks = max(1, -(-steps // min(chunk, TILE_STEPS)))
    length = -(-steps // chunks)
    deep = weights.size > images * size  # so much that each tile is worth copying, to be walked again and again
    copy, places = np.empty(length * TILE_PIXELS, np.int32), np.arange(0, length * TILE_PIXELS, TILE_PIXELS)
    tiles = (pixels + TILE_PIXELS - 1) // TILE_PIXELS
    for turn in range(points * chunks):
        point, part = turn // chunks, turn % chunks
        of_part = offsets[point, part * length : (part + 1) * length]
        of_point, of_weights = sums[point], weights[point]
        fresh = part == 0 and start.size > 0
        before, before_pitch = (start[point], TILE_PIXELS) if fresh else (of_point, pitch)
        for tile in range(images * tiles):
            image, pixel = tile // tiles, tile % tiles * TILE_PIXELS
            source, target = image * size + pixel, image * blocks[-1] * pitch + pixel
            if deep:
                for step in range(of_part.size):
                    for lane in range(TILE_PIXELS):
                        copy[np.uint64(step * TILE_PIXELS + lane)] = planes[np.uint64(of_part[step] + source + lane)]
            operands = (copy, 0, places[: of_part.size]) if deep else (planes, source, of_part)
            for block in range(blocks.size - 1):
                filter_, count = blocks[block], blocks[block + 1] - blocks[block]
                first, place = filter_ * steps + part * length * count, target + filter_ * pitch
                before_place = filter_ * TILE_PIXELS if fresh else place
                if count == WIDE:
                    _correlate_wide(
                        *operands, of_weights, first, shift, before, before_place, before_pitch, of_point, place, pitch
                    )
                else:
                    _correlate_narrow(
                        *operands, of_weights, first, shift, before, before_place, before_pitch, of_point, place, pitch
                    )


@intrinsic
def _dot_tile(typing, filters, filter_, plane, pixels, column, offsets, begin, end, shift, sums, pitch):
    """sums[filter_ + f, column + v] += the sum over begin..end of plane filter_ + f times column + v, << shift."""
    signature = types.void(filters, filter_, plane, pixels, column, offsets, begin, end, shift, sums, pitch)

    def generate(context, builder, signature, arguments):
        kinds = signature.args
        filter_, plane, column, begin, end, shift, pitch = (arguments[i] for i in (1, 2, 4, 6, 7, 8, 10))
        filters, pixels, offsets, sums = (_data(context, builder, kinds[i], arguments[i]) for i in (0, 3, 5, 9))
        tile = [(f, v) for f in range(FILTERS) for v in range(VECTORS)]
        totals = {place: cgutils.alloca_once(builder, _SUMS) for place in tile}
        for total in totals.values():
            builder.store(ir.Constant(_SUMS, None), total)
        rows = [builder.gep(filters, [builder.mul(builder.add(filter_, _I64(f)), plane)]) for f in range(FILTERS)]
        columns = [
            builder.gep(pixels, [builder.load(builder.gep(offsets, [builder.add(column, _I64(v))]))])
            for v in range(VECTORS)
        ]
        with cgutils.for_range_slice(builder, begin, end, _I64(DOT_PIXELS), intp=_I64) as (here, _):
            vectors = [_load(builder, builder.gep(start, [here]), _PAIRS, 2) for start in columns]
            for f in range(FILTERS):
                row = _load(builder, builder.gep(rows[f], [here]), _PAIRS, 2)
                for v in range(VECTORS):
                    total = _multiply_add(builder, builder.load(totals[f, v]), vectors[v], row)
                    builder.store(total, totals[f, v])
        vectors = [builder.load(totals[place]) for place in tile]
        add_up = _wide_sums_of_lanes if sums.type.pointee == _I64 else _sums_of_lanes
        vector = add_up(builder, vectors)
        for f in range(FILTERS):
            of_filter = _shuffle(builder, vector, vector, range(f * VECTORS, (f + 1) * VECTORS))
            row = builder.mul(builder.add(filter_, _I64(f)), pitch)
            target = builder.gep(sums, [builder.add(row, column)])
            _add(builder, target, of_filter, shift, target)
        return context.get_dummy_value()

    return signature, generate


@compiled
def dot(filters, filter_count, plane, pixels, offsets, begin, end, shift, sums, pitch):
    """Add to `sums` the dot product of every filter plane with every column, over pixels begin..end-1.

    Parameters
    ----------
    filters : int16 (filter_count rounded up, plane);  pixels : int16;  offsets : int64 (columns,), where each starts
    sums : int32 or int64 (filter_count rounded up, pitch), to which the products, shifted left, are added
    """
    for filter_ in range(0, filter_count, FILTERS):
        for column in range(0, offsets.size, VECTORS):
            _dot_tile(filters, filter_, plane, pixels, column, offsets, begin, end, shift, sums, pitch)
