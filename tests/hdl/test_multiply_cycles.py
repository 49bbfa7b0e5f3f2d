"""No multiplier waits: in steady state an image takes its useful multiply cycles, and not one more.

Every slot takes a cycle, so a period that equals the number of useful tap groups leaves room for no other slot.
"""

import numpy as np
import pytest

from convstream.fixedpoint.dataflow.timing.bound import issue_slots
from convstream.fixedpoint.formats import Format, Formats
from convstream.fixedpoint.layer import Lanes, Layer
from convstream.reference.geometry import Geometry
from tests.hdl.cores import batch_of, simulate_batches

_EIGHT, _SIXTEEN = Format(8, 6), Format(16, 8)


def _layer(lanes, stride=2, kernel=3):
    geometry = Geometry.square(
        batch=3, in_channels=4, height=9, width=8, out_channels=6, kernel=kernel, stride=stride, padding=1
    )
    formats = Formats(_EIGHT, _EIGHT, _SIXTEEN, _EIGHT, _EIGHT, _EIGHT, _SIXTEEN, _SIXTEEN)
    return Layer(geometry, formats, lanes)


@pytest.mark.parametrize("lanes", [Lanes(1, 1, 1), Lanes(2, 3, 1), Lanes(2, 1, 3), Lanes(1, 1, 9)])
@pytest.mark.parametrize(("pass_name", "result"), [("forward", "z"), ("input_gradient", "dx")])
def test_period_is_the_number_of_useful_tap_groups(pass_name, result, lanes, build_root, any_simulator):
    layer = _layer(lanes)
    batches = [batch_of(layer, 1), batch_of(layer, 2)]
    batches[1] = batch_of(layer, 2, weights=batches[0])
    run = simulate_batches(layer, pass_name, batches, simulator=any_simulator, build_root=build_root)
    assert run.matched
    periods = np.diff(run.frame_cycles[result])
    assert set(periods.tolist()) == {issue_slots(layer, pass_name)}


def test_zero_insertion_would_take_several_times_as_long():
    # dx of a 3x3 layer with stride 2, one multiplier a channel pair: every tap of every pixel, inserted zeros included
    layer = _layer(Lanes(4, 6, 1))
    assert issue_slots(layer, "input_gradient") * 3 < 9 * 8 * 3 * 3


@pytest.mark.parametrize("lanes", [Lanes(1, 1, 1), Lanes(2, 3, 1), Lanes(2, 1, 3)])
def test_weight_gradient_period_is_slots_and_drain(lanes, build_root, any_simulator):
    layer = _layer(lanes)
    batches = [batch_of(layer, seed, number=seed) for seed in range(3)]
    run = simulate_batches(layer, "weight_gradient", batches, simulator=any_simulator, build_root=build_root)
    assert run.matched
    (period,) = set(np.diff(run.frame_cycles["dw"]).tolist())
    drain = layer.geometry.out_channels * layer.geometry.in_channels // lanes.in_lanes * 9
    # what is left are the cycles between a batch's last slot and its drain, and from there to the next batch
    assert 0 < period - issue_slots(layer, "weight_gradient") - drain < 40
