"""`convstream verilog`: synthesizable Verilog of a layer's cores, with all that it takes to check them elsewhere."""

from pathlib import Path

import click
from rich.box import SIMPLE_HEAD
from rich.table import Table

from convstream.console import print_json, print_table, working
from convstream.hdl.convert import convert
from convstream.hdl.passes import PASSES
from convstream.identifier import require_identifier
from convstream.layer_file import read_layer_file
from convstream.options import PASS_NAMES, json_option, layer_argument, out_option, pass_option
from convstream.sim.files.output_folder import output_folder, read_manifest, require_ours
from convstream.sim.layers.tables import layer_tables
from convstream.sim.tensors.sources import make_tensors
from convstream.sim.vectors.folder import all_tensors
from convstream.sim.verilog.export import write_bench

KIND = "convstream verilog"


@click.command(
    "verilog", epilog="Example:  convstream verilog examples/layers/middle_3x3.toml --out build/verilog --name middle"
)
@layer_argument
@out_option(required=True, what="the Verilog")
@pass_option
@click.option("--name", metavar="PREFIX", help="Put before every module and file name: layers can live together.")
@json_option
def command(layer_path: Path, out: Path, labels: list[str], name: str | None, as_json: bool) -> None:
    """Write the Verilog of a layer's cores, ready for synthesis.

    Beside each core are a self-checking test bench in plain Verilog, the vectors that it plays, and a FuseSoC core
    file; the head of the test bench says how to run it.
    """
    prefix = "" if name is None else require_identifier("--name", name) + "_"
    modules = {PASS_NAMES[label]: prefix + PASSES[PASS_NAMES[label]].module for label in labels}
    file = read_layer_file(layer_path)
    require_ours(out, KIND)
    with working("computing the vectors"):
        tensors = all_tensors(file.layer, make_tensors(file.layer, file.data, layer_path.parent))
    with working("converting"), output_folder(out, KIND, {"layer_file": layer_tables(file.layer, file.data)}) as draft:
        for pass_name, module in modules.items():
            convert(file.layer, pass_name, draft, module)
            write_bench(draft, file.layer, tensors, pass_name, module, prefix)
    files = read_manifest(out, KIND)["files"]
    if as_json:
        print_json({"folder": str(out), "modules": list(modules.values()), "files": files})
        return
    table = Table("file", title=str(out), box=SIMPLE_HEAD)
    table.add_column("bytes", justify="right")
    for path, facts in files.items():
        table.add_row(path, f"{facts['bytes']:,}")
    print_table(table)
