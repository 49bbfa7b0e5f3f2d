"""Float to words and back: exact for every float64, against rational numbers and APyTypes."""

from fractions import Fraction

import numpy as np
import pytest
from apytypes import APyFixedArray, QuantizationMode
from hypothesis import example, given, settings
from hypothesis import strategies as st

from convstream.fixedpoint.formats import Format, Overflow, Rounding
from convstream.fixedpoint.quantize import dequantize, quantize
from tests.fixedpoint.exact import exact_limit, exact_rounding

finite = st.floats(allow_nan=False, allow_infinity=False)
formats = st.builds(Format, st.integers(2, 32), st.integers(-64, 64))
deterministic = st.sampled_from([rule for rule in Rounding if rule != Rounding.STOCHASTIC])


@settings(max_examples=500, deadline=None)
@given(finite | st.floats(-300, 300, width=16), formats, deterministic, st.sampled_from(list(Overflow)))
@example(5e-324, Format(8, 64), Rounding.FLOOR, Overflow.SATURATE)
@example(-5e-324, Format(8, -64), Rounding.FLOOR, Overflow.SATURATE)  # would underflow if scaled as a float
@example(-5e-324, Format(8, 0), Rounding.HALF_UP, Overflow.WRAP)
@example(1.7976931348623157e308, Format(32, 64), Rounding.HALF_EVEN, Overflow.SATURATE)  # would overflow
@example(-1.7976931348623157e308, Format(32, 64), Rounding.HALF_EVEN, Overflow.SATURATE)
@example(1.7976931348623157e308, Format(32, 64), Rounding.HALF_EVEN, Overflow.WRAP)
@example(9007199254740993.0 * 4, Format(32, 0), Rounding.HALF_EVEN, Overflow.WRAP)
@example(2.0**62 + 2.0**20, Format(32, 0), Rounding.HALF_AWAY, Overflow.WRAP)
@example(-(2.0**63), Format(32, 0), Rounding.HALF_AWAY, Overflow.SATURATE)
def test_quantize_is_exact(value, form, rule, overflow):
    word = quantize(np.array([value]), form, rule, overflow)
    exact = exact_rounding(rule, Fraction(value) * Fraction(2) ** form.fraction)
    assert word.tolist() == [exact_limit(overflow, exact, form.width)]
    assert word.dtype == form.dtype


def hard_values(form: Format, seed: int) -> np.ndarray:
    """More values than go through the steps together, in any order: where rounding, limits or floats have an edge."""
    rng = np.random.default_rng(seed)
    end, few = 2.0 ** (form.width - 1), np.arange(-4.0, 5)
    words = np.concatenate([few, end + few, few - end, end * few])
    near = np.concatenate([words, words + 0.5, words - 0.25])
    near = np.ldexp(np.concatenate([near, np.nextafter(near, np.inf), np.nextafter(near, -np.inf)]), -form.fraction)
    powers = np.ldexp(1.0, rng.integers(-1074, 1024, 300))
    patterns = rng.integers(0, 2**64, 2500, np.uint64).view(np.float64)  # every exponent alike: subnormal to huge
    ends = np.array([0.0, 5e-324, 2.0**-1022, 2.0**53, 2.0**62, 2.0**63, 2.0**64, 1.7976931348623157e308])
    ends = np.concatenate([ends, np.nextafter(ends, 0)])
    values = np.concatenate([near, powers, -powers, patterns, ends, -ends])
    return rng.permutation(values[np.isfinite(values)])


@settings(max_examples=30, deadline=None)
@given(
    st.builds(Format, st.integers(1, 63), st.integers(-1000, 1000) | st.integers(-70, 70)),
    deterministic, st.sampled_from(list(Overflow)), st.sampled_from([np.float64, np.float32]), st.integers(0, 2**32),
)  # fmt: skip
@example(Format(8, 6), Rounding.HALF_EVEN, Overflow.SATURATE, np.float64, 0)
@example(Format(53, 0), Rounding.HALF_AWAY, Overflow.WRAP, np.float64, 0)
@example(Format(55, 0), Rounding.HALF_UP, Overflow.SATURATE, np.float64, 0)
@example(Format(63, -1), Rounding.FLOOR, Overflow.WRAP, np.float64, 0)
@example(Format(8, -1000), Rounding.FLOOR, Overflow.WRAP, np.float64, 0)  # all but huge values underflow
@example(Format(8, 1000), Rounding.TOWARD_ZERO, Overflow.SATURATE, np.float32, 0)
def test_thousands_of_values_at_a_time_are_as_exact_as_one(form, rule, overflow, real, seed):
    with np.errstate(over="ignore"):
        values = hard_values(form, seed).astype(real)
    values = values[np.isfinite(values)]
    words = quantize(values, form, rule, overflow)
    scale = Fraction(2) ** form.fraction
    exact = [exact_limit(overflow, exact_rounding(rule, Fraction(v) * scale), form.width) for v in values.tolist()]
    assert words.dtype == form.dtype
    np.testing.assert_array_equal(words, np.array(exact, np.int64))


@pytest.mark.parametrize("real", [np.float32, np.float64])
@pytest.mark.parametrize("count", [1, 7, 1023, 1024, 1025, 3000])
def test_what_is_not_finite_is_found_wherever_it_is(real, count):
    for index in {0, count // 2, count - 1}:
        for value in np.nan, np.inf, -np.inf:
            values = np.ones(count, real)
            values[index] = value
            message = rf"^1 of {count} values are not finite; the first is {value} at index \[{index}\]$"
            with pytest.raises(ValueError, match=message):
                quantize(values, Format(8, 4), Rounding.HALF_EVEN, Overflow.SATURATE)


def test_rules_by_name():
    values = np.random.default_rng(0).normal(size=100)
    for rule in Rounding:
        for overflow in Overflow:
            np.testing.assert_array_equal(
                quantize(values, Format(8, 6), str(rule), str(overflow)), quantize(values, Format(8, 6), rule, overflow)
            )
    with pytest.raises(ValueError, match="rounding must be one of floor, toward_zero, .*, stochastic; not 'nearest'"):
        quantize(values, Format(8, 6), "nearest", "wrap")
    with pytest.raises(ValueError, match="overflow must be one of saturate, wrap; not 'clip'"):
        quantize(values, Format(8, 6), "floor", "clip")


def test_memory_of_any_kind():
    """Read-only, unaligned, and with other values between."""
    values = np.random.default_rng(0).normal(size=2000)
    expected = quantize(values, Format(8, 6), "floor", "wrap")
    octets = np.empty(8 * 2000 + 1, np.uint8)
    unaligned = octets[1:].view(np.float64)
    unaligned[:] = values
    fixed = values.copy()
    fixed.setflags(write=False)
    for kept in unaligned, fixed, np.repeat(values, 2)[::2]:
        np.testing.assert_array_equal(quantize(kept, Format(8, 6), "floor", "wrap"), expected)
    np.testing.assert_array_equal(fixed, values)


@pytest.mark.parametrize("form", [Format(64, 0), Format(8, 1001), Format(8, -1001)])
def test_formats_beyond_floats(form):
    with pytest.raises(ValueError, match=f"63 bits, with a fraction from -1000 to 1000; not of {form.width} bits"):
        quantize(np.ones(1), form, Rounding.FLOOR, Overflow.WRAP)


def test_ties():
    halves = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]) / 16  # units of a format with four bits of fraction
    expected = {
        Rounding.FLOOR: [-3, -2, -1, 0, 1, 2],
        Rounding.TOWARD_ZERO: [-2, -1, 0, 0, 1, 2],
        Rounding.HALF_UP: [-2, -1, 0, 1, 2, 3],
        Rounding.HALF_AWAY: [-3, -2, -1, 1, 2, 3],
        Rounding.HALF_EVEN: [-2, -2, 0, 0, 2, 2],
    }
    for rule, words in expected.items():
        assert quantize(halves, Format(8, 4), rule, Overflow.SATURATE).tolist() == words


def test_stochastic_means_half_even_here():
    values = np.random.default_rng(0).normal(size=1000)
    np.testing.assert_array_equal(
        quantize(values, Format(8, 4), Rounding.STOCHASTIC, Overflow.WRAP),
        quantize(values, Format(8, 4), Rounding.HALF_EVEN, Overflow.WRAP),
    )


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 32), st.integers(-10, 20), st.integers(0, 2**32 - 1))
def test_quantize_equals_apytypes(width, fraction, seed):
    values = np.random.default_rng(seed).normal(scale=2.0 ** (width - fraction - 1), size=50)
    exact = APyFixedArray.from_float(values, bits=256, frac_bits=160)
    assert exact.to_numpy().tolist() == values.tolist()
    theirs = exact.cast(bits=width, frac_bits=fraction, quantization=QuantizationMode.TIES_AWAY)
    ours = quantize(values, Format(width, fraction), Rounding.HALF_AWAY, Overflow.WRAP)
    assert [word % (1 << width) for word in ours.tolist()] == list(theirs.to_bits())


@settings(max_examples=100, deadline=None)
@given(formats, st.integers(0, 2**32 - 1), deterministic, st.sampled_from(list(Overflow)))
def test_words_survive_the_round_trip(form, seed, rule, overflow):
    words = np.random.default_rng(seed).integers(form.lowest, form.highest, (3, 4), endpoint=True).astype(form.dtype)
    words[0, :2] = form.lowest, form.highest
    values = dequantize(words, form)
    assert values.dtype == np.float64
    assert Fraction(values[2, 3]) == int(words[2, 3]) / Fraction(2) ** form.fraction
    np.testing.assert_array_equal(quantize(values, form, rule, overflow), words)


def test_what_is_not_finite_is_refused():
    values = np.zeros((2, 3))
    values[1, 0], values[1, 2] = np.nan, -np.inf
    for overflow in Overflow:
        with pytest.raises(ValueError, match=r"2 of 6 values are not finite; the first is nan at index \[1, 0\]"):
            quantize(values, Format(8, 4), Rounding.FLOOR, overflow)


def test_empty_and_scalar():
    assert quantize(np.empty((0, 3)), Format(8, 0), Rounding.FLOOR, Overflow.WRAP).shape == (0, 3)
    assert quantize(2.6, Format(8, 0), Rounding.HALF_UP, Overflow.WRAP).item() == 3


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.int8, np.uint16, np.int64, np.longdouble, ">f8"])
def test_every_kind_of_real_number_in_any_order_of_memory(kind):
    values = np.arange(-40, 40).astype(kind).reshape(8, 10).T[::-1, ::2]
    expected = [[exact_limit(Overflow.WRAP, 4 * int(value), 6) for value in row] for row in values]
    assert quantize(values, Format(6, 2), Rounding.FLOOR, Overflow.WRAP).tolist() == expected
    assert quantize(values[:0], Format(6, 2), Rounding.FLOOR, Overflow.WRAP).shape == (0, 4)


def test_formats_of_up_to_63_bits():
    values = np.array([2.0**35, -(2.0**38) - 1, 2.0**39, -(2.0**60)])
    words = quantize(values, Format(40, 0), Rounding.HALF_EVEN, Overflow.SATURATE)
    assert words.tolist() == [2**35, -(2**38) - 1, 2**39 - 1, -(2**39)]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (2**53 + 1, "float64 does not hold 9007199254740993 exactly, at index \\[0\\]"),
        (np.uint64(2**64 - 1), "does not hold 18446744073709551615 exactly"),
        (1 + 2j, "values must be real numbers, not complex128"),
        (True, "values must be real numbers, not bool"),
        ("1", "values must be real numbers, not <U1"),
        (10**400, "values must be real numbers, not object"),
    ],
)
def test_numbers_that_float64_does_not_hold(value, message):
    with pytest.raises(ValueError, match=message):
        quantize(np.array([value, value]), Format(8, 0), Rounding.FLOOR, Overflow.WRAP)


@pytest.mark.skipif(np.finfo(np.longdouble).nmant <= 52, reason="long doubles are doubles here")
@pytest.mark.parametrize("value", [np.longdouble("1e400"), np.longdouble(0.5) + np.longdouble(2) ** -60])
def test_long_doubles_that_float64_does_not_hold(value):
    with pytest.raises(ValueError, match="float64 does not hold"):
        quantize(np.array([value]), Format(8, 0), Rounding.HALF_EVEN, Overflow.SATURATE)


def test_masked_values_are_refused():
    with pytest.raises(ValueError, match="values must be real numbers, not masked ones"):
        quantize(np.ma.array([1.0, 2.0], mask=[0, 1]), Format(8, 0), Rounding.FLOOR, Overflow.WRAP)
