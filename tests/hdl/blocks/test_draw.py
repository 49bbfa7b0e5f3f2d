"""Draws of stochastic rounding: those of `fixedpoint.stochastic`, each until it is taken."""

import numpy as np
import pytest

from convstream.fixedpoint.stochastic import draw as draw_of
from convstream.fixedpoint.stochastic import initial_state, step
from convstream.hdl.draw import draw_bits
from tests.hdl.blocks.bench import flags, words


@pytest.mark.parametrize("bits", [1, 9, 40])
@pytest.mark.parametrize("lane", [0, 3])
def test_draws(bench, bits, lane):
    first = initial_state(7, "z", lane)
    state = np.uint64(first)
    (taken,), (draw,) = flags(1), words(1, bits)
    bench.start(draw_bits(bench.aclk, bench.aresetn, taken, draw, initial_state=first))
    for cycle in range(200):
        assert draw == draw_of(state, bits)
        (takes,) = bench.drive(taken)
        bench.edge()
        state = np.uint64(step(state)) if takes else state
        if cycle == 150:
            bench.reset()
            state = np.uint64(first)
