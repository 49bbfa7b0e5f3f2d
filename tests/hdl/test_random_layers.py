"""The converted cores against the integer model: random layers, batches back to back, random stalls."""

import random

import pytest

from hdl.passes import PASSES
from tests.hdl.cores import batch_of, random_layer, simulate_batches

_STALLS = (0.0, 0.0, 0.3, 0.6, 0.9)


def _check(pass_name, seed, build_root, simulator):
    layer = random_layer(seed)
    pick = random.Random(~seed)
    first = batch_of(layer, seed)
    # without a reset; the second batch has weights of its own for every other seed
    second = batch_of(layer, seed + 1, number=1, weights=first if pick.random() < 0.5 else None)
    streams = {"forward": ("weights", "x", "z"), "input_gradient": ("weights", "dz", "dx"),
               "weight_gradient": ("x", "dz", "dw", "db")}[pass_name]  # fmt: skip
    stalls = {stream: pick.choice(_STALLS) for stream in streams}
    result = simulate_batches(
        layer, pass_name, [first, second], simulator=simulator, stall=stalls, seed=seed, build_root=build_root
    )
    assert result.matched, (seed, layer, stalls, result.mismatch, result.protocol_errors)
    values = sum(2 * first[name].size for name in streams if name in ("z", "dx", "dw", "db"))
    assert result.compared_values == values


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("pass_name", PASSES)
def test_random_layer(pass_name, seed, build_root, any_simulator):
    _check(pass_name, seed, build_root, any_simulator)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(100, 300))
@pytest.mark.parametrize("pass_name", PASSES)
def test_two_hundred_random_layers(pass_name, seed, build_root, any_simulator):
    _check(pass_name, seed, build_root, any_simulator)
