"""Rounding and overflow of many words at once: the rules of `fixedpoint.rounding` in a form that vectors can follow.

Every rule adds something below 2**shift and takes the floor.  With half = 2**(shift-1) and largest = 2**shift - 1,

    floor           adds 0
    toward_zero     0,          and largest to negative values
    half_up         half
    half_away       half,       one less to negative values, so that their ties go down
    half_even       half - 1,   one more if the floor is odd, so that its ties go up
    stochastic      the draw

so a rule is three numbers: a summand, the index of a bit of the value, and a second summand for values in which that
bit is set.  The bit is the sign or the lowest one that is kept.

A value is limited before anything is added: to the lowest and highest result, shifted left by `shift`, which are
rounded to themselves.  The sum then has room if the result's width and `shift` are together not more than the bits of
the value, or if the value does not use all of its bits; `fixedpoint.requantize` ensures that one of them holds.
Where a result wraps, nothing is limited, and what overflows is not among the bits that are left.  A draw may be larger
than what the others add: it is added to the remainder alone, which is unsigned for it.
"""

from functools import lru_cache

import numpy as np
from numba import carray, from_dtype, types

from convstream.fixedpoint.kernels.runtime.calls import FOUR, INT, INTS, at, by_address, words_of
from convstream.fixedpoint.kernels.runtime.jit import compiled, inner
from convstream.fixedpoint.kernels.runtime.shifts import shift_left, shift_right, shift_right_unsigned

_requantize_entry, call_requantize_rows = by_address("requantize_rows")


@inner
def requantize_rows(sums, first_sum, of_image, of_filter, of_row, shape, rule, draws, results, first, steps):
    """Words of images x filters x rows x columns = `shape`, all arithmetic in the type of `sums`, int32 or int64.

    Parameters
    ----------
    sums : that of image n, filter f, row i, column j at ``first_sum + n * of_image + f * of_filter + i * of_row + j``;
        overwritten, between rows as well
    rule : left, right: bits to shift, one of them 0;  drawn: see `requantize_rows_by_draws`;  add, bit, if_set: see
        above;  free: high bits of a sum that the result wraps into, 0 to saturate;  lowest, highest: limits of a sum
    draws : not used, see `requantize_rows_by_draws`
    results : address of integers; the word goes to
        ``first + (n * filters + f) * steps[0] + i * steps[1] + j * steps[2]``
    """
    word = sums.dtype.type
    sign = np.int64(31 if word(np.int64(1) << np.int64(32)) == 0 else 63)  # the compiler knows it, unlike an itemsize
    left, right, _, add, bit, if_set, free, lowest, highest = rule
    images, filters, rows, columns = shape
    reach = (images * filters - 1) * steps[0] + (rows - 1) * steps[1] + (columns - 1) * steps[2]
    words = carray(results, (first + reach + 1,))
    if steps[2] == 1 and of_row == columns == steps[1]:
        rows, columns = 1, rows * columns
    add, if_set, lowest, highest = word(add), word(if_set), word(lowest), word(highest)
    for plane in range(images * filters):
        start, target = first_sum + plane // filters * of_image + plane % filters * of_filter, first + plane * steps[0]
        for index in range(start, start + (rows - 1) * of_row + columns):  # one long loop
            value = sums[np.uint64(index)]
            if sign == 63:
                value = shift_left(value, left)
            value = lowest if value < lowest else value
            value = highest if value > highest else value
            rounded = shift_right(word(word(value + add) + word(shift_right(value, bit) & if_set)), right)
            if free > 0:
                rounded = shift_right(shift_left(rounded, free), free)
            sums[np.uint64(index)] = rounded
        for i in range(rows):
            source, begin = start + i * of_row, target + i * steps[1]
            if steps[2] == 1:
                for j in range(columns):
                    words[np.uint64(begin + j)] = sums[np.uint64(source + j)]
            else:
                for j in range(columns):
                    words[np.uint64(begin + j * steps[2])] = sums[np.uint64(source + j)]


@inner
def requantize_rows_by_draws(sums, first_sum, of_image, of_filter, of_row, shape, rule, draws, results, first, steps):
    """The same after each value is shifted right by `drawn` bits, with a draw added to the bits that are dropped.

    Parameters
    ----------
    draws : int64, 0..2**drawn - 1, as long as the results
    """
    word = sums.dtype.type
    images, filters, rows, columns = shape
    drawn = rule[2]
    mask = word((np.int64(1) << np.int64(drawn)) - 1)
    for plane in range(images * filters):
        start = first_sum + plane // filters * of_image + plane % filters * of_filter
        for i in range(rows):
            source, draw_index = start + i * of_row, first + plane * steps[0] + i * steps[1]
            for j in range(columns):
                value, draw = sums[source + j], word(draws[draw_index + j * steps[2]])
                carry = shift_right_unsigned(word(word(value & mask) + draw), drawn)
                sums[source + j] = shift_right(value, drawn) + carry
    requantize_rows(sums, first_sum, of_image, of_filter, of_row, shape, rule, draws, results, first, steps)


@lru_cache
def requantize_entry(by_draws: bool, sums: np.dtype, results: np.dtype) -> int:
    """Address of one of the two kernels, from sums of this dtype to results of that one."""
    return _requantize_entry(
        requantize_rows_by_draws if by_draws else requantize_rows,
        from_dtype(sums)[::1], INT, INT, INT, INT, FOUR, types.UniTuple(INT, 9), INTS, words_of(results), INT,
        types.UniTuple(INT, 3),
    )  # fmt: skip


@compiled
def requantize_all(requantize_rows, sums, rule, draws, results):
    """Words of all of `sums`, one-dimensional, which are overwritten, to address `results`."""
    call_requantize_rows(
        requantize_rows, (sums, 0, 0, 0, 0, (1, 1, 1, sums.size), rule, draws, at(results), 0, (0, 0, 1))
    )
