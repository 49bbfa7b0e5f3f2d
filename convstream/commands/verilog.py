"""`convstream verilog`: synthesizable Verilog of a layer's cores."""

from pathlib import Path

import click

from convstream.console import print_json, working
from convstream.identifier import require_identifier
from convstream.layer_file import read_layer_file
from convstream.options import json_option, layer_argument, out_option
from hdl.convert import CORES, convert
from sim.layer_tables import layer_tables
from sim.sealed_folder import read_manifest, require_ours, sealed_folder

KIND = "convstream verilog"


@click.command(
    "verilog", epilog="Example:  convstream verilog examples/layers/middle_3x3.toml --out build/verilog --name middle"
)
@layer_argument
@out_option(required=True, what="the Verilog")
@click.option("--name", metavar="PREFIX", help="Put before every module and file name: layers can live together.")
@json_option
def command(layer_path: Path, out: Path, name: str | None, as_json: bool) -> None:
    """Write the Verilog of a layer's cores, ready for synthesis."""
    prefix = "" if name is None else require_identifier("--name", name) + "_"
    file = read_layer_file(layer_path)
    require_ours(out, KIND)
    with working("converting"), sealed_folder(out, KIND, {"layer_file": layer_tables(file.layer, file.data)}) as draft:
        for pass_name, module in CORES.items():
            convert(file.layer, pass_name, draft, prefix + module)
    files = read_manifest(out, KIND)["files"]
    if as_json:
        print_json({"folder": str(out), "files": files})
    else:
        for path, facts in files.items():
            click.echo(f"{out / path}  {facts['bytes']:,} bytes")
