"""The generator of stochastic rounding, exactly as the hardware runs it.

One 64-bit xorshift generator for every lane of every result stream, stepped once per beat of that stream (a beat of
dx that no output looked at is zero without rounding, and steps nothing)::

    step:   x ^= x << 13;   x ^= x >> 7;   x ^= x << 17        (mod 2**64; G. Marsaglia, "Xorshift RNGs", 2003)

    beat of the stream, since reset     0         1         2
    lane 0                              s0   ->   s1   ->   s2   ->        s0 = initial_state(seed, tensor, 0)
    lane 1                              s0'  ->   s1'  ->   s2'  ->        s0' = initial_state(seed, tensor, 1)

A result that is shifted right by `shift` bits takes the top `shift` bits of its lane's state as its draw, which is
added to the accumulator before the plain (floor) shift.  A draw belongs to a position in the stream and to nothing
else: stalls cannot change it, and the beats of later images and batches carry on where the earlier ones ended.

The step is linear over GF(2) with period 2**64 - 1.  It would fail tests of linear complexity, which rounding does
not care about; it is uniform, and neighbouring beats and lanes are uncorrelated, which rounding needs.  Linear means
that so many steps are a 64 x 64 matrix of bits, the product of those of 1, 2, 4, ... steps: any image's draws are
found at once (the jump of Haramoto et al., "Efficient Jump Ahead for F2-Linear Random Number Generators", 2008).
"""

from dataclasses import replace
from functools import cache

import numpy as np

from convstream.fixedpoint.kernels.runtime.jit import compiled
from convstream.fixedpoint.layer import Layer
from convstream.fixedpoint.streams import TensorStream, tensor_streams
from convstream.reference.integers import is_integer, plain_integer

#: Which of a layer's result streams a generator serves: part of its seed.
STREAM_NUMBER = {"z": 0, "dx": 1, "dw": 2, "db": 3}

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15


def initial_state(seed: int, tensor: str, lane: int) -> int:
    """State of one lane's generator at its stream's first beat after reset: 64 bits, never 0.

    The finaliser of SplitMix64 (Steele, Lea and Flood, 2014), once over the seed and once over its result plus
    ``2**32 * STREAM_NUMBER[tensor] + lane``, so that generators which differ in one bit of any of the three start
    far apart.  Seeds are taken modulo 2**64.
    """
    position = (STREAM_NUMBER[tensor] << 32) + lane
    return _finalise(_finalise(seed) + position) or _GOLDEN  # 0 would stay 0 for ever


def _finalise(word: int) -> int:
    word = (word + _GOLDEN) & _MASK
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    word = (word ^ (word >> 27)) * 0x94D049BB133111EB & _MASK
    return word ^ (word >> 31)


@compiled
def step(state):
    """The state one beat later, as np.uint64, which `state` must be too."""
    state = np.uint64(state)
    state ^= state << np.uint64(13)
    state ^= state >> np.uint64(7)
    state ^= state << np.uint64(17)
    return state


@compiled
def draw(state, shift):
    """The top `shift` bits of `state`, shift 0..63."""
    if shift == 0:
        return np.int64(0)
    return np.int64(np.uint64(state) >> np.uint64(64 - shift))


@cache
def _matrices() -> list[np.ndarray]:
    """The matrices of 1, 2, 4, ... 2**63 steps: column i, a word of 64 bits, is what becomes of bit i alone."""
    columns = np.array([step(np.uint64(1 << bit)) for bit in range(64)], np.uint64)
    matrices = [columns]
    for _ in range(63):
        columns = _product(columns, columns)
        matrices.append(columns)
    return matrices


def _product(matrix: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Matrix times every word, over GF(2): the sum of the columns that its bits choose."""
    bits = words[:, None] >> np.arange(64, dtype=np.uint64) & np.uint64(1)
    return np.bitwise_xor.reduce(bits * matrix, axis=1)


def jump(states: np.ndarray, steps: int) -> np.ndarray:
    """The states of generators `steps` steps later, 0..2**64 - 1; uint64, one-dimensional."""
    for power, matrix in enumerate(_matrices()):
        if steps >> power & 1:
            states = _product(matrix, states)
    return states


@compiled
def _fill(states, shift, beats):
    """Draws of successive beats (beats, lanes), for lanes that are at `states` in the first."""
    for lane in range(beats.shape[1]):
        state = states[lane]
        for beat in range(beats.shape[0]):
            beats[beat, lane] = draw(state, shift)
            state = step(state)


def draws(stream: TensorStream, seed: int, shift: int, first_beat: int = 0) -> np.ndarray:
    """The draw of every element of a result tensor.

    Parameters
    ----------
    stream : the stream in which the result leaves: its lanes and order say which draw goes where.
    seed : the layer's rounding seed.
    shift : bits that rounding drops, 0..63.
    first_beat : beats of this stream since reset that came before this tensor's first one.

    Returns
    -------
    ndarray of int64, in the tensor's shape, each element in 0..2**shift - 1.

    Raises
    ------
    ValueError
        `shift` or `first_beat` is out of range.
    """
    first_beat = plain_integer(first_beat)
    if not 0 <= shift <= 63:
        raise ValueError(f"shift must be between 0 and 63 bits, not {shift}")
    if not is_integer(first_beat) or not 0 <= first_beat < 1 << 63:
        raise ValueError(f"first_beat must be a number of beats, not {first_beat!r}")
    states = np.array([initial_state(seed, stream.tensor, lane) for lane in range(stream.lanes)], np.uint64)
    beats = np.empty((stream.beats, stream.lanes), np.int64)
    _fill(jump(states, first_beat), shift, beats)
    return stream.from_beats(beats)


def result_draws(tensor: str, layer: Layer, shift: int, first_beat: int = 0) -> np.ndarray:
    """The draw of every element of result tensor z, dx, dw or db of `layer`.

    A dx that no output looked at is zero without having been summed or rounded: its beat takes no draw, and the
    generators stand still.  The draws of all others follow each other in the order of the stream.

    Parameters
    ----------
    shift, first_beat : as for `draws`; for dx, whole images must have come before.

    Returns
    -------
    ndarray of int64, in the tensor's shape.
    """
    stream, seed, first_beat = tensor_streams(layer)[tensor], layer.formats.rounding_seed, plain_integer(first_beat)
    if tensor != "dx":
        return draws(stream, seed, shift, first_beat)
    rows, columns = layer.geometry.rows.seen_pixels, layer.geometry.columns.seen_pixels
    batch, channels = stream.shape[:2]
    images, rest = divmod(first_beat * batch, stream.beats)
    if rest:
        raise ValueError(f"first_beat of dx must be a multiple of an image's {stream.beats // batch} beats")
    summed = replace(stream, shape=(batch, channels, len(rows), len(columns)))
    every = np.zeros(stream.shape, np.int64)
    every[:, :, np.array(rows, int)[:, None], np.array(columns, int)] = draws(
        summed, seed, shift, images * summed.beats // batch
    )
    return every
