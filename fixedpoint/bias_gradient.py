"""Bias gradient in integers: db[k] = sum over n,i,j of dz[n,k,i,j]."""

import numpy as np

from convstream.fixedpoint.layer import Layer
from convstream.fixedpoint.operands import operand
from convstream.fixedpoint.requantize import result_rule, rule_draws


def bias_gradient(dz: np.ndarray, layer: Layer, first_beat: int = 0) -> np.ndarray:
    """Gradient of the cost with respect to b, summed over the batch, rounded to the bias gradient's format.

    Parameters
    ----------
    dz : integers (N,K,OH,OW) in the output gradient's format of `layer`.
    first_beat : beats of db since reset that came before; only stochastic rounding depends on it.

    Returns
    -------
    ndarray (K,) of the bias gradient format's dtype.

    Raises
    ------
    ValueError
        dz is not of integers, of the wrong shape, or out of its format's range.
    """
    return result_rule("db", layer).all(bias_gradient_accumulate(dz, layer), rule_draws("db", layer, first_beat))


def bias_gradient_accumulate(dz: np.ndarray, layer: Layer) -> np.ndarray:
    """Exact accumulators of db before rounding: int64 (K,) of format ``layer.accumulators["db"]``."""
    return operand("dz", dz, layer).sum(axis=(0, 2, 3), dtype=np.int64)
