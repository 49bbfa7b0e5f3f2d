import numpy as np
import pytest

from convstream.fixedpoint.formats import Format, Formats
from convstream.fixedpoint.layer import Lanes, Layer
from convstream.reference.geometry import Geometry
from convstream.sim.beats import (
    STREAM_TENSORS,
    beat_count,
    last_beats,
    stream_bits,
    stream_tensors,
    stream_words,
    unpack,
)


def make_layer(width=5, bias_width=13, in_lanes=2, out_lanes=3) -> Layer:
    narrow = Format(width, 2)
    formats = Formats(
        input=narrow, weights=narrow, bias=Format(bias_width, 2), output=narrow,
        output_gradient=narrow, input_gradient=narrow, weight_gradient=narrow, bias_gradient=narrow,
    )  # fmt: skip
    geometry = Geometry.square(batch=2, in_channels=4, height=4, width=5, out_channels=6, kernel=2)
    return Layer(geometry, formats, Lanes(in_lanes, out_lanes))


def random_tensors(layer: Layer) -> dict[str, np.ndarray]:
    rng = np.random.Generator(np.random.PCG64(0))
    return {
        name: rng.integers(layer.formats.of(name).lowest, layer.formats.of(name).highest, shape, endpoint=True)
        for name, shape in layer.geometry.shapes.items()
    }


def test_lane_0_is_least_significant_and_the_top_is_zero():
    layer = make_layer()
    tensors = random_tensors(layer)
    tensors["x"][0, :2, 0, 0] = 3, -1
    assert stream_bits(layer, "x") == 16
    assert stream_words(layer, tensors, "x")[0] == (0b11111 << 5) | 0b00011


def test_channels_travel_innermost_then_columns_rows_images():
    layer = make_layer()
    tensors = random_tensors(layer)
    words = stream_words(layer, tensors, "x")
    expected = [
        sum((int(tensors["x"][n, group + lane, row, column]) & 31) << 5 * lane for lane in range(2))
        for n in range(2) for row in range(4) for column in range(5) for group in (0, 2)
    ]  # fmt: skip
    assert words == expected


def test_weights_travel_filter_by_filter_then_one_bias_a_beat():
    layer = make_layer()
    tensors = random_tensors(layer)
    words = stream_words(layer, tensors, "weights")
    weights = [
        sum((int(tensors["w"][k, group + lane, r, s]) & 31) << 5 * lane for lane in range(2))
        for k in range(6) for r in range(2) for s in range(2) for group in (0, 2)
    ]  # fmt: skip
    assert words == weights + [int(b) & 0x1FFF for b in tensors["b"]]
    assert last_beats(layer, "weights") == [len(words) - 1]


def test_the_weights_stream_is_as_wide_as_the_wider_of_its_beats():
    assert stream_bits(make_layer(bias_width=13), "weights") == 16
    assert stream_bits(make_layer(width=16, bias_width=13), "weights") == 32
    assert stream_bits(make_layer(bias_width=32), "weights") == 32


@pytest.mark.parametrize(("stream", "expected"), [
    ("x", [39, 79]), ("dx", [39, 79]), ("z", [23, 47]), ("dz", [23, 47]), ("weights", [53]), ("dw", [47]), ("db", [5]),
])  # fmt: skip
def test_tlast_closes_every_image_or_the_stream(stream, expected):
    layer = make_layer()
    assert last_beats(layer, stream) == expected
    assert beat_count(layer, stream) == expected[-1] + 1


@pytest.mark.parametrize("stream", STREAM_TENSORS)
@pytest.mark.parametrize("width", [2, 5, 8, 17, 27])
@pytest.mark.parametrize(("in_lanes", "out_lanes"), [(1, 1), (4, 6)])
def test_tensors_survive_the_way_there_and_back(stream, width, in_lanes, out_lanes):
    layer = make_layer(width, bias_width=2, in_lanes=in_lanes, out_lanes=out_lanes)
    tensors = random_tensors(layer)
    back = stream_tensors(layer, stream_words(layer, tensors, stream), stream)
    assert set(back) == set(STREAM_TENSORS[stream])
    for name, tensor in back.items():
        np.testing.assert_array_equal(tensor, tensors[name])


def test_unpack_ignores_bits_above_the_last_lane():
    assert unpack([0xFC00 | (0b10000 << 5) | 1], 2, 5).tolist() == [[1, -16]]


def test_missing_beats_are_an_error():
    layer = make_layer()
    with pytest.raises(ValueError, match="stream z has 48 beats, not 47"):
        stream_tensors(layer, [0] * 47, "z")
