"""`convstream simulate`: the generated Verilog, played by cocotb, against the integer model."""

import math
import shlex
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table

from convstream.console import print_json, print_table, working
from convstream.fixedpoint.dataflow.timing.cycles import core_cycles
from convstream.hdl.errors import ConversionError
from convstream.inputs import read_inputs
from convstream.junit import Case, write_junit
from convstream.layer_file import LayerFile, read_layer_file
from convstream.options import PASS_NAMES, chosen_passes, json_option, pass_option
from convstream.sim.bench.stalls import HIGHEST_STALL
from convstream.sim.errors import CheckFailed, one_line
from convstream.sim.files.atomic_file import draft_of
from convstream.sim.result import SimulationResult
from convstream.sim.simulate import SIMULATORS, simulate
from convstream.sim.tensors.sources import make_tensors
from convstream.sim.vectors.folder import all_tensors


class _Share(click.FloatRange):
    """A range that does not let NaN through, which is neither below nor above."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> float:
        share = super().convert(value, parameter, context)
        if math.isnan(share):
            self.fail(f"{value} is not a number.", parameter, context)
        return share


@dataclass(frozen=True)
class Run:
    """The simulation of one pass: what it showed, or why it showed nothing; `failure` is None if all is right.

    `predicted_cycles` is None where streams stall.
    """

    layer_path: Path
    pass_name: str
    seconds: float
    predicted_cycles: int | None
    result: SimulationResult | None
    failure: str | None

    @property
    def label(self) -> str:
        return self.pass_name.replace("_", "-")


@click.command(
    "simulate",
    epilog="Examples:  convstream simulate examples/layers/photograph_3x3.toml --stall 0.5;  "
    "convstream simulate examples/layers/*.toml --junit build/simulation.xml"
)
@click.argument("layer_paths", metavar="LAYER.toml...", type=click.Path(path_type=Path), nargs=-1, required=True)
@pass_option
@click.option("--simulator", type=click.Choice(list(SIMULATORS)), default="verilator", show_default=True)
@click.option("--stall", type=_Share(0, HIGHEST_STALL), default=0.0, show_default=True,
              help="Share of the cycles in which sources pause and sinks refuse.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, (1 << 31) - 1), default=1, show_default=True, help="Of the stalls.")
@click.option("--waves", is_flag=True, help="Keep the waves, below build/runs.")
@click.option("--junit", metavar="FILE", type=click.Path(path_type=Path),
              help="Write a JUnit report, a suite for each layer; replaced if it exists.")  # fmt: skip
@json_option
@click.pass_context
def command(
    context: click.Context, layer_paths: tuple[Path, ...], chosen: str, junit: Path | None, as_json: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Simulate the cores of layers against the integer model.

    Every bit that comes out is compared. The exit code is 1 if anything differs in any layer, or if a core gives no
    result. All layer files and data are checked before the first simulation. Builds are kept below build/cores and
    used again.
    """
    files = [read_layer_file(path) for path in layer_paths]
    with draft_of(junit) if junit else nullcontext() as draft:
        for file in files[1:]:  # those of the first layer come next; all are not kept, for they may be large
            make_tensors(file.layer, file.data, file.path.parent)
        runs = [run for file in files for run in _simulate(file, chosen, options)]
        if draft:
            write_junit(draft, [(path.stem, [_as_case(run, options) for run in group])
                                for path, group in groupby(runs, lambda run: run.layer_path)])  # fmt: skip
    if as_json:
        print_json({**options, "runs": [_as_json(run) for run in runs]})
    else:
        _print(runs, several=len(files) > 1)
    for run in runs:
        if run.failure:
            where = f"{one_line(run.layer_path)}: " if len(files) > 1 else ""
            click.echo(f"{where}{run.label}: {run.failure}", err=True)
            click.echo(f"reproduce: {_command(run, options)}", err=True)
    context.exit(1 if any(run.failure for run in runs) else 0)


def _simulate(file: LayerFile, chosen: str, options: dict[str, Any]) -> list[Run]:
    with working(f"{file.path.stem}: computing what must come out"):
        inputs = read_inputs(file)
        passes = [PASS_NAMES[label] for label in chosen_passes(file, inputs.layer, chosen)]
        tensors = all_tensors(inputs.layer, inputs.words)
    return [_run(file, tensors, pass_name, options) for pass_name in passes]


def _run(file: LayerFile, tensors: dict[str, np.ndarray], pass_name: str, options: dict[str, Any]) -> Run:
    started = time.monotonic()
    with working(f"{file.path.stem}: simulating {pass_name.replace('_', '-')}"):
        try:
            result = simulate(file.layer, tensors, pass_name, **options)
            failure = result.failure
        except (CheckFailed, ConversionError) as error:
            result, failure = None, str(error)
    predicted = None if options["stall"] else core_cycles(file.layer, pass_name).batch_cycles()
    return Run(file.path, pass_name, time.monotonic() - started, predicted, result, failure)


def _command(run: Run, options: dict[str, Any]) -> str:
    words = ["convstream", "simulate", str(run.layer_path), "--pass", run.label, "--simulator", options["simulator"]]
    words += ["--stall", str(options["stall"]), "--seed", str(options["seed"])]
    return shlex.join(words + ["--waves"] * options["waves"])


def _as_case(run: Run, options: dict[str, Any]) -> Case:
    properties = {"layer": run.layer_path} | {name: options[name] for name in ("simulator", "stall", "seed")}
    if run.result:
        properties |= {"cycles": run.result.cycles, "latency_cycles": run.result.latency_cycles}
    return Case(run.pass_name, run.seconds, run.failure, properties)


def _as_json(run: Run) -> dict[str, Any]:
    result = run.result
    shown = {
        "layer": str(run.layer_path), "pass": run.pass_name, "seconds": round(run.seconds, 3),
        "bit_exact": run.failure is None, "failure": run.failure,
    }  # fmt: skip
    if result is None:
        return shown
    return shown | {
        "compared_values": result.compared_values,
        "wrong_values": result.wrong_values,
        "mismatch": asdict(result.mismatch) if result.mismatch else None,
        "protocol_errors": result.protocol_errors,
        "cycles": result.cycles,
        "predicted_cycles": run.predicted_cycles,
        "latency_cycles": result.latency_cycles,
        "log": str(result.log) if result.log else None,
        "waves": str(result.waves) if result.waves else None,
    }


def _print(runs: list[Run], several: bool) -> None:
    table = Table(title="simulated core against the integer model", box=SIMPLE_HEAD)
    for heading in (*(["layer"] if several else []), "pass", "result"):
        table.add_column(heading)
    for heading in ("values compared", "cycles", "predicted", "latency"):
        table.add_column(heading, justify="right")
    for run in runs:
        outcome = "no result" if run.result is None else "differs" if run.failure else "bit-exact"
        numbers = ()
        if run.result:
            result = run.result
            numbers = (result.compared_values, result.cycles, run.predicted_cycles, result.latency_cycles)
        names = (*([one_line(run.layer_path.stem)] if several else []), run.label, outcome)
        table.add_row(*names, *("-" if number is None else f"{number:,}" for number in numbers))
    print_table(table)
    for run in runs:
        for kept in (run.result.log, run.result.waves) if run.result else ():
            if kept:
                click.echo(f"kept: {kept}")
