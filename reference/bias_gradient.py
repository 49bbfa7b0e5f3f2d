"""Bias gradient: db[k] = sum over n,i,j of dz[n,k,i,j], for a bias is added to every output of its filter."""

import numpy as np


def bias_gradient_definition(dz: np.ndarray) -> np.ndarray:
    """Gradient with respect to b, one output at a time; argument as `bias_gradient`."""
    dz = _outputs(dz)
    db = np.zeros(dz.shape[1])
    for n, k, i, j in np.ndindex(dz.shape):
        db[k] += dz[n, k, i, j]
    return db


def bias_gradient(dz: np.ndarray) -> np.ndarray:
    """Gradient of the cost with respect to b, summed over the batch.

    Parameters
    ----------
    dz : ndarray (N,K,OH,OW), float64, gradient of the cost with respect to z.

    Returns
    -------
    ndarray (K,), float64.

    Raises
    ------
    ValueError
        dz does not have four axes.
    """
    return _outputs(dz).sum(axis=(0, 2, 3))


def _outputs(dz: np.ndarray) -> np.ndarray:
    dz = np.asarray(dz, np.float64)
    if dz.ndim != 4:
        raise ValueError(f"dz must have shape (N, K, OH, OW), not {dz.shape}")
    return dz
