"""The integer model as a library: words in, words out, every tensor in the shape and the format that its layer says.

    >>> import numpy as np
    >>> import convstream as cs
    >>> layer = cs.Layer.conv2d(in_channels=1, out_channels=1, height=3, width=3, kernel=2, formats=cs.Formats.bits(8))
    >>> x = cs.quantize(layer, "x", np.arange(9).reshape(1, 1, 3, 3) / 16)
    >>> w = cs.quantize(layer, "w", np.full((1, 1, 2, 2), 0.25))
    >>> z = cs.forward(layer, x, w, b=np.array([0]))
    >>> cs.dequantize(layer, "z", z)
    array([[[[0.125 , 0.1875],
             [0.3125, 0.375 ]]]])
    >>> dx, dw, db = cs.gradients(layer, x, w, dz=z)
    >>> cs.dequantize(layer, "dw", dw)
    array([[[[0.1640625, 0.2265625],
             [0.3515625, 0.4140625]]]])
"""

from typing import NamedTuple

import numpy as np

from convstream.fixedpoint import quantize as rules
from convstream.fixedpoint.bias_gradient import bias_gradient
from convstream.fixedpoint.formats import FORMAT_OF_TENSOR, Format
from convstream.fixedpoint.forward import forward as forward_pass
from convstream.fixedpoint.input_gradient import input_gradient
from convstream.fixedpoint.layer import Layer
from convstream.fixedpoint.streams import tensor_streams
from convstream.fixedpoint.weight_gradient import weight_gradient


class Gradients(NamedTuple):
    """Gradients of the cost with respect to x (N,C,H,W), w (K,C,F,F) and b (K,), as words of their formats."""

    dx: np.ndarray
    dw: np.ndarray
    db: np.ndarray


def quantize(layer: Layer, tensor: str, values: np.ndarray) -> np.ndarray:
    """Words of a tensor's format nearest to real `values`, by the layer's rounding and overflow.

    Parameters
    ----------
    tensor : str
        x, w, b, z, dz, dx, dw or db: whose format.
    values : ndarray of real numbers
        Any shape.

    Returns
    -------
    ndarray of the narrowest NumPy integer that holds every word, same shape.

    Raises
    ------
    ValueError
        There is no such tensor; or a value is NaN or infinite, or float64 does not hold it.
    """
    formats = layer.formats
    return rules.quantize(values, _format(layer, tensor), formats.rounding, formats.overflow)


def dequantize(layer: Layer, tensor: str, words: np.ndarray) -> np.ndarray:
    """Real values of the words of a tensor, float64: word * 2**-fraction, exact.

    Raises
    ------
    ValueError
        There is no such tensor.
    """
    return rules.dequantize(words, _format(layer, tensor))


def forward(layer: Layer, x: np.ndarray, w: np.ndarray, b: np.ndarray, *, batch: int = 0) -> np.ndarray:
    """z[n,k,i,j] = b[k] + sum over c,r,s of w[k,c,r,s] * x[n,c, iS+r-P, jS+s-P], rounded once.

    Parameters
    ----------
    x : integers (N,C,H,W);  w : integers (K,C,F,F);  b : integers (K,)
    batch : int
        Batches since the reset that came before; only stochastic rounding depends on it.

    Returns
    -------
    ndarray (N,K,OH,OW) of integers

    Raises
    ------
    ValueError
        An operand is not of integers, of the wrong shape, or out of its format's range.
    """
    return forward_pass(x, w, b, layer, _first_beat(layer, "z", batch))


def gradients(layer: Layer, x: np.ndarray, w: np.ndarray, dz: np.ndarray, *, batch: int = 0) -> Gradients:
    """Gradients of a cost whose gradient with respect to z is dz: each sum exact, and rounded once.

    Parameters
    ----------
    x : integers (N,C,H,W);  w : integers (K,C,F,F);  dz : integers (N,K,OH,OW)
    batch : int
        Batches since the reset that came before; only stochastic rounding depends on it.

    Raises
    ------
    ValueError
        An operand is not of integers, of the wrong shape, or out of its format's range.
    """
    return Gradients(
        input_gradient(w, dz, layer, _first_beat(layer, "dx", batch)),
        weight_gradient(x, dz, layer, _first_beat(layer, "dw", batch)),
        bias_gradient(dz, layer, _first_beat(layer, "db", batch)),
    )


def _format(layer: Layer, tensor: str) -> Format:
    if tensor not in FORMAT_OF_TENSOR:
        raise ValueError(f"tensor must be one of {', '.join(FORMAT_OF_TENSOR)}; not {tensor!r}")
    return layer.formats.of(tensor)


def _first_beat(layer: Layer, tensor: str, batch: int) -> int:
    return batch * tensor_streams(layer)[tensor].beats
