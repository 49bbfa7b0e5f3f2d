"""Input gradient: dx[n,c,y,u] = sum over k and over the taps (r,s) of the pixel's phase of
w[k,c,r,s] * dz[n,k, (y+P-r)/S, (u+P-s)/S].

Three forms.  `input_gradient_definition` is this sum.  `input_gradient_flipped` is the same seen as a convolution of
dz with w flipped along both axes: for stride 1 the plain "full" convolution, for a larger stride that of a dz with
S-1 zeros between its elements, which is why it serves as a definition and not as a way to compute.
`input_gradient` multiplies once, which gives the gradient of every window, and adds the windows up.
"""

import numpy as np

from convstream.reference.geometry import Geometry
from convstream.reference.tensors import as_tensor
from convstream.reference.windows import scatter


def input_gradient_definition(w: np.ndarray, dz: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Gradient with respect to x, one pixel at a time; arguments as `input_gradient`."""
    w, dz = as_tensor("w", w, geometry), as_tensor("dz", dz, geometry)
    dx = np.zeros(geometry.x_shape)
    for n, c, y, u in np.ndindex(dx.shape):
        for r, i in geometry.rows.sources(y):
            for s, j in geometry.columns.sources(u):
                for k in range(geometry.out_channels):
                    dx[n, c, y, u] += w[k, c, r, s] * dz[n, k, i, j]
    return dx


def input_gradient_flipped(w: np.ndarray, dz: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Gradient with respect to x, as a convolution with w flipped along both axes; arguments as `input_gradient`.

    On one axis, kernel 3 (a b c) at stride 2, with zeros between the elements of dz and around them::

        0   0  dz0  0  dz1  0   0
        c   b   a                       dx[0] = a dz0           the flipped taps, moved along
            c   b   a                   dx[1] = b dz0
                c   b   a               dx[2] = c dz0 + a dz1
    """
    w, dz = as_tensor("w", w, geometry), as_tensor("dz", dz, geometry)
    rows, columns = geometry.rows, geometry.columns
    spread = np.zeros(
        (geometry.batch, geometry.out_channels,
         rows.padded_size + rows.extent - 1, columns.padded_size + columns.extent - 1)
    )  # fmt: skip
    spread[
        :, :,
        rows.extent - 1 : rows.padded_size : rows.stride,
        columns.extent - 1 : columns.padded_size : columns.stride,
    ] = dz  # fmt: skip
    flipped = w[:, :, ::-1, ::-1]
    dx = np.empty(geometry.x_shape)
    for n, c, y, u in np.ndindex(dx.shape):
        top, left = y + rows.pad_before, u + columns.pad_before
        patch = spread[
            n, :, top : top + rows.extent : rows.dilation, left : left + columns.extent : columns.dilation
        ]  # (K,F,F)
        dx[n, c, y, u] = np.sum(flipped[:, c] * patch)
    return dx


def input_gradient(w: np.ndarray, dz: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Gradient of the cost with respect to x; zero for pixels that no output looked at.

    Parameters
    ----------
    w : ndarray (K,C,F,F), float64.
    dz : ndarray (N,K,OH,OW), float64, gradient of the cost with respect to z.

    Returns
    -------
    ndarray (N,C,H,W), float64.

    Raises
    ------
    ValueError
        A shape does not fit the geometry.
    """
    w, dz = as_tensor("w", w, geometry), as_tensor("dz", dz, geometry)
    errors = dz.transpose(0, 2, 3, 1).reshape(-1, geometry.out_channels)  # (N*OH*OW, K)
    filters = w.reshape(geometry.out_channels, -1)  # (K, C*F*F)
    return scatter(errors @ filters, geometry)
