"""The operands of a slot: elements of its window in the order of the taps, zero where a tap has no source."""

from itertools import product

import pytest

from convstream.fixedpoint.dataflow.schedule.latency import READ_LATENCY, operand_latency
from convstream.fixedpoint.dataflow.schedule.plan import Plan
from convstream.hdl.positions import Position
from convstream.hdl.slots import Slot
from convstream.hdl.window import window
from tests.hdl.blocks.bench import lanes_of, limited, numbers, signed, small_layer, words


@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize(("kernel_lanes", "stride", "padding"), [(1, 1, 1), (1, 1, 4), (3, 1, 1), (9, 1, 1), (9, 2, 1)])
def test_operands(bench, gradient, kernel_lanes, stride, padding):
    layer = small_layer(lanes=(2, 2, kernel_lanes), stride=stride, padding=padding)
    plan = Plan(layer, gradient)
    ring, width = plan.ring, plan.source_format.width
    rows, columns, taps = ring.row_banks, ring.column_banks, range(kernel_lanes)
    slot, (ring_row,) = Slot(plan, Position(plan)), limited(1, ring.ring_rows)
    read = [words(columns, ring.word_bits) for _ in range(rows)]
    operands = [signed(plan.source_lanes, width) for _ in taps]
    bench.start(window(bench.aclk, bench.aresetn, slot, ring_row, read, operands, plan=plan))

    pick, slots = bench.pick.randrange, []
    latency = operand_latency(plan)
    for cycle in range(80):
        slots.append((
            pick(1 << plan.tap_rows), pick(1 << plan.tap_columns), pick(columns), pick(ring.ring_rows),
            [[pick(1 << ring.word_bits) for _ in range(columns)] for _ in range(rows)],
        ))  # fmt: skip
        slot.row_mask.next, slot.column_mask.next, slot.bank.next = slots[-1][:3]
        ring_row.next = slots[max(cycle - 1, 0)][3]
        for i, j in product(range(rows), range(columns)):
            read[i][j].next = slots[max(cycle - READ_LATENCY, 0)][4][i][j]
        if latency > READ_LATENCY:
            bench.edge()
        else:
            bench.settle()
        if cycle >= READ_LATENCY:
            row_mask, column_mask, bank, first, present = slots[cycle - READ_LATENCY]
            for tap in taps:
                row, column = divmod(tap, plan.tap_columns)
                word = present[(first + plan.lane_row(row)) % rows][(bank + plan.lane_column(column)) % columns]
                seen = not plan.masked or (row_mask >> row & 1 and column_mask >> column & 1)
                assert numbers(operands[tap]) == [
                    element if seen else 0 for element in lanes_of(word, plan.source_lanes, width)
                ]
        if latency == READ_LATENCY:
            bench.edge()
