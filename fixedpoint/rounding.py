"""Rounding and overflow of one word: the only places where the integer model loses information.

Each rounding rule divides an accumulator by 2**shift.  `floor` is what a plain arithmetic shift gives; every other
rule adds one to it or not, and looks at no more than the sign and the bits that are dropped::

    value       ... 1 0 1 1 | 1 0 0 0      shift = 4: floor = ...1011, remainder = 1000 = half: a tie
                    floor   | remainder    0 <= remainder < 2**shift, whatever the sign of value

Everything is int64, shifts are 0..63, and no step overflows: nothing but that one is ever added to a value.
"""

import numpy as np

from convstream.fixedpoint.formats import Overflow, Rounding
from convstream.fixedpoint.kernels.runtime.jit import compiled

FLOOR, TOWARD_ZERO, HALF_UP, HALF_AWAY, HALF_EVEN, STOCHASTIC = range(6)
SATURATE, WRAP = range(2)

#: Compiled code knows the rules by number.
ROUNDING_NUMBER = {
    Rounding.FLOOR: FLOOR,
    Rounding.TOWARD_ZERO: TOWARD_ZERO,
    Rounding.HALF_UP: HALF_UP,
    Rounding.HALF_AWAY: HALF_AWAY,
    Rounding.HALF_EVEN: HALF_EVEN,
    Rounding.STOCHASTIC: STOCHASTIC,
}
OVERFLOW_NUMBER = {Overflow.SATURATE: SATURATE, Overflow.WRAP: WRAP}


@compiled
def shift_right_floor(value, shift):
    """Toward minus infinity: the dropped bits are forgotten."""
    return np.int64(value) >> np.int64(shift)


@compiled
def _remainder(value, shift):
    """Dropped bits, as a number of 0..2**shift - 1."""
    return np.int64(value) - (shift_right_floor(value, shift) << np.int64(shift))


@compiled
def _half(shift):
    """Remainder of a tie; without a shift, 1, which no remainder reaches."""
    return np.int64(1) << np.int64(max(shift - 1, 0))


@compiled
def shift_right_toward_zero(value, shift):
    """Toward zero: the floor, and one more if the value is negative and anything was dropped."""
    return shift_right_floor(value, shift) + np.int64(value < 0 and _remainder(value, shift) != 0)


@compiled
def shift_right_half_up(value, shift):
    """To the nearest; a tie goes toward plus infinity."""
    return shift_right_floor(value, shift) + np.int64(_remainder(value, shift) >= _half(shift))


@compiled
def shift_right_half_away(value, shift):
    """To the nearest; a tie goes away from zero."""
    remainder, half = _remainder(value, shift), _half(shift)
    return shift_right_floor(value, shift) + np.int64(remainder > half or (remainder == half and value >= 0))


@compiled
def shift_right_half_even(value, shift):
    """To the nearest; a tie goes to the even neighbour."""
    floor, remainder, half = shift_right_floor(value, shift), _remainder(value, shift), _half(shift)
    return floor + np.int64(remainder > half or (remainder == half and floor & 1 == 1))


@compiled
def shift_right_stochastic(value, shift, draw):
    """Up with probability remainder / 2**shift: the floor of (value + draw) / 2**shift, 0 <= draw < 2**shift.

    Adding `draw` moves the floor by the carry out of remainder + draw, found here without making that sum.
    """
    room = ~np.int64(value) & ((np.int64(1) << np.int64(shift)) - 1)  # 2**shift - 1 - remainder
    return shift_right_floor(value, shift) + np.int64(draw > room)


@compiled
def shift_right(value, shift, rounding, draw):
    """value / 2**shift by the rule of number `rounding`; only the stochastic rule looks at `draw`."""
    if rounding == FLOOR:
        return shift_right_floor(value, shift)
    if rounding == TOWARD_ZERO:
        return shift_right_toward_zero(value, shift)
    if rounding == HALF_UP:
        return shift_right_half_up(value, shift)
    if rounding == HALF_AWAY:
        return shift_right_half_away(value, shift)
    if rounding == HALF_EVEN:
        return shift_right_half_even(value, shift)
    return shift_right_stochastic(value, shift, draw)


@compiled
def saturate(value, width):
    """The nearest word of `width` bits."""
    highest = (np.int64(1) << np.int64(width - 1)) - 1
    return min(max(np.int64(value), -highest - 1), highest)


@compiled
def wrap(value, width):
    """The low `width` bits, read as two's complement."""
    sign = np.int64(1) << np.int64(width - 1)
    return ((np.int64(value) & (2 * sign - 1)) ^ sign) - sign


@compiled
def requantize_word(value, shift, width, rounding, overflow, draw):
    """One result of `width` bits (at most 62) from one accumulator; a negative `shift` goes left and is exact."""
    scaled = shift_right(value, shift, rounding, draw) if shift > 0 else np.int64(value) << np.int64(-shift)
    return saturate(scaled, width) if overflow == SATURATE else wrap(scaled, width)
