"""A window of what was written, wherever it begins in the ring."""

from itertools import product

import pytest
from myhdl import Signal, modbv

from convstream.fixedpoint.dataflow.schedule.latency import READ_LATENCY
from convstream.fixedpoint.dataflow.schedule.plan import Plan
from convstream.hdl.line_buffer import line_buffer
from convstream.hdl.line_writer import BankWrite
from tests.hdl.blocks.bench import limited, small_layer, words


@pytest.mark.parametrize("kernel_lanes", [1, 3, 9])
def test_windows(bench, kernel_lanes):
    ring = Plan(small_layer(size=(4, 7), lanes=(1, 1, kernel_lanes))).ring
    rows, columns = ring.row_banks, ring.column_banks
    write, column = BankWrite(ring), Signal(modbv(0)[ring.address_bits :])
    (read_ring,), (bank,), (ring_row,) = limited(1, 2 * ring.ring_rows), limited(1, max(2, columns)), limited(
        1, ring.ring_rows
    )  # fmt: skip
    shown = [words(columns, ring.word_bits) for _ in range(rows)]
    bench.start(
        line_buffer(
            bench.aclk, bench.aresetn, write, read_ring, column, bank if columns > 1 else None, ring_row, shown,
            ring=ring,
        )
    )  # fmt: skip
    kept = {}
    write.enable.next = True
    for row, pixel, group in product(range(ring.ring_rows), range(ring.columns), range(ring.groups)):
        write.row_bank.next, write.column_bank.next = row % rows, pixel % columns
        write.address.next = row // rows * ring.row_pitch + pixel // columns * ring.groups + group
        (kept[row, pixel, group],) = bench.drive(write.word)
        bench.edge()
    write.enable.next = False
    expected = []
    for _ in range(100):
        first, pixel, group = (
            bench.pick.randrange(limit) for limit in (ring.ring_rows + rows, ring.columns - columns + 1, ring.groups)
        )
        read_ring.next, column.next, bank.next = first, pixel // columns * ring.groups + group, pixel % columns
        expected.append({
            ((first + i) % ring.ring_rows % rows, (pixel + j) % columns):
                kept[(first + i) % ring.ring_rows, pixel + j, group]
            for i, j in product(range(rows), range(columns))
        })  # fmt: skip
        bench.edge()
        assert ring_row == first % ring.ring_rows
        if len(expected) >= READ_LATENCY:
            assert {(i, j): int(shown[i][j]) for i, j in product(range(rows), range(columns))} == (
                expected[-READ_LATENCY]
            )
