"""`convstream verilog`: synthesizable Verilog of a layer's cores, with all that it takes to check them elsewhere."""

from pathlib import Path

import click
from rich.box import SIMPLE_HEAD
from rich.table import Table

from convstream.console import print_json, print_table, working
from convstream.identifier import require_identifier
from convstream.inputs import read_inputs
from convstream.layer_file import read_layer_file
from convstream.options import PASS_NAMES, chosen_passes, json_option, layer_argument, out_option, pass_option
from convstream.sim.files.output_folder import read_manifest, require_ours
from convstream.sim.vectors.folder import all_tensors
from convstream.sim.verilog.export import KIND, write_cores


@click.command(
    "verilog", epilog="Example:  convstream verilog examples/layers/middle_3x3.toml --out build/verilog --name middle"
)
@layer_argument
@out_option(required=True, what="the Verilog")
@pass_option
@click.option("--name", metavar="PREFIX",
              help="Put before every module and file name; the files of layers of other names stay in the folder.")
@json_option
def command(layer_path: Path, out: Path, chosen: str, name: str | None, as_json: bool) -> None:
    """Write the Verilog of a layer's cores, ready for synthesis.

    Beside each core are a self-checking test bench in plain Verilog, the vectors that it plays, and a FuseSoC core
    file; the head of the test bench says how to run it. One folder can hold the cores of several layers, each with
    its --name; what is written again replaces the files of its name alone.
    """
    if name is not None:
        require_identifier("--name", name)
    file = read_layer_file(layer_path)
    require_ours(out, KIND)
    with working("computing the vectors"):
        inputs = read_inputs(file)
        passes = [PASS_NAMES[label] for label in chosen_passes(file, inputs.layer, chosen)]
        tensors = all_tensors(inputs.layer, inputs.words)
    with working("converting"):
        modules = write_cores(out, file.layer, file.data, tensors, passes, name or "")
    manifest = read_manifest(out, KIND)
    files = {path: manifest["files"][path] for path in manifest["layers"][name or ""]["files"]}
    if as_json:
        print_json({"folder": str(out), "modules": modules, "files": files})
        return
    table = Table("file", title=str(out), box=SIMPLE_HEAD)
    table.add_column("bytes", justify="right")
    for path, facts in files.items():
        table.add_row(path, f"{facts['bytes']:,}")
    print_table(table)
