"""What an exploration shows: a table of the choices that are worth a look, or all choices as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from convstream.sim.explore.exploration import Candidate, Rules, describe_lanes
from convstream.sim.explore.measure import Measurement, Outcome, SimulatedCore, SynthesizedCore
from convstream.sim.fpga.targets import Target

_CELLS = {"lut": "LUT", "register": "FF", "dsp": "DSP", "block_ram": "block RAM"}


@dataclass(eq=False)
class Measured:
    """Outcomes of one candidate: of each kind, by pass."""

    outcomes: dict[str, dict[str, Outcome]] = field(default_factory=dict)

    def note(self, measurement: Measurement, outcome: Outcome) -> None:
        self.outcomes.setdefault(measurement.kind, {})[measurement.pass_name] = outcome

    def values(self, kind: type[Measurement]) -> list[dict[str, Any]] | None:
        """Of all passes; None if one has none, or none was measured."""
        outcomes = [outcome.values for outcome in self.outcomes.get(kind.kind, {}).values()]
        return outcomes if outcomes and None not in outcomes else None

    @property
    def failures(self) -> list[str]:
        return [
            f"{kind} of {_label(name)}: {outcome.failure}"
            for kind, outcomes in self.outcomes.items() for name, outcome in outcomes.items() if outcome.failure
        ]  # fmt: skip

    @property
    def misfits(self) -> list[dict[str, Any]]:
        cores = self.values(SynthesizedCore) or []
        return [core["misfit"] for core in cores if core["misfit"]]

    @property
    def sound(self) -> bool:
        """Nothing failed, and every core fits the device."""
        return not self.failures and not self.misfits

    @property
    def clock_mhz(self) -> float | None:
        """The slowest core's: one clock drives them all."""
        clocks = [core["clock_mhz"] for core in self.values(SynthesizedCore) or []]
        return min(clocks) if clocks and None not in clocks else None


@dataclass(frozen=True, eq=False)
class View:
    """An exploration of some passes on a target."""

    passes: str
    target: Target
    rules: Rules
    found: Sequence[Candidate]
    best: Sequence[Candidate]
    measured: Mapping[Candidate, Measured]
    recommended: Candidate | None

    def as_json(self) -> dict[str, Any]:
        best = set(self.best)
        return {
            "pass": self.passes.replace("-", "_"),
            "target": self.target.name,
            "device": self.target.device,
            **vars(self.rules),
            "choices": [self._choice_as_json(candidate, candidate in best) for candidate in self.found],
        }

    def tables(self, name: str) -> list[Table]:
        """The set, and what was measured of it."""
        at_clock = "" if self.rules.clock_mhz is None else f" at {self.rules.clock_mhz:g} MHz"
        shown = f"{len(self.best)} of {len(self.found)} choices"
        headings = ["multipliers", "DSP", "cycles", "efficiency", "useful", "memory bits"]
        headings += ["images/s"] if at_clock else []
        table = _table(f"{name}, {self.passes}: {shown}, on {self.target.device}{at_clock}", headings)
        table.add_column("")
        for candidate in self.best:
            marked = candidate is self.recommended
            mark = "<- recommended" if marked else ""
            table.add_row(*_lanes(candidate), *self._costs(candidate), mark, style="bold" if marked else None)
        return [table, *self._measured_tables()]

    def summary(self) -> str:
        """What the tables say, and what is recommended."""
        lines = ["cycles of an image, images back to back; no other choice has as few multipliers and as few cycles"]
        if self.recommended:
            why = "the fastest" if self.rules.target_fps is None else "the smallest that is fast enough"
            among = " of those measured (--most measures more)" if 0 < len(self.measured) < len(self.best) else ""
            lines.append(f"recommended: {describe_lanes(self.recommended.choice.lanes)}: {why}{among}")
        return "\n".join(lines)

    def _clock_mhz(self, candidate: Candidate) -> float | None:
        """The slower of the clock that was given and the one that was measured."""
        measured = self.measured[candidate].clock_mhz if candidate in self.measured else None
        return min((clock for clock in (self.rules.clock_mhz, measured) if clock is not None), default=None)

    def _rate(self, candidate: Candidate) -> float | None:
        clock_mhz = self._clock_mhz(candidate)
        return None if clock_mhz is None else candidate.choice.images_per_second(clock_mhz * 1e6)

    def _choice_as_json(self, candidate: Candidate, in_set: bool) -> dict[str, Any]:
        choice, results = candidate.choice, self.measured.get(candidate)
        return {
            **vars(choice.lanes),
            "multipliers": choice.multipliers,
            "dsps": candidate.dsps,
            "cycles": float(choice.cycles),
            "efficiency": choice.efficiency,
            "useful": choice.useful,
            "memory_bits": choice.memory_bits,
            "images_per_second": self._rate(candidate),
            "within_budget": self.rules.fits(candidate),
            "fast_enough": self.rules.reaches(candidate, self._clock_mhz(candidate)),
            "in_set": in_set,
            "recommended": candidate is self.recommended,
            "measured": results and {
                kind: {name: outcome.values or {"failure": outcome.failure} for name, outcome in done.items()}
                for kind, done in results.outcomes.items()
            },
        }  # fmt: skip

    def _costs(self, candidate: Candidate) -> list[str]:
        choice, clock_mhz = candidate.choice, self.rules.clock_mhz
        cells = [f"{choice.multipliers:,}", f"{candidate.dsps:,}", f"{float(choice.cycles):,.1f}".removesuffix(".0"),
                 f"{choice.efficiency:.4f}", f"{choice.useful:.1%}", f"{choice.memory_bits:,}"]  # fmt: skip
        return cells if clock_mhz is None else [*cells, f"{choice.images_per_second(clock_mhz * 1e6):,.1f}"]

    def _measured_tables(self) -> list[Table]:
        kinds = {kind for results in self.measured.values() for kind in results.outcomes}
        simulated, synthesized = (kind.kind in kinds for kind in (SimulatedCore, SynthesizedCore))
        if not simulated and not synthesized:
            return []
        headings = ["simulated", "batch cycles", "predicted"] if simulated else []
        headings += [*_CELLS.values(), "MHz", "images/s"] if synthesized else []
        table = _table(f"measured: {len(self.measured)} of {len(self.best)}", headings)
        for candidate, results in self.measured.items():
            cells = _simulated_cells(candidate, results) if simulated else []
            if synthesized:
                rate = self._rate(candidate) if results.clock_mhz is not None else None
                cells += [*_synthesized_cells(results), "" if rate is None else f"{rate:,.1f}"]
            table.add_row(*_lanes(candidate), *cells)
        return [table]


def _table(title: str, headings: Sequence[str]) -> Table:
    table = Table(title=title, box=SIMPLE_HEAD)
    for heading in ("in", "out", "kernel", *headings):
        table.add_column(heading, justify="right")
    return table


def _lanes(candidate: Candidate) -> list[str]:
    return [str(count) for count in vars(candidate.choice.lanes).values()]


def _simulated_cells(candidate: Candidate, results: Measured) -> list[str]:
    cores = results.values(SimulatedCore)
    if cores is None:
        return ["failed", "", ""]
    predicted = sum(core.batch_cycles for core in candidate.choice.cores)
    return ["bit-exact", f"{sum(core['cycles'] for core in cores):,}", f"{predicted:,}"]


def _synthesized_cells(results: Measured) -> list[str]:
    cores = results.values(SynthesizedCore)
    if cores is None:
        return [*[""] * len(_CELLS), "failed"]
    clock = "" if results.clock_mhz is None else f"{results.clock_mhz:.1f}"
    cells = [f"{sum(core[kind] for core in cores):,}" for kind in _CELLS]
    return [*cells, "does not fit" if results.misfits else clock]


def _label(pass_name: str) -> str:
    return pass_name.replace("_", "-")
