"""The rows of a frame: most of them are alike, and are timed once for all.

::

    row    0 | 1   2 | 3   4 | 5   6 | 7           stride 2: between the two ends of the frame, pairs that repeat
           head      periodic          tail
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np

from convstream.fixedpoint.dataflow.schedule.axis_schedule import AxisSchedule
from convstream.fixedpoint.dataflow.timing.steady_state import SteadyState

State = TypeVar("State")


class PeriodicRows(NamedTuple):
    """Rows from `first` on, `period` of them at a time, that are `repeats` times the same."""

    first: int
    period: int
    repeats: int


def periodic_rows(walk: AxisSchedule) -> PeriodicRows:
    """The longest run of rows that differ from those a period on by their place alone.

    The first and the last row are never in it: to some it matters that nothing came before, or comes after them.
    Rows that need nothing new are not either: while nothing arrives, what has arrived grows older and no state recurs.
    """
    period = min(walk.axis.stride, walk.axis.kernel) if walk.gradient else 1
    steps = np.array([
        np.diff(walk.positions, prepend=0), np.diff(walk.needed, prepend=0), walk.serial_taps, walk.kept_steps,
    ])  # fmt: skip
    alike = (steps[:, period:] == steps[:, :-period]).all(axis=0)
    alike &= np.array(walk.needed[period:]) > np.array(walk.needed[:-period])
    alike[:1] = alike[-1:] = False
    # the longest run of True lies between the two False, or ends, that are farthest apart
    ends = np.flatnonzero(np.concatenate([[True], ~alike, [True]]))
    longest = int(np.argmax(np.diff(ends)))
    first, length = int(ends[longest]), int(ends[longest + 1] - ends[longest]) - 1
    return PeriodicRows(first, period, length // period + 1) if length else PeriodicRows(0, period, 0)


def take_rows(
    walk: Callable[[int, int, State], tuple[int, State]], periodic: PeriodicRows, rows: int, state: State
) -> tuple[int, State]:
    """Cycles of all rows, and the state after them; `walk` gives those of the rows from one on to another one."""
    if not periodic.repeats:
        return walk(0, rows, state) if rows else (0, state)
    first, stop = periodic.first, periodic.first + periodic.period
    cycles, state = walk(0, first, state)
    repeats = SteadyState(lambda found: _step(*walk(first, stop, found)), state).at(periodic.repeats)
    taken, state = walk(first + periodic.period * periodic.repeats, rows, repeats.state)
    return cycles + repeats.start + taken, state


def _step(cycles: int, state: State) -> tuple[int, None, State]:
    return cycles, None, state
