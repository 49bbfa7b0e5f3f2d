"""Where tensors come from: x, w, b and dz as words of their formats, the same on every machine for the same layer file.

    random        uniform words, seeded
    photograph    x from a photograph; the first filters are known ones (`filters.NAMES`), the others random, seeded
    digits        x from handwritten digits; filters as for a photograph
    file          arrays of an .npz file: integers are words, floats are real values (rounded half to even, saturated)

For pictures, dz is the gradient of a cost that likes smooth outputs (`smoothness`), at the z of the integer model.
"""

from pathlib import Path

import numpy as np

from convstream.fixedpoint.formats import Overflow, Rounding
from convstream.fixedpoint.forward import forward
from convstream.fixedpoint.layer import Layer
from convstream.fixedpoint.operands import operand
from convstream.fixedpoint.quantize import quantize
from convstream.sim.errors import BadInput
from convstream.sim.layers.schema import Data, FileData
from convstream.sim.tensors.filters import known_filters
from convstream.sim.tensors.npz import read_npz
from convstream.sim.tensors.pictures import digits, photograph, pixels_to_words
from convstream.sim.tensors.random_tensors import random_tensors
from convstream.sim.tensors.smoothness import scaled_gradient

INPUTS = ("x", "w", "b", "dz")


def make_tensors(layer: Layer, data: Data, folder: Path) -> dict[str, np.ndarray]:
    """The tensors x, w, b and dz that `data` describes, each in its format's dtype.

    Parameters
    ----------
    layer, data : as `parse_layer` gives them, which knows what suits each other.
    folder : where a relative ``data.path`` starts: the layer file's folder.

    Raises
    ------
    BadInput
        The file of the data is unsound, or does not suit the layer.
    """
    match data.source:
        case "random":
            tensors = random_tensors(layer, data.seed, data.extremes)
        case "file":
            tensors = _from_file(layer, data, folder)
        case _:
            tensors = _from_pictures(layer, data)
    return {name: tensors[name].astype(layer.formats.of(name).dtype) for name in INPUTS}


def _from_file(layer: Layer, data: FileData, folder: Path) -> dict[str, np.ndarray]:
    path = folder / data.path
    arrays = read_npz(path, {name: layer.geometry.shapes[name] for name in INPUTS})
    words = {}
    for name, array in arrays.items():
        try:
            if array.dtype.kind == "f":
                array = quantize(array, layer.formats.of(name), Rounding.HALF_EVEN, Overflow.SATURATE)
            words[name] = operand(name, array, layer)
        except ValueError as error:
            raise BadInput(f"{path}: {name}: {error}") from None
    return words


def _from_pictures(layer: Layer, data: Data) -> dict[str, np.ndarray]:
    geometry = layer.geometry
    pixels = photograph(data.picture, geometry) if data.source == "photograph" else digits(data.seed, geometry)
    tensors = random_tensors(layer, data.seed)
    tensors["x"] = pixels_to_words(pixels, layer.formats.input)
    tensors["w"] //= 2  # neighbouring pixels are alike: their sums spread wider than those of random ones
    filters = known_filters(layer)
    tensors["w"][: len(filters)] = filters
    tensors["b"][: len(filters)] = 0
    z = forward(tensors["x"], tensors["w"], tensors["b"], layer)
    tensors["dz"] = scaled_gradient(tensors["x"], tensors["w"], z, layer)
    return tensors
