"""Number of an accumulator bank."""

from types import SimpleNamespace

import pytest

from convstream.hdl.bank_number import bank_number
from tests.hdl.blocks.bench import limited


@pytest.mark.parametrize(("lanes", "tap_rows", "tap_columns"), [(3, 3, 3), (2, 5, 1), (1, 2, 2), (4, 1, 1)])
def test_bank_is_lane_row_column(bench, lanes, tap_rows, tap_columns):
    place = SimpleNamespace()
    (place.lane,), (place.tap_row,) = limited(1, lanes + 1), limited(1, tap_rows + 1)
    (place.tap_column,), (bank,) = limited(1, tap_columns + 1), limited(1, lanes * tap_rows * tap_columns)
    bench.start(bank_number(bench.aclk, place, bank, lanes=lanes, tap_rows=tap_rows, tap_columns=tap_columns))
    for number in [*range(bank.max)] * 2:
        lane, row, column = number // (tap_rows * tap_columns), number // tap_columns % tap_rows, number % tap_columns
        place.lane.next, place.tap_row.next, place.tap_column.next = lane, row, column
        bench.edge()
        assert bank == number
