"""`convstream report`: a layer through every model and the simulated cores, as a table and a picture."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.table import Table

from convstream.accuracy_table import accuracy_as_json, decibels, import_table
from convstream.console import print_json, print_table, working
from convstream.fixedpoint.layer import Layer
from convstream.inputs import read_inputs
from convstream.layer_file import read_layer_file
from convstream.options import json_option, layer_argument, picture_option
from convstream.picture import draw
from convstream.sim.accuracy import Accuracy, accuracy, float_results
from convstream.sim.errors import CheckFailed
from convstream.sim.files.atomic_file import draft_of
from convstream.sim.result import SimulationResult
from convstream.sim.simulate import simulate
from convstream.sim.vectors.folder import all_tensors

_EXACT, _DIFFERS = "bit-exact", "differs"


@click.command(
    "report", epilog="Example:  convstream report examples/layers/photograph_3x3.toml --picture build/photograph.png"
)
@layer_argument
@picture_option(required=True, what="Where the picture goes")
@json_option
def command(layer_path: Path, picture: Path, as_json: bool) -> None:
    """Run a layer through float, fixed point and the simulated cores.

    Prints a table of all passes, and draws what goes in and what comes out, in float and in hardware.
    """
    file = read_layer_file(layer_path)
    with draft_of(picture) as draft:
        with working("computing the four passes"):
            inputs = read_inputs(file)
            layer, words = inputs.layer, all_tensors(inputs.layer, inputs.words)
            floats = float_results(layer, words)
        simulated = {}
        for name in layer.passes:
            with working(f"simulating {name.replace('_', '-')}"):
                simulated[name] = simulate(layer, words, name)
        rows = [_row(layer, row, simulated) for row in accuracy(layer, words, floats)]
        cores = {tensor: words for result in simulated.values() for tensor, words in result.tensors[0].items()}
        named = file.data.source in ("photograph", "digits")
        draw(draft, layer_path.stem, layer, words, floats, cores, named=named)
    if as_json:
        imports = [asdict(row) for row in inputs.imports]
        print_json({"layer": str(layer_path), "picture": str(picture), "imports": imports, "passes": rows})
    else:
        if inputs.imports:
            print_table(import_table(layer, inputs.imports))
        print_table(_table(layer_path.stem, rows))
        click.echo(f"picture: {picture}")
    if any(row["core"] == _DIFFERS for row in rows):
        raise CheckFailed(f"a core differs from the integer model; where: convstream simulate {layer_path}")


def _row(layer: Layer, row: Accuracy, simulated: dict[str, SimulationResult]) -> dict[str, Any]:
    """Everything known about one pass; the bias gradient leaves by the weight gradient's core."""
    is_bias = row.pass_name == "bias_gradient"
    result = simulated["weight_gradient" if is_bias else row.pass_name]
    return accuracy_as_json(row) | {
        "multiplications": 0 if is_bias else layer.geometry.multiplications,
        "cycles": result.cycles,
        "core": _EXACT if result.matched else _DIFFERS,
    }


def _table(name: str, rows: list[dict[str, Any]]) -> Table:
    title = f"{name}: fixed point against float64, simulated core against fixed point"
    table = Table("pass", "result", title=title, box=SIMPLE_HEAD)
    for heading in ("SQNR", "worst error", "saturated", "products", "cycles"):
        table.add_column(heading, justify="right")
    table.add_column("core")
    for row in rows:
        table.add_row(
            row["pass"].replace("_", "-"), row["tensor"], decibels(row["sqnr_db"]), f"{row['largest_error']:.3g}",
            f"{row['out_of_range_share']:.2%}", f"{row['multiplications']:,}", f"{row['cycles']:,}", row["core"],
        )  # fmt: skip
    return table
