"""Tensors of a layer by their names in the formulas, as float64 arrays of the shape that the geometry gives."""

import numpy as np

from convstream.reference.geometry import Geometry


def as_tensor(tensor: str, values: np.ndarray, geometry: Geometry) -> np.ndarray:
    """`values` as float64, once they are known to have the shape of `tensor`: x, w, b or dz.

    Raises
    ------
    ValueError
        The shape is another one.
    """
    values = np.asarray(values, np.float64)
    shape = geometry.shapes[tensor]
    if values.shape != shape:
        raise ValueError(f"{tensor} must have shape {shape}, not {values.shape}")
    return values
