"""Accumulator widths against the worst case found by trying, and every rule that ties a layer's keys together."""

import os
import pickle
import subprocess
import sys
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convstream.fixedpoint.formats import Format, Formats
from convstream.fixedpoint.layer import Lanes, Layer, LayerError, sum_of_products_bits
from convstream.reference.geometry import Axis, Geometry

BYTE, WORD = Format(8, 4), Format(16, 8)
FORMATS = Formats(BYTE, BYTE, WORD, BYTE, BYTE, BYTE, WORD, WORD)
GEOMETRY = Geometry(2, 6, 4, Axis(8, 3), Axis(9, 3))


def fits(number: int, width: int) -> bool:
    return -(1 << (width - 1)) <= number < 1 << (width - 1)


@settings(deadline=None)
@given(st.integers(1, 5000), st.integers(2, 32), st.integers(2, 32))
def test_sum_of_products_is_as_wide_as_its_worst_case_and_no_wider(terms, a_bits, b_bits):
    ends = [(-(1 << (bits - 1)), (1 << (bits - 1)) - 1) for bits in (a_bits, b_bits)]
    extremes = [terms * a * b for a, b in product(*ends)]
    width = sum_of_products_bits(terms, a_bits, b_bits)
    assert all(fits(extreme, width) for extreme in extremes)
    assert not all(fits(extreme, width - 1) for extreme in extremes)


@settings(deadline=None)
@given(st.integers(1, 600), st.integers(2, 16), st.integers(2, 24), st.integers(2, 32), st.integers(0, 12))
def test_accumulators_hold_their_worst_case(channels, x_bits, w_bits, b_bits, bias_shift):
    geometry = Geometry(3, channels, 5, Axis(4, 2), Axis(5, 3))
    formats = replace(
        FORMATS, input=Format(x_bits, 6), weights=Format(w_bits, 6), bias=Format(b_bits, 12 - bias_shift)
    )
    widths = {result: form.width for result, form in Layer(geometry, formats).accumulators.items()}

    def ends(bits):
        return -(1 << (bits - 1)), (1 << (bits - 1)) - 1

    products = [channels * 6 * x * w for x, w in product(ends(x_bits), ends(w_bits))]
    forward = [p + (b << bias_shift) for p, b in product(products, ends(b_bits))]
    assert all(fits(extreme, widths["z"]) for extreme in forward)
    assert not all(fits(extreme, widths["z"] - 2) for extreme in forward)
    outputs = 3 * 3 * 3
    assert [fits(outputs * end, widths["db"]) for end in ends(8)] == [True, True]
    assert not fits(outputs * -128, widths["db"] - 1)


def test_fractions_of_accumulators():
    formats = replace(FORMATS, input=Format(8, 1), weights=Format(8, 10), output_gradient=Format(8, 100 - 64))
    accumulators = Layer(GEOMETRY, formats).accumulators
    assert {result: form.fraction for result, form in accumulators.items()} == {"z": 11, "dx": 46, "dw": 37, "db": 36}


@pytest.mark.parametrize(
    ("lanes", "key", "message"),
    [
        (Lanes(in_lanes=4), "hardware.in_lanes", "must divide in_channels = 6: 1, 2, 3, 6; not 4"),
        (Lanes(out_lanes=3), "hardware.out_lanes", "must divide out_channels = 4: 1, 2, 4; not 3"),
        (Lanes(in_lanes=0), "hardware.in_lanes", "not 0"),
        (Lanes(out_lanes=True), "hardware.out_lanes", "not True"),
        (Lanes(kernel_lanes=2), "hardware.kernel_lanes", "must be one of 1, 3, 9 .*; not 2"),
    ],
)
def test_lanes_divide_their_axis(lanes, key, message):
    with pytest.raises(LayerError, match=message) as caught:
        Layer(GEOMETRY, FORMATS, lanes)
    assert caught.value.key == key


@pytest.mark.parametrize(
    ("lanes", "key"),
    [(Lanes(1024, 512, 9), "in_lanes"), (Lanes(128, 1024, 1), "out_lanes"), (Lanes(1, 1, 1 << 18), "kernel_lanes")],
)
def test_multipliers_have_a_bound(lanes, key):
    kernel = 512 if lanes.kernel_lanes > 9 else 3
    geometry = Geometry(1, 1024, 1024, Axis(kernel, kernel), Axis(kernel, kernel))
    factors = f"{lanes.in_lanes:,} x {lanes.out_lanes:,} x {lanes.kernel_lanes:,}"
    message = f"at most 65,536 multipliers, not {factors} = {lanes.multipliers:,}$"
    with pytest.raises(LayerError, match=message) as caught:
        Layer(geometry, FORMATS, lanes)
    assert caught.value.key == f"hardware.{key}"
    assert Layer(geometry, FORMATS, Lanes(64, 1024, 1)).lanes.multipliers == 65536


@pytest.mark.parametrize(
    ("changed", "key", "message"),
    [
        ({"bias": Format(16, 9)}, "formats.bias", "at most 8 .* not 9"),
        ({"input": Format(32, 4), "weights": Format(32, 4)}, "formats.output", "needs 69 bits; at most 63"),
        ({"bias": Format(16, -40)}, "formats.output", "needs 65 bits; at most 63"),
        ({"output": Format(8, 60)}, "formats.output", "needs 73 bits; at most 63"),
        ({"bias": Format(16, -39)}, "formats.output", "needs 64 bits; at most 63"),
        ({"input_gradient": Format(8, -56)}, "formats.input_gradient", "fraction must be at least -55, not -56"),
        ({"bias_gradient": Format(8, -60)}, "formats.bias_gradient", "fraction must be at least -59, not -60"),
    ],
)
def test_formats_that_no_word_can_hold(changed, key, message):
    with pytest.raises(LayerError, match=message) as caught:
        Layer(GEOMETRY, replace(FORMATS, **changed))
    assert caught.value.key == key


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"weights": Format(33, 4)}, "weights: width must be between 2 and 32 bits, not 33"),
        ({"bias": Format(1, 0)}, "bias: width must be between 2 and 32 bits, not 1"),
        ({"output_gradient": Format(8, 65)}, "output_gradient: fraction must be between -64 and 64, not 65"),
        ({"input": Format(8, -65)}, "input: fraction must be between -64 and 64, not -65"),
    ],
)
def test_formats_out_of_range(changed, message):
    with pytest.raises(ValueError, match=message):
        replace(FORMATS, **changed)


@pytest.mark.parametrize("value", [True, 8.0, "8", None])
def test_formats_are_of_integers(value):
    with pytest.raises(TypeError, match=f"width must be an integer, not {value!r}"):
        Format(value, 4)
    with pytest.raises(TypeError, match=f"fraction must be an integer, not {value!r}"):
        Format(8, value)


@pytest.mark.parametrize("width", range(1, 65))
def test_words_fit_their_dtype_and_no_narrower_one(width):
    form = Format(width, 0)
    info = np.iinfo(form.dtype)
    assert info.min <= form.lowest < form.highest <= info.max
    assert form.highest - form.lowest == (1 << width) - 1
    assert info.bits == 8 or form.highest > np.iinfo(f"int{info.bits // 2}").max


@pytest.mark.parametrize("width", [0, -3])
def test_words_have_a_bit(width):
    with pytest.raises(ValueError, match=f"width must be at least 1 bit, not {width}"):
        Format(width, 0)


def test_no_dtype_holds_more_than_64_bits():
    with pytest.raises(ValueError, match="words of 65 bits fit no NumPy integer"):
        _ = Format(65, 0).dtype


def test_rules_are_those_there_are():
    with pytest.raises(ValueError, match="rounding must be one of floor, .*, stochastic; not 'nearest'"):
        replace(FORMATS, rounding="nearest")
    with pytest.raises(ValueError, match="overflow must be one of saturate, wrap; not 'clip'"):
        replace(FORMATS, overflow="clip")
    with pytest.raises(TypeError, match="rounding_seed must be an integer, not 1.5"):
        replace(FORMATS, rounding_seed=1.5)


def test_a_layer_is_found_again_after_a_journey():
    """Hashes of names differ between processes, so a layer must not carry its own along."""
    code = (
        "import dataclasses, pickle, sys; "
        "layer = pickle.load(sys.stdin.buffer); known = {layer: 1}; "
        "assert dataclasses.replace(layer) in known"
    )
    layer = Layer(GEOMETRY, FORMATS)
    assert hash(layer) == hash(replace(layer))
    for seed in "1", "2":
        subprocess.run(
            [sys.executable, "-c", code], input=pickle.dumps(layer), check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )  # fmt: skip
