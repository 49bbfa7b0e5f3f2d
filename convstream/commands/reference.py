"""`convstream reference`: float results, and the error of the fixed-point ones."""

from dataclasses import asdict
from pathlib import Path

import click

from convstream.accuracy_table import accuracy_as_json, accuracy_table, import_table
from convstream.console import print_json, print_table, working
from convstream.fixedpoint.quantize import dequantize
from convstream.inputs import read_inputs
from convstream.layer_file import read_layer_file
from convstream.options import json_option, layer_argument, out_option
from convstream.sim.accuracy import accuracy, float_results
from convstream.sim.files.output_folder import output_folder, require_ours
from convstream.sim.layers.tables import layer_tables
from convstream.sim.tensors.npz import write_npz
from convstream.sim.tensors.sources import INPUTS
from convstream.sim.vectors.folder import all_tensors
from convstream.sim.version import convstream_version

KIND = "convstream reference"


@click.command("reference", epilog="Example:  convstream reference examples/layers/middle_3x3.toml --out build/middle")
@layer_argument
@out_option(required=False, what="reference.npz: x, w, b, dz and the results z, dx, dw, db in float64")
@json_option
def command(layer_path: Path, out: Path | None, as_json: bool) -> None:
    """Compute a layer in float64, forward and backward, or as far as its formats and operands go.

    Prints how far the fixed-point results lie from the float ones of the same operands: signal to quantization noise
    ratio, largest error, and the share that the result's format cannot hold. Where operands come from a file of floats,
    also how far their words lie from those, and the share that was clipped.
    """
    file = read_layer_file(layer_path)
    if out:
        require_ours(out, KIND)
    with working("computing the four passes"):
        inputs = read_inputs(file)
        layer, words = inputs.layer, all_tensors(inputs.layer, inputs.words)
        floats = float_results(layer, words)
    if out:
        operands = {name: dequantize(words[name], layer.formats.of(name)) for name in INPUTS if name in words}
        contents = {"convstream": convstream_version(), "layer_file": layer_tables(layer, file.data)}
        with output_folder(out, KIND, contents) as draft:
            write_npz(draft / "reference.npz", operands | floats)
    rows = accuracy(layer, words, floats)
    if as_json:
        print_json({
            "layer": str(layer_path),
            "passes": [accuracy_as_json(row) for row in rows],
            "imports": [asdict(row) for row in inputs.imports],
        })  # fmt: skip
    else:
        if inputs.imports:
            print_table(import_table(layer, inputs.imports))
        print_table(accuracy_table(layer, rows))
