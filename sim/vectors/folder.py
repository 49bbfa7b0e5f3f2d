"""Test vectors: a folder with every tensor of a layer, and every stream as `$readmemh` reads it.

    manifest.json    what is what: see `vectors.manifest`
    tensors.npz      integer arrays x, w, b, z, dz, dx, dw, db
    <stream>.hex     weights, x, z, dz, dx, dw, db: a beat a line, hexadecimal, most significant digit first

A layer without gradients, or without some, has no tensors and streams of these.
All bytes are decided by the layer file, and the file of its data if there is one: no clock, machine, user or path is in
them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convstream.fixedpoint.bias_gradient import bias_gradient
from convstream.fixedpoint.forward import forward
from convstream.fixedpoint.input_gradient import input_gradient
from convstream.fixedpoint.layer import Layer
from convstream.fixedpoint.operands import operand
from convstream.fixedpoint.streams import tensor_streams
from convstream.fixedpoint.weight_gradient import weight_gradient
from convstream.sim.accuracy import ImportAccuracy
from convstream.sim.beats import layer_streams, stream_bytes
from convstream.sim.errors import BadInput, CheckFailed, one_line
from convstream.sim.files.output_folder import check_files, output_folder, read_manifest
from convstream.sim.layers.schema import Data
from convstream.sim.layers.tables import parse_layer
from convstream.sim.tensors.npz import read_npz, write_npz
from convstream.sim.tensors.sources import INPUTS
from convstream.sim.vectors.manifest import KIND, SCHEMA, hex_file, manifest_contents, read_imports

TENSORS_FILE = "tensors.npz"
TENSORS = ("x", "w", "b", "z", "dz", "dx", "dw", "db")

#: What computes each result, and from which operands.
_RESULTS = {
    "z": (forward, ("x", "w", "b")),
    "dx": (input_gradient, ("w", "dz")),
    "dw": (weight_gradient, ("x", "dz")),
    "db": (bias_gradient, ("dz",)),
}


@dataclass(frozen=True)
class Vectors:
    """What a vectors folder holds: the layer, where its data came from, and all its tensors as words."""

    layer: Layer
    data: Data
    tensors: dict[str, np.ndarray]


def all_tensors(layer: Layer, inputs: Mapping[str, np.ndarray], batch: int = 0) -> dict[str, np.ndarray]:
    """The inputs x, w, b, dz and the integer model's results z, dx, dw, db, each in its format's dtype.

    Those that the layer has, and that the inputs reach: all eight, or less where it lacks gradients.

    Parameters
    ----------
    batch : batches since the reset that came before; only stochastic rounding depends on it.
    """
    tensors = {name: inputs[name] for name in INPUTS if name in inputs}
    streams = tensor_streams(layer)
    for result, (compute, operands) in _RESULTS.items():
        if result in layer.tensors and tensors.keys() >= set(operands):
            tensors[result] = compute(*(tensors[name] for name in operands), layer, batch * streams[result].beats)
    return {name: tensors[name] for name in layer.tensors if name in tensors}


def write_vectors(
    folder: Path, layer: Layer, data: Data, tensors: dict[str, np.ndarray], imports: Sequence[ImportAccuracy] = ()
) -> None:
    """Write the folder, or replace it if it is one of ours.

    Parameters
    ----------
    tensors : as `all_tensors` gives them.
    imports : what those lost that were floats, as `sim.tensors.sources.make_inputs` tells; for the manifest.

    Raises
    ------
    BadInput
        The folder cannot be written, or holds something else.
    """
    with output_folder(folder, KIND, manifest_contents(layer, data, imports)) as draft:
        write_npz(draft / TENSORS_FILE, {name: tensors[name] for name in TENSORS if name in layer.tensors})
        for stream in layer_streams(layer):
            (draft / hex_file(stream)).write_bytes(hex_text(layer, tensors, stream))


def read_vectors(folder: Path) -> Vectors:
    """Read a vectors folder; the tensors have the shapes and dtypes of its layer.

    Raises
    ------
    BadInput
        The manifest or the tensors cannot be read, or do not belong together.
    """
    return _vectors_of(folder, _read_manifest(folder))


def _read_manifest(folder: Path) -> dict[str, Any]:
    manifest = read_manifest(folder, KIND)
    schema = manifest.get("schema")
    if type(schema) is not int or schema != SCHEMA:  # to Python, 1.0 and true are 1
        raise BadInput(f"{folder}: manifest has schema {json.dumps(schema)}; this version reads {SCHEMA}")
    return manifest


def _vectors_of(folder: Path, manifest: dict[str, Any]) -> Vectors:
    layer, data = parse_layer(manifest.get("layer_file"), f"{folder / 'manifest.json'}: layer_file")
    path = folder / TENSORS_FILE
    tensors = read_npz(path, {name: layer.geometry.shapes[name] for name in layer.tensors})
    for name, words in tensors.items():
        if words.dtype != layer.formats.of(name).dtype:
            raise BadInput(f"{path}: {name} holds {words.dtype}; must be {layer.formats.of(name).dtype}")
    return Vectors(layer, data, tensors)


def check_vectors(folder: Path) -> Vectors:
    """Check everything that a vectors folder says: hashes, counts, ranges, results and streams.

    The results are computed again from the inputs, and the streams and the manifest from both.

    Raises
    ------
    BadInput
        It is not a vectors folder, or cannot be read.
    CheckFailed
        Something in it is not as it must be.
    """
    manifest = _read_manifest(folder)
    check_files(folder, manifest)  # before anything in them is believed
    vectors = _vectors_of(folder, manifest)
    layer, tensors = vectors.layer, vectors.tensors
    for name in sorted(manifest["files"].keys() ^ {TENSORS_FILE, *map(hex_file, layer_streams(layer))}):
        fault = "is not part of test vectors" if name in manifest["files"] else "is missing"
        raise CheckFailed(f"{folder / name}: {fault}")
    try:
        inputs = {name: operand(name, words, layer) for name, words in tensors.items() if name in INPUTS}
        expected = all_tensors(layer, inputs)
    except ValueError as error:
        raise CheckFailed(f"{folder / TENSORS_FILE}: {error}") from None
    for name, words in expected.items():
        different = np.argwhere(words != tensors[name])
        if len(different):
            index = tuple(int(i) for i in different[0])
            raise CheckFailed(
                f"{folder / TENSORS_FILE}: {len(different)} of {words.size} words of {name} differ; the first is "
                f"{name}{list(index)} = {tensors[name][index]}, must be {words[index]}"
            )
    for stream in layer_streams(layer):
        if (folder / hex_file(stream)).read_bytes() != hex_text(layer, tensors, stream):
            raise CheckFailed(f"{folder / hex_file(stream)}: does not hold the tensors of {TENSORS_FILE}")
    try:
        imports = read_imports(manifest, vectors.data)
    except ValueError as error:
        raise CheckFailed(f"{folder / 'manifest.json'}: {error}") from None
    contents = manifest_contents(layer, vectors.data, imports)
    if manifest.get("convstream") != contents.pop("convstream"):
        del contents["cores"]  # another version's may be quicker or slower
    for key in sorted(manifest.keys() - {"kind", "files", "convstream", "cores", *contents}):
        raise CheckFailed(f"{folder / 'manifest.json'}: {one_line(key)} is not part of it")
    for key, value in contents.items():
        if _as_text(manifest.get(key)) != _as_text(value):
            raise CheckFailed(f"{folder / 'manifest.json'}: {key} does not follow from the layer")
    return vectors


def _as_text(value: Any) -> str:
    """As JSON, in which 1, 1.0 and true differ."""
    return json.dumps(value, sort_keys=True)


def hex_text(layer: Layer, tensors: dict[str, np.ndarray], stream: str) -> bytes:
    """The beats of `stream` as `$readmemh` reads them: a beat a line, every digit written."""
    beats = stream_bytes(layer, tensors, stream)[:, ::-1]
    return beats.tobytes().hex("\n", beats.shape[1]).encode() + b"\n"
