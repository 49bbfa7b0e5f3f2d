"""Recordings: what the recorders of a player wrote down, made into the record of an episode.

A line of a stream is `cycle tvalid tready tlast tdata` at an edge at which something happened, the last one excepted,
which says how the stream was left.
"""

from pathlib import Path

from sim.observed import RESET_CYCLES, ObservedOutput, episode_record, how_far_in, how_far_out, starvation
from sim.run_files import FRAME_ERROR, recording


def record_of(folder: Path, inputs: dict[str, int], outputs: dict[str, int], limit_cycles: int) -> dict:
    """The record of an episode whose recordings are in `folder`; `inputs` and `outputs` are the beats of every stream.

    Raises
    ------
    OSError, ValueError
        A recording is missing or not complete.
    """
    cycles, observed, standing = {}, {}, []
    for name, planned in inputs.items():
        lines, (_, _, ready, _, _) = _read(folder / recording(name))
        cycles[name] = [int(cycle) for cycle, valid, ready, _, _ in lines if valid == ready == "1"]
        standing.append(how_far_in(f"s_axis_{name}", len(cycles[name]), planned, ready))
    for name, expected in outputs.items():
        lines, (_, valid, _, _, _) = _read(folder / recording(name))
        observed[name] = _observe(f"m_axis_{name}", lines)
        standing.append(how_far_out(f"m_axis_{name}", len(observed[name].words), expected, valid))
    complete = all(len(cycles[name]) == planned for name, planned in inputs.items()) and all(
        len(observed[name].words) >= expected for name, expected in outputs.items()
    )
    frame_error = (folder / FRAME_ERROR).read_text().upper().split()
    return episode_record(cycles, observed, frame_error, None if complete else starvation(limit_cycles, standing))


def _read(file: Path) -> tuple[list[list[str]], list[str]]:
    *lines, last = (line.split() for line in file.read_text().upper().splitlines())
    return lines, last


def _observe(name: str, lines: list[list[str]]) -> ObservedOutput:
    output = ObservedOutput(name)
    for text, valid, ready, last, data in lines:
        cycle = int(text)
        if cycle < RESET_CYCLES:
            output.in_reset(cycle, valid)
        elif valid == "1":
            output.offered(cycle, ready == "1", data, last)
        else:
            output.silent(cycle, valid)
    return output
