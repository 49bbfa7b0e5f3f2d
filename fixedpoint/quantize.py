"""Between float64 and the words of a format: the only place where the integer model meets a float.

A finite float64 is an integer of 53 bits times a power of two.  Taken apart like that it is rounded by the integer
rules of `fixedpoint.rounding`, exactly: ties are ties, nothing underflows, and huge values saturate or wrap by
their true low bits.
"""

import numpy as np

from convstream.fixedpoint.formats import Format, Overflow, Rounding
from convstream.fixedpoint.rounding import OVERFLOW_NUMBER, ROUNDING_NUMBER, requantize_each

_SIGNIFICAND_BITS = 53
_LARGEST_RIGHT_SHIFT = 63  # beyond it the floor stays -1 or 0, and the remainder stays below half or above it
_LARGEST_LEFT_SHIFT = {
    Overflow.SATURATE: 9,  # already at least 2**61, far outside any format
    Overflow.WRAP: 63,  # already 0 in the low 32 bits
}


def quantize(values: np.ndarray, form: Format, rounding: Rounding, overflow: Overflow) -> np.ndarray:
    """Words of `form` nearest to real `values`, in the sense of `rounding`.

    Stochastic rounding belongs to the results that hardware computes, where every result has its place in a stream;
    here it means `half_even`.

    Parameters
    ----------
    values : ndarray of float64, or real numbers that float64 holds exactly; any shape.

    Returns
    -------
    ndarray of ``form.dtype``, same shape.

    Raises
    ------
    ValueError
        A value is NaN or infinite, or not a real number, or float64 does not hold it.
    """
    given = np.asanyarray(values)
    if given.dtype.kind not in "fiu" or np.ma.is_masked(given):
        kind = "masked ones" if np.ma.is_masked(given) else given.dtype
        raise ValueError(f"values must be real numbers, not {kind}")
    with np.errstate(over="ignore", invalid="ignore"):  # what does not fit differs from what was given
        values = np.asarray(given, np.float64)
        lost = np.isfinite(given) & (values.astype(given.dtype) != given)
    if given.dtype.kind in "iu":
        lost |= np.abs(values) >= 2.0**53  # where an integer that comes back may still have been rounded on its way
    if lost.any():
        index = tuple(int(i) for i in np.argwhere(lost)[0])
        raise ValueError(f"float64 does not hold {given[index]!s} exactly, at index {list(index)}")
    bad = ~np.isfinite(values)
    if bad.any():
        index = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"{np.count_nonzero(bad)} of {values.size} values are not finite; the first is {values[index]} "
            f"at index {list(index)}"
        )
    if rounding == Rounding.STOCHASTIC:
        rounding = Rounding.HALF_EVEN
    significands, exponents = np.frexp(values.ravel())  # significands in +-[0.5, 1)
    integers = np.ldexp(significands, _SIGNIFICAND_BITS).astype(np.int64)
    shifts = _SIGNIFICAND_BITS - form.fraction - exponents.astype(np.int64)
    shifts = np.clip(shifts, -_LARGEST_LEFT_SHIFT[overflow], _LARGEST_RIGHT_SHIFT)
    words = np.empty(values.size, np.int64)
    requantize_each(integers, shifts, form.width, ROUNDING_NUMBER[rounding], OVERFLOW_NUMBER[overflow], words)
    return words.astype(form.dtype).reshape(values.shape)


def dequantize(words: np.ndarray, form: Format) -> np.ndarray:
    """Real values of `words`: word * 2**-fraction in float64, exact for every supported format."""
    return np.ldexp(np.asarray(words).astype(np.float64), -form.fraction)
