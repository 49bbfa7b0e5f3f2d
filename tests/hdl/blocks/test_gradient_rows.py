"""Rows of outputs, each once its rows of x and dz have arrived."""

import pytest
from myhdl import Signal

from convstream.fixedpoint.dataflow.schedule.gradient_plan import GradientPlan
from convstream.fixedpoint.dataflow.schedule.latency import UPDATE_CYCLES
from convstream.hdl.gradient_rows import GradientRow, gradient_rows, hold_apart
from tests.hdl.blocks.bench import flags, small_layer


def test_rows_apart(bench):
    taken, apart = flags(2)
    bench.start(hold_apart(bench.aclk, bench.aresetn, taken, apart))
    since = UPDATE_CYCLES
    for _ in range(300):
        taken.next = takes = bench.chance(0.3)
        bench.settle()
        since = 0 if takes else since + 1
        assert apart == (since >= UPDATE_CYCLES)
        bench.edge()


@pytest.mark.parametrize(
    ("size", "kernel_lanes", "stride"), [((5, 6), 1, 1), ((6, 7), 3, 2), ((5, 6), 9, 1), ((4, 1), 9, 1)]
)
def test_batches(bench, size, kernel_lanes, stride):
    plan = GradientPlan(small_layer(size, (1, 1), stride=stride, batch=2, lanes=(1, 1, kernel_lanes)))
    window, row = plan.window, GradientRow(plan)
    outputs = at_batch_start, x_waits, dz_waits, x_missing, dz_missing = [Signal(bool(1)), *flags(4)]
    x_row, dz_row, draining, taken = flags(4)
    bench.start(
        gradient_rows(bench.aclk, bench.aresetn, x_row, dz_row, draining, taken, *outputs, row, plan=plan)
    )
    records, walk = window.row_records, window.rows
    number, valid, x_come, dz_come, since, ending = 0, False, 0, 0, UPDATE_CYCLES, False
    for _ in range(1500):
        frame, index = divmod(number, len(records))
        needed = frame * walk.sources + walk.needed[index]
        drains, takes = bench.chance(0.1), valid and bench.chance(0.5)
        x_comes = x_come - needed < window.ring.ring_rows - 1 and bench.chance(0.4)
        dz_comes = dz_come - number < 3 and bench.chance(0.4)
        x_row.next, dz_row.next, draining.next, taken.next = x_comes, dz_comes, drains, takes
        bench.settle()
        since = 0 if takes else since + 1
        lacks = (x_come < needed, dz_come <= number)
        assert (x_missing, dz_missing) == lacks
        assert at_batch_start == (number % plan.batch_rows == 0)
        if at_batch_start:
            assert (x_waits, dz_waits) == (x_comes or x_come != frame * walk.sources, dz_comes or dz_come != number)
        apart = since >= UPDATE_CYCLES or not plan.row_gap
        moves = not any(lacks) and not drains and apart and (not valid or (takes and not ending))
        bench.edge()
        x_come, dz_come = x_come + x_comes, dz_come + dz_comes
        if moves:
            record = records[index]
            ending = number % plan.batch_rows == plan.batch_rows - 1
            assert row.ring == (walk.starts[index] + frame * walk.sources) % window.ring.ring_rows
            assert row.gradient_ring == number % plan.gradient_ring.ring_rows
            assert (row.last_tap_row, row.offset) == (record.last_tap_row, record.weight_offset)
            assert (row.release, row.batch_end) == (record.release_step, ending)
            if window.masked:
                assert row.row_mask == record.mask
            number += 1
        valid = moves or (valid and not takes)
        assert row.valid == valid
    assert number > 2 * plan.batch_rows
