"""`convstream explore`: every legal choice of lanes, those worth a look, and measurements of some of them."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import click

from convstream.choices_picture import draw_choices
from convstream.choices_view import Measured, View
from convstream.console import counting, print_json, print_table, working
from convstream.fixedpoint.dataflow.choices import legal_lanes
from convstream.fixedpoint.layer import Layer
from convstream.inputs import read_inputs
from convstream.layer_file import LayerFile, read_layer_file
from convstream.options import (
    PASS_NAMES,
    Positive,
    chosen_passes,
    clock_option,
    json_option,
    layer_argument,
    picture_option,
)
from convstream.sim.errors import BadInput, CheckFailed
from convstream.sim.explore.exploration import (
    Candidate,
    Rules,
    best_of,
    candidates,
    describe_lanes,
    recommend,
    spread,
    why_none,
)
from convstream.sim.explore.measure import Measurement, SimulatedCore, SynthesizedCore, measuring
from convstream.sim.files.atomic_file import draft_of
from convstream.sim.fpga.targets import TARGETS, Target
from convstream.sim.jobs.workers import host_and_port
from convstream.sim.vectors.folder import all_tensors

_MOST_SEEDS = 1000

#: What to measure, and of which candidate.
Taking = tuple[Candidate, Measurement]


@click.command(
    "explore", epilog="Example:  convstream explore examples/layers/middle_3x3.toml --budget-dsp 64 --clock 100"
)
@layer_argument
@click.option("--pass", "chosen", type=click.Choice([*PASS_NAMES, "all"]), default="forward", show_default=True,
              help="Which core; all: the three side by side, used one after another. Their multipliers, memories and "
                   "cycles of an image are added up.")  # fmt: skip
@click.option("--target", "target_name", type=click.Choice(list(TARGETS)), default="ecp5", show_default=True)
@click.option("--budget-dsp", metavar="N", type=click.IntRange(1),
              help="At most so many DSP multipliers of the target.")  # fmt: skip
@click.option("--target-fps", metavar="X", type=Positive(),
              help="At least so many images a second; needs --clock, or --synth to measure it.")  # fmt: skip
@clock_option("Also tell images a second at this clock.")
@click.option("--by-memory", is_flag=True,
              help="A choice with fewer bits of memory is worth a look, too, whatever else it costs.")  # fmt: skip
@picture_option(required=False, what="Draw all choices")
@click.option("--simulate", "simulated", is_flag=True, help="Simulate the set, bit for bit against the integer model.")
@click.option("--synth", "synthesized", is_flag=True, help="Synthesize the set, place and route it.")
@click.option("--seeds", type=click.IntRange(0, _MOST_SEEDS), default=3, show_default=True,
              help="Placements of each core that is synthesized; 0: cells only.")  # fmt: skip
@click.option("--most", metavar="N", type=click.IntRange(1), default=8, show_default=True,
              help="Measure at most so many choices, spread over the set.")  # fmt: skip
@click.option("--scheduler", metavar="tcp://HOST:PORT",
              help="Measure on the cluster of this Dask scheduler; else in processes of this machine.")  # fmt: skip
@json_option
@click.pass_context
def command(
    context: click.Context, layer_path: Path, chosen: str, target_name: str, budget_dsp: int | None,
    target_fps: float | None, clock_mhz: float | None, by_memory: bool, picture: Path | None, simulated: bool,
    synthesized: bool, seeds: int, most: int, scheduler: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Compare all legal lanes of a layer, and measure the best.

    Shown is the Pareto set: no other choice has as few multipliers and takes as few cycles an image; memory decides
    between equals. Cycles are exact, images back to back. The lanes in the layer file do not matter.

    With --target-fps the smallest choice that reaches it is recommended, with a budget alone the fastest; the exit
    code is 1 if there is none. Cores that are synthesized run at the slower of --clock and the rate measured.

    Every measurement is kept below build/explore as soon as it is done, and used again. A worker on a cluster needs
    the same version of this program and its tools.
    """
    file, target = read_layer_file(layer_path), TARGETS[target_name]
    rules = Rules(budget_dsp, target_fps, clock_mhz)
    measures_clock = synthesized and seeds > 0 and target.router is not None
    _check(rules, target, measures_clock, simulated or synthesized, scheduler)
    passes = [PASS_NAMES[label] for label in chosen_passes(file, file.layer, chosen)]
    with draft_of(picture) if picture else nullcontext() as draft:
        found = _estimate(file.layer, passes, target)
        best = best_of(found, rules, by_memory)
        measured = {candidate: Measured() for candidate in spread(best, most)} if simulated or synthesized else {}
        if measured and simulated:
            _measure("simulating", _simulations(file, measured, passes), measured, scheduler)
        if measured and synthesized:
            _measure("synthesizing", _syntheses(measured, passes, target, seeds), measured, scheduler)
        recommended = _recommend(best, measured, rules)
        if draft:
            draw_choices(draft, f"{layer_path.stem}, {chosen}: choices of lanes", found, best, recommended, rules)
    view = View(chosen, target, rules, found, best, measured, recommended)
    if as_json:
        print_json({"layer": str(layer_path)} | view.as_json())
    else:
        if best:
            for table in view.tables(layer_path.stem):
                print_table(table)
            click.echo(view.summary())
        if picture:
            click.echo(f"picture: {picture}")
    if not best:
        raise CheckFailed(why_none(found, rules))
    failures = [f"{describe_lanes(candidate.choice.lanes)}: {failure}"
                for candidate, results in measured.items() for failure in results.failures]  # fmt: skip
    for failure in failures:
        click.echo(failure, err=True)
    if target_fps is not None and recommended is None:
        raise CheckFailed(f"none of the choices that were measured reaches {target_fps:,.12g} images/s")
    context.exit(1 if failures else 0)


def _check(rules: Rules, target: Target, measures_clock: bool, measures: bool, scheduler: str | None) -> None:
    """Options that need each other.

    Raises
    ------
    BadInput
    """
    if rules.budget_dsps is not None and target.multiplier is None:
        raise BadInput(f"--budget-dsp: {target.device} has no DSP multipliers: products are made of LUTs")
    if rules.target_fps is not None and rules.clock_mhz is None and not measures_clock:
        raise BadInput("--target-fps: needs a clock rate: give --clock, or measure it with --synth on a target "
                       "that is placed and routed")  # fmt: skip
    if scheduler is not None:
        host_and_port(scheduler)
        if not measures:
            raise BadInput("--scheduler: nothing is to be measured: give --simulate or --synth, too")


def _estimate(layer: Layer, passes: Sequence[str], target: Target) -> list[Candidate]:
    with counting("estimating", len(legal_lanes(layer.geometry))) as count:
        found = []
        for candidate in candidates(layer, passes, target):
            found.append(candidate)
            count()
    return found


def _simulations(file: LayerFile, chosen: Iterable[Candidate], passes: Sequence[str]) -> list[Taking]:
    with working("computing what must come out"):
        inputs = read_inputs(file)
        for name in passes:
            chosen_passes(file, inputs.layer, name.replace("_", "-"))
        tensors = all_tensors(inputs.layer, inputs.words)
    return [(candidate, SimulatedCore(candidate.choice.layer, name, tensors))
            for candidate in chosen for name in passes]  # fmt: skip


def _syntheses(chosen: Iterable[Candidate], passes: Sequence[str], target: Target, seeds: int) -> list[Taking]:
    return [(candidate, SynthesizedCore(candidate.choice.layer, name, target, seeds))
            for candidate in chosen for name in passes]  # fmt: skip


def _measure(
    what: str, takings: Sequence[Taking], measured: Mapping[Candidate, Measured], scheduler: str | None
) -> None:
    """Take all measurements, and note what came of each."""
    owners = {measurement: candidate for candidate, measurement in takings}
    with counting(what, len(owners)) as count, measuring(list(owners), scheduler) as outcomes:
        for measurement, outcome in outcomes:
            measured[owners[measurement]].note(measurement, outcome)
            count()


def _recommend(best: Sequence[Candidate], measured: Mapping[Candidate, Measured], rules: Rules) -> Candidate | None:
    """Of those that were measured and are sound, if any were measured."""
    if not measured:
        return recommend(best, rules)
    sound = [candidate for candidate, results in measured.items() if results.sound]
    return recommend(sound, rules, [measured[candidate].clock_mhz for candidate in sound])
