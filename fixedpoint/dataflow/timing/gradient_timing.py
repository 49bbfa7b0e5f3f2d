"""When the weight gradient core does what, cycle for cycle, if nobody outside makes it wait.

A row of outputs waits for its rows of x and dz and for the row before it; then its slots follow each other without a
gap.  After the last row of a batch the accumulators are sent, and nothing else begins meanwhile.  The sums of dz are
sent as soon as the last beat of dz has come, and the batch after the next begins to arrive when they are gone::

    reset: clear | row | row | ... | row | update | send dw | row | ...
    dz:    batch 0    | batch 1              | batch 2
                      | send db of batch 0 --^
"""

from typing import NamedTuple

from convstream.fixedpoint.dataflow.schedule.gradient_plan import GradientPlan
from convstream.fixedpoint.dataflow.schedule.latency import (
    BIAS_READ_LATENCY,
    DRAIN_READ_LATENCY,
    SEND_LATENCY,
    SUM_LATENCY,
    UPDATE_CYCLES,
    drained_latency,
    update_latency,
)
from convstream.fixedpoint.dataflow.timing.arrival import Arrival, ArrivalState
from convstream.fixedpoint.dataflow.timing.periodic_rows import periodic_rows, take_rows


class GradientState(NamedTuple):
    """All that the future of the core depends on, in cycles after the one in which a row may be taken."""

    source: ArrivalState
    gradient: ArrivalState
    sums_sent: tuple[int, int]  # when the last sum of dz was asked for: of the batch before the last one, and of that


class _Row(NamedTuple):
    """One row of outputs."""

    needed: int  # rows of x, counted from the start of the image
    slots: int
    release: int


class GradientTiming:
    """The core of one plan.

    An image is a function of the state that it finds, and gives the state that the next one finds.
    """

    def __init__(self, plan: GradientPlan):
        layer, window = plan.layer, plan.window
        self._plan = plan
        slots = sum(record.last_slot + 1 for record in plan.run_records) * window.in_groups * window.out_groups
        self._rows = [
            _Row(needed, slots * max(1, taps), release)  # a row without taps takes a masked step
            for needed, taps, release in zip(
                window.rows.needed, window.rows.serial_taps, window.rows.kept_steps, strict=True
            )
        ]
        self._periodic = periodic_rows(window.rows)
        self._row_gap = UPDATE_CYCLES if plan.row_gap else 0
        taps = window.rows.axis.kernel * window.columns.axis.kernel
        #: beats of dw and of db
        self.weight_beats = layer.geometry.out_channels * taps * window.in_groups
        self.bias_beats = layer.geometry.out_channels
        banks = layer.lanes.out_lanes * layer.lanes.kernel_lanes
        #: from the last slot of a batch to the first step of the drain, and from a step to its beat
        self._drain_wait = update_latency(plan) + 1
        #: from the last slot of a batch until the drain is done
        self._drain = self._drain_wait + self.weight_beats
        self._weight_latency = drained_latency(banks, DRAIN_READ_LATENCY) + SEND_LATENCY
        self._bias_latency = drained_latency(layer.lanes.out_lanes, BIAS_READ_LATENCY) + SEND_LATENCY

    @property
    def clear_cycles(self) -> int:
        """Cycles after reset in which the accumulators are cleared."""
        return self.weight_beats

    def after_reset(self) -> GradientState:
        """The sources may send their first beats in the cycle after the reset."""
        rings = self._plan.window.ring, self._plan.gradient_ring
        source, gradient = (Arrival(ring, Arrival.after_reset(ring)).state(self.clear_cycles, 0) for ring in rings)
        return GradientState(source, gradient, (gradient.end, gradient.end))

    def begin_batch(self, state: GradientState) -> GradientState:
        """Before the first row of a batch: dz is held back until a set of sums is free."""
        gradient = Arrival(self._plan.gradient_ring, state.gradient)
        gradient.hold(state.sums_sent[0] + 1)
        return state._replace(gradient=gradient.state(0, 0))

    def image(self, state: GradientState, closing: bool) -> tuple[int, int, GradientState]:
        """The next image: cycles until the next row may be taken, and to the last slot, and the state after it.

        An image that is `closing` is the last of its batch.
        """
        last = len(self._rows) - 1
        cycles, state = take_rows(self._take_rows, self._periodic, last, state)
        taken, state = self._take_rows(last, last + 1, state, closing)
        walk, cycles = self._plan.window.rows, cycles + taken
        source = state.source._replace(arrived=state.source.arrived - (walk.sources - walk.needed[-1]))
        return cycles, cycles - (self._drain if closing else self._row_gap), state._replace(source=source)

    def _take_rows(self, first: int, stop: int, state: GradientState, closing: bool = False):
        """Some rows of outputs: cycles until the next one may be taken, and the state that it finds."""
        source = Arrival(self._plan.window.ring, state.source)
        gradient = Arrival(self._plan.gradient_ring, state.gradient)
        free = 0
        needed = before = self._rows[first - 1].needed if first else 0
        for number, (needed, slots, release) in enumerate(self._rows[first:stop], start=1):
            source.await_rows(needed - before)
            gradient.await_rows(number)
            slot = max(free, source.complete, gradient.complete) + slots
            free = slot + (self._drain if closing else self._row_gap)
            source.release(release, slot)
            gradient.release(1, slot)
        sums_sent = state.sums_sent
        if closing:
            first_sum = max(gradient.end + SUM_LATENCY, sums_sent[1] + 1)
            sums_sent = sums_sent[1], first_sum + self.bias_beats - 1
        # what was sent before the last beat of dz came makes nothing wait any more
        sums_sent = tuple(max(sent, gradient.end) - free for sent in sums_sent)
        return free, GradientState(source.state(free, needed - before), gradient.state(free, stop - first), sums_sent)

    def first_weight_beat(self, last_slot: int) -> int:
        """First beat of dw of a batch whose last slot was issued in this cycle."""
        return last_slot + self._drain_wait + self._weight_latency

    def last_weight_beat(self, last_slot: int) -> int:
        return self.first_weight_beat(last_slot) + self.weight_beats - 1

    def first_bias_beat(self, last_sum: int) -> int:
        """First beat of db of a batch whose last sum was asked for in this cycle."""
        return self.last_bias_beat(last_sum) - self.bias_beats + 1

    def last_bias_beat(self, last_sum: int) -> int:
        return last_sum + self._bias_latency
