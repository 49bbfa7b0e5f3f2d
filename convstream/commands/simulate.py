"""`convstream simulate`: the generated Verilog, played by cocotb, against the integer model."""

import math
import shlex
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table

from convstream.console import print_json, print_table, working
from convstream.fixedpoint.dataflow.timing.cycles import core_cycles
from convstream.inputs import read_inputs
from convstream.junit import Case, write_junit
from convstream.layer_file import LayerFile, read_layer_file
from convstream.options import PASS_NAMES, json_option, layer_argument, pass_option
from convstream.sim.bench.stalls import HIGHEST_STALL
from convstream.sim.errors import CheckFailed
from convstream.sim.files.atomic_file import draft_of
from convstream.sim.result import SimulationResult
from convstream.sim.simulate import SIMULATORS, simulate
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

    pass_name: str
    seconds: float
    predicted_cycles: int | None
    result: SimulationResult | None
    failure: str | None


@click.command("simulate", epilog="Example:  convstream simulate examples/layers/photograph_3x3.toml --stall 0.5")
@layer_argument
@pass_option
@click.option("--simulator", type=click.Choice(list(SIMULATORS)), default="verilator", show_default=True)
@click.option("--stall", type=_Share(0, HIGHEST_STALL), default=0.0, show_default=True,
              help="Share of the cycles in which sources pause and sinks refuse.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, (1 << 31) - 1), default=1, show_default=True, help="Of the stalls.")
@click.option("--waves", is_flag=True, help="Keep the waves, below build/runs.")
@click.option("--junit", metavar="FILE", type=click.Path(path_type=Path),
              help="Write a JUnit report; replaced if it exists.")  # fmt: skip
@json_option
@click.pass_context
def command(
    context: click.Context, layer_path: Path, labels: list[str], junit: Path | None, as_json: bool, **options: Any
) -> None:
    """Simulate a layer's cores against the integer model.

    Every bit that comes out is compared. The exit code is 1 if anything differs, or if nothing can be said. Builds
    are kept below build/cores and used again.
    """
    file = read_layer_file(layer_path)
    with draft_of(junit) if junit else nullcontext() as draft:
        with working("computing what must come out"):
            tensors = all_tensors(file.layer, read_inputs(file).words)
        runs = [_run(file, tensors, label, options) for label in labels]
        if draft:
            write_junit(draft, layer_path.stem, [Case(run.pass_name, run.seconds, run.failure) for run in runs])
    if as_json:
        print_json({"layer": str(layer_path), **options, "runs": [_as_json(run) for run in runs]})
    else:
        _print(runs)
    for run in runs:
        if run.failure:
            click.echo(f"{run.pass_name}: {run.failure}", err=True)
            click.echo(f"reproduce: {_command(layer_path, run.pass_name, options)}", err=True)
    context.exit(1 if any(run.failure for run in runs) else 0)


def _run(file: LayerFile, tensors: dict[str, np.ndarray], label: str, options: dict[str, Any]) -> Run:
    started = time.monotonic()
    with working(f"simulating {label}"):
        try:
            result = simulate(file.layer, tensors, PASS_NAMES[label], **options)
            failure = None if result.matched else _describe(result)
        except CheckFailed as error:
            result, failure = None, str(error)
    predicted = None if options["stall"] else core_cycles(file.layer, PASS_NAMES[label]).batch_cycles()
    return Run(label, time.monotonic() - started, predicted, result, failure)


def _describe(result: SimulationResult) -> str:
    parts = list(result.protocol_errors)
    if result.mismatch:
        differ = f"{result.wrong_values} of {result.compared_values} values differ"
        parts.insert(0, f"{differ}; the first: {result.mismatch}")
    return "; ".join(parts)


def _command(layer_path: Path, pass_name: str, options: dict[str, Any]) -> str:
    words = ["convstream", "simulate", str(layer_path), "--pass", pass_name, "--simulator", options["simulator"]]
    words += ["--stall", str(options["stall"]), "--seed", str(options["seed"])]
    return shlex.join(words + ["--waves"] * options["waves"])


def _as_json(run: Run) -> dict[str, Any]:
    result = run.result
    shown = {"pass": run.pass_name, "bit_exact": run.failure is None, "failure": run.failure}
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


def _print(runs: list[Run]) -> None:
    table = Table("pass", "verdict", title="simulated core against the integer model", box=SIMPLE_HEAD)
    for heading in ("values compared", "cycles", "predicted", "latency"):
        table.add_column(heading, justify="right")
    for run in runs:
        verdict = "no verdict" if run.result is None else "differs" if run.failure else "bit-exact"
        numbers = ()
        if run.result:
            result = run.result
            numbers = (result.compared_values, result.cycles, run.predicted_cycles, result.latency_cycles)
        table.add_row(run.pass_name, verdict, *("-" if number is None else f"{number:,}" for number in numbers))
    print_table(table)
    for run in runs:
        for kept in (run.result.log, run.result.waves) if run.result else ():
            if kept:
                click.echo(f"kept: {kept}")
