"""The multiply cycles of positions: group of results, row of taps, tap and source group."""

import pytest

from convstream.fixedpoint.dataflow.schedule.plan import Plan
from convstream.hdl.positions import Position
from convstream.hdl.slots import Slot, slots
from tests.hdl.blocks.bench import flags, small_layer


@pytest.mark.parametrize("kernel_lanes", [1, 3, 9])
def test_slots_of_positions(bench, kernel_lanes):
    plan = Plan(small_layer(channels=(2, 6), lanes=(1, 2, kernel_lanes)))
    position = Position(plan)
    slot, (taken, room, issued) = Slot(plan, position), flags(3)
    bench.start(slots(bench.aclk, bench.aresetn, position, taken, room, issued, slot, plan=plan))

    rows, columns = plan.row_records, plan.column_records
    expected, seen, results = [], [], 0
    chosen, within_result = None, False
    for _ in range(1200):
        if chosen is None and bench.chance(0.8):
            row, column = bench.pick.choice(rows), bench.pick.choice(columns)
            chosen = (
                bench.pick.randrange(plan.ring.ring_rows), bench.pick.randrange(8), row, column, bench.chance(0.3)
            )  # fmt: skip
            ring, address, row, column, end = chosen
            position.ring.next, position.column.next, position.frame_end.next = ring, address, end
            position.last_tap_row.next, position.last_slot.next = row.last_tap_row, column.last_slot
            position.weight.next = weight = row.weight_offset + column.weight_offset
            position.release.next, position.row_mask.next = row.release_step, row.mask
            position.column_mask.next, position.bank.next = column.mask, column.bank
            expected += [
                (
                    tap_row + step == 0, (last := (tap_row, step) == (row.last_tap_row, column.last_slot)),
                    end and last and group == plan.result_groups - 1, ring + tap_row,
                    (address + step) % (1 << plan.ring.address_bits), weight + step,
                    group * plan.group_stride + tap_row * plan.tap_row_stride,
                    row.release_step if last and group == plan.result_groups - 1 else 0,
                    *((row.mask, column.mask) if plan.masked else ()),
                )
                for group in range(plan.result_groups)
                for tap_row in range(row.last_tap_row + 1)
                for step in range(column.last_slot + 1)
            ]  # fmt: skip
        position.valid.next, room.next = chosen is not None, (may_begin := bench.chance(0.6))
        goes = chosen is not None and (may_begin or within_result)
        bench.settle()
        assert room or not issued
        results += issued
        if taken:
            chosen = None
        bench.edge()
        assert slot.valid == goes
        if goes:
            within_result = not slot.last
            masks = (slot.row_mask, slot.column_mask) if plan.masked else ()
            fields = (
                slot.first, slot.last, slot.frame_end, slot.ring, slot.column, slot.weight_base, slot.weight_offset,
                slot.release, *masks,
            )  # fmt: skip
            seen.append(tuple(map(int, fields)))
    assert seen == expected[: len(seen)]
    assert results == sum(first for first, *_ in seen)
    assert len(seen) > 300
