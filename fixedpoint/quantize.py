"""Between floats and the words of a format: the only place where the integer model meets a float.

A value is scaled to the format's last place, limited, rounded and, where that is the rule, wrapped; a cache's worth of
values at a time, in loops that the compiler turns into vector instructions.  It is arithmetic of float64, and exact:

    scale    by a power of two: only the exponent changes.  A product that overflows is limited anyway; of one that
             underflows only the sign counts, and the value itself has it
    limit    the ends of a format are float64; to wrap, values are limited to +-2**(52 + width), from where on every
             float64 is a multiple of 2**width
    round    a float64 less its integer part is a float64, so a tie is a tie
    wrap     the remainder of a division is a float64, so huge values wrap by their true low bits
"""

import numpy as np

from convstream.fixedpoint.formats import Format, Overflow, Rounding
from convstream.fixedpoint.kernels.runtime.jit import compiled
from convstream.fixedpoint.rounding import FLOOR, HALF_AWAY, HALF_UP, ROUNDING_NUMBER, TOWARD_ZERO

SIGNIFICAND_BITS = 53
#: Wider words do not fit the arithmetic of 64 bits.
WIDEST_WORD_BITS = 63
#: Beyond it 2**fraction leaves the range of float64.
FINEST_FRACTION = 1000

#: Values that take each step together, so that they stay in the nearest cache.
_BLOCK = 1024


def quantize(values: np.ndarray, form: Format, rounding: Rounding | str, overflow: Overflow | str) -> np.ndarray:
    """Words of `form` nearest to real `values`, in the sense of `rounding`.

    Stochastic rounding belongs to the results that hardware computes, where every result has its place in a stream;
    here it means `half_even`.

    Parameters
    ----------
    values : ndarray of float64, or real numbers that float64 holds exactly; any shape.
    form : at most 63 bits, with a fraction from -1000 to 1000.
    rounding, overflow : rules, or their names.

    Returns
    -------
    ndarray of ``form.dtype``, same shape.

    Raises
    ------
    ValueError
        A value is NaN or infinite, or not a real number, or float64 does not hold it; the format is beyond the limits
        above; a rule is none of those there are.
    """
    rounding, overflow = Rounding(rounding), Overflow(overflow)
    if rounding is Rounding.STOCHASTIC:
        rounding = Rounding.HALF_EVEN
    if form.width > WIDEST_WORD_BITS or abs(form.fraction) > FINEST_FRACTION:
        raise ValueError(
            f"floats become words of at most {WIDEST_WORD_BITS} bits, with a fraction from {-FINEST_FRACTION} to "
            f"{FINEST_FRACTION}; not of {form}"
        )
    values = _floats(values)
    words = np.empty(values.shape, form.dtype)
    lowest, highest, span = form.lowest, form.highest, 0.0
    if overflow is Overflow.WRAP:
        span = 2.0**form.width
        highest = 2.0 ** (SIGNIFICAND_BITS - 1) * span
        lowest = -highest
    scale, rule = 2.0**form.fraction, ROUNDING_NUMBER[rounding]
    if not _quantize_all(values.ravel(), scale, float(lowest), float(highest), rule, span, words.ravel()):
        bad = ~np.isfinite(values)
        index = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"{np.count_nonzero(bad)} of {values.size} values are not finite; the first is {values[index]} "
            f"at index {list(index)}"
        )
    if float(form.highest) > form.highest:  # it is no float64, and its neighbour above stood for it
        np.minimum(words, form.highest, out=words)
    return words


def dequantize(words: np.ndarray, form: Format) -> np.ndarray:
    """Real values of `words`: word * 2**-fraction in float64, exact for every supported format."""
    return np.ldexp(np.asarray(words).astype(np.float64), -form.fraction)


def _floats(values: np.ndarray) -> np.ndarray:
    """`values` in float32 or float64, contiguous, once it is known that nothing is lost.

    Raises
    ------
    ValueError
        A value is not a real number, or float64 does not hold it.
    """
    given = np.asanyarray(values)
    if given.dtype.kind not in "fiu" or np.ma.is_masked(given):
        kind = "masked ones" if np.ma.is_masked(given) else given.dtype
        raise ValueError(f"values must be real numbers, not {kind}")
    if given.dtype.kind in "iu" or given.dtype.itemsize > 8:
        with np.errstate(over="ignore", invalid="ignore"):  # what does not fit differs from what was given
            values = np.asarray(given, np.float64)
            lost = np.isfinite(given) & (values.astype(given.dtype) != given)
        if given.dtype.kind in "iu":
            lost |= np.abs(values) >= 2.0**SIGNIFICAND_BITS  # one that comes back may have been rounded on its way
        if lost.any():
            index = tuple(int(i) for i in np.argwhere(lost)[0])
            raise ValueError(f"float64 does not hold {given[index]!s} exactly, at index {list(index)}")
    kind = np.float32 if given.dtype.type is np.float32 else np.float64
    return np.require(given, kind, ("C_CONTIGUOUS", "ALIGNED"))


@compiled
def _quantize_all(values, scale, lowest, highest, rounding, span, words):
    """Write the word of each of `values`; whether all are finite.  `span`: 2**width to wrap, 0 to saturate."""
    finite = True
    scratch = np.empty(_BLOCK, np.float64)
    for first in range(0, values.size, _BLOCK):
        chunk = words[first : first + _BLOCK]
        block = scratch[: chunk.size]
        finite &= _scale(values[first : first + _BLOCK], scale, lowest, highest, block)
        _round(block, rounding)
        if span > 0:
            _wrap(block, span)
        _store(block, chunk)
    return finite


@compiled
def _scale(values, scale, lowest, highest, scaled):
    """Values times `scale`, limited; whether all values are finite."""
    finite = True
    for index in range(scaled.size):
        value = np.float64(values[index])
        finite &= abs(value) < np.inf
        product = value * scale
        product = value if product == 0 else product
        product = lowest if product < lowest else product
        scaled[index] = highest if product > highest else product
    return finite


@compiled
def _round(values, rounding):
    """Values rounded to integers by the rule of number `rounding`, in place."""
    if rounding == FLOOR:
        for index in range(values.size):
            values[index] = np.floor(values[index])
    elif rounding == TOWARD_ZERO:
        for index in range(values.size):
            values[index] = np.trunc(values[index])
    elif rounding == HALF_UP:
        for index in range(values.size):
            floor, value = np.floor(values[index]), values[index]
            values[index] = floor + 1.0 if value - floor >= 0.5 else floor
    elif rounding == HALF_AWAY:
        for index in range(values.size):
            value = values[index]
            values[index] = np.trunc(value + (value - np.trunc(value)))  # twice the fraction: 1 or more from half on
    else:
        for index in range(values.size):
            values[index] = np.rint(values[index])  # ties to even


@compiled
def _wrap(values, span):
    """Integers modulo `span`, a power of two, in -span / 2 .. span / 2 - 1, in place."""
    inverse, half = 1.0 / span, 0.5 * span
    for index in range(values.size):
        rest = values[index] - span * np.rint(values[index] * inverse)
        values[index] = rest if rest < half else -rest


@compiled
def _store(integers, words):
    """Integers in float64 as words of an integer type."""
    for index in range(words.size):
        words[index] = integers[index]
