"""Integers and rules as users have them: of NumPy's types, and by name."""

from dataclasses import astuple

import numpy as np
import pytest

from convstream.fixedpoint.formats import Format, Formats, Overflow, Rounding
from convstream.fixedpoint.layer import Lanes, Layer
from convstream.fixedpoint.requantize import requantize
from convstream.fixedpoint.stochastic import result_draws
from convstream.reference.geometry import Axis, Geometry

NUMPY_INTEGERS = [np.int8, np.int64, np.uint8, np.uint64, np.intp]
FORMATS = [Format(8, 4)] * 8


def numbers(record) -> list:
    """All numbers in a dataclass and those in it."""
    return [number for value in astuple(record) for number in (value if isinstance(value, tuple) else (value,))]


@pytest.mark.parametrize("kind", NUMPY_INTEGERS)
def test_numpy_integers_are_kept_as_ints(kind):
    i = kind
    axis = Axis(i(9), i(3), i(2), i(1), i(1), i(1))
    geometry = Geometry(i(2), i(6), i(4), axis, axis)
    formats = Formats(*[Format(i(8), i(4))] * 8, rounding_seed=i(7))
    layer = Layer(geometry, formats, Lanes(i(3), i(2), i(3)), i(2))
    same = Layer(
        Geometry(2, 6, 4, *[Axis(9, 3, 2, 1, 1)] * 2), Formats(*FORMATS, rounding_seed=7), Lanes(3, 2, 3), 2
    )
    assert layer == same
    assert hash(layer) == hash(same)
    for record in axis, geometry, formats.input, layer.lanes:
        assert {type(number) for number in numbers(record)} == {int}
    assert type(layer.weight_sets) is type(formats.rounding_seed) is int
    assert layer.accumulators == same.accumulators
    square = Geometry.square(batch=i(1), in_channels=i(1), height=i(5), width=i(5), out_channels=i(1), kernel=i(3),
                             padding="same")  # fmt: skip
    assert {type(number) for number in numbers(square)} == {int}


@pytest.mark.parametrize("wrong", [True, np.True_, 3.0, np.float64(3), "3", None, np.array([3])])
def test_what_is_no_integer_is_refused(wrong):
    for build in (
        lambda: Format(wrong, 4), lambda: Format(8, wrong), lambda: Axis(wrong, 1), lambda: Axis(9, wrong),
        lambda: Geometry(wrong, 1, 1, Axis(3, 1), Axis(3, 1)), lambda: Formats(*FORMATS, rounding_seed=wrong),
    ):  # fmt: skip
        with pytest.raises(TypeError, match="must be an integer, not"):
            build()
    geometry = Geometry(1, 3, 3, Axis(3, 3), Axis(3, 3))
    for lanes in Lanes(in_lanes=wrong), Lanes(out_lanes=wrong), Lanes(kernel_lanes=wrong):
        with pytest.raises(ValueError, match="must divide|must be one of"):
            Layer(geometry, Formats(*FORMATS), lanes)
    with pytest.raises(ValueError, match="must be 1 or 2, not"):
        Layer(geometry, Formats(*FORMATS), weight_sets=wrong)


def test_a_late_image_by_any_integer():
    """Eight times as many pixels are more than 64 bits count."""
    layer = Layer(Geometry(8, 1, 1, Axis(3, 1), Axis(3, 1)), Formats(*FORMATS, "stochastic"))
    expected = result_draws("dx", layer, 8, 9 << 57)
    np.testing.assert_array_equal(result_draws("dx", layer, 8, np.int64(9 << 57)), expected)
    for wrong in True, 9.0, -9, 1 << 63:
        with pytest.raises(ValueError, match="first_beat must be a number of beats, not"):
            result_draws("z", layer, 8, wrong)


def test_rules_by_name():
    accumulators, forms = np.arange(-40, 40), (Format(16, 4), Format(4, 2))
    draws = accumulators & 3
    for rounding in Rounding:
        for overflow in Overflow:
            np.testing.assert_array_equal(
                requantize(accumulators, *forms, str(rounding), str(overflow), draws),
                requantize(accumulators, *forms, rounding, overflow, draws),
            )
    named = Formats(*FORMATS, rounding="floor", overflow="wrap")
    assert named == Formats(*FORMATS, Rounding.FLOOR, Overflow.WRAP)
    assert (type(named.rounding), type(named.overflow)) == (Rounding, Overflow)
    for wrong in "nearest", "FLOOR", "", 0, None:
        with pytest.raises(ValueError, match=f"rounding must be one of floor, .*, stochastic; not {wrong!r}"):
            Formats(*FORMATS, rounding=wrong)
