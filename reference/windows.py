"""Windows: every patch of the input that meets the filters, gathered as one row each, and put back.

A row holds one window, channel by channel and tap by tap, in the order of a filter's own weights; so the forward
pass and the gradients are one matrix product each::

    x, 1 channel, 3 x 4         windows for a kernel of 2 x 2, stride 1
    a b c d                     output (0,0):  a b e f
    e f g h                     output (0,1):  b c f g
    i j k l                     ...            ...
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from convstream.reference.geometry import Geometry


def pad(x: np.ndarray, geometry: Geometry) -> np.ndarray:
    """x (N,C,H,W) with its zero padding around it."""
    rows, columns = geometry.rows, geometry.columns
    return np.pad(x, ((0, 0), (0, 0), (rows.pad_before, rows.pad_after), (columns.pad_before, columns.pad_after)))


def gather(x: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Windows of x (N,C,H,W), one a row: shape (N*OH*OW, C*F*F)."""
    rows, columns = geometry.rows, geometry.columns
    spans = sliding_window_view(pad(x, geometry), (rows.extent, columns.extent), axis=(2, 3))
    windows = spans[:, :, :: rows.stride, :: columns.stride, :: rows.dilation, :: columns.dilation]
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, geometry.in_channels * rows.kernel * columns.kernel)


def scatter(windows: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Adjoint of `gather`: every element of every window, added to the pixel it came from; shape (N,C,H,W)."""
    rows, columns = geometry.rows, geometry.columns
    windows = windows.reshape(
        geometry.batch, rows.out_size, columns.out_size, geometry.in_channels, rows.kernel, columns.kernel
    )
    padded = np.zeros((geometry.batch, geometry.in_channels, rows.padded_size, columns.padded_size))
    for r in range(rows.kernel):
        for s in range(columns.kernel):
            y, u = r * rows.dilation, s * columns.dilation
            padded[
                :, :,
                y : y + rows.out_size * rows.stride : rows.stride,
                u : u + columns.out_size * columns.stride : columns.stride,
            ] += windows[..., r, s].transpose(0, 3, 1, 2)  # fmt: skip
    return padded[
        :, :,
        rows.pad_before : rows.pad_before + rows.size,
        columns.pad_before : columns.pad_before + columns.size,
    ]  # fmt: skip
