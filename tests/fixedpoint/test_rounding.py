"""The rounding and overflow rules: literal tables, Python integers at the extremes, APyTypes over random formats."""

from fractions import Fraction

import numpy as np
import pytest
from apytypes import APyFixedArray
from hypothesis import given, settings
from hypothesis import strategies as st

from convstream.fixedpoint import rounding as rules
from convstream.fixedpoint.formats import Format, Overflow, Rounding
from convstream.fixedpoint.requantize import requantize
from tests.fixedpoint.apytypes_rules import APYTYPES_OVERFLOW, APYTYPES_ROUNDING
from tests.fixedpoint.exact import exact_limit, exact_rounding

DETERMINISTIC = [rule for rule in Rounding if rule != Rounding.STOCHASTIC]

HALVES = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]
TIES = {
    Rounding.FLOOR: [-3, -2, -1, 0, 1, 2],
    Rounding.TOWARD_ZERO: [-2, -1, 0, 0, 1, 2],
    Rounding.HALF_UP: [-2, -1, 0, 1, 2, 3],
    Rounding.HALF_AWAY: [-3, -2, -1, 1, 2, 3],
    Rounding.HALF_EVEN: [-2, -2, 0, 0, 2, 2],
}
QUARTERS = [-1.75, -1.25, -1.0, -0.75, -0.25, 0.0, 0.25, 0.75, 1.0, 1.25, 1.75]
NO_TIES = {
    Rounding.FLOOR: [-2, -2, -1, -1, -1, 0, 0, 0, 1, 1, 1],
    Rounding.TOWARD_ZERO: [-1, -1, -1, 0, 0, 0, 0, 0, 1, 1, 1],
    Rounding.HALF_UP: [-2, -1, -1, -1, 0, 0, 0, 1, 1, 1, 2],
    Rounding.HALF_AWAY: [-2, -1, -1, -1, 0, 0, 0, 1, 1, 1, 2],
    Rounding.HALF_EVEN: [-2, -1, -1, -1, 0, 0, 0, 1, 1, 1, 2],
}


@pytest.mark.parametrize("rule", DETERMINISTIC)
@pytest.mark.parametrize("shift", [1, 2, 3, 8, 30, 55])
def test_ties(rule, shift):
    """+-0.5, +-1.5, +-2.5 units of the result."""
    accumulators = np.array([int(half * 2) << (shift - 1) for half in HALVES])
    results = requantize(accumulators, Format(60, shift), Format(8, 0), rule, Overflow.SATURATE)
    assert results.tolist() == TIES[rule]


@pytest.mark.parametrize("rule", DETERMINISTIC)
@pytest.mark.parametrize("shift", [2, 3, 8, 30, 55])
def test_no_ties(rule, shift):
    accumulators = np.array([int(quarter * 4) << (shift - 2) for quarter in QUARTERS])
    results = requantize(accumulators, Format(60, shift), Format(8, 0), rule, Overflow.SATURATE)
    assert results.tolist() == NO_TIES[rule]


def test_stochastic_by_a_literal_table():
    """Two bits dropped: every remainder of a negative and a positive number, under every draw."""
    expected = {
        -2.0: [-2, -2, -2, -2], -1.75: [-2, -2, -2, -1], -1.5: [-2, -2, -1, -1], -1.25: [-2, -1, -1, -1],
        1.0: [1, 1, 1, 1], 1.25: [1, 1, 1, 2], 1.5: [1, 1, 2, 2], 1.75: [1, 2, 2, 2],
    }  # fmt: skip
    for value, results in expected.items():
        accumulators = np.full(4, int(value * 4))
        given = accumulators, Format(16, 2), Format(8, 0), Rounding.STOCHASTIC, Overflow.SATURATE, np.arange(4)
        assert requantize(*given).tolist() == results


@pytest.mark.parametrize("rule", list(Rounding))
@pytest.mark.parametrize(
    ("overflow", "expected"),
    [
        (Overflow.SATURATE, [-8, -8, -8, -7, 6, 7, 7, 7, 7, -8]),
        (Overflow.WRAP, [7, 0, -8, -7, 6, 7, -8, 0, -1, 0]),
    ],
)
@pytest.mark.parametrize("shift", [0, 3])
def test_ends_of_the_range(rule, overflow, expected, shift):
    """Four bits, -8..7; whole numbers, which no rule changes."""
    numbers = np.array([-9, -16, -8, -7, 6, 7, 8, 16, 31, -(1 << 40)])
    draws = np.full(numbers.shape, (1 << shift) - 1)
    results = requantize(numbers << shift, Format(60, shift), Format(4, 0), rule, overflow, draws)
    assert results.tolist() == expected
    assert results.dtype == np.int8


def test_rounding_up_can_overflow():
    """7.5 in four bits: the rule is applied first, then the limit."""
    half = np.array([15, -17])
    for rule, saturated, wrapped in [
        (Rounding.HALF_UP, [7, -8], [-8, -8]),
        (Rounding.HALF_AWAY, [7, -8], [-8, 7]),
        (Rounding.FLOOR, [7, -8], [7, 7]),
    ]:
        assert requantize(half, Format(6, 1), Format(4, 0), rule, Overflow.SATURATE).tolist() == saturated
        assert requantize(half, Format(6, 1), Format(4, 0), rule, Overflow.WRAP).tolist() == wrapped


SIXTY_FOUR_BIT_ENDS = [
    -(1 << 63), -(1 << 63) + 1, -(1 << 62) - 1, -(1 << 62), -(1 << 62) + 1, -1, 0, 1,
    (1 << 62) - 1, 1 << 62, (1 << 62) + 1, (1 << 63) - 2, (1 << 63) - 1,
]  # fmt: skip


@pytest.mark.parametrize("shift", range(64))
def test_extreme_accumulators_do_not_overflow(shift):
    largest_draw = (1 << shift) - 1
    for value in SIXTY_FOUR_BIT_ENDS:
        for rule in Rounding:
            for draw in {0, 1 & largest_draw, largest_draw >> 1, largest_draw}:
                exact = exact_rounding(rule, Fraction(value, 1 << shift), Fraction(draw, 1 << shift))
                assert rules.shift_right(value, shift, rules.ROUNDING_NUMBER[rule], draw) == exact
                for overflow in Overflow:
                    word = rules.requantize_word(
                        value, shift, 32, rules.ROUNDING_NUMBER[rule], rules.OVERFLOW_NUMBER[overflow], draw
                    )
                    assert word == exact_limit(overflow, exact, 32)


@settings(max_examples=500, deadline=None)
@given(
    st.integers(-(1 << 63), (1 << 63) - 1) | st.sampled_from(SIXTY_FOUR_BIT_ENDS), st.integers(0, 63), st.data(),
    st.sampled_from(list(Rounding)), st.sampled_from(list(Overflow)), st.integers(2, 32),
)  # fmt: skip
def test_any_accumulator(value, shift, data, rule, overflow, width):
    draw = data.draw(st.integers(0, (1 << shift) - 1))
    result = requantize(
        np.array([value]), Format(64, shift), Format(width, 0), rule, overflow, np.array([draw], np.int64)
    )
    exact = exact_rounding(rule, Fraction(value, 1 << shift), Fraction(draw, 1 << shift))
    assert result.tolist() == [exact_limit(overflow, exact, width)]
    assert result.dtype == Format(width, 0).dtype


@settings(max_examples=500, deadline=None)
@given(
    st.integers(2, 63), st.integers(2, 32), st.integers(-20, 40), st.integers(-30, 63),
    st.sampled_from(DETERMINISTIC), st.sampled_from(list(Overflow)), st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_requantize_equals_apytypes(accumulator_bits, result_bits, fraction, shift, rule, overflow, seed):
    shift = max(shift, accumulator_bits - 64)
    accumulator, result = Format(accumulator_bits, fraction), Format(result_bits, fraction - shift)
    rng = np.random.default_rng(seed)
    values = rng.integers(accumulator.lowest, accumulator.highest, 40, endpoint=True)
    values >>= rng.integers(0, accumulator_bits, 40)  # all magnitudes, not only the largest
    theirs = APyFixedArray([int(v) for v in values], bits=accumulator.width, frac_bits=accumulator.fraction).cast(
        bits=result.width, frac_bits=result.fraction,
        quantization=APYTYPES_ROUNDING[rule], overflow=APYTYPES_OVERFLOW[overflow],
    )  # fmt: skip
    ours = requantize(values, accumulator, result, rule, overflow)
    assert [int(v) % (1 << result.width) for v in ours] == list(theirs.to_bits())


def test_requantize_keeps_shape_and_order():
    values = np.arange(24).reshape(2, 3, 4).transpose(2, 0, 1)
    results = requantize(values * 2, Format(32, 1), Format(8, 0), Rounding.FLOOR, Overflow.SATURATE)
    np.testing.assert_array_equal(results, values)


def test_requantize_refuses_what_it_cannot_do():
    one = np.array([1, 2])
    with pytest.raises(ValueError, match=r"draws of shape \(2,\), not none"):
        requantize(one, Format(8, 4), Format(8, 2), Rounding.STOCHASTIC, Overflow.WRAP)
    with pytest.raises(ValueError, match=r"draws of shape \(2,\), not draws of shape \(1,\)"):
        requantize(one, Format(8, 4), Format(8, 2), Rounding.STOCHASTIC, Overflow.WRAP, np.zeros(1, np.int64))
    for draws in np.array([0, 4]), np.array([-1, 0]), np.array([0.5, 0]):
        with pytest.raises(ValueError, match="draws must be"):
            requantize(one, Format(8, 4), Format(8, 2), Rounding.STOCHASTIC, Overflow.WRAP, draws)
    for words, message in [
        (np.array([1, 128]), r"accumulators must be in -128\.\.127, not in 1\.\.128"),
        (np.array([2**63 + 5, 0], np.uint64), "accumulators must be in"),
        (np.array([23.9]), "accumulators must be integers, not float64"),
    ]:
        with pytest.raises(ValueError, match=message):
            requantize(words, Format(8, 4), Format(8, 2), Rounding.FLOOR, Overflow.WRAP)
    for accumulator, result in [(Format(60, 0), Format(8, 5)), (Format(8, 64), Format(8, 0))]:
        with pytest.raises(ValueError, match="must not move left by more than"):
            requantize(one, accumulator, result, Rounding.FLOOR, Overflow.WRAP)
