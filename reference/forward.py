"""Forward pass: z[n,k,i,j] = b[k] + sum over c,r,s of w[k,c,r,s] * x[n,c, iS+r-P, jS+s-P].

The convolution layer takes a patch of the image and applies a filter by a dot product.  `forward_definition` says
so in loops; `forward` gathers all patches and multiplies once.
"""

import numpy as np

from convstream.reference.geometry import Geometry
from convstream.reference.tensors import as_tensor
from convstream.reference.windows import gather, pad


def forward_definition(x: np.ndarray, w: np.ndarray, b: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Pre-activation output, one patch and one filter at a time; arguments as `forward`."""
    x, w, b = as_tensor("x", x, geometry), as_tensor("w", w, geometry), as_tensor("b", b, geometry)
    rows, columns = geometry.rows, geometry.columns
    padded = pad(x, geometry)
    z = np.empty(geometry.z_shape)
    for n, k, i, j in np.ndindex(z.shape):
        top, left = i * rows.stride, j * columns.stride
        patch = padded[
            n, :, top : top + rows.extent : rows.dilation, left : left + columns.extent : columns.dilation
        ]  # (C,F,F)
        z[n, k, i, j] = b[k] + np.sum(w[k] * patch)
    return z


def forward(x: np.ndarray, w: np.ndarray, b: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Pre-activation output of one convolution layer.

    Parameters
    ----------
    x : ndarray (N,C,H,W);  w : ndarray (K,C,F,F);  b : ndarray (K,); float64.

    Returns
    -------
    ndarray (N,K,OH,OW), float64.

    Raises
    ------
    ValueError
        A shape does not fit the geometry.
    """
    x, w, b = as_tensor("x", x, geometry), as_tensor("w", w, geometry), as_tensor("b", b, geometry)
    filters = w.reshape(geometry.out_channels, -1)  # (K, C*F*F)
    rows = gather(x, geometry) @ filters.T + b  # (N*OH*OW, K)
    images, channels, height, width = geometry.z_shape
    return np.ascontiguousarray(rows.reshape(images, height, width, channels).transpose(0, 3, 1, 2))
