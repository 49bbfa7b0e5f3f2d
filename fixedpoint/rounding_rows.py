"""Rounding and overflow of many words at once: the rules of `fixedpoint.rounding` in a form that vectors can follow.

Every rule takes the floor and adds one where the remainder, the bits that are dropped, exceeds a threshold.  With
half = 2**(shift-1) and largest = 2**shift - 1, the threshold is

    floor           largest                                   never
    toward_zero     largest,  0 for negative values           anything at all was dropped
    half_up         half - 1                                  half or more
    half_away       half - 1, half for negative values        more than half; half too, above zero
    half_even       half,     half - 1 if the floor is odd    more than half; half too, next to an odd number
    stochastic      largest - 1                               all of it, or nothing, after the draw

so a rule is three numbers: the threshold, what an odd floor takes from it, what a negative value adds to it.  Nothing
overflows: remainder and threshold lie in 0..largest, and no value moves by more than one after the shift.
"""

from functools import lru_cache

import numpy as np
from numba import carray, from_dtype, types
from numba.extending import intrinsic

from fixedpoint.compiled import FOUR, INT, INTS, at, call, compiled, entry, inner, words_of


def _shift(operation):
    """value << count or value >> count in the type of `value`; Numba's own shifts are 64 bits wide."""

    @intrinsic
    def shift(typing, value, count):
        def generate(context, builder, signature, arguments):
            value, count = arguments
            if count.type != value.type:
                count = builder.trunc(count, value.type)
            return getattr(builder, operation)(value, count)

        return value(value, count), generate

    return shift


_left, _right = _shift("shl"), _shift("ashr")


@inner
def requantize_rows(sums, place, of_image, of_filter, of_row, shape, rule, draws, results, first, steps):
    """Words of images x filters x rows x columns = `shape`, all arithmetic in the type of `sums`, int32 or int64.

    Parameters
    ----------
    sums : that of image n, filter f, row i, column j at ``place + n * of_image + f * of_filter + i * of_row + j``;
        overwritten, between rows as well
    rule : left, right: bits to shift, one of them 0;  threshold, if_odd, if_negative: see above, `if_odd` as what to
        subtract;  free: high bits of a sum that the result wraps into, 0 to saturate;  lowest and highest result
    draws : not used, see `requantize_rows_by_draws`
    results : address of integers; the word goes to
        ``first + (n * filters + f) * steps[0] + i * steps[1] + j * steps[2]``
    """
    word = sums.dtype.type
    sign = np.int64(31 if word(np.int64(1) << np.int64(32)) == 0 else 63)  # the compiler knows it, unlike an itemsize
    left, right, threshold, if_odd, if_negative, free, lowest, highest = rule
    images, filters, rows, columns = shape
    reach = (images * filters - 1) * steps[0] + (rows - 1) * steps[1] + (columns - 1) * steps[2]
    words = carray(results, (first + reach + 1,))
    if steps[2] == 1 and of_row == columns == steps[1]:
        rows, columns = 1, rows * columns
    mask = word((np.int64(1) << np.int64(right)) - 1)
    threshold, if_odd, if_negative = word(threshold), word(if_odd), word(if_negative)
    lowest, highest = word(lowest), word(highest)
    for plane in range(images * filters):
        start, target = place + plane // filters * of_image + plane % filters * of_filter, first + plane * steps[0]
        for index in range(start, start + (rows - 1) * of_row + columns):  # one long loop
            value = sums[np.uint64(index)]
            if sign == 63:
                value = _left(value, left)
            floor = _right(value, right)
            limit = word(word(threshold - word(floor & if_odd)) + word(_right(value, sign) & if_negative))
            rounded = word(floor + (word(value & mask) > limit))
            if free > 0:
                rounded = _right(_left(rounded, free), free)
            rounded = lowest if rounded < lowest else rounded
            sums[np.uint64(index)] = highest if rounded > highest else rounded
        for i in range(rows):
            source, begin = start + i * of_row, target + i * steps[1]
            if steps[2] == 1:
                for j in range(columns):
                    words[np.uint64(begin + j)] = sums[np.uint64(source + j)]
            else:
                for j in range(columns):
                    words[np.uint64(begin + j * steps[2])] = sums[np.uint64(source + j)]


@inner
def requantize_rows_by_draws(sums, place, of_image, of_filter, of_row, shape, rule, draws, results, first, steps):
    """The same for stochastic rounding.

    Where remainder + draw carries out, the remainder first becomes the largest there is, and 0 elsewhere.

    Parameters
    ----------
    draws : int64, as long as the results
    """
    word = sums.dtype.type
    images, filters, rows, columns = shape
    mask = word((np.int64(1) << np.int64(rule[1])) - 1)
    for plane in range(images * filters):
        start = place + plane // filters * of_image + plane % filters * of_filter
        for i in range(rows):
            source, drawn = start + i * of_row, first + plane * steps[0] + i * steps[1]
            for j in range(columns):
                value, draw = sums[source + j], word(draws[drawn + j * steps[2]])
                up = word(value & mask) > word(mask - draw)
                sums[source + j] = word(value | mask) if up else word(value & ~mask)
    requantize_rows(sums, place, of_image, of_filter, of_row, shape, rule, draws, results, first, steps)


@lru_cache
def requantize_entry(by_draws: bool, sums: np.dtype, results: np.dtype) -> int:
    """Address of either function from sums of this dtype to results of that one."""
    return entry(
        requantize_rows_by_draws if by_draws else requantize_rows,
        from_dtype(sums)[::1], INT, INT, INT, INT, FOUR, types.UniTuple(INT, 8), INTS, words_of(results), INT,
        types.UniTuple(INT, 3),
    )  # fmt: skip


@compiled
def requantize_all(requantize_rows, sums, rule, draws, results):
    """Words of all of `sums`, one-dimensional, which are overwritten, to address `results`."""
    call(requantize_rows, (sums, 0, 0, 0, 0, (1, 1, 1, sums.size), rule, draws, at(results), 0, (0, 0, 1)))
