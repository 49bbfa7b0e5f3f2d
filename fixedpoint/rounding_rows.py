"""Rounding and overflow of many words at once: the rules of `fixedpoint.rounding` in a form that vectors can follow.

Every rule takes the floor and adds one where the remainder, the bits that are dropped, exceeds a threshold.  With
half = 2**(shift-1) and largest = 2**shift - 1, the threshold is

    floor           largest                                   never
    toward_zero     largest,  0 for negative values           anything at all was dropped
    half_up         half - 1                                  half or more
    half_away       half - 1, half for negative values        more than half; half too, above zero
    half_even       half,     half - 1 if the floor is odd    more than half; half too, next to an odd number
    stochastic      largest - draw                            remainder + draw carries out

so a rule is three numbers: the threshold, what an odd floor takes from it, what a negative value adds to it.  Nothing
overflows: remainder and threshold lie in 0..largest, and no value moves by more than one after the shift.
"""

import numpy as np
from numba.extending import intrinsic

from fixedpoint.compiled import compiled


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



@compiled
def requantize_rows(
    sums, of_filter, of_row, shape, left, right, threshold, if_odd, if_negative, draws, free, ends,
    results, first, steps,
):  # fmt: skip
    """Words of filters x rows x columns = `shape`, all arithmetic in the type of `sums`, int32 or int64.

    Parameters
    ----------
    sums : that of filter f, row i, column j at ``f * of_filter + i * of_row + j``
    left, right : bits to shift, one of them 0;  threshold, if_odd, if_negative : the rule, `if_odd` as what to subtract
    draws : int64, empty or as long as `results`
    free : high bits of a sum that the result wraps into, 0 to saturate;  ends : lowest and highest result
    results : integers; the word goes to ``first + f * steps[0] + i * steps[1] + j * steps[2]``
    """
    word = sums.dtype.type
    sign = np.int64(31 if word(np.int64(1) << np.int64(32)) == 0 else 63)  # the compiler knows it, unlike an itemsize
    filters, rows, columns = shape
    mask = word((np.int64(1) << np.int64(right)) - 1)
    threshold, if_odd, if_negative = word(threshold), word(if_odd), word(if_negative)
    lowest, highest = word(ends[0]), word(ends[1])
    row = results if steps[2] == 1 else np.empty(columns, results.dtype)
    for filter_ in range(filters):
        for i in range(rows):
            start = filter_ * of_filter + i * of_row
            place = first + filter_ * steps[0] + i * steps[1]
            target = place if steps[2] == 1 else 0
            for j in range(columns):
                value = sums[np.uint64(start + j)]
                if sign == 63:
                    value = _left(value, left)
                floor = _right(value, right)
                limit = word(threshold - (floor & if_odd) + (_right(value, sign) & if_negative))
                if draws.size > 0:
                    limit = word(limit - draws[np.uint64(place + j * steps[2])])
                rounded = word(floor + (word(value & mask) > limit))
                if free > 0:
                    rounded = _right(_left(rounded, free), free)
                rounded = lowest if rounded < lowest else rounded
                row[np.uint64(target + j)] = highest if rounded > highest else rounded
            if steps[2] != 1:
                for j in range(columns):
                    results[np.uint64(place + j * steps[2])] = row[np.uint64(j)]
