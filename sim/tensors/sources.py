"""Where tensors come from: x, w, b and dz as words of their formats, the same on every machine for the same layer file.

    random        uniform words, seeded
    photograph    x from a photograph; the first filters are known ones (`filters.NAMES`), the others random, seeded
    digits        x from handwritten digits; filters as for a photograph
    file          arrays of an .npz file: integers are words, floats are real values (rounded half to even, saturated)

What floats of a file lose, by clipping and by rounding, is told beside the words.  Integers are taken as they are, and
what is generated is generated as words: there is nothing to tell of them.

Only gradients need dz: a layer without their formats has none, and a file may lack it.

For pictures, dz is the gradient of a cost that likes smooth outputs (`smoothness`), at the z of the integer model.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from convstream.fixedpoint.formats import Overflow, Rounding
from convstream.fixedpoint.forward import forward
from convstream.fixedpoint.layer import Layer
from convstream.fixedpoint.operands import operand
from convstream.fixedpoint.quantize import quantize
from convstream.sim.accuracy import ImportAccuracy, import_accuracy
from convstream.sim.errors import BadInput
from convstream.sim.layers.schema import Data, FileData
from convstream.sim.tensors.filters import known_filters
from convstream.sim.tensors.npz import read_npz
from convstream.sim.tensors.pictures import digits, photograph, pixels_to_words
from convstream.sim.tensors.random_tensors import random_tensors
from convstream.sim.tensors.smoothness import scaled_gradient

INPUTS = ("x", "w", "b", "dz")


class Inputs(NamedTuple):
    """The tensors x, w, b and dz as words, each in its format's dtype, and what floats of a file lost on their way.

    layer : the one that they are for; without its gradients where a file holds no dz.
    """

    layer: Layer
    words: dict[str, np.ndarray]
    imports: tuple[ImportAccuracy, ...] = ()


def make_tensors(layer: Layer, data: Data, folder: Path) -> dict[str, np.ndarray]:
    """The words of `make_inputs`."""
    return make_inputs(layer, data, folder).words


def make_inputs(layer: Layer, data: Data, folder: Path) -> Inputs:
    """The tensors that `data` describes.

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
            return _from_file(layer, data, folder)
        case _:
            tensors = _from_pictures(layer, data)
    return Inputs(layer, {name: tensors[name].astype(layer.formats.of(name).dtype) for name in _names(layer)})


def _names(layer: Layer) -> list[str]:
    return [name for name in INPUTS if name in layer.tensors]


def _from_file(layer: Layer, data: FileData, folder: Path) -> Inputs:
    path = folder / data.path
    arrays = read_npz(path, {name: layer.geometry.shapes[name] for name in _names(layer)}, optional=("dz",))
    words, imports = {}, []
    for name, array in arrays.items():
        try:
            if array.dtype.kind == "f":
                words[name] = quantize(array, layer.formats.of(name), Rounding.HALF_EVEN, Overflow.SATURATE)
                imports.append(import_accuracy(layer, name, words[name], array))
            else:
                words[name] = operand(name, array, layer)
        except ValueError as error:
            raise BadInput(f"{path}: {name}: {error}") from None
    return Inputs(layer if "dz" in words else layer.without_gradients(), words, tuple(imports))


def _from_pictures(layer: Layer, data: Data) -> dict[str, np.ndarray]:
    geometry = layer.geometry
    pixels = photograph(data.picture, geometry) if data.source == "photograph" else digits(data.seed, geometry)
    tensors = random_tensors(layer, data.seed)
    tensors["x"] = pixels_to_words(pixels, layer.formats.input)
    tensors["w"] //= 2  # neighbouring pixels are alike: their sums spread wider than those of random ones
    filters = known_filters(layer)
    tensors["w"][: len(filters)] = filters
    tensors["b"][: len(filters)] = 0
    if "dz" in layer.tensors:
        z = forward(tensors["x"], tensors["w"], tensors["b"], layer)
        tensors["dz"] = scaled_gradient(tensors["x"], tensors["w"], z, layer)
    return tensors
