"""From an exact accumulator to a result's format: shift, round, limit.  It happens once per result, at the very end."""

import numpy as np

from convstream.fixedpoint.formats import Format, Overflow, Rounding
from convstream.fixedpoint.kernels.rounding_rows import requantize_all, requantize_entry
from convstream.fixedpoint.kernels.runtime.calls import addresses
from convstream.fixedpoint.layer import Layer
from convstream.fixedpoint.stochastic import result_draws


class Requantizer:
    """The rule that makes words of `result`, of dtype `dtype`, of exact accumulators of `accumulator`.

    Raises
    ------
    ValueError
        The fractions are too far apart for 64-bit words, or a rule is none of those there are.
    """

    def __init__(self, accumulator: Format, result: Format, rounding: Rounding | str, overflow: Overflow | str):
        rounding, overflow = Rounding(rounding), Overflow(overflow)
        shift = accumulator.fraction - result.fraction
        if not accumulator.width - 64 <= shift <= 63:
            raise ValueError(
                f"an accumulator of {accumulator.width} bits must not move left by more than "
                f"{64 - accumulator.width} bits nor right by more than 63; from fraction {accumulator.fraction} "
                f"to {result.fraction} it would"
            )
        dropped, stochastic = max(0, shift), rounding is Rounding.STOCHASTIC
        # whether so many bits have room for what is added to a sum, see `kernels.rounding_rows`
        room = {
            bits: stochastic or shift <= 0 or accumulator.width < bits or result.width + shift <= bits
            for bits in (32, 64)
        }  # fmt: skip
        #: Whether sums have to be of 64 bits, however small they are.
        self.wide = not (0 <= shift <= 31 and room[32])
        self.dtype = result.dtype
        self._by_draws = stochastic or not room[64]
        #: What the rule adds, where it has to be treated like a draw because not even 64 bits have room for it.
        self._instead_of_draws = None if room[64] else _added(rounding, dropped, 64)
        drawn, right = (dropped, 0) if self._by_draws else (0, dropped)
        self._rules = {
            bits: (
                max(0, -shift), right, drawn, *_added(rounding, right, bits), *_limits(result, overflow, right, bits)
            )
            for bits in (32, 64)
        }  # fmt: skip

    def of(self, sums: np.dtype) -> tuple[int, ...]:
        """The numbers that `requantize_rows` needs to round sums of this dtype."""
        return self._rules[8 * sums.itemsize]

    def entry(self, sums: np.dtype) -> int:
        """Address of the function that does it, see `kernels.rounding_rows`."""
        return requantize_entry(self._by_draws, sums, self.dtype)

    def all(self, sums: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """Words of one-dimensional `sums`, int64, which are overwritten; `draws` as of `rule_draws`."""
        if self._instead_of_draws:
            add, bit, if_set = self._instead_of_draws
            draws = add + (sums >> bit & if_set)
        results = np.empty(sums.size, self.dtype)
        *_, result_words = addresses(sums, draws, results)
        requantize_all(self.entry(sums.dtype), sums, self.of(sums.dtype), draws, result_words)
        return results


def _added(rounding: Rounding, shift: int, bits: int) -> tuple[int, int, int]:
    """What the rule adds to a value of `bits` bits, which bit of it it looks at, and what it adds if that is set."""
    half, largest, sign = (1 << shift) >> 1, (1 << shift) - 1, bits - 1
    if shift == 0:
        return 0, 0, 0
    return {
        Rounding.FLOOR: (0, 0, 0),
        Rounding.TOWARD_ZERO: (0, sign, largest),
        Rounding.HALF_UP: (half, 0, 0),
        Rounding.HALF_AWAY: (half, sign, -1),
        Rounding.HALF_EVEN: (half - 1, shift, 1),
    }[rounding]


def _limits(result: Format, overflow: Overflow, shift: int, bits: int) -> tuple[int, int, int]:
    """How many high bits of a value of `bits` bits are not among the result's, and the limits of the value."""
    lowest, highest = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    if overflow == Overflow.WRAP:
        return max(0, bits - result.width), lowest, highest
    return 0, max(lowest, result.lowest << shift), min(highest, result.highest << shift)


def requantize(
    accumulators: np.ndarray,
    accumulator: Format,
    result: Format,
    rounding: Rounding | str,
    overflow: Overflow | str,
    draws: np.ndarray | None = None,
) -> np.ndarray:
    """Words of format `result` for exact `accumulators` of format `accumulator`.

    Parameters
    ----------
    accumulators : ndarray of int64, any shape, every element inside the range of `accumulator`.
    rounding, overflow : rules, or their names.
    draws : ndarray of int64, same shape, each element in 0..2**shift - 1, where shift is how many bits of fraction
        are dropped; only stochastic rounding needs them.

    Returns
    -------
    ndarray of ``result.dtype``, same shape.

    Raises
    ------
    ValueError
        An accumulator is no integer or out of range, stochastic rounding without one draw in range for each of them,
        or fractions too far apart for 64-bit words.
    """
    accumulators = _in_range("accumulators", accumulators, accumulator.lowest, accumulator.highest)
    if rounding != Rounding.STOCHASTIC:
        draws = NO_DRAWS
    elif draws is None or np.shape(draws) != accumulators.shape:
        given = "none" if draws is None else f"draws of shape {np.shape(draws)}"
        raise ValueError(f"stochastic rounding needs draws of shape {accumulators.shape}, not {given}")
    else:
        draws = _in_range("draws", draws, 0, (1 << max(0, accumulator.fraction - result.fraction)) - 1)
    rule = Requantizer(accumulator, result, rounding, overflow)
    return rule.all(accumulators.reshape(-1), draws.reshape(-1)).reshape(accumulators.shape)


def _in_range(name: str, words: np.ndarray, lowest: int, highest: int) -> np.ndarray:
    """A copy of `words` in int64, once known to be integers from `lowest` to `highest`."""
    words = np.asarray(words)
    if words.dtype.kind not in "iu":
        raise ValueError(f"{name} must be integers, not {words.dtype}")
    if words.size and not lowest <= int(words.min()) <= int(words.max()) <= highest:
        raise ValueError(f"{name} must be in {lowest}..{highest}, not in {words.min()}..{words.max()}")
    return np.array(words, np.int64, order="C")


def result_rule(tensor: str, layer: Layer) -> Requantizer:
    """The rule for result tensor z, dx, dw or db of `layer`."""
    formats = layer.formats
    return Requantizer(layer.accumulator(tensor), formats.of(tensor), formats.rounding, formats.overflow)


def rule_draws(tensor: str, layer: Layer, first_beat: int) -> np.ndarray:
    """A draw for every result of tensor z, dx, dw or db of `layer`, one-dimensional, if its rule takes any.

    `first_beat` counts the beats of its stream since reset that came before.
    """
    if layer.formats.rounding is not Rounding.STOCHASTIC:
        return NO_DRAWS
    shift = max(0, layer.accumulator(tensor).fraction - layer.formats.of(tensor).fraction)
    return result_draws(tensor, layer, shift, first_beat).reshape(-1)


#: For rules that take none.
NO_DRAWS = np.empty(0, np.int64)
#: The rule that changes nothing: accumulators as int64.
EXACT = Requantizer(Format(64, 0), Format(64, 0), Rounding.FLOOR, Overflow.SATURATE)
