"""From an exact accumulator to a result's format: shift, round, limit.  It happens once per result, at the very end."""

import numpy as np

from fixedpoint.formats import Format, Overflow, Rounding
from fixedpoint.layer import Layer
from fixedpoint.rounding import OVERFLOW_NUMBER, ROUNDING_NUMBER, requantize_words
from fixedpoint.stochastic import result_draws


def requantize(
    accumulators: np.ndarray,
    accumulator: Format,
    result: Format,
    rounding: Rounding,
    overflow: Overflow,
    draws: np.ndarray | None = None,
) -> np.ndarray:
    """Words of format `result` for exact `accumulators` of format `accumulator`.

    Parameters
    ----------
    accumulators : ndarray of int64, any shape, every element inside the range of `accumulator`.
    draws : ndarray of int64, same shape, each element in 0..2**shift - 1, where shift is how many bits of fraction
        are dropped; only stochastic rounding needs them.

    Returns
    -------
    ndarray of ``result.dtype``, same shape.

    Raises
    ------
    ValueError
        Stochastic rounding without one draw per accumulator, or fractions too far apart for 64-bit words.
    """
    shift = accumulator.fraction - result.fraction
    if not accumulator.width - 64 <= shift <= 63:
        raise ValueError(
            f"an accumulator of {accumulator.width} bits must not move left by more than "
            f"{64 - accumulator.width} bits nor right by more than 63; from fraction {accumulator.fraction} "
            f"to {result.fraction} it would"
        )
    accumulators = np.asarray(accumulators, np.int64)
    if rounding != Rounding.STOCHASTIC:
        draws = np.empty(0, np.int64)
    elif draws is None or draws.shape != accumulators.shape:
        given = "none" if draws is None else f"draws of shape {draws.shape}"
        raise ValueError(f"stochastic rounding needs draws of shape {accumulators.shape}, not {given}")
    results = np.empty(accumulators.size, np.int64)
    requantize_words(
        np.ravel(accumulators), shift, result.width, ROUNDING_NUMBER[rounding], OVERFLOW_NUMBER[overflow],
        np.ravel(draws), results,
    )  # fmt: skip
    return results.astype(result.dtype).reshape(accumulators.shape)


def requantize_result(accumulators: np.ndarray, tensor: str, layer: Layer, first_beat: int = 0) -> np.ndarray:
    """Result tensor z, dx, dw or db of `layer` from its accumulators, in the tensor's shape.

    `first_beat` counts the beats of this result's stream since reset that came before; only stochastic rounding
    depends on it.
    """
    formats = layer.formats
    accumulator, result = layer.accumulators[tensor], formats.of(tensor)
    draws = None
    if formats.rounding == Rounding.STOCHASTIC:
        shift = max(0, accumulator.fraction - result.fraction)
        draws = result_draws(tensor, layer, shift, first_beat)
    return requantize(accumulators, accumulator, result, formats.rounding, formats.overflow, draws)
