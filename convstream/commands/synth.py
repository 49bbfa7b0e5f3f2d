"""`convstream synth`: what a layer's cores take on an FPGA, and how fast they run there."""

from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.table import Table

from convstream.console import print_json, print_table, working
from convstream.fixedpoint.layer import Layer
from convstream.layer_file import read_layer_file
from convstream.options import PASS_NAMES, chosen_passes, json_option, layer_argument, pass_option
from convstream.sim.fpga.nextpnr import Routed
from convstream.sim.fpga.synthesis import Synthesis, synthesize
from convstream.sim.fpga.targets import TARGETS, Target

_MOST_SEEDS = 1000


@click.command("synth", epilog="Example:  convstream synth examples/layers/middle_3x3.toml --pass forward --seeds 5")
@layer_argument
@click.option("--target", "target_name", type=click.Choice(list(TARGETS)), default="ecp5", show_default=True)
@pass_option
@click.option("--seeds", type=click.IntRange(0, _MOST_SEEDS), default=3, show_default=True,
              help="Placements of each core, the clock rate is their median; 0: cells only.")  # fmt: skip
@json_option
def command(layer_path: Path, target_name: str, chosen: str, seeds: int, as_json: bool) -> None:
    """Synthesize a layer's cores: cells by Yosys, clock rate by nextpnr.

    The cells are those of the core alone. It is placed and routed with a shift register at every port, so that ports
    of any width fit the pins. Logs and netlists are kept below build/synth, and used again.
    """
    file, target = read_layer_file(layer_path), TARGETS[target_name]
    layer, labels = file.layer, chosen_passes(file, file.layer, chosen)
    with working(f"synthesizing for {target.device}"):
        cores = synthesize(layer, [PASS_NAMES[label] for label in labels], target, seeds)
    if as_json:
        shown = {"layer": str(layer_path), "target": target.name, "device": target.device, "seeds": seeds}
        shown |= {"multipliers": layer.lanes.multipliers, "cores": [_as_json(core, target) for core in cores]}
        print_json(shown)
    else:
        _print(layer_path.stem, layer, target, cores, seeds)


def _as_json(core: Synthesis, target: Target) -> dict[str, Any]:
    median = core.median
    return {
        "pass": core.pass_name,
        **target.count_kinds(core.cells),
        "cells": core.cells,
        "clock_mhz": median.clock_mhz if median else None,
        "clock_mhz_by_seed": {placement.seed: placement.clock_mhz for placement in core.routed},
        "critical_path": [vars(step) for step in median.path] if median else None,
        "misfit": {"cell": core.misfit.cell, "needed": core.misfit.needed, "available": core.misfit.available}
        if core.misfit else None,
        "logs": [str(log) for log in _logs(core)],
    }  # fmt: skip


def _print(name: str, layer: Layer, target: Target, cores: list[Synthesis], seeds: int) -> None:
    title = f"{name}: {layer.lanes.multipliers} multipliers on {target.device}"
    table = Table("pass", title=title, box=SIMPLE_HEAD)
    for heading in (f"LUT{target.lut_inputs}", "carry", "FF", "DSP", "block RAM", "LUT RAM"):
        table.add_column(heading, justify="right")
    placed = any(core.routed or core.misfit for core in cores)
    if placed:
        table.add_column("MHz", justify="right")
    for core in cores:
        counts = [f"{count:,}" for count in target.count_kinds(core.cells).values()]
        table.add_row(_label(core), *counts, *([_clock(core)] if placed else []))
    print_table(table)
    if not placed:
        click.echo("cells of the core alone")
        return
    click.echo(f"cells of the core alone; clock: median of {seeds}, with a shift register at every port")
    for core in cores:
        if core.misfit:
            lack = f"needs {core.misfit.needed:,} {core.misfit.cell}, of which there are {core.misfit.available:,}"
            click.echo(f"{_label(core)}: does not fit: {lack}")
        else:
            click.echo(f"{_label(core)}: critical path: {_describe(core.median)}")


def _describe(placement: Routed) -> str:
    first, last = placement.path[0], placement.path[-1]
    return f"{first.pin} to {last.pin}, {placement.logic_ns:.1f} ns logic, {placement.routing_ns:.1f} ns routing"


def _clock(core: Synthesis) -> str:
    if not core.median:
        return ""
    rates = [placement.clock_mhz for placement in core.routed]
    return f"{core.median.clock_mhz:.1f} ({min(rates):.1f} .. {max(rates):.1f})"


def _label(core: Synthesis) -> str:
    return core.pass_name.replace("_", "-")


def _logs(core: Synthesis) -> list[Path]:
    placed = [core.misfit.log] if core.misfit else [placement.log for placement in core.routed]
    return [core.log, *placed]
