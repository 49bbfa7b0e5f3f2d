"""The four integer passes: exact sums, then one rounding, in the place where the stream says."""

from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from apytypes import APyFixed
from hypothesis import given, settings

from convstream.fixedpoint.bias_gradient import bias_gradient, bias_gradient_accumulate
from convstream.fixedpoint.formats import Format, Formats, Rounding
from convstream.fixedpoint.forward import forward, forward_accumulate
from convstream.fixedpoint.input_gradient import input_gradient, input_gradient_accumulate
from convstream.fixedpoint.layer import Layer
from convstream.fixedpoint.stochastic import initial_state
from convstream.fixedpoint.streams import tensor_streams
from convstream.fixedpoint.weight_gradient import weight_gradient, weight_gradient_accumulate
from convstream.reference.bias_gradient import bias_gradient as reference_bias_gradient
from convstream.reference.forward import forward as reference_forward
from convstream.reference.geometry import Axis, Geometry
from convstream.reference.input_gradient import input_gradient as reference_input_gradient
from convstream.reference.weight_gradient import weight_gradient as reference_weight_gradient
from tests.fixedpoint.apytypes_rules import APYTYPES_OVERFLOW, APYTYPES_ROUNDING
from tests.fixedpoint.exact import exact_limit, exact_rounding, xorshift
from tests.strategies import layers, random_operands, seeds

RESULTS = ("z", "dx", "dw", "db")


def accumulate(result: str, t: dict, layer: Layer) -> np.ndarray:
    return {
        "z": lambda: forward_accumulate(t["x"], t["w"], t["b"], layer),
        "dx": lambda: input_gradient_accumulate(t["w"], t["dz"], layer),
        "dw": lambda: weight_gradient_accumulate(t["x"], t["dz"], layer),
        "db": lambda: bias_gradient_accumulate(t["dz"], layer),
    }[result]()


def compute(result: str, t: dict, layer: Layer, first_beat: int = 0) -> np.ndarray:
    return {
        "z": lambda: forward(t["x"], t["w"], t["b"], layer, first_beat),
        "dx": lambda: input_gradient(t["w"], t["dz"], layer, first_beat),
        "dw": lambda: weight_gradient(t["x"], t["dz"], layer, first_beat),
        "db": lambda: bias_gradient(t["dz"], layer, first_beat),
    }[result]()


@settings(max_examples=100, deadline=None)
@given(layers(), seeds)
def test_accumulators_equal_the_float_reference(layer, seed):
    """Sums stay below 2**53, so the float result is exact too."""
    t = random_operands(layer, seed)
    real = {name: words.astype(np.float64) for name, words in t.items()}
    geometry = layer.geometry
    expected = {
        "z": reference_forward(real["x"], real["w"], real["b"] * 2.0**layer.bias_shift, geometry),
        "dx": reference_input_gradient(real["w"], real["dz"], geometry),
        "dw": reference_weight_gradient(real["x"], real["dz"], geometry),
        "db": reference_bias_gradient(real["dz"]),
    }
    for result in RESULTS:
        exact = accumulate(result, t, layer)
        assert exact.dtype == np.int64
        np.testing.assert_array_equal(exact, expected[result], err_msg=result)
        form = layer.accumulators[result]
        assert form.lowest <= exact.min()
        assert exact.max() <= form.highest


def apytypes_sum(terms, form: Format) -> APyFixed:
    total = APyFixed(0, bits=form.width, frac_bits=form.fraction)
    for term in terms:
        total = total + term
    return total


def apytypes_results(layer: Layer, t: dict) -> dict[str, dict]:
    """Every result's bits by index, from the formulas and fixed-point numbers that are not ours."""
    geometry, formats = layer.geometry, layer.formats
    number = {}
    for name in ("x", "w", "b", "dz"):
        form = formats.of(name)
        number[name] = {
            index: APyFixed(int(t[name][index]), bits=form.width, frac_bits=form.fraction)
            for index in np.ndindex(t[name].shape)
        }
    terms = {result: {index: [] for index in np.ndindex(geometry.shapes[result])} for result in RESULTS}
    for (k,), bias in number["b"].items():
        for n, i, j in np.ndindex(geometry.batch, geometry.rows.out_size, geometry.columns.out_size):
            terms["z"][n, k, i, j].append(bias)
            terms["db"][k,].append(number["dz"][n, k, i, j])
    for n, k, i, j in np.ndindex(geometry.z_shape):
        for c, r, s in product(range(geometry.in_channels), geometry.rows.taps(i), geometry.columns.taps(j)):
            y = geometry.rows.origin(i) + r * geometry.rows.dilation
            u = geometry.columns.origin(j) + s * geometry.columns.dilation
            pixel, weight, error = number["x"][n, c, y, u], number["w"][k, c, r, s], number["dz"][n, k, i, j]
            terms["z"][n, k, i, j].append(weight * pixel)
            terms["dx"][n, c, y, u].append(weight * error)
            terms["dw"][k, c, r, s].append(error * pixel)
    return {
        result: {
            index: apytypes_sum(of_index, layer.accumulators[result])
            .cast(
                bits=formats.of(result).width, frac_bits=formats.of(result).fraction,
                quantization=APYTYPES_ROUNDING[formats.rounding], overflow=APYTYPES_OVERFLOW[formats.overflow],
            ).to_bits()
            for index, of_index in terms[result].items()
        }
        for result in RESULTS
    }  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(layers().filter(lambda layer: layer.formats.rounding != Rounding.STOCHASTIC), seeds)
def test_passes_equal_apytypes(layer, seed):
    t = random_operands(layer, seed)
    theirs = apytypes_results(layer, t)
    for result in RESULTS:
        ours, form = compute(result, t, layer), layer.formats.of(result)
        assert ours.dtype == form.dtype
        assert ours.shape == layer.geometry.shapes[result]
        for index, bits in theirs[result].items():
            assert int(ours[index]) % (1 << form.width) == bits, (result, index)


@settings(max_examples=40, deadline=None)
@given(layers(), seeds)
def test_stochastic_draws_belong_to_stream_positions(layer, seed):
    """Beat by beat, as the hardware does it: accumulator plus draw, shifted; one step of every generator a beat.

    A dx that no output looked at takes no step.
    """
    formats = replace(layer.formats, rounding=Rounding.STOCHASTIC)
    layer = replace(layer, formats=formats)
    t = random_operands(layer, seed)
    rows, columns = layer.geometry.rows.seen_pixels, layer.geometry.columns.seen_pixels
    for result in RESULTS:
        stream, exact = tensor_streams(layer)[result], accumulate(result, t, layer)
        earlier = stream.beats if result == "dx" else 5
        accumulator, form = layer.accumulators[result], formats.of(result)
        shift = accumulator.fraction - form.fraction
        drawn_bits = max(0, shift)
        expected = np.empty(stream.shape, np.int64)
        for lane in range(stream.lanes):
            state = initial_state(formats.rounding_seed, result, lane)
            for beat in range(-earlier, stream.beats):
                index = stream.index_of(beat % stream.beats, lane)
                if result == "dx" and not (index[2] in rows and index[3] in columns):
                    expected[index] = 0
                    continue
                if beat >= 0:
                    draw = Fraction(state >> (64 - drawn_bits), 1 << drawn_bits)
                    value = int(exact[index]) / Fraction(2) ** shift
                    rounded = exact_rounding(Rounding.STOCHASTIC, value, draw)
                    expected[index] = exact_limit(formats.overflow, rounded, form.width)
                state = xorshift(state)
        ours = compute(result, t, layer, first_beat=earlier)
        np.testing.assert_array_equal(ours, expected, err_msg=result)


def extreme_layer(operand_bits: int, geometry: Geometry) -> Layer:
    word, result = Format(operand_bits, 0), Format(32, 0)
    return Layer(geometry, Formats(word, word, Format(32, 0), result, word, result, result, result))


@pytest.mark.parametrize("bits", [2, 3, 8, 9, 16, 17, 24, 28])
@pytest.mark.parametrize(
    "geometry",
    [
        Geometry(1, 1, 1, Axis(1, 1), Axis(1, 1)),
        Geometry(2, 3, 5, Axis(8, 3), Axis(7, 3)),
        Geometry(1, 4, 4, Axis(9, 2, 3), Axis(9, 4, 2)),
    ],
)
def test_most_negative_operands_fill_the_accumulators(bits, geometry):
    """All operands at -2**(bits-1): sums equal those of Python integers, and one bit less would not hold them."""
    layer = extreme_layer(bits, geometry)
    t = {
        name: np.full(geometry.shapes[name], layer.formats.of(name).lowest, layer.formats.of(name).dtype)
        for name in ("x", "w", "dz")
    }
    t["b"] = np.full(geometry.b_shape, layer.formats.bias.highest)
    square = (1 << (bits - 1)) ** 2
    outputs = geometry.batch * geometry.rows.out_size * geometry.columns.out_size
    largest = {
        "z": geometry.in_channels * geometry.rows.kernel * geometry.columns.kernel * square + (1 << 31) - 1,
        "dx": geometry.out_channels * geometry.rows.most_sources * geometry.columns.most_sources * square,
        "dw": outputs * square,
        "db": -outputs * (1 << (bits - 1)),
    }
    for result in RESULTS:
        exact = accumulate(result, t, layer)
        reached = int(exact.min() if result == "db" else exact.max())
        assert reached == largest[result], result
        half_range = 1 << (layer.accumulators[result].width - 2)
        if result != "z" or bits > 16:  # a bias that dominates is bounded by its negative end, which is one larger
            assert not -half_range <= reached < half_range, result


def test_the_widest_accumulator_is_exact():
    """63 bits, and results that round, saturate and wrap right at its ends."""
    geometry = Geometry(1, 1, 1, Axis(1, 1), Axis(1, 1))
    layer = Layer(
        geometry,
        Formats(*(Format(32, 30), Format(31, 29), Format(31, 29)), Format(32, 28), Format(31, 0), *[Format(32, 0)] * 3),
    )
    assert layer.accumulators["z"].width == 63
    for x, w, b in product(*[(form.lowest, form.lowest + 1, -1, 0, 1, form.highest) for form in
                             (layer.formats.input, layer.formats.weights, layer.formats.bias)]):  # fmt: skip
        t = {"x": np.full((1, 1, 1, 1), x), "w": np.full((1, 1, 1, 1), w), "b": np.array([b])}
        exact = x * w + (b << 30)
        assert accumulate("z", t, layer).item() == exact
        rounded = (exact + (1 << 30)) >> 31
        rounded -= exact % (1 << 32) == 1 << 30  # a tie above an even number
        assert compute("z", t, layer).item() == min(max(rounded, -(1 << 31)), (1 << 31) - 1)


@pytest.fixture
def small():
    layer = extreme_layer(4, Geometry(1, 2, 2, Axis(4, 2), Axis(3, 2)))
    return layer, {name: np.zeros(layer.geometry.shapes[name], np.int8) for name in ("x", "w", "b", "dz")}


@pytest.mark.parametrize("result", RESULTS)
@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint64])
def test_any_integer_type_and_memory_order_is_accepted(small, result, dtype):
    layer, t = small
    t = {name: words + 3 for name, words in t.items()}
    scattered = {name: np.asfortranarray(words.astype(dtype)) for name, words in t.items()}
    np.testing.assert_array_equal(compute(result, scattered, layer), compute(result, t, layer))


def unaligned(words):
    room = np.zeros(words.nbytes + 1, np.uint8)
    there = np.ndarray(words.shape, words.dtype, room.data, 1)
    there[:] = words
    return there


def read_only(words):
    words = words.copy()
    words.flags.writeable = False
    return words


@pytest.mark.parametrize("result", RESULTS)
@pytest.mark.parametrize("width", [8, 12, 16, 24])
@pytest.mark.parametrize(
    "lay_out",
    [
        np.asfortranarray,
        unaligned,
        read_only,
        lambda words: np.repeat(words, 2, axis=-1)[..., ::2],
        lambda words: words[..., ::-1].copy()[..., ::-1],
        lambda words: words.astype(words.dtype.newbyteorder()),
        lambda words: words.view(np.recarray),
        lambda words: words.tolist(),
    ],
)
def test_words_may_lie_anywhere_in_memory(result, width, lay_out):
    """What compiled code reads by address is in one piece, whatever was given."""
    layer, rng = extreme_layer(width, Geometry(2, 3, 2, Axis(7, 3, 2, 1, 1), Axis(6, 2))), np.random.default_rng(1)
    t = {
        name: rng.integers(-100, 100, layer.geometry.shapes[name]).astype(layer.formats.of(name).dtype)
        for name in ("x", "w", "b", "dz")
    }
    elsewhere = {name: lay_out(words) for name, words in t.items()}
    np.testing.assert_array_equal(compute(result, elsewhere, layer), compute(result, t, layer))


OPERANDS = {"z": ("x", "w", "b"), "dx": ("w", "dz"), "dw": ("x", "dz"), "db": ("dz",)}
EVERY_OPERAND = [(result, name) for result in RESULTS for name in OPERANDS[result]]


@pytest.mark.parametrize(("result", "name"), EVERY_OPERAND)
def test_operands_outside_their_format_are_refused(small, result, name):
    layer, t = small
    form = layer.formats.of(name)
    for value, dtype in (
        (form.lowest - 1, np.int64), (form.highest + 1, np.int64), (1 << 62, np.int64),
        (-9, np.int8), (8, np.int8),
    ):  # fmt: skip
        if name == "b" and dtype == np.int8:
            continue  # of 32 bits
        t[name] = np.zeros(t[name].shape, dtype)
        t[name].flat[-1] = value
        index = ", ".join(str(extent - 1) for extent in t[name].shape)
        with pytest.raises(ValueError, match=rf"{name}\[{index}\] is {value}, outside {form.lowest}\.\.{form.highest}"):
            compute(result, t, layer)


def test_unsigned_words_as_wide_as_their_format():
    layer = extreme_layer(8, Geometry(1, 1, 1, Axis(1, 1), Axis(1, 1)))
    t = {name: np.full(layer.geometry.shapes[name], 127, np.uint8) for name in ("x", "w", "b")}
    assert compute("z", t, layer).item() == 127 * 127 + 127
    t["x"][:] = 128
    with pytest.raises(ValueError, match=r"x\[0, 0, 0, 0\] is 128, outside -128\.\.127"):
        compute("z", t, layer)


@pytest.mark.parametrize(("result", "name"), EVERY_OPERAND)
def test_operands_of_another_kind_or_shape_are_refused(small, result, name):
    layer, t = small
    good = t[name]
    for words, message in [
        (good.astype(np.float64), f"{name} must hold integers, not float64"),
        (good.astype(bool), f"{name} must hold integers, not bool"),
        (good[..., :1], f"{name} must have shape"),
        (good[None], f"{name} must have shape"),
        (np.ma.array(good, mask=True), f"{name} must hold words everywhere"),
    ]:
        t[name] = words
        with pytest.raises(ValueError, match=message):
            compute(result, t, layer)


def test_the_largest_shift_leaves_the_sign():
    geometry = Geometry(1, 1, 1, Axis(2, 1), Axis(1, 1))
    formats = Formats(*[Format(8, 31), Format(8, 31), Format(8, 31), Format(8, -1)], *[Format(8, 31)] * 4)
    layer = Layer(geometry, replace(formats, rounding=Rounding.FLOOR))
    x = np.array([5, -5]).reshape(1, 1, 2, 1)
    assert forward(x, np.ones((1, 1, 1, 1), np.int8), np.zeros(1, np.int8), layer).ravel().tolist() == [0, -1]
