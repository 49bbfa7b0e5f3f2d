"""The computation as the hardware does it against the direct passes: every bit, over layers of every kind."""

from dataclasses import replace

import numpy as np
import pytest

from convstream.fixedpoint.bias_gradient import bias_gradient
from convstream.fixedpoint.dataflow.model import gradient_engine, window_engine
from convstream.fixedpoint.forward import forward
from convstream.fixedpoint.input_gradient import input_gradient
from convstream.fixedpoint.weight_gradient import weight_gradient
from tests.hdl.cores import random_layer
from tests.strategies import random_operands


def _check(layer, seed):
    x, w, b, dz = (random_operands(layer, seed)[tensor] for tensor in ("x", "w", "b", "dz"))
    np.testing.assert_array_equal(window_engine.forward(x, w, b, layer), forward(x, w, b, layer))
    np.testing.assert_array_equal(window_engine.input_gradient(w, dz, layer), input_gradient(w, dz, layer))
    dw, db = gradient_engine.weight_gradient(x, dz, layer)
    np.testing.assert_array_equal(dw, weight_gradient(x, dz, layer))
    np.testing.assert_array_equal(db, bias_gradient(dz, layer))


@pytest.mark.parametrize("first", range(0, 300, 50))
def test_random_layers(first):
    for seed in range(first, first + 50):
        _check(random_layer(seed), seed)


def test_a_batch_of_many_images():
    layer = random_layer(8)
    _check(replace(layer, geometry=replace(layer.geometry, batch=9)), seed=8)


def test_stages_that_wait_for_each_other_are_told(monkeypatch):
    layer = random_layer(1)
    x, w, b, _ = (random_operands(layer, 1)[tensor] for tensor in ("x", "w", "b", "dz"))
    monkeypatch.setattr(window_engine, "queue_depth", lambda plan: 0)
    with pytest.raises(RuntimeError, match="buffer is too small"):
        window_engine.forward(x, w, b, layer)
