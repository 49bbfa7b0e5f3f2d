"""The generator of stochastic rounding: its first values, its place in the stream, and that it is fair."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convstream.fixedpoint.formats import Format, Overflow, Rounding
from convstream.fixedpoint.requantize import requantize
from convstream.fixedpoint.stochastic import STREAM_NUMBER, draws, initial_state, jump
from convstream.fixedpoint.streams import TensorStream
from tests.fixedpoint.exact import xorshift


def stream(tensor="z", channels=4, pixels=6, lanes=2):
    return TensorStream(tensor, (1, channels, 1, pixels), Format(8, 0), lanes)


def beats_of(tensor, lanes, beats, seed, shift, first_beat=0):
    """Draws in the order of the stream, shape (beats, lanes)."""
    travelling = stream(tensor, channels=lanes, pixels=beats, lanes=lanes)
    return travelling.to_beats(draws(travelling, seed, shift, first_beat))


def test_literal_states():
    assert [initial_state(1, tensor, 0) for tensor in STREAM_NUMBER] == [
        0x5E41AB087439611E, 0x210AEE97DCE61845,
        0x4ABF92BE745A6C2A, 0x194DECF0C30FAC5C,
    ]  # fmt: skip
    assert initial_state(1, "z", 1) == 0x86D6FD953217AE03
    assert initial_state(2, "z", 0) == 0x64684C4F0FD784B4
    assert initial_state(1 + (1 << 64), "z", 0) == initial_state(1, "z", 0)


def test_literal_draws():
    assert beats_of("z", lanes=2, beats=4, seed=1, shift=8).tolist() == [[94, 134], [162, 127], [214, 170], [86, 28]]


@pytest.mark.parametrize("shift", [0, 1, 5, 32, 63])
def test_a_beat_takes_the_top_bits_of_its_lanes_state(shift):
    taken = beats_of("dx", lanes=3, beats=50, seed=99, shift=shift)
    for lane in range(3):
        state = initial_state(99, "dx", lane)
        for beat in range(50):
            assert taken[beat, lane] == state >> (64 - shift)
            state = xorshift(state)


def test_draws_follow_the_position_in_the_stream():
    """In the tensor's shape, where the stream's own index says."""
    travelling = TensorStream("dw", (2, 4, 3, 2), Format(8, 0), 2)
    of_tensor = draws(travelling, 7, 20)
    assert of_tensor.shape == travelling.shape
    for beat, of_beat in enumerate(beats_of("dw", 2, travelling.beats, 7, 20)):
        for lane in range(2):
            assert of_tensor[travelling.index_of(beat, lane)] == of_beat[lane]


def test_later_images_carry_on():
    whole = beats_of("z", lanes=2, beats=30, seed=5, shift=16)
    np.testing.assert_array_equal(beats_of("z", lanes=2, beats=18, seed=5, shift=16, first_beat=12), whole[12:])


def test_no_state_is_zero_and_no_two_generators_start_alike():
    states = {
        initial_state(seed, tensor, lane) for seed in range(-2, 50) for tensor in STREAM_NUMBER for lane in range(64)
    }
    assert len(states) == 52 * 4 * 64
    assert 0 not in states


def test_a_state_that_would_be_zero_is_replaced():
    """The finaliser is a bijection, so for every lane there is one seed that leads to 0, where xorshift stays."""
    seed = 0xE1B6A28552EC0CFF
    assert initial_state(seed, "dx", 3) == 0x9E3779B97F4A7C15
    assert initial_state(seed, "dx", 2) != initial_state(seed, "dx", 3)


DEVIATIONS = 4.5  # of a standard error: one in 150000 for each comparison, if the draws were truly random
LANES, BEATS = 8, 1 << 15


@pytest.fixture(scope="module")
def fractions():
    """Draws of 52 bits as numbers in -0.5..0.5, shape (beats, lanes)."""
    return beats_of("z", LANES, BEATS, seed=1, shift=52) / 2.0**52 - 0.5


@pytest.mark.parametrize(("shift", "remainder"), [(1, 1), (2, 1), (3, 5), (8, 1), (8, 128), (8, 255), (24, 1 << 22)])
@pytest.mark.parametrize("number", [-3, 0, 2])
def test_rounding_is_unbiased(shift, remainder, number):
    """The mean of many roundings of one value is that value, within the confidence interval of the mean."""
    count = LANES * BEATS
    value = (number << shift) + remainder
    rounded = requantize(
        np.full(count, value), Format(40, shift), Format(8, 0), Rounding.STOCHASTIC, Overflow.SATURATE,
        beats_of("z", LANES, BEATS, seed=3, shift=shift).ravel(),
    )  # fmt: skip
    probability = remainder / (1 << shift)
    assert set(rounded.tolist()) == {number, number + 1}
    standard_error = np.sqrt(probability * (1 - probability) / count)
    assert abs(rounded.mean() - value / (1 << shift)) < DEVIATIONS * standard_error


def test_draws_are_uniform(fractions):
    """Chi-squared over 256 equal bins: mean 255, standard deviation sqrt(2 * 255)."""
    counts = np.histogram(fractions, bins=256, range=(-0.5, 0.5))[0]
    expected = fractions.size / 256
    assert abs(((counts - expected) ** 2 / expected).sum() - 255) < DEVIATIONS * np.sqrt(2 * 255)


@pytest.mark.parametrize("lag", [1, 2, 3, 4, 5, 6, 7, 8, 16, 64])
def test_successive_draws_of_a_lane_are_uncorrelated(fractions, lag):
    products = fractions[lag:] * fractions[:-lag]  # variance of one: (1/12)**2
    assert abs(products.mean()) < DEVIATIONS / 12 / np.sqrt(products.size)


@pytest.mark.parametrize("distance", range(1, LANES))
@pytest.mark.parametrize("lag", [0, 1, 2])
def test_neighbouring_lanes_are_uncorrelated(fractions, distance, lag):
    products = fractions[: BEATS - lag, :-distance] * fractions[lag:, distance:]
    assert abs(products.mean()) < DEVIATIONS / 12 / np.sqrt(products.size)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits_are_as_good(bits):
    """Small shifts look at the top bits alone: they are uncorrelated too, in time and between lanes and streams."""
    z, dx = (beats_of(tensor, LANES, BEATS, seed=1, shift=bits) - ((1 << bits) - 1) / 2 for tensor in ("z", "dx"))
    variance = ((1 << 2 * bits) - 1) / 12
    for products in (z[1:] * z[:-1], z[2:] * z[:-2], z[:, 1:] * z[:, :-1], z * dx):
        assert abs(products.mean()) < DEVIATIONS * variance / np.sqrt(products.size)


states = st.lists(st.integers(1, 2**64 - 1), min_size=1, max_size=5)


@given(states, st.integers(0, 3000))
def test_a_jump_is_so_many_steps(states, steps):
    stepped = states
    for _ in range(steps):
        stepped = [xorshift(state) for state in stepped]
    assert jump(np.array(states, np.uint64), steps).tolist() == stepped


@given(states, st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))
def test_jumps_add_up(states, first, second):
    states = np.array(states, np.uint64)
    assert jump(jump(states, first), second).tolist() == jump(states, first + second).tolist()


def test_the_generator_returns_after_its_period():
    """2**64 - 1 steps, which takes every power of two; and no state comes back after a divisor of it."""
    states = np.array([1, 2**63, 0x9E3779B97F4A7C15], np.uint64)
    assert jump(states, 2**64 - 1).tolist() == states.tolist()
    for prime in (3, 5, 17, 257, 641, 65537, 6700417):
        assert (jump(states, (2**64 - 1) // prime) != states).all()


@pytest.mark.parametrize("first_beat", [10**6, 10**15])
def test_draws_of_a_late_image(first_beat):
    """So late that stepping there would take days; its draws carry on in the beats that come before and after."""
    late = beats_of("z", lanes=2, beats=20, seed=5, shift=64 - 1, first_beat=first_beat)
    np.testing.assert_array_equal(late[7:], beats_of("z", 2, 13, 5, 63, first_beat + 7))
    for lane in range(2):
        (state,) = jump(np.array([initial_state(5, "z", lane)], np.uint64), first_beat).tolist()
        for beat in range(20):
            assert late[beat, lane] == state >> 1
            state = xorshift(state)
