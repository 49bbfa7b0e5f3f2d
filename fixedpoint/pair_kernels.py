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

No kernel checks an index: `fixedpoint.planes` says how large the arrays have to be.
"""

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from fixedpoint.compiled import compiled

#: 32-bit lanes of a vector; a result never depends on it.
LANES = 16 if binding.get_host_cpu_features().get("avx512bw") else 8
#: Filters and vectors of a tile: eight sums, and all operands beside them, fit the sixteen registers of AVX2.
FILTERS, VECTORS = 4, 2
#: Pixels that `correlate` computes at once, and that `dot` adds at once.
TILE_PIXELS = VECTORS * LANES
DOT_PIXELS = 2 * LANES

_I32, _I64 = ir.IntType(32), ir.IntType(64)
_SUMS = ir.VectorType(_I32, LANES)
_PAIRS = ir.VectorType(ir.IntType(16), 2 * LANES)
_PRODUCTS = ir.VectorType(_I32, 2 * LANES)


def _shuffle(builder, first, second, lanes):
    return builder.shuffle_vector(first, second, ir.Constant(ir.VectorType(_I32, len(lanes)), list(lanes)))


def _add_neighbours(builder, first, second):
    """Sums of lanes 0 and 1, 2 and 3, ... of `first` and then of `second`."""
    lanes = 2 * first.type.count
    even, odd = (_shuffle(builder, first, second, range(start, lanes, 2)) for start in (0, 1))
    return builder.add(even, odd)


def _multiply_add(builder, total, a, b):
    products = builder.mul(builder.sext(a, _PRODUCTS), builder.sext(b, _PRODUCTS))
    nothing = ir.Constant(_PRODUCTS, ir.Undefined)
    even, odd = (_shuffle(builder, products, nothing, range(start, 2 * LANES, 2)) for start in (0, 1))
    return builder.add(total, builder.add(even, odd))


def _load(builder, pointer, kind, alignment):
    value = builder.load(builder.bitcast(pointer, kind.as_pointer()))
    value.align = alignment
    return value


def _broadcast(builder, word):
    lane = builder.insert_element(ir.Constant(_SUMS, ir.Undefined), word, _I32(0))
    return _shuffle(builder, lane, lane, [0] * LANES)


def _data(context, builder, kind, array):
    return context.make_array(kind)(context, builder, array).data


@intrinsic
def _correlate_tile(typing, planes, pixel, offsets, weights, first, steps, start, filter_, sums, pitch):
    """sums[filter_ + f, pixel + ...] = start[filter_ + f] + the sum over steps of weight times vector of pixels."""
    signature = types.void(planes, pixel, offsets, weights, first, steps, start, filter_, sums, pitch)

    def generate(context, builder, signature, arguments):
        kinds = signature.args
        pixel, first, steps, filter_, pitch = (arguments[i] for i in (1, 4, 5, 7, 9))
        planes, offsets, weights, start, sums = (
            _data(context, builder, kinds[i], arguments[i]) for i in (0, 2, 3, 6, 8)
        )
        tile = [(f, v) for f in range(FILTERS) for v in range(VECTORS)]
        totals = {place: cgutils.alloca_once(builder, _SUMS) for place in tile}
        for f in range(FILTERS):
            initial = _broadcast(builder, builder.load(builder.gep(start, [builder.add(filter_, _I64(f))])))
            for v in range(VECTORS):
                builder.store(initial, totals[f, v])
        pixels = builder.gep(planes, [pixel])
        weights = builder.gep(weights, [builder.mul(first, _I64(FILTERS))])
        with cgutils.for_range(builder, steps, intp=_I64) as loop:
            here = builder.gep(pixels, [builder.load(builder.gep(offsets, [loop.index]))])
            vectors = [_load(builder, builder.gep(here, [_I64(v * LANES)]), _PAIRS, 4) for v in range(VECTORS)]
            weight = builder.gep(weights, [builder.mul(loop.index, _I64(FILTERS))])
            for f in range(FILTERS):
                pair = builder.bitcast(_broadcast(builder, builder.load(builder.gep(weight, [_I64(f)]))), _PAIRS)
                for v in range(VECTORS):
                    total = _multiply_add(builder, builder.load(totals[f, v]), vectors[v], pair)
                    builder.store(total, totals[f, v])
        for f, v in tile:
            row = builder.mul(builder.add(filter_, _I64(f)), pitch)
            place = builder.add(builder.add(row, pixel), _I64(v * LANES))
            target = builder.bitcast(builder.gep(sums, [place]), _SUMS.as_pointer())
            builder.store(builder.load(totals[f, v]), target).align = 4
        return context.get_dummy_value()

    return signature, generate


@compiled
def correlate(planes, pixels, offsets, weights, first, last, filters, start, sums, pitch):
    """Correlate `filters`, a multiple of FILTERS, with steps first..last-1 of a band of `pixels`.

    Parameters
    ----------
    planes : int32, a pair of pixels each;  offsets : int64 (steps,), where each step's plane starts for pixel 0
    weights : int32 (blocks, steps, FILTERS), a pair of weights each;  start : int32, one per filter
    sums : int32 (filters rounded up, pitch), overwritten
    """
    steps = offsets.size
    chunk = offsets[first:last]
    tiles, blocks = (pixels + TILE_PIXELS - 1) // TILE_PIXELS, filters // FILTERS
    by_block = weights.size > planes.size  # the smaller of the two is walked again and again, out of the cache
    for turn in range(tiles * blocks):
        tile, block = (turn % tiles, turn // tiles) if by_block else (turn // blocks, turn % blocks)
        _correlate_tile(
            planes, tile * TILE_PIXELS, chunk, weights, block * steps + first, chunk.size,
            start, block * FILTERS, sums, pitch,
        )  # fmt: skip


@intrinsic
def _dot_tile(typing, filters, filter_, plane, pixels, column, offsets, begin, end, sums, pitch):
    """sums[filter_ + f, column + v] += the sum over begin..end of plane filter_ + f times pixels of column + v."""
    signature = types.void(filters, filter_, plane, pixels, column, offsets, begin, end, sums, pitch)

    def generate(context, builder, signature, arguments):
        kinds = signature.args
        filter_, plane, column, begin, end, pitch = (arguments[i] for i in (1, 2, 4, 6, 7, 9))
        filters, pixels, offsets, sums = (_data(context, builder, kinds[i], arguments[i]) for i in (0, 3, 5, 8))
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
        while len(vectors) > 1:
            vectors = [_add_neighbours(builder, a, b) for a, b in zip(vectors[::2], vectors[1::2], strict=True)]
        (vector,) = vectors
        while vector.type.count > len(tile):
            lanes = vector.type.count
            even, odd = (_shuffle(builder, vector, vector, range(start, lanes, 2)) for start in (0, 1))
            vector = builder.add(even, odd)
        for lane, (f, v) in enumerate(tile):
            row = builder.mul(builder.add(filter_, _I64(f)), pitch)
            target = builder.gep(sums, [builder.add(builder.add(row, column), _I64(v))])
            builder.store(builder.add(builder.load(target), builder.extract_element(vector, _I32(lane))), target)
        return context.get_dummy_value()

    return signature, generate


@compiled
def dot(filters, filter_count, plane, pixels, offsets, begin, end, sums, pitch):
    """Add to `sums` the dot product of every filter plane with every column, over pixels begin..end-1.

    Parameters
    ----------
    filters : int16 (filter_count rounded up, plane);  pixels : int16;  offsets : int64 (columns,), where each starts
    sums : int32 (filter_count rounded up, pitch), added to
    """
    for filter_ in range(0, filter_count, FILTERS):
        for column in range(0, offsets.size, VECTORS):
            _dot_tile(filters, filter_, plane, pixels, column, offsets, begin, end, sums, pitch)


@compiled
def drain(parts, shift, sums):
    """Move 32-bit `parts` to 64-bit `sums`: sums += parts * 2**shift, parts = 0; one-dimensional, of equal size."""
    for index in range(parts.size):
        sums[index] += np.int64(parts[index]) << np.int64(shift)
        parts[index] = 0
