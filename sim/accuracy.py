"""Accuracy: how far the fixed-point results lie from the float ones of the very same operands.

The operands are words, so their float values are exact: what is measured is the rounding and the limits of the
results alone, not how the operands were made.
"""

import math
from dataclasses import dataclass

import numpy as np

from convstream.fixedpoint.layer import Layer
from convstream.fixedpoint.quantize import dequantize
from convstream.reference.bias_gradient import bias_gradient
from convstream.reference.forward import forward
from convstream.reference.input_gradient import input_gradient
from convstream.reference.weight_gradient import weight_gradient

#: The result tensor of each pass.
RESULTS = {"forward": "z", "input_gradient": "dx", "weight_gradient": "dw", "bias_gradient": "db"}


@dataclass(frozen=True)
class Accuracy:
    """One result tensor, fixed point against float.

    sqnr_db : energy of the float result over the energy of the error; infinite if there is no error.
    largest_error : in the result's real unit; `step` is the real value of its last place.
    out_of_range_share : share of the float results beyond the format's range, which saturate (or wrap).
    """

    pass_name: str
    tensor: str
    sqnr_db: float
    largest_error: float
    step: float
    out_of_range_share: float


def float_results(layer: Layer, words: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The reference's z, dx, dw and db, float64, of the values that the words x, w, b and dz stand for."""
    x, w, b, dz = (dequantize(words[name], layer.formats.of(name)) for name in ("x", "w", "b", "dz"))
    return {
        "z": forward(x, w, b, layer.geometry),
        "dx": input_gradient(w, dz, layer.geometry),
        "dw": weight_gradient(x, dz, layer.geometry),
        "db": bias_gradient(dz),
    }


def accuracy(layer: Layer, words: dict[str, np.ndarray], floats: dict[str, np.ndarray]) -> list[Accuracy]:
    """Compare the words z, dx, dw and db with `floats`, pass by pass."""
    return [_compare(layer, name, tensor, words[tensor], floats[tensor]) for name, tensor in RESULTS.items()]


def _compare(layer: Layer, pass_name: str, tensor: str, words: np.ndarray, exact: np.ndarray) -> Accuracy:
    form = layer.formats.of(tensor)
    error = dequantize(words, form) - exact
    signal, noise = float(np.sum(exact**2)), float(np.sum(error**2))
    half = form.step / 2  # what lies less than half a step beyond the end is merely rounded
    outside = (exact < form.lowest * form.step - half) | (exact > form.highest * form.step + half)
    return Accuracy(
        pass_name=pass_name,
        tensor=tensor,
        sqnr_db=_decibels(signal, noise),
        largest_error=float(np.abs(error).max()),
        step=form.step,
        out_of_range_share=float(outside.mean()),
    )


def _decibels(signal: float, noise: float) -> float:
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf
