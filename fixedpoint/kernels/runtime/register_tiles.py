"""Register tiles: the innermost loops of `kernels.multiply_add`, which keep all their sums in vector registers.

Numba does not vectorise these loops as they need it, so they are written as vector code (`runtime.vectors`).
"""

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

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

#: Vectors of a tile: its sums, and all operands beside them, fit the sixteen registers of AVX2.
VECTORS = 2


def _data(context, builder, kind, array):
    return context.make_array(kind)(context, builder, array).data


class _RegisterTile:
    """The sums of a register tile while they are computed, by row and vector: one for each lane, or two."""

    def __init__(self, builder, rows, halves):
        self._builder, self.indices = builder, [(row, vector) for row in range(rows) for vector in range(VECTORS)]
        self._low, self._high = (
            {index: cgutils.alloca_once(builder, SUMS) for index in self.indices if kept} for kept in (True, halves)
        )
        for total in (*self._low.values(), *self._high.values()):
            builder.store(same(SUMS, 0), total)

    def add(self, index, a, b):
        """Add the products of the pairs of `a` and `b`."""
        builder, products = self._builder, pair_products(self._builder, a, b)
        builder.store(builder.add(builder.load(self._low[index]), products), self._low[index])
        if self._high:
            high = builder.add(builder.load(self._high[index]), builder.ashr(products, same(SUMS, 16)))
            builder.store(high, self._high[index])

    def sums(self, index):
        low = self._builder.load(self._low[index])
        return whole_sums(self._builder, low, self._builder.load(self._high[index])) if self._high else low

    def sums_of_lanes(self, wide):
        """One vector of the sums over the lanes of every vector."""
        builder = self._builder
        lows, highs = ([builder.load(total) for total in of.values()] for of in (self._low, self._high))
        if highs:
            return whole_sums(builder, sums_of_lanes(builder, lows), sums_of_lanes(builder, highs))
        return wide_sums_of_lanes(builder, lows) if wide else sums_of_lanes(builder, lows)


def correlate_tile(filters, of_block, halves):
    """The register tile of `correlate` for so many filters of a block, with one sum for each lane or two."""

    @intrinsic
    def correlate(
        typing, planes, pixel, offsets, weights, first, shift, before, before_index, before_pitch, sums, index, pitch
    ):
        """sums[index + f * pitch + ...] = the same of `before` + sum over steps of weight f times pixels, << shift."""
        signature = types.void(
            planes, pixel, offsets, weights, first, shift, before, before_index, before_pitch, sums, index, pitch
        )

        def generate(context, builder, signature, arguments):
            kinds = signature.args
            if halves and kinds[9].dtype.bitwidth == 32:
                return context.get_dummy_value()  # sums of 32 bits are never made of halves
            pixel, first, shift, before_index, before_pitch, index, pitch = (
                arguments[i] for i in (1, 4, 5, 7, 8, 10, 11)
            )
            planes, offsets, weights, before, sums = (
                _data(context, builder, kinds[i], arguments[i]) for i in (0, 2, 3, 6, 9)
            )
            steps = context.make_array(kinds[2])(context, builder, arguments[2]).nitems
            tile = _RegisterTile(builder, filters, halves)
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
            for f, v in tile.indices:
                source, target = (
                    builder.gep(array, [builder.add(builder.add(start, builder.mul(I64(f), row)), I64(v * LANES))])
                    for array, start, row in ((before, before_index, before_pitch), (sums, index, pitch))
                )
                add_shifted(builder, source, tile.sums((f, v)), shift, target)
            return context.get_dummy_value()

        return signature, generate

    return correlate


def dot_tile(rows, halves):
    """The register tile of `dot` for so many filters, with one sum for each lane or two."""

    @intrinsic
    def dot(typing, filters, filter_, plane, pixels, column, offsets, begin, end, shift, sums, pitch):
        """sums[filter_ + f, column + v] += the sum over begin..end of plane filter_ + f times column + v, << shift."""
        signature = types.void(filters, filter_, plane, pixels, column, offsets, begin, end, shift, sums, pitch)

        def generate(context, builder, signature, arguments):
            kinds = signature.args
            if halves and kinds[9].dtype.bitwidth == 32:
                return context.get_dummy_value()
            filter_, plane, column, begin, end, shift, pitch = (arguments[i] for i in (1, 2, 4, 6, 7, 8, 10))
            filters, pixels, offsets, sums = (_data(context, builder, kinds[i], arguments[i]) for i in (0, 3, 5, 9))
            tile = _RegisterTile(builder, rows, halves)
            planes = [builder.gep(filters, [builder.mul(builder.add(filter_, I64(f)), plane)]) for f in range(rows)]
            columns = [
                builder.gep(pixels, [builder.load(builder.gep(offsets, [builder.add(column, I64(v))]))])
                for v in range(VECTORS)
            ]
            with cgutils.for_range_slice(builder, begin, end, I64(2 * LANES), intp=I64) as (here, _):
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

    return dot
