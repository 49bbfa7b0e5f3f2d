"""Accuracy: how far words lie from the float values that they stand for.

Results are held against the float ones of the very same operands.  These are words, so their float values are exact:
what is measured is the rounding and the limits of the results alone.  What operands lost when they were imported from
floats is measured apart.
"""

import math
from dataclasses import dataclass

import numpy as np

from convstream.fixedpoint.formats import Format
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


@dataclass(frozen=True)
class ImportAccuracy:
    """One operand that was imported from floats: its words against the values that were given.

    sqnr_db : energy of the values over the energy of the error; infinite if all values are words.
    clipped_share : share of the values beyond the format's range, which became its lowest or highest word.
    """

    tensor: str
    sqnr_db: float
    clipped_share: float


def float_results(layer: Layer, words: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The reference's z, dx, dw and db, float64, of the values that the words x, w, b and dz stand for.

    Those that the layer has.
    """
    geometry, operands = layer.geometry, [name for name in ("x", "w", "b", "dz") if name in layer.tensors]
    x, w, b, *dz = (dequantize(words[name], layer.formats.of(name)) for name in operands)
    make = {
        "z": lambda: forward(x, w, b, geometry),
        "dx": lambda: input_gradient(w, *dz, geometry),
        "dw": lambda: weight_gradient(x, *dz, geometry),
        "db": lambda: bias_gradient(*dz),
    }
    return {name: make[name]() for name in make if name in layer.tensors}


def accuracy(layer: Layer, words: dict[str, np.ndarray], floats: dict[str, np.ndarray]) -> list[Accuracy]:
    """Compare the words z, dx, dw and db with `floats`, pass by pass."""
    return [
        _compare(layer, name, tensor, words[tensor], floats[tensor])
        for name, tensor in RESULTS.items() if tensor in layer.tensors
    ]  # fmt: skip


def import_accuracy(layer: Layer, tensor: str, words: np.ndarray, values: np.ndarray) -> ImportAccuracy:
    """Compare the words of operand x, w, b or dz with the finite float values of which they were made."""
    form, values = layer.formats.of(tensor), values.astype(np.float64)
    error = dequantize(words, form) - values
    return ImportAccuracy(tensor, _sqnr_db(values, error), _out_of_range_share(values, form))


def _compare(layer: Layer, pass_name: str, tensor: str, words: np.ndarray, exact: np.ndarray) -> Accuracy:
    form = layer.formats.of(tensor)
    error = dequantize(words, form) - exact
    return Accuracy(
        pass_name=pass_name,
        tensor=tensor,
        sqnr_db=_sqnr_db(exact, error),
        largest_error=float(np.abs(error).max()),
        step=form.step,
        out_of_range_share=_out_of_range_share(exact, form),
    )


def _out_of_range_share(values: np.ndarray, form: Format) -> float:
    half = form.step / 2  # what lies less than half a step beyond the end is merely rounded
    outside = (values < form.lowest * form.step - half) | (values > form.highest * form.step + half)
    return float(outside.mean())


def _sqnr_db(values: np.ndarray, error: np.ndarray) -> float:
    """Signal to quantization noise ratio, of any finite values: scaled so that the largest square is about 1."""
    exponent = int(np.frexp(max(np.abs(values).max(), np.abs(error).max()))[1])
    signal, noise = (float(np.sum(np.ldexp(part, -exponent) ** 2)) for part in (values, error))
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf
