"""The plan of the weight gradient core: every number that its blocks are built from.

The core keeps the forward pass's windows on x (`Plan`) and a short ring of dz rows, and works through one row of
outputs at a time.  Within the row, each accumulator gets all of its products in one *run*, so that the accumulator
memory is read and written once a run and not once a product::

    for row of outputs (once its rows of x and dz have arrived):
        for group of filters:
            for row of taps that lies on x:
                for column of taps, for channel group:          one accumulator word
                    for output column where that tap lies on x:     one slot
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from convstream.fixedpoint.dataflow.schedule.latency import UPDATE_CYCLES
from convstream.fixedpoint.dataflow.schedule.plan import Plan
from convstream.fixedpoint.dataflow.schedule.ring import Ring
from convstream.fixedpoint.layer import Layer


class RunRecord(NamedTuple):
    """Runs of one serial column of taps (or of all columns, where they are multiplied at once)."""

    last_slot: int  # of the run, counted from 0
    source_start: int  # address of the first window in its row of x
    gradient_start: int  # address of the first output in its row of dz
    accumulator_offset: int  # address of the tap among the accumulators
    mask: int  # 0 where no output sees this tap: the run is a single masked slot


@dataclass(frozen=True)
class GradientPlan:
    """Constants of the weight gradient core of one layer."""

    layer: Layer

    @cached_property
    def window(self) -> Plan:
        """The forward pass's walk over x; one more row arrives while a whole row of outputs is worked on."""
        return Plan(self.layer, gradient=False, extra_rows=1)

    @cached_property
    def gradient_ring(self) -> Ring:
        """Rows of dz: the one in use, one that waits and one that arrives."""
        rows, columns = self.window.rows.axis, self.window.columns.axis
        return Ring(
            form=self.layer.formats.output_gradient,
            lanes=self.layer.lanes.out_lanes,
            groups=self.window.out_groups,
            rows=rows.out_size,
            columns=columns.out_size,
            ring_rows=3,
        )

    @property
    def batch_rows(self) -> int:
        """Rows of outputs in a batch."""
        return self.layer.geometry.batch * self.layer.geometry.rows.out_size

    @cached_property
    def run_records(self) -> list[RunRecord]:
        window = self.window
        axis, groups, gradient_groups = window.columns.axis, window.in_groups, window.out_groups
        if window.columns.parallel:
            return [RunRecord(axis.out_size - 1, 0, 0, 0, 1)]
        records = []
        for tap in range(axis.kernel):
            outputs = axis.outputs(tap)
            if outputs:
                start = (axis.origin(outputs[0]) + tap) * groups
                first = outputs[0] * gradient_groups
                records.append(RunRecord(len(outputs) - 1, start, first, tap * groups, 1))
        return records or [RunRecord(0, 0, 0, 0, 0)]

    @property
    def source_step(self) -> int:
        """Addresses in a row of x from one output to the next, where columns of taps are serial."""
        return 0 if self.window.columns.parallel else self.window.columns.axis.stride * self.window.in_groups

    @property
    def row_gap(self) -> bool:
        """Whether rows must be held apart, so that an accumulator's next run does not come before its update."""
        slots = sum(record.last_slot + 1 for record in self.run_records) * self.window.in_groups
        return slots < UPDATE_CYCLES

    @property
    def accumulator_depth(self) -> int:
        """Words of one accumulator bank: as many as weight memory has."""
        return self.window.weight_depth
