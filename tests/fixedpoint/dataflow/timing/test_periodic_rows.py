"""Rows that repeat, timed once for all: as if each had been walked, and without walking each."""

from dataclasses import replace

import pytest

from convstream.fixedpoint.dataflow.estimate import estimate
from convstream.fixedpoint.dataflow.schedule.axis_schedule import AxisSchedule
from convstream.fixedpoint.dataflow.timing import gradient_timing, window_timing
from convstream.fixedpoint.dataflow.timing.arrival import Arrival
from convstream.fixedpoint.dataflow.timing.cycles import core_cycles
from convstream.fixedpoint.dataflow.timing.periodic_rows import PeriodicRows, periodic_rows
from convstream.hdl.passes import PASSES
from convstream.reference.geometry import Axis
from tests.hdl.cores import random_layer


def with_height(layer, height):
    geometry = layer.geometry
    return replace(layer, geometry=replace(geometry, rows=replace(geometry.rows, size=height)))


def numbers(layer, pass_name):
    core = core_cycles(layer, pass_name)
    return core.first_beat, core.period, [core.batch_cycles(batches) for batches in (1, 2, 5)]


@pytest.mark.parametrize("seed", range(40))
def test_repeated_rows_take_what_they_take_one_by_one(seed, monkeypatch):
    layer = with_height(random_layer(seed), 70)
    fast = {pass_name: numbers(layer, pass_name) for pass_name in PASSES}
    for timing in (window_timing, gradient_timing):
        monkeypatch.setattr(timing, "periodic_rows", lambda walk: PeriodicRows(0, 1, 0))
    assert fast == {pass_name: numbers(layer, pass_name) for pass_name in PASSES}


def test_rows_that_need_nothing_new_are_not_repeated():
    kernel_as_tall_as_the_image = AxisSchedule(Axis(50, 50), gradient=True, parallel=False)
    assert periodic_rows(kernel_as_tall_as_the_image).repeats == 0
    assert periodic_rows(AxisSchedule(Axis(50, 3), gradient=True, parallel=False)) == PeriodicRows(2, 1, 46)


@pytest.mark.parametrize("pass_name", PASSES)
def test_the_rows_of_a_tall_image_are_not_walked_one_by_one(pass_name, monkeypatch):
    rows, await_rows = [], Arrival.await_rows

    def counted(arrival, count):
        rows.append(count)
        await_rows(arrival, count)

    monkeypatch.setattr(Arrival, "await_rows", counted)
    estimate(with_height(random_layer(1), 50_000), pass_name)
    assert len(rows) < 5000
