"""`convstream vectors`: write test vectors, or check a folder of them."""

from pathlib import Path

import click
from rich.box import SIMPLE_HEAD
from rich.table import Table

from convstream.console import print_json, print_table, working
from convstream.inputs import read_inputs
from convstream.layer_file import read_layer_file
from convstream.options import json_option, out_option
from convstream.sim.files.output_folder import read_manifest, require_ours
from convstream.sim.vectors.folder import all_tensors, check_vectors, write_vectors
from convstream.sim.vectors.manifest import KIND


@click.command(
    "vectors",
    epilog="Examples:  convstream vectors examples/layers/middle_3x3.toml --out build/vectors;  "
    "convstream vectors --check build/vectors"
)
@click.argument("layer_path", metavar="[LAYER.toml]", type=click.Path(path_type=Path), required=False)
@out_option(required=False, what="the vectors")
@click.option("--check", metavar="DIR", type=click.Path(path_type=Path), help="Verify a folder of vectors instead.")
@json_option
def command(layer_path: Path | None, out: Path | None, check: Path | None, as_json: bool) -> None:
    """Write or check the test vectors of all four passes, or of those whose formats and operands are there.

    They are tensors (.npz), streams for $readmemh (.hex) and a manifest (.json). The same layer file gives the same
    bytes on every machine. --check compares a folder's files with its manifest, and computes all results again from
    the inputs.
    """
    if check is not None:
        if layer_path is not None or out is not None:
            raise click.UsageError("--check takes a folder of vectors, and neither LAYER.toml nor --out.")
        with working("checking"):
            check_vectors(check)
        folder, result = check, "all right"
    elif layer_path is None or out is None:
        raise click.UsageError("Give LAYER.toml and --out DIR, or --check DIR.")
    else:
        file = read_layer_file(layer_path)
        require_ours(out, KIND)
        with working("computing and writing"):
            inputs = read_inputs(file)
            tensors = all_tensors(inputs.layer, inputs.words)
            write_vectors(out, inputs.layer, file.data, tensors, inputs.imports)
        folder, result = out, "written"
    manifest = read_manifest(folder, KIND)
    if as_json:
        print_json({"folder": str(folder), "result": result, "manifest": manifest})
        return
    table = Table("stream", "tensors", "file", title=f"{folder}: {result}", box=SIMPLE_HEAD)
    for heading in ("beats", "bits a beat", "lanes"):
        table.add_column(heading, justify="right")
    for name, stream in manifest["streams"].items():
        tensors, lanes = (", ".join(str(part[key]) for part in stream["parts"]) for key in ("tensor", "lanes"))
        table.add_row(name, tensors, stream["file"], f"{stream['beats']:,}", str(stream["beat_bits"]), lanes)
    print_table(table)
