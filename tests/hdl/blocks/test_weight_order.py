"""The order of the weight stream: filter, kernel row, kernel column, channel group; then a bias a filter."""

from itertools import product

import pytest

from convstream.fixedpoint.dataflow.schedule.plan import Plan
from convstream.hdl.weight_order import WeightPlace, filter_order, weight_order
from tests.hdl.blocks.bench import flags, limited, small_layer


@pytest.mark.parametrize(("lanes", "groups"), [(1, 1), (3, 1), (1, 3), (3, 2)])
def test_filters(bench, lanes, groups):
    running, advance, lane_done, last = flags(4)
    lane, group = limited(2, 4)
    bench.start(
        filter_order(bench.aclk, running, advance, lane, group, lane_done, last, lanes=lanes, groups=groups)
    )
    number = 0
    for _ in range(200):
        bench.settle()
        assert (group, lane) == divmod(number, lanes)
        assert (lane_done, last) == (number % lanes == lanes - 1, number == lanes * groups - 1)
        running.next, advance.next = runs, moves = bench.chance(0.95), bench.chance(0.7)
        bench.edge()
        number = (number + moves) % (lanes * groups) if runs else 0


def places(plan: Plan) -> list[tuple[int, ...]]:
    """Lane, group, bank and address of every beat of weights."""
    rows, columns, lanes = plan.rows.axis.kernel, plan.columns.axis.kernel, plan.layer.lanes.out_lanes
    filters = range(plan.layer.geometry.out_channels)
    return [
        (
            number % lanes, number // lanes, plan.tap_row_bank(row), plan.tap_column_bank(column),
            number // lanes * (1 if plan.gradient else plan.group_stride) + plan.tap_row_offset(row)
            + plan.tap_column_offset(column) + group * (plan.group_stride if plan.gradient else 1),
        )
        for number, row, column, group in product(filters, range(rows), range(columns), range(plan.in_groups))
    ]  # fmt: skip


@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize(("kernel", "stride", "lanes"), [
    (3, 1, (1, 1, 1)), (3, 2, (2, 2, 1)), (3, 1, (1, 2, 3)), (2, 2, (2, 1, 4)), (1, 1, (1, 1, 1)),
])  # fmt: skip
def test_weights_and_biases(bench, gradient, kernel, stride, lanes):
    plan = Plan(small_layer(channels=(4, 4), kernel=kernel, stride=stride, lanes=lanes), gradient)
    running, advance, bias = flags(3)
    place = WeightPlace(plan)
    bench.start(weight_order(bench.aclk, running, advance, bias, place, plan=plan))
    bench.edge()
    running.next = True
    for expected in places(plan) * 2:
        while True:
            moves = bench.chance(0.8)
            advance.next = moves
            bench.settle()
            shown = (place.lane, place.group, place.tap_row, place.tap_column, place.address)
            assert shown == expected
            bench.edge()
            if moves:
                break
    advance.next = bias.next = True
    for number in range(plan.layer.geometry.out_channels):
        bench.settle()
        assert (place.group, place.lane) == divmod(number, plan.layer.lanes.out_lanes)
        assert place.end == (number == plan.layer.geometry.out_channels - 1)
        bench.edge()
