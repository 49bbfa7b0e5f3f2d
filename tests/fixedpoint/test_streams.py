"""The order in which tensors travel."""

import numpy as np
import pytest
from hypothesis import given, settings

from convstream.fixedpoint.formats import Format
from convstream.fixedpoint.streams import TensorStream, round_up_to_bytes, tensor_streams
from tests.strategies import layers

IMAGES = ("x", "z", "dz", "dx")
FILTERS = ("w", "dw")


@pytest.mark.parametrize("tensor", IMAGES + FILTERS)
def test_channels_travel_innermost_and_lane_0_is_the_first(tensor):
    """Tensor of two images (or filters), four channels, 3 x 2, in beats of two."""
    stream = TensorStream(tensor, (2, 4, 3, 2), Format(8, 0), 2)
    beats = stream.to_beats(np.arange(48).reshape(stream.shape))
    expected = [
        [(n, group + lane, row, column) for lane in range(2)]
        for n in range(2) for row in range(3) for column in range(2) for group in (0, 2)
    ]  # fmt: skip
    assert beats.shape == (24, 2)
    assert [[stream.index_of(beat, lane) for lane in range(2)] for beat in range(24)] == expected
    assert beats.tolist() == [[np.ravel_multi_index(index, stream.shape) for index in beat] for beat in expected]


@settings(deadline=None)
@given(layers())
def test_every_tensor_returns_from_its_beats(layer):
    for tensor, stream in tensor_streams(layer).items():
        words = np.arange(np.prod(stream.shape)).reshape(stream.shape)
        beats = stream.to_beats(words)
        assert beats.shape == (stream.beats, stream.lanes)
        np.testing.assert_array_equal(stream.from_beats(beats), words, err_msg=tensor)
        beat = stream.beats // 2
        assert words[stream.index_of(beat, stream.lanes - 1)] == beats[beat, -1]


@settings(deadline=None)
@given(layers())
def test_lanes_follow_the_layers_axes(layer):
    streams = tensor_streams(layer)
    assert {streams[tensor].lanes for tensor in ("x", "w", "dx", "dw")} == {layer.lanes.in_lanes}
    assert {streams[tensor].lanes for tensor in ("z", "dz")} == {layer.lanes.out_lanes}
    assert {streams[tensor].lanes for tensor in ("b", "db")} == {1}


@pytest.mark.parametrize(("bits", "rounded"), [(1, 8), (8, 8), (9, 16), (24, 24), (33, 40)])
def test_beats_are_whole_bytes(bits, rounded):
    assert round_up_to_bytes(bits) == rounded
