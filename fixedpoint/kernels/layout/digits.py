"""Operands cut into digits, so that 16-bit products and 32-bit sums give results of up to 63 bits exactly.

A word of 16 bits or less is one digit, itself.  A longer one, or one whose products would be too large to add many of
them, is written with digits -2**(l-1) .. 2**(l-1) - 1 of l bits and what remains above them::

    32767 = 128 * 2**8 - 1         -32768 = -128 * 2**8 + 0         300 = 1 * 2**8 + 44

so a digit is never larger in magnitude than 2**(l-1), the highest one included.  The product of two words is the sum
of the products of their digits, shifted; each sum is exact while ``terms * 2**(l_a-1) * 2**(l_b-1) < 2**31``, and
after so many terms it moves to 64 bits.

If the result has 32 bits or less, and both words are one digit, sums modulo 2**32 are enough: they may pass any number
of multiples of 2**32 on their way, and still end at the true one, which is the only one of them in range.

Words of 16 bits whose products are too large to add many of them need no digits either.  The sum of two products fits
32 bits, and its halves are added up one by one (see `kernels.multiply_add`): half the products that digits take.
There is one such sum that does not fit, that of ``-2**15 * -2**15`` twice.  It needs a pair of the lowest words in both
operands, so a pass first checks the operand that is checked faster for such a pair, and takes digits if it has one.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

#: Widths of digits whose products leave room for at least 511 terms in 32 bits.
_DIGIT_PAIRS = ((16, 8), (8, 16), (12, 12))
_PRODUCT_BITS = 24


class Digit(NamedTuple):
    """Word -> digit: ``((word + offset) >> shift & mask) - half``; it counts ``2**shift``."""

    offset: int
    shift: int
    mask: int
    half: int


@dataclass(frozen=True)
class Split:
    """The digits of both operands of a pass, the type of its sums, and how many products 32 bits may add up.

    If the sums are of 32 bits themselves, `terms` is more than there can be.  With `halves`, `terms` products are added
    up in two sums of 32 bits, and no pair of b may be twice the lowest word of 16 bits.
    """

    a: tuple[Digit, ...]
    b: tuple[Digit, ...]
    sums: np.dtype
    terms: int
    halves: bool = False


def digits(bits: int, digit_bits: int) -> tuple[Digit, ...]:
    """The digits of words of `bits` bits, lowest first."""
    count = -(-bits // digit_bits)
    half = 1 << (digit_bits - 1)
    carries = sum(half << (digit_bits * index) for index in range(count - 1))
    low = [Digit(carries, digit_bits * index, 2 * half - 1, half) for index in range(count - 1)]
    return (*low, Digit(carries, digit_bits * (count - 1), -1, 0))


@lru_cache
def split(a_bits: int, b_bits: int, accumulator_bits: int, *, halves: bool = True, wide: bool = False) -> Split:
    """The digits that take the fewest products, for operands of these widths (at most 32 bits) and of their sum.

    Parameters
    ----------
    halves : whether sums may be made of two halves, which the words of b have to allow
    wide : whether the sums have to be of 64 bits, however small they are
    """
    words = (digits(a_bits, 16), digits(b_bits, 16)) if max(a_bits, b_bits) <= 16 else None
    if words and accumulator_bits <= 32:
        return Split(*words, np.dtype(np.int64 if wide else np.int32), 1 << 40)
    pairs = [(a_bits, b_bits)] if words and a_bits + b_bits <= _PRODUCT_BITS else []
    if words and not pairs and halves:
        return Split(*words, np.dtype(np.int64), 1 << 16, halves=True)
    for a, b in _DIGIT_PAIRS:
        if (a < 16 or a_bits <= 16) and (b < 16 or b_bits <= 16):
            pairs.append((min(a, a_bits), min(b, b_bits)))
    a, b = min(pairs, key=lambda pair: -(-a_bits // pair[0]) * -(-b_bits // pair[1]))
    return Split(digits(a_bits, a), digits(b_bits, b), np.dtype(np.int64), ((1 << 31) - 1) >> (a + b - 2))
