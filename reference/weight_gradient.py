"""Weight gradient: dw[k,c,r,s] = sum over n,i,j of dz[n,k,i,j] * x[n,c, iS+r-P, jS+s-P].

By the chain rule: the derivative of z[n,k,i,j] with respect to w[k,c,r,s] is the pixel that the weight met there.
"""

import numpy as np

from convstream.reference.geometry import Geometry
from convstream.reference.tensors import as_tensor
from convstream.reference.windows import gather, pad


def weight_gradient_definition(x: np.ndarray, dz: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Gradient with respect to w, one weight at a time; arguments as `weight_gradient`."""
    x, dz = as_tensor("x", x, geometry), as_tensor("dz", dz, geometry)
    rows, columns = geometry.rows, geometry.columns
    padded = pad(x, geometry)
    dw = np.zeros(geometry.w_shape)
    for k, c, r, s in np.ndindex(dw.shape):
        for n, i, j in np.ndindex(geometry.batch, rows.out_size, columns.out_size):
            y, u = i * rows.stride + r * rows.dilation, j * columns.stride + s * columns.dilation
            dw[k, c, r, s] += dz[n, k, i, j] * padded[n, c, y, u]
    return dw


def weight_gradient(x: np.ndarray, dz: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Gradient of the cost with respect to w, summed over the batch.

    Parameters
    ----------
    x : ndarray (N,C,H,W), float64.
    dz : ndarray (N,K,OH,OW), float64, gradient of the cost with respect to z.

    Returns
    -------
    ndarray (K,C,F,F), float64.

    Raises
    ------
    ValueError
        A shape does not fit the geometry.
    """
    x, dz = as_tensor("x", x, geometry), as_tensor("dz", dz, geometry)
    errors = dz.transpose(1, 0, 2, 3).reshape(geometry.out_channels, -1)  # (K, N*OH*OW)
    return (errors @ gather(x, geometry)).reshape(geometry.w_shape)
