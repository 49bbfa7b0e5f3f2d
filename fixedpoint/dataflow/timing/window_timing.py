"""When the engine of forward and input gradient does what, cycle for cycle, if nobody outside makes it wait.

Slots follow each other without a gap unless something is missing; so all that has to be known is, for each position
(or, where zeros are sent between results, for each result), the latest of the things that it waits for::

    its sources have arrived ---+
    the last slot was issued ---+--> slots --> + pipeline --> beat, after the one before it
    a place in the queue -------+
"""

from collections import deque
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from convstream.fixedpoint.dataflow.schedule.latency import (
    PIXEL_ARRIVAL,
    SEND_LATENCY,
    SLOT_LATENCY,
    queue_depth,
    result_latency,
)
from convstream.fixedpoint.dataflow.schedule.plan import Plan
from convstream.fixedpoint.dataflow.timing.arrival import Arrival, ArrivalState
from convstream.fixedpoint.dataflow.timing.periodic_rows import periodic_rows, take_rows


class WindowState(NamedTuple):
    """All that the future of the engine depends on, in cycles after the last slot that it issued."""

    source: ArrivalState
    last_beat: int
    places: tuple[int, ...]  # of the result queue: from when on each may be used


class _Row(NamedTuple):
    """One row of positions."""

    row: int
    needed: int  # rows of the source, counted from the start of the frame
    tap_rows: int  # 0 where no result of the row has a tap
    release: int

    def slots(self, column: "_Column") -> int:
        """Multiply cycles of a result; one without taps takes one."""
        return self.tap_rows * column.slots or 1

    def slots_on(self, column: "_Column") -> int:
        """Multiply cycles of the results of one group from a column on to the end of the row."""
        return self.tap_rows * column.slots_on + (column.tapless_on if self.tap_rows else column.columns_on)


class _Column(NamedTuple):
    """One position in its row."""

    column: int
    needed: int  # columns of the source
    slots: int  # of a result, for each row of taps; 0 where no result of the column has a tap
    slots_on: int  # the same, summed from here to the end of the row
    tapless_on: int  # columns without any tap, from here to the end of the row
    columns_on: int  # all columns from here to the end of the row


def _sums_on(numbers: Sequence[int]) -> list[int]:
    """For each number, the sum from there to the end."""
    return list(accumulate(reversed(numbers)))[::-1]


class WindowTiming:
    """The engine of one plan.

    A frame is a function of the state that it finds, and gives the state that the next one finds.
    """

    def __init__(self, plan: Plan):
        self._plan = plan
        #: from the last slot of a result to its beat, if that need not wait
        self._latency = SLOT_LATENCY + result_latency(plan) + SEND_LATENCY
        rows, columns = plan.rows, plan.columns
        self._rows = [
            _Row(*row) for row in zip(rows.positions, rows.needed, rows.serial_taps, rows.kept_steps, strict=True)
        ]
        self._periodic = periodic_rows(rows)
        slots = [taps * plan.source_groups for taps in columns.serial_taps]
        self._columns = [
            _Column(*column)
            for column in zip(
                columns.positions, columns.needed, slots, _sums_on(slots), _sums_on([count == 0 for count in slots]),
                range(len(slots), 0, -1), strict=True,
            )
        ]  # fmt: skip

    def after_reset(self) -> WindowState:
        """Weights are loaded, and the source may send its first beat in cycle 0."""
        places = (0,) * queue_depth(self._plan) if self._plan.has_gaps else ()
        return WindowState(Arrival.after_reset(self._plan.ring), -1, places)

    def first_beat(self) -> int:
        """Cycle of the first beat after reset."""
        source = Arrival(self._plan.ring, self.after_reset().source)
        row, column = self._rows[0], self._columns[0]
        source.await_rows(row.needed)
        return self._take(source, column, 0) + row.slots(column) + self._latency

    def frame(self, state: WindowState) -> tuple[int, int, WindowState]:
        """The next frame: cycles to its last slot, and to its last beat, and the state after it."""
        rows = self._plan.rows
        slot, state = take_rows(self._issue_rows, self._periodic, len(self._rows), state)
        missing = rows.sources - rows.needed[-1]
        source = state.source._replace(arrived=state.source.arrived - missing)
        beat = slot + state.last_beat
        if self._plan.has_gaps:
            columns = self._plan.columns
            pixel = rows.positions[-1] * columns.results + columns.positions[-1]
            beat += (rows.results * columns.results - 1 - pixel) * self._plan.result_groups
        return slot, beat, WindowState(source, beat - slot, state.places)

    def _issue_rows(self, first: int, stop: int, state: WindowState) -> tuple[int, WindowState]:
        """Some rows of positions: cycles to the last slot, and the state after it, as the row behind them finds it."""
        source = Arrival(self._plan.ring, state.source)
        places = deque(state.places)
        slot, beat = 0, state.last_beat  # the last ones so far
        needed = before = self._rows[first - 1].needed if first else 0
        pixel = None  # of the result that was computed last
        if first:
            pixel = self._rows[first - 1].row * self._plan.columns.results + self._columns[-1].column
        for row in self._rows[first:stop]:
            needed = row.needed
            source.await_rows(needed - before)
            if self._plan.has_gaps:
                slot, beat, pixel = self._issue_with_gaps(source, row, slot, beat, pixel, places)
            else:
                slot = self._issue(source, row, slot)
                beat = slot + self._latency
            source.release(row.release, slot)
        places = tuple(max(place - slot, 1) for place in places)
        return slot, WindowState(source.state(slot, needed - before), beat - slot, places)

    @staticmethod
    def _take(source: Arrival, column: _Column, slot: int) -> int:
        """When a position is taken: its first slot may follow one cycle later."""
        taken = max(slot, source.visible(column.needed))
        # between two rows neither of them is seen
        return source.complete if source.end + PIXEL_ARRIVAL <= taken < source.complete else taken

    def _issue(self, source: Arrival, row: _Row, slot: int) -> int:
        """Last slot of a row of positions whose results are all sent at once: the queue is never full."""
        groups = self._plan.result_groups
        for column in self._columns:
            if slot >= source.complete:  # nor will the other positions wait for anything
                return slot + groups * row.slots_on(column)
            slot = self._take(source, column, slot) + groups * row.slots(column)
        return slot

    def _issue_with_gaps(self, source: Arrival, row: _Row, slot, beat, pixel, places):
        """Last slot, last beat and last computed pixel of a row of positions, with zeros sent between results.

        The zeros before a frame's first computed pixel wait for it.
        """
        for column in self._columns:
            here = row.row * self._plan.columns.results + column.column
            slots = row.slots(column)
            slot = self._take(source, column, slot)
            for group in range(self._plan.result_groups):
                slot = max(slot, places.popleft() - 1) + slots
                ready = slot + self._latency
                if pixel is None:
                    beat = max(ready, beat + 1) + here * self._plan.result_groups
                else:
                    zeros = 0 if group else (here - pixel - 1) * self._plan.result_groups
                    beat = max(ready, beat + 1 + zeros)
                pixel = here
                places.append(beat)
        return slot, beat, pixel
