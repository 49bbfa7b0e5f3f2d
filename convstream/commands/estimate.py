"""`convstream estimate`: cycles, efficiency, multipliers and memory of a layer's cores, from the layer alone."""

from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.table import Table

from convstream.console import print_json, print_table
from convstream.fixedpoint.dataflow.estimate import Estimate, estimate
from convstream.fixedpoint.layer import Layer
from convstream.hdl.passes import PASSES
from convstream.layer_file import read_layer_file
from convstream.options import PASS_NAMES, chosen_passes, clock_option, json_option, layer_argument, pass_option
from convstream.sim.beats import beat_count, stream_bits


@click.command("estimate", epilog="Example:  convstream estimate examples/layers/middle_3x3.toml --clock 110")
@layer_argument
@pass_option
@clock_option("Also tell images and products a second at this clock.")
@json_option
def command(layer_path: Path, chosen: str, clock_mhz: float | None, as_json: bool) -> None:
    """Estimate a layer's cores without building them.

    Cycles are exact for sources and sinks that never wait, with weights loaded. The efficiency is that of images
    (weight gradient: batches) back to back: the bound, the fewest cycles that lanes and streams allow, by the period.
    Useful is the share of the multipliers' cycles that multiply a weight with a pixel that is not padding.
    """
    file = read_layer_file(layer_path)
    layer, labels = file.layer, chosen_passes(file, file.layer, chosen)
    estimates = {label: estimate(layer, PASS_NAMES[label]) for label in labels}
    if as_json:
        cores = [_as_json(layer, label, core, clock_mhz) for label, core in estimates.items()]
        print_json({"layer": str(layer_path), "clock_mhz": clock_mhz, "cores": cores})
        return
    print_table(_cycles_table(estimates, clock_mhz))
    print_table(_memory_table(estimates))
    print_table(_stream_table(layer, labels))
    print_table(_lead_table(estimates))
    for label, core in estimates.items():
        click.echo(f"{label}: bound by {_bound_by(core)}; {core.advice}")


def _as_json(layer: Layer, label: str, core: Estimate, clock_mhz: float | None) -> dict[str, Any]:
    shown = {
        "pass": PASS_NAMES[label],
        "batch_cycles": core.batch_cycles,
        "latency_cycles": core.latency_cycles,
        "period_cycles": float(core.period),
        "bound": vars(core.bound) | {"cycles": core.bound.cycles},
        "efficiency": core.efficiency,
        "useful": core.useful,
        "multipliers": core.multipliers,
        "bottleneck": core.bottleneck,
        "advice": core.advice,
        "memory_bits": core.memory_bits,
        "memories": [vars(memory) | {"bits": memory.bits} for memory in core.memories],
        "streams": [
            {"stream": stream, "bits": stream_bits(layer, stream), "beats": beat_count(layer, stream)}
            for stream in _streams(label)
        ],
        "leads": [lead._asdict() for lead in core.leads],
    }
    if clock_mhz is not None:
        shown |= {
            "images_per_second": core.images_per_second(clock_mhz * 1e6),
            "products_per_second": core.products_per_second(clock_mhz * 1e6),
        }
    return shown


def _cycles_table(estimates: dict[str, Estimate], clock_mhz: float | None) -> Table:
    at_clock = [] if clock_mhz is None else ["images/s", "GMAC/s"]
    title = "cycles, exact for streams that never wait" + ("" if clock_mhz is None else f"; at {clock_mhz:g} MHz")
    table = Table("pass", title=title, box=SIMPLE_HEAD)
    for heading in ("multipliers", "batch", "first beat", "period", "bound", "efficiency", "useful", *at_clock):
        table.add_column(heading, justify="right")
    for label, core in estimates.items():
        cells = [
            f"{core.multipliers:,}", f"{core.batch_cycles:,}", f"{core.latency_cycles:,}",
            f"{float(core.period):,.12g}", f"{core.bound.cycles:,}", f"{core.efficiency:.4f}", f"{core.useful:.1%}",
        ]  # fmt: skip
        if clock_mhz is not None:
            clock_hz = clock_mhz * 1e6
            cells += [f"{core.images_per_second(clock_hz):,.1f}", f"{core.products_per_second(clock_hz) / 1e9:,.3f}"]
        table.add_row(label, *cells)
    return table


def _memory_table(estimates: dict[str, Estimate]) -> Table:
    table = Table("pass", "memory", title="memories and queues", box=SIMPLE_HEAD)
    for heading in ("banks", "depth", "width", "bits"):
        table.add_column(heading, justify="right")
    for label, core in estimates.items():
        for memory in core.memories:
            numbers = (memory.banks, memory.depth, memory.word_bits, memory.bits)
            table.add_row(label, memory.name, *(f"{number:,}" for number in numbers))
        table.add_row(label, "all", "", "", "", f"{core.memory_bits:,}", end_section=True)
    return table


def _stream_table(layer: Layer, labels: list[str]) -> Table:
    table = Table("pass", "stream", title="streams, of one batch", box=SIMPLE_HEAD)
    for heading in ("width", "beats"):
        table.add_column(heading, justify="right")
    for label in labels:
        for stream in _streams(label):
            table.add_row(label, stream, f"{stream_bits(layer, stream):,}", f"{beat_count(layer, stream):,}")
    return table


def _lead_table(estimates: dict[str, Estimate]) -> Table:
    table = Table("pass", "stream", "before any beat of", title="how far a stream may run ahead", box=SIMPLE_HEAD)
    for heading in ("rows", "beats"):
        table.add_column(heading, justify="right")
    for label, core in estimates.items():
        for lead in core.leads:
            table.add_row(label, lead.stream, lead.other, f"{lead.rows:,}", f"{lead.beats:,}")
    return table


def _streams(label: str) -> tuple[str, ...]:
    core = PASSES[PASS_NAMES[label]]
    return (*core.inputs, *core.outputs)


def _bound_by(core: Estimate) -> str:
    return core.bottleneck if core.bottleneck == "multipliers" else f"stream {core.bottleneck}"
