"""The multiply cycles of rows of outputs: filter group, row of taps, column of taps, channel group, output column."""

from itertools import product

import pytest

from convstream.fixedpoint.dataflow.schedule.gradient_plan import GradientPlan
from convstream.hdl.gradient_rows import GradientRow
from convstream.hdl.runs import GradientSlot, runs
from tests.hdl.blocks.bench import flags, small_layer


def _slots(plan, record, ring, gradient_ring):
    """Ring rows, addresses and flags of every slot of one row of outputs."""
    window, groups = plan.window, plan.window.in_groups
    for out, tap_row, run, group in product(
        range(window.out_groups), range(record.last_tap_row + 1), plan.run_records, range(groups)
    ):
        for pixel in range(run.last_slot + 1):
            if window.columns.parallel:
                source = window.columns.starts[pixel] // window.ring.column_banks * groups + group
            else:
                source = run.source_start + pixel * plan.source_step + group
            yield (
                pixel == 0, pixel == run.last_slot, ring + tap_row, source % (1 << window.ring.address_bits),
                gradient_ring, run.gradient_start + pixel * window.out_groups + out,
                record.weight_offset + tap_row * window.tap_row_stride + out * window.group_stride
                + run.accumulator_offset + group,
            )  # fmt: skip


@pytest.mark.parametrize(("columns", "kernel_lanes", "stride", "padding"), [
    (6, 1, 1, 1), (6, 1, 2, 2), (6, 3, 1, 1), (6, 9, 1, 1), (6, 9, 2, 0), (1, 1, 1, 1),
])  # fmt: skip
def test_slots_of_rows(bench, columns, kernel_lanes, stride, padding):
    layer = small_layer((5, columns), (4, 4), stride=stride, padding=padding, lanes=(2, 2, kernel_lanes))
    plan = GradientPlan(layer)
    row, (taken,) = GradientRow(plan), flags(1)
    slot = GradientSlot(plan, row)
    bench.start(runs(bench.aclk, bench.aresetn, row, taken, slot, plan=plan))
    for _ in range(6):
        record = bench.pick.choice(plan.window.row_records)
        ring, gradient_ring = bench.drive(row.ring, row.gradient_ring)
        row.last_tap_row.next, row.offset.next = record.last_tap_row, record.weight_offset
        row.row_mask.next, row.release.next = record.mask, record.release_step
        expected = list(_slots(plan, record, ring, gradient_ring))
        row.valid.next = True
        for number, fields in enumerate(expected):
            bench.settle()
            ends = number == len(expected) - 1
            assert taken == ends
            bench.edge()
            address = slot.accumulator_base + slot.accumulator_offset
            shown = (slot.first, slot.last, slot.ring, slot.column, slot.gradient_ring, slot.gradient_column, address)
            assert tuple(map(int, shown)) == fields
            assert (slot.release, slot.gradient_release) == (record.release_step if ends else 0, ends)
            if plan.window.masked:
                assert slot.row_mask == record.mask
        row.valid.next = False
        bench.edge(bench.pick.randrange(1, 4))
        assert not slot.last
