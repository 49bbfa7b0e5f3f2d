"""One result: rounded by its rule, in rational arithmetic, then saturated or wrapped."""

from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
from myhdl import Signal, intbv

from convstream.fixedpoint.dataflow.schedule.latency import REQUANTIZE_LATENCY
from convstream.fixedpoint.formats import Overflow, Rounding
from convstream.fixedpoint.stochastic import draw as draw_of
from convstream.fixedpoint.stochastic import initial_state, step
from convstream.hdl.requantize import requantize, requantize_lane
from tests.hdl.blocks.bench import flags, signed, small_layer, words

_HALF = Fraction(1, 2)
_ROUNDED = {
    Rounding.FLOOR: floor,
    Rounding.TOWARD_ZERO: int,
    Rounding.HALF_UP: lambda value: floor(value + _HALF),
    Rounding.HALF_AWAY: lambda value: floor(value + _HALF) if value > 0 else ceil(value - _HALF),
    Rounding.HALF_EVEN: round,
}


def _limited(value: int, bits: int, overflow: Overflow) -> int:
    """The bits of the word, as an unsigned number."""
    if overflow is Overflow.SATURATE:
        value = max(-(1 << bits - 1), min((1 << bits - 1) - 1, value))
    return value % (1 << bits)


@pytest.mark.parametrize("overflow", Overflow)
@pytest.mark.parametrize("rounding", _ROUNDED)
@pytest.mark.parametrize(("width", "shift", "bits"), [(10, 4, 5), (9, 0, 6), (8, -3, 6), (6, 7, 4), (12, 1, 11)])
def test_every_mode(bench, rounding, overflow, width, shift, bits):
    (accumulator,), (result,) = signed(1, width), words(1, bits)
    bench.start(requantize(bench.aclk, accumulator, None, result, shift=shift, rounding=rounding, overflow=overflow))

    def model(value):
        return [_limited(_ROUNDED[rounding](value * Fraction(2) ** -shift), bits, overflow)]

    bench.check_pipeline([accumulator], [result], model, REQUANTIZE_LATENCY)


@pytest.mark.parametrize("shift", [1, 5])
def test_stochastic(bench, shift):
    (accumulator,), (result, draw) = signed(1, 10), [Signal(intbv(0)[6:]), Signal(intbv(0)[shift:])]
    options = {"shift": shift, "rounding": Rounding.STOCHASTIC, "overflow": Overflow.SATURATE}
    bench.start(requantize(bench.aclk, accumulator, draw, result, **options))
    bench.check_pipeline(
        [accumulator, draw], [result], lambda value, draw: [_limited((value + draw) >> shift, 6, Overflow.SATURATE)],
        REQUANTIZE_LATENCY,
    )  # fmt: skip


def test_a_lane_takes_a_draw_for_each_result(bench):
    layer = small_layer(rounding=Rounding.STOCHASTIC)
    form, out = layer.accumulators["z"], layer.formats.output
    shift = form.fraction - out.fraction
    (accumulator,), (word,), (valid,) = signed(1, form.width), words(1, out.width), flags(1)
    bench.start(
        requantize_lane(bench.aclk, bench.aresetn, accumulator, valid, word, layer=layer, tensor="z", lane=1)
    )
    state = np.uint64(initial_state(layer.formats.rounding_seed, "z", 1))

    def model(value, valid):
        nonlocal state
        result = _limited((value + int(draw_of(state, shift))) >> shift, out.width, Overflow.SATURATE)
        state = np.uint64(step(state)) if valid else state
        return [result]

    bench.check_pipeline([accumulator, valid], [word], model, REQUANTIZE_LATENCY)
