"""The pixels of the result in raster order, each once its sources have arrived."""

import pytest
from myhdl import Signal

from convstream.fixedpoint.dataflow.schedule.plan import Plan
from convstream.hdl.line_writer import Arrivals
from convstream.hdl.positions import Position, positions
from tests.hdl.blocks.bench import flags, small_layer


@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize(("kernel_lanes", "stride", "padding"), [(1, 1, 1), (1, 2, 0), (3, 1, 1), (9, 1, 1), (9, 2, 1)])
def test_frames(bench, gradient, kernel_lanes, stride, padding):
    plan = Plan(small_layer((5, 6), lanes=(1, 1, kernel_lanes), stride=stride, padding=padding), gradient)
    arrivals, position = Arrivals(plan.ring), Position(plan)
    weights_ready, taken, arrived, rows_wait = flags(4)
    at_frame_start = Signal(bool(1))
    bench.start(
        positions(
            bench.aclk, bench.aresetn, arrivals, weights_ready, taken, at_frame_start, arrived, rows_wait, position,
            plan=plan,
        )
    )  # fmt: skip
    rows, columns = plan.rows, plan.columns
    per_frame, number, valid, come, pixels, pulse = len(rows.positions) * len(columns.positions), 0, False, 0, 0, False
    for _ in range(3000):
        frame, (row, column) = number // per_frame, divmod(number % per_frame, len(columns.positions))
        missing = frame * rows.sources + rows.needed[row] - come
        there = missing <= 0 or (missing == 1 and pixels >= columns.needed[column])
        starts, ready, takes = row == column == 0, bench.chance(0.7), valid and bench.chance(0.8)
        arrivals.columns.next, arrivals.row.next, weights_ready.next, taken.next = pixels, pulse, ready, takes
        bench.settle()
        assert (arrived, at_frame_start) == (there, starts)
        assert not starts or rows_wait == (pulse or come != frame * rows.sources)
        bench.edge()
        come += pulse
        moves = there and (ready or not starts) and (takes or not valid)
        if moves:
            record, pixel = plan.row_records[row], plan.column_records[column]
            assert position.ring == (rows.starts[row] + frame * rows.sources) % plan.ring.ring_rows
            assert position.column == (
                columns.starts[column] // plan.ring.column_banks * plan.source_groups % (1 << plan.ring.address_bits)
            )
            assert (position.last_tap_row, position.last_slot) == (record.last_tap_row, pixel.last_slot)
            assert position.weight == record.weight_offset + pixel.weight_offset
            last_column = column == len(columns.positions) - 1
            assert position.release == (record.release_step if last_column else 0)
            assert position.frame_end == (last_column and row == len(rows.positions) - 1)
            if plan.masked:
                assert (position.row_mask, position.column_mask) == (record.mask, pixel.mask)
            if plan.ring.column_banks > 1:
                assert position.bank == pixel.bank
            number += 1
        valid = moves or (valid and not takes)
        assert position.valid == valid
        # the source: as far ahead as the ring lets it be
        pulse = False
        if missing > -plan.ring.ring_rows and bench.chance(0.6):
            pixels += 1
            if pixels == columns.sources:
                pixels, pulse = 0, True
    assert number > per_frame
