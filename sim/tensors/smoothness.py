"""The cost whose gradient trains a layer on pictures: half the sum of squared differences between neighbours.

    J = 1/2 * sum over n,k of  ( sum over i,j of (z[n,k,i+1,j] - z[n,k,i,j])**2  +  the same along j )

Smooth outputs cost little.  The gradient is ``dz = sum over the neighbours (i',j') of (z[n,k,i,j] - z[n,k,i',j'])``:
exact in integers, lively where the picture is, and zero in the mean.
"""

import numpy as np

from convstream.fixedpoint.bias_gradient import bias_gradient_accumulate
from convstream.fixedpoint.input_gradient import input_gradient_accumulate
from convstream.fixedpoint.layer import Layer
from convstream.fixedpoint.weight_gradient import weight_gradient_accumulate

_LARGEST_SHIFT = 62  # of a 64-bit word; what it drops is gone long before


def smoothness_gradient(z: np.ndarray) -> np.ndarray:
    """dJ/dz in units of z's last place: int64 (N,K,OH,OW)."""
    z = z.astype(np.int64)
    down, right = np.diff(z, axis=2), np.diff(z, axis=3)
    dz = np.zeros_like(z)
    dz[:, :, 1:] += down
    dz[:, :, :-1] -= down
    dz[..., 1:] += right
    dz[..., :-1] -= right
    return dz


def scaled_gradient(x: np.ndarray, w: np.ndarray, z: np.ndarray, layer: Layer) -> np.ndarray:
    """The cost's gradient as words of dz, times the largest power of two that suits all gradients.

    That is how networks are trained in few bits: gradients as large as their formats hold, but (to within the
    rounding of dz) none of dz, dx, dw and db out of range.  Rounded half up.
    """
    gradient, form = smoothness_gradient(z), layer.formats.output_gradient
    drop_bits = _bits(gradient) - (form.width - 1)
    dz = _shift_right_half_up(gradient, drop_bits)
    if dz.max() > form.highest:  # rounded up to the next power of two
        drop_bits += 1
        dz = _shift_right_half_up(gradient, drop_bits)
    accumulate = {
        "dx": lambda: input_gradient_accumulate(w, dz, layer),
        "dw": lambda: weight_gradient_accumulate(x, dz, layer),
        "db": lambda: bias_gradient_accumulate(dz, layer),
    }
    excess_bits = 0
    for name in accumulate.keys() & layer.tensors:
        form, accumulators = layer.formats.of(name), accumulate[name]()
        room_bits = form.width - 1 + layer.accumulators[name].fraction - form.fraction
        excess_bits = max(excess_bits, _bits(accumulators) - room_bits)
    return _shift_right_half_up(gradient, min(drop_bits + excess_bits, _LARGEST_SHIFT))


def _bits(values: np.ndarray) -> int:
    """Bits of the largest magnitude."""
    return int(np.abs(values).max()).bit_length()


def _shift_right_half_up(values: np.ndarray, bits: int) -> np.ndarray:
    return values << -bits if bits <= 0 else (values + (1 << (bits - 1))) >> bits
