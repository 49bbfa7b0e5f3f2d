"""Recordings: what the recorders of a player wrote down, made into the record of an episode.

A line of a stream is `cycle tvalid tready tlast tdata` at an edge at which something happened, the last one excepted,
which says how the stream was left.  There may be millions: they are read as columns, not one by one.
"""

from pathlib import Path

from convstream.sim.bench.observed import (
    RESET_CYCLES,
    ObservedInput,
    ObservedOutput,
    episode_record,
    how_far_in,
    how_far_out,
    starvation,
)
from convstream.sim.bench.run_files import FRAME_ERROR, STATUS, recording


def record_of(
    folder: Path, inputs: dict[str, int], outputs: dict[str, int], status: list[str], limit_cycles: int
) -> dict:
    """The record of an episode whose recordings are in `folder`; `inputs` and `outputs` are the beats of every stream,
    `status` the names of status outputs.

    Raises
    ------
    OSError, ValueError
        A recording is missing or not complete.
    """
    taken, observed, standing = {}, {}, []
    for name, planned in inputs.items():
        columns = _columns(folder / recording(name))
        taken[name] = _observe_input(f"s_axis_{name}", [column[:-1] for column in columns[:3]])
        standing.append(how_far_in(f"s_axis_{name}", len(taken[name].cycles), planned, columns[2][-1]))
    for name, expected in outputs.items():
        columns = _columns(folder / recording(name))
        observed[name] = _observe_output(f"m_axis_{name}", [column[:-1] for column in columns])
        standing.append(how_far_out(f"m_axis_{name}", len(observed[name].words), expected, columns[1][-1]))
    complete = all(len(taken[name].cycles) == planned for name, planned in inputs.items()) and all(
        len(observed[name].words) >= expected for name, expected in outputs.items()
    )
    fields = (folder / FRAME_ERROR).read_text().upper().split()
    frame_error = [(int(cycle), value) for cycle, value in zip(fields[::2], fields[1::2], strict=True)]
    values = dict(zip(status, (folder / STATUS).read_text().lower().split(), strict=True))
    starved = None if complete else starvation(limit_cycles, standing)
    return episode_record(taken, observed, frame_error, starved, values)


def _columns(file: Path) -> list[list[str]]:
    fields = file.read_text().upper().split()
    if not fields or len(fields) % 5:
        raise ValueError(f"{file.name} was never closed")
    return [fields[column::5] for column in range(5)]


def _observe_input(name: str, columns: list[list[str]]) -> ObservedInput:
    source = ObservedInput(name)
    for text, valid, ready in zip(*columns, strict=True):
        cycle = int(text)
        if cycle < RESET_CYCLES:
            source.in_reset(cycle, ready)
        elif valid == "1" or ready not in "01":
            source.offered(cycle, ready)
    return source


def _observe_output(name: str, columns: list[list[str]]) -> ObservedOutput:
    output = ObservedOutput(name)
    for text, valid, ready, last, data in zip(*columns, strict=True):
        cycle = int(text)
        if cycle < RESET_CYCLES:
            output.in_reset(cycle, valid)
        elif valid == "1":
            output.offered(cycle, ready == "1", data, last)
        else:
            output.silent(cycle, valid)
    return output
