"""When the rows of a source stream arrive in their ring, if the source never pauses.

A row is never interrupted: it begins once the row before it is complete and a place in the ring is free, and takes a
cycle a beat.  Free places are tokens that carry the cycle from which they may be used::

    release --> [ token | token | ... ] --> row begins, a cycle a beat --> complete
"""

from collections import deque
from typing import NamedTuple

from convstream.fixedpoint.dataflow.schedule.latency import PIXEL_ARRIVAL, ROW_ARRIVAL, ROW_FREED
from convstream.fixedpoint.dataflow.schedule.ring import Ring


class ArrivalState(NamedTuple):
    """All that the future of a stream depends on, in cycles and rows before some common origin of both."""

    arrived: int
    previous_end: int
    end: int
    start: int
    tokens: tuple[int, ...]


class Arrival:
    """Rows of one stream.  Cycles are those of its beats, the first row may begin in cycle 0.

    Attributes
    ----------
    start, end : int
        First and last beat of the row that arrived last.
    complete : int
        From when on that row is seen to be complete.
    """

    def __init__(self, ring: Ring, state: ArrivalState):
        self._beats, self._groups = ring.row_beats, ring.groups
        self._arrived, self._previous_end, self.end, self.start = state[:4]
        self._tokens = deque(state.tokens)

    @staticmethod
    def after_reset(ring: Ring) -> ArrivalState:
        """The whole ring is free."""
        long_ago = -ROW_ARRIVAL - 1
        return ArrivalState(0, long_ago, long_ago, long_ago, (0,) * ring.rows_ahead)

    def state(self, cycle: int, rows: int) -> ArrivalState:
        """The present, as seen from `cycle` and row `rows`; tokens that must wait for their row anyway are alike."""
        tokens = tuple(max(token, self.end + 1) - cycle for token in self._tokens)
        cycles = (self._previous_end - cycle, self.end - cycle, self.start - cycle)
        return ArrivalState(self._arrived - rows, *cycles, tokens)

    def await_rows(self, count: int) -> None:
        """Let rows arrive until there are `count`, from the first one on."""
        while self._arrived < count:
            self._arrived += 1
            self._previous_end = self.end
            self.start = max(self.end + 1, self._tokens.popleft())
            self.end = self.start + self._beats - 1

    def hold(self, cycle: int) -> None:
        """The next row may not begin before `cycle`, whatever is free."""
        self._tokens[0] = max(self._tokens[0], cycle)

    def release(self, rows: int, cycle: int) -> None:
        """The last slot that reads some rows was issued in `cycle`."""
        self._tokens.extend([cycle + ROW_FREED] * rows)

    @property
    def complete(self) -> int:
        return self.end + ROW_ARRIVAL

    def visible(self, pixels: int) -> int:
        """From when on the first `pixels` of the last row are seen, while it is still arriving."""
        return max(self._previous_end + ROW_ARRIVAL, self.start + pixels * self._groups - 1 + PIXEL_ARRIVAL)
