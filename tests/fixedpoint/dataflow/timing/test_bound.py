"""The bound, and the useful share of the multipliers: against plain counting, and above what any core reaches."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given

from convstream.fixedpoint.dataflow.estimate import estimate
from convstream.fixedpoint.dataflow.timing.bound import core_bound
from convstream.fixedpoint.formats import Format, Formats
from convstream.fixedpoint.layer import Lanes, Layer
from convstream.hdl.passes import PASSES
from convstream.reference.geometry import Geometry
from tests.strategies import core_layers


def _taps(axis, pass_name):
    """For each position along an axis of z (forward, weight gradient) or dx, its taps with a pixel of x (dz)."""
    if pass_name == "input_gradient":
        places = [[pixel + axis.pad_before - tap for tap in range(axis.kernel)] for pixel in range(axis.size)]
        return [
            [tap for tap, place in enumerate(of_pixel)
             if place % axis.stride == 0 and 0 <= place // axis.stride < axis.out_size]
            for of_pixel in places
        ]  # fmt: skip
    return [
        [tap for tap in range(axis.kernel) if 0 <= out * axis.stride + tap - axis.pad_before < axis.size]
        for out in range(axis.out_size)
    ]


def _positions(layer, pass_name):
    """The pairs of a row and a column of taps that every position of the result multiplies."""
    rows, columns = (_taps(axis, pass_name) for axis in (layer.geometry.rows, layer.geometry.columns))
    return [list(product(*pair)) for pair in product(rows, columns)]


def _slots(layer, pass_name):
    """Groups of taps that are multiplied at once, for every position and both sides' channel groups."""
    geometry, lanes = layer.geometry, layer.lanes
    window = geometry.rows.kernel * geometry.columns.kernel
    column_of_taps = {1: lambda tap: tap, window: lambda tap: ()}.get(lanes.kernel_lanes, lambda tap: tap[1])
    in_groups, out_groups = geometry.in_channels // lanes.in_lanes, geometry.out_channels // lanes.out_lanes
    groups = [len({column_of_taps(tap) for tap in taps}) for taps in _positions(layer, pass_name)]
    slots = sum(groups) * in_groups * out_groups
    if pass_name == "forward":
        slots += groups.count(0) * out_groups  # a bias alone
    return slots * (geometry.batch if pass_name == "weight_gradient" else 1)


@pytest.mark.parametrize("pass_name", PASSES)
@given(core_layers())
def test_slots_and_useful_products_are_those_that_one_counts(pass_name, layer):
    geometry, core = layer.geometry, estimate(layer, pass_name)
    assert core.bound.issue_slots == _slots(layer, pass_name)
    products = sum(map(len, _positions(layer, pass_name))) * geometry.in_channels * geometry.out_channels
    assert core.useful_products == products * core.images


@pytest.mark.parametrize("pass_name", PASSES)
@given(core_layers())
def test_no_core_is_faster_than_its_bound_nor_more_useful_than_efficient(pass_name, layer):
    core = estimate(layer, pass_name)
    assert core.bound.cycles == max(core.bound.issue_slots, core.bound.input_beats, core.bound.output_beats)
    assert 0 <= core.useful <= core.efficiency <= 1


def _layer(lanes, **changes):
    extents = {"batch": 1, "in_channels": 1, "height": 14, "width": 14, "out_channels": 16, "kernel": 3, "stride": 4}
    narrow, wide = Format(8, 6), Format(16, 8)
    formats = Formats(narrow, narrow, wide, narrow, narrow, narrow, wide, wide)
    return Layer(Geometry.square(**(extents | changes)), formats, lanes)


def test_rows_of_the_next_batch_come_in_while_dw_is_sent():
    # 14 x 14 beats of x, 3 x 3 positions of one slot, 16 x 9 beats of dw: all three may happen at the same time
    layer = _layer(Lanes(1, 16, 9))
    bound = core_bound(layer, "weight_gradient")
    assert (bound.issue_slots, bound.input_beats, bound.output_beats, bound.cycles) == (9, 196, 144, 196)


def test_lanes_along_the_kernel_stand_idle_in_the_phases_of_an_input_gradient():
    layer = _layer(Lanes(3, 4, 7), in_channels=3, height=224, width=224, kernel=7, stride=2, padding=3)
    core = estimate(layer, "input_gradient")
    assert core.efficiency == pytest.approx(1, abs=1e-4)
    # along an axis 112 outputs have 7 taps, but for 6 on padding; a column of 7 lanes meets each of 224 rows of dx
    assert core.useful == pytest.approx((7 * 112 - 6) / (7 * 224), abs=1e-4)
    serial = estimate(replace(layer, lanes=Lanes(3, 4, 1)), "input_gradient")
    assert serial.useful == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("lanes", [(1, 1, "tap"), (4, 4, "tap"), (2, 2, "column"), (1, 2, "window")])
def test_padding_as_large_as_the_kernel_takes_no_cycle_but_one_for_each_bias(lanes, kernel, stride):
    kernel_lanes = {"tap": 1, "column": kernel, "window": kernel * kernel}[lanes[2]]
    layer = _layer(Lanes(*lanes[:2], kernel_lanes), in_channels=8, kernel=kernel, stride=stride, padding=kernel)
    for pass_name in ("forward", "input_gradient"):
        core = estimate(layer, pass_name)
        assert core.period == core.bound.cycles, pass_name
