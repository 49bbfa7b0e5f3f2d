"""Result: what the record of an episode proves."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convstream.fixedpoint.layer import Layer
from convstream.hdl.passes import PASSES
from convstream.sim.beats import beat_count, stream_tensors
from convstream.sim.jobs.processes import SimulationError
from convstream.sim.scoreboard import Beats, Mismatch, compare
from convstream.sim.stimulus import Episode, Play


@dataclass(frozen=True)
class SimulationResult:
    """The result of one episode, and what was seen.

    A cycle is the number of a rising clock edge: cycle n is at 10 n + 5 ns in the waves.  `beat_cycles` holds, by
    stream, the cycle of every beat; `frame_cycles`, by output, those of the beats that end an image (dw, db: a
    batch); `tensors` what came out, one dictionary a batch.
    """

    pass_name: str
    compared_values: int
    wrong_values: int
    mismatch: Mismatch | None
    protocol_errors: tuple[str, ...]
    beat_cycles: dict[str, np.ndarray]
    frame_cycles: dict[str, np.ndarray]
    tensors: tuple[dict[str, np.ndarray], ...]
    log: Path | None = None
    waves: Path | None = None

    @property
    def matched(self) -> bool:
        """Every value is right, and no rule of the streams was broken."""
        return self.mismatch is None and not self.protocol_errors

    @property
    def failure(self) -> str | None:
        """The first wrong value, and the rules that were broken; None if it matched."""
        parts = list(self.protocol_errors)
        if self.mismatch:
            differ = f"{self.wrong_values} of {self.compared_values} values differ"
            parts.insert(0, f"{differ}; the first: {self.mismatch}")
        return "; ".join(parts) or None

    @property
    def cycles(self) -> int:
        """From the first beat of data in to the last beat out; both counted."""
        return 1 + max(self._all_cycles(PASSES[self.pass_name].outputs)) - self._first_data_cycle

    @property
    def latency_cycles(self) -> int:
        """From the first beat of data in to the first beat out."""
        return min(self._all_cycles(PASSES[self.pass_name].outputs)) - self._first_data_cycle

    @property
    def _first_data_cycle(self) -> int:
        return min(self._all_cycles(stream for stream in PASSES[self.pass_name].inputs if stream != "weights"))

    def _all_cycles(self, streams) -> list[int]:
        return [int(cycle) for stream in streams for cycle in self.beat_cycles[stream][[0, -1]]]


def judge(layer: Layer, pass_name: str, episode: Episode, record: dict) -> SimulationResult:
    """Compare the record of an episode, as the test bench wrote it, with what was expected.

    Raises
    ------
    SimulationError
        Beats are missing; the message says which stream starved.
    """
    got = {stream: Beats(**beats) for stream, beats in record["outputs"].items()}
    if record["starved"]:
        raise SimulationError(_why_starved(layer, episode, record, got))
    comparisons = [compare(layer, stream, expected, got[stream]) for stream, expected in episode.expected.items()]
    breaches = [*record["breaches"], *_frame_error_breaches(episode, record["frame_error"])]
    if episode.expected and episode.cut_cycle is None and record["status"]["idle"] != "1":
        breaches.append(f"idle is {record['status']['idle']} when all is over")
    return SimulationResult(
        pass_name=pass_name,
        compared_values=sum(comparison.compared_values for comparison in comparisons),
        wrong_values=sum(comparison.wrong_values for comparison in comparisons),
        mismatch=next((comparison.first for comparison in comparisons if comparison.first), None),
        protocol_errors=(*breaches, *(breach for comparison in comparisons for breach in comparison.breaches)),
        beat_cycles={
            stream: np.array(cycles)
            for stream, cycles in (record["inputs"] | {stream: beats.cycles for stream, beats in got.items()}).items()
        },
        frame_cycles={
            stream: np.array(got[stream].cycles)[expected.lasts] for stream, expected in episode.expected.items()
        },
        tensors=tuple(_tensors(layer, episode, got, batch) for batch in range(episode.batches)),
    )


def _tensors(layer: Layer, episode: Episode, got: dict[str, Beats], batch: int) -> dict[str, np.ndarray]:
    tensors = {}
    for stream in episode.expected:
        beats = beat_count(layer, stream)
        words = [word or 0 for word in got[stream].words[batch * beats : (batch + 1) * beats]]
        tensors |= stream_tensors(layer, words, stream)
    return tensors


def _frame_error_breaches(episode: Episode, cycles: list[int]):
    if len(cycles) != episode.frame_errors:
        when = f" ({', '.join(map(str, cycles))})" if cycles else ""
        yield f"frame_error is 1 in {len(cycles)} cycles{when}, and must be in {episode.frame_errors}"


def _why_starved(layer: Layer, episode: Episode, record: dict, got: dict[str, Beats]) -> str:
    """Where every stream stood, and the first thing that was wrong before."""
    status = ", ".join(f"{port} is {value}" for port, value in record["status"].items())
    reasons = [record["starved"], status, *record["breaches"][:1]]
    for stream, expected in episode.expected.items():
        count = min(len(expected.words), len(got[stream].words))
        so_far = Play(expected.words[:count], [last for last in expected.lasts if last < count])
        comparison = compare(layer, stream, so_far, got[stream])
        reasons += [str(comparison.first)] if comparison.first else comparison.breaches[:1]
    return "; ".join(reasons)
