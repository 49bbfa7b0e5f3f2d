"""The rules of rounding, overflow and random draws in Python's own numbers, which are as long as they need to be."""

from fractions import Fraction
from math import floor, trunc

from convstream.fixedpoint.formats import Overflow, Rounding


def exact_rounding(rule: Rounding, value: Fraction, draw: Fraction = Fraction(0)) -> int:
    half = Fraction(1, 2)
    if rule == Rounding.FLOOR:
        return floor(value)
    if rule == Rounding.TOWARD_ZERO:
        return trunc(value)
    if rule == Rounding.HALF_UP:
        return floor(value + half)
    if rule == Rounding.HALF_AWAY:
        return floor(value + half) if value >= 0 else -floor(-value + half)
    if rule == Rounding.HALF_EVEN:
        return round(value)
    return floor(value + draw)


def exact_limit(overflow: Overflow, word: int, width: int) -> int:
    lowest, count = -(1 << (width - 1)), 1 << width
    if overflow == Overflow.SATURATE:
        return min(max(word, lowest), lowest + count - 1)
    return (word - lowest) % count + lowest


def xorshift(state: int) -> int:
    word = (1 << 64) - 1
    state ^= state << 13 & word
    state ^= state >> 7
    return state ^ (state << 17 & word)
