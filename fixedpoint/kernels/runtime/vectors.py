"""Vector code as plain LLVM, for `runtime.register_tiles`: extend, multiply, shuffle, add.

LLVM turns the products of pairs into the one instruction that AVX-512, AVX2 and SSE2 have for them, or into several
of another CPU; nothing in here names an instruction.
"""

from llvmlite import ir
from numba.core.registry import cpu_target

#: The instruction sets that Numba compiles for, as LLVM writes them: ``+avx2,-avx512bw,...``.  They are those of this
#: CPU unless NUMBA_CPU_NAME, NUMBA_CPU_FEATURES or NUMBA_ENABLE_AVX say otherwise, and part of the key of kept code.
FEATURES = cpu_target.target_context.codegen().magic_tuple()[2].split(",")
#: 32-bit lanes of a vector; a result never depends on it.
LANES = 16 if "+avx512bw" in FEATURES else 8

I32, I64 = ir.IntType(32), ir.IntType(64)
SUMS = ir.VectorType(I32, LANES)
PAIRS = ir.VectorType(ir.IntType(16), 2 * LANES)
_PRODUCTS = ir.VectorType(I32, 2 * LANES)


def load(builder, pointer, kind, alignment):
    value = builder.load(builder.bitcast(pointer, kind.as_pointer()))
    value.align = alignment
    return value


def broadcast(builder, word, kind):
    lane = builder.insert_element(ir.Constant(kind, ir.Undefined), word, I32(0))
    return shuffle(builder, lane, lane, [0] * kind.count)


def shuffle(builder, first, second, lanes):
    return builder.shuffle_vector(first, second, ir.Constant(ir.VectorType(I32, len(lanes)), list(lanes)))


def same(kind, value):
    """A vector with `value` in all lanes."""
    return ir.Constant(kind, [value] * kind.count)


def pair_products(builder, a, b):
    """a0 * b0 + a1 * b1, a2 * b2 + a3 * b3, ... modulo 2**32."""
    products = builder.mul(builder.sext(a, _PRODUCTS), builder.sext(b, _PRODUCTS))
    nothing = ir.Constant(_PRODUCTS, ir.Undefined)
    return builder.add(*(shuffle(builder, products, nothing, range(start, 2 * LANES, 2)) for start in (0, 1)))


def whole_sums(builder, low, high):
    """Sums in 64 bits, from the sums modulo 2**32 and the sums of the upper halves of all terms."""
    wide = ir.VectorType(I64, low.type.count)
    rest = builder.sub(low, builder.shl(high, same(high.type, 16)))  # of the lower halves: below 2**32
    return builder.add(builder.shl(builder.sext(high, wide), same(wide, 16)), builder.zext(rest, wide))


def sums_of_lanes(builder, vectors):
    """One vector of the sums of all lanes of each of `vectors`, 4, 8, 16, ... of them."""
    count = vectors[0].type.count
    for lanes, apart in ((0, 1), 2), ((0, 2), 1):  # in every four lanes: aaaa, bbbb -> aabb;  aabb, ccdd -> abcd
        low = [four + side + lane for four in range(0, count, 4) for side in (0, count) for lane in lanes]
        high = [lane + apart for lane in low]
        vectors = [
            builder.add(shuffle(builder, one, two, low), shuffle(builder, one, two, high))
            for one, two in zip(vectors[::2], vectors[1::2], strict=True)
        ]
    while count > 4:
        count //= 2
        halves = [[shuffle(builder, v, v, range(start, start + count)) for start in (0, count)] for v in vectors]
        vectors = [builder.add(*both) for both in halves]
    while len(vectors) > 1:
        count *= 2
        couples = zip(vectors[::2], vectors[1::2], strict=True)
        vectors = [shuffle(builder, one, two, range(count)) for one, two in couples]
    return vectors[0]


def wide_sums_of_lanes(builder, vectors):
    """The same in 64 bits, of 32-bit lanes: 16 bits at a time, so that only the last step is wide."""
    kind = vectors[0].type
    low = sums_of_lanes(builder, [builder.and_(v, same(kind, 0xFFFF)) for v in vectors])
    high = sums_of_lanes(builder, [builder.ashr(v, same(kind, 16)) for v in vectors])
    wide = ir.VectorType(I64, low.type.count)
    return builder.add(builder.shl(builder.sext(high, wide), same(wide, 16)), builder.sext(low, wide))


def add_shifted(builder, before, vector, shift, target):
    """target[lane] = before[lane] + (vector[lane] << shift), in the type that they point to."""
    kind = ir.VectorType(target.type.pointee, vector.type.count)
    if kind.element == I64:
        vector = vector if vector.type == kind else builder.sext(vector, kind)
        vector = builder.shl(vector, broadcast(builder, shift, kind))
    elif vector.type != kind:
        vector = builder.trunc(vector, kind)
    total = builder.add(load(builder, before, kind, 4), vector)
    builder.store(total, builder.bitcast(target, kind.as_pointer())).align = 4
