import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.datasets import load_sample_image

from convstream.fixedpoint.bias_gradient import bias_gradient
from convstream.fixedpoint.formats import Format, Formats
from convstream.fixedpoint.forward import forward
from convstream.fixedpoint.input_gradient import input_gradient
from convstream.fixedpoint.layer import Layer, LayerError
from convstream.fixedpoint.weight_gradient import weight_gradient
from convstream.layer_file import read_layer_file
from convstream.reference.geometry import Axis, Geometry
from convstream.sim.errors import BadInput
from convstream.sim.layers.schema import FileData, PhotographData, RandomData
from convstream.sim.tensors.filters import NAMES, known_filters
from convstream.sim.tensors.pictures import mosaic, photograph
from convstream.sim.tensors.smoothness import scaled_gradient, smoothness_gradient
from convstream.sim.tensors.sources import INPUTS, make_tensors

EXAMPLES = Path(__file__).parents[3] / "examples/layers"
HERE = Path()


def make_layer(*, bits=8, **shape) -> Layer:
    shape = {"batch": 2, "in_channels": 3, "height": 8, "width": 10, "out_channels": 7, "kernel": 3} | shape
    word = Format(bits, bits - 2)
    wide = Format(2 * bits, bits)
    return Layer(Geometry.square(**shape), Formats(word, word, wide, word, word, word, wide, wide))


def digest(tensors: dict[str, np.ndarray]) -> str:
    return hashlib.sha256(b"".join(tensors[name].astype("<i4").tobytes() for name in INPUTS)).hexdigest()


def share_at_the_ends(words: np.ndarray, form: Format) -> float:
    return float(np.mean((words == form.lowest) | (words == form.highest)))


# Any change of these changes the test vectors of every user: it needs a reason and a new version of the manifest.
@pytest.mark.parametrize(("name", "expected"), [
    ("middle_3x3", "f637249d67350ad19e8489e223cb60af5fb423a2495b440144b05cea602c2ab1"),
    ("photograph_3x3", "84740169e7f0e9dcb4dcf938756548713adfa52520bf777c798377d675595101"),
    ("digits_5x5", "302a6bd85986be441e879580b486328d6a0b615a8c27a184d6f6896536c450f5"),
])  # fmt: skip
def test_tensors_are_the_same_on_every_machine(name, expected):
    file = read_layer_file(EXAMPLES / f"{name}.toml")
    assert digest(make_tensors(file.layer, file.data, EXAMPLES)) == expected


@pytest.mark.parametrize("data", [RandomData(seed=5), PhotographData(source="photograph", seed=5)])
def test_the_seed_decides(data):
    layer = make_layer()
    again = make_tensors(layer, data, HERE)
    assert digest(make_tensors(layer, data, HERE)) == digest(again)
    other = make_tensors(layer, data.model_copy(update={"seed": 6}), HERE)
    assert not np.array_equal(other["w"], again["w"])


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_results_of_the_examples_use_their_formats_and_rarely_leave_them(path):
    file = read_layer_file(path)
    layer, formats = file.layer, file.layer.formats
    tensors = make_tensors(layer, file.data, path.parent)
    x, w, b, dz = (tensors[name] for name in INPUTS)
    z = forward(x, w, b, layer)
    assert 0.2 < np.sqrt(np.mean(np.square(z / formats.output.highest))) < 0.5
    for name, words in {
        "z": z,
        "dx": input_gradient(w, dz, layer),
        "dw": weight_gradient(x, dz, layer),
        "db": bias_gradient(dz, layer),
    }.items():
        assert share_at_the_ends(words, formats.of(name)) < 0.1
        assert np.count_nonzero(words) > words.size / 5  # a strided 1x1 kernel leaves three of four dx empty


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_share_of_extremes(share):
    layer = make_layer(batch=4, height=40, width=40)
    tensors = make_tensors(layer, RandomData(extremes=share), HERE)
    for name in ("x", "dz"):
        assert share_at_the_ends(tensors[name], layer.formats.of(name)) == pytest.approx(share, abs=0.03)
        if share:
            assert {layer.formats.of(name).lowest, layer.formats.of(name).highest} <= set(np.unique(tensors[name]))


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_any_legal_layer_gets_tensors_in_range(data):
    draw = data.draw
    form = st.builds(Format, st.integers(2, 32), st.integers(-8, 40))
    formats = Formats(*(draw(form) for _ in range(8)))
    kernel, padding = draw(st.integers(1, 4)), draw(st.integers(0, 4))
    sides = st.integers(max(1, kernel - 2 * padding), 7)
    geometry = Geometry.square(
        batch=draw(st.integers(1, 3)), in_channels=draw(st.sampled_from([1, 3])), height=draw(sides), width=draw(sides),
        out_channels=draw(st.integers(1, 8)), kernel=kernel, stride=draw(st.integers(1, 3)), padding=padding,
    )  # fmt: skip
    try:
        layer = Layer(geometry, formats)
    except LayerError:
        return
    source = draw(st.sampled_from([RandomData(extremes=0.1), PhotographData(source="photograph")]))
    for name, words in make_tensors(layer, source, HERE).items():
        form = layer.formats.of(name)
        assert words.shape == geometry.shapes[name]
        assert words.dtype == form.dtype
        assert form.lowest <= words.min() <= words.max() <= form.highest


@pytest.mark.parametrize(("batch", "shape"), [(1, (20, 20)), (2, (20, 40)), (4, (40, 40)), (5, (40, 60))])
def test_the_mosaic_is_as_square_as_the_batch_allows(batch, shape):
    layer = make_layer(batch=batch, height=20, width=20)
    picture = mosaic(photograph("china", layer.geometry).transpose(0, 2, 3, 1))
    assert picture.shape == (*shape, 3)


def test_tiles_put_together_are_the_photograph():
    layer = make_layer(batch=6, height=20, width=20)
    picture = mosaic(photograph("china", layer.geometry).transpose(0, 2, 3, 1))
    expected = Image.fromarray(load_sample_image("china.jpg")).resize((60, 40), Image.Resampling.BILINEAR)
    assert np.abs(picture.astype(float) - np.asarray(expected)).mean() < 1  # 60:40 is not quite the picture's 640:427


def test_brightness_is_taken_for_one_channel():
    colour = photograph("flower", make_layer(in_channels=3).geometry).astype(float)
    grey = photograph("flower", make_layer(in_channels=1).geometry).astype(float)
    expected = 0.299 * colour[:, 0] + 0.587 * colour[:, 1] + 0.114 * colour[:, 2]
    assert np.abs(grey[:, 0] - expected).max() < 2


def test_pixels_fill_the_input_format():
    layer = make_layer(bits=12, batch=1, height=100, width=100)
    x = make_tensors(layer, PhotographData(source="photograph", picture="china"), HERE)["x"]
    assert x.min() < -1900
    assert x.max() > 1900
    assert np.all(x % 16 == 0)


def test_known_filters_of_3x3():
    filters = dict(zip(NAMES, known_filters(make_layer(kernel=3, in_channels=1))[:, 0], strict=True))
    edges = filters["vertical edges"]
    assert np.array_equal(edges, filters["horizontal edges"].T)
    assert np.array_equal(edges, -edges[:, ::-1])
    assert np.array_equal(filters["blur"] * 4 // filters["blur"][0, 0], [[4, 8, 4], [8, 16, 8], [4, 8, 4]])
    assert abs(filters["outline"].sum()) <= 4
    assert filters["sharpen"][1, 1] > 0 > filters["sharpen"][1, 0]


@pytest.mark.parametrize("kernel", [1, 2, 3, 5, 8])
def test_known_filters_cannot_leave_the_output_range(kernel):
    layer = make_layer(kernel=kernel, bits=10)
    filters = known_filters(layer).astype(np.int64)
    assert filters.shape == (5, 3, kernel, kernel)
    rounding = filters[0].size / 2  # half a word for each tap
    worst_words = (np.abs(filters).sum((1, 2, 3)) - rounding).max() * -layer.formats.input.lowest
    assert worst_words * layer.accumulators["z"].step <= -layer.formats.output.lowest * layer.formats.output.step


def test_dz_is_the_gradient_of_the_smoothness_cost():
    rng = np.random.default_rng(0)
    z = rng.integers(-9, 9, (2, 3, 4, 5))

    def cost(z):
        return (np.sum(np.diff(z, axis=2) ** 2) + np.sum(np.diff(z, axis=3) ** 2)) / 2

    gradient = smoothness_gradient(z)
    for index in np.ndindex(z.shape):
        step = np.zeros_like(z)
        step[index] = 1
        assert gradient[index] == (cost(z + step) - cost(z - step)) / 2


@pytest.mark.parametrize("largest", [126, 127, 128, 254, 255, 256, 509, 510, 511])
def test_the_largest_gradient_may_round_up_to_a_power_of_two(largest):
    word, wide = Format(8, 0), Format(32, 0)
    layer = Layer(Geometry(1, 1, 1, Axis(1, 1), Axis(2, 1)), Formats(word, word, word, wide, word, wide, wide, wide))
    z = np.array([0, largest]).reshape(layer.geometry.z_shape)
    dz = scaled_gradient(np.ones(layer.geometry.x_shape, int), np.ones((1, 1, 1, 1), int), z, layer)
    assert 63 <= dz.max() <= 127
    assert -dz.min() in (dz.max(), dz.max() - 1), "the other one, rounded half up"


def test_integers_of_a_file_are_words_and_floats_are_values(tmp_path):
    layer = make_layer()
    arrays = make_tensors(layer, RandomData(seed=3), HERE)
    arrays["dz"] = np.full(layer.geometry.z_shape, 0.5 + 1 / 128)  # a tie between two words
    arrays["dz"][0, 0, 0, 0] = 1e9
    np.savez_compressed(tmp_path / "mine.npz", note=["ignored"], **arrays)
    tensors = make_tensors(layer, FileData(source="file", path="mine.npz"), tmp_path)
    for name in "xwb":
        np.testing.assert_array_equal(tensors[name], arrays[name])
    assert tensors["dz"].ravel()[:2].tolist() == [127, 32]


@pytest.mark.parametrize(("name", "change", "message"), [
    ("x", lambda a: np.where(a == a.max(), np.nan, a / 64), "x: .* not finite; the first is nan at index"),
    ("w", lambda a: np.full(a.shape, np.inf), "w: .* not finite; the first is inf"),
    ("b", lambda a: a[:-1], r"b has shape \(6,\); the layer needs \(7,\)"),
    ("dz", lambda a: np.full(a.shape, 128), r"dz\[0, 0, 0, 0\] is 128, outside -128..127"),
    ("x", lambda a: a.astype(complex), "x holds complex128; must be integers or floats"),
    ("x", lambda a: a.astype("S4"), "must be integers or floats"),
    ("x", lambda a: a.astype(bool), "x holds bool; must be integers or floats"),
    ("x", lambda a: a.astype(object), "x holds pickled Python objects, which are never loaded"),
    ("x", lambda a: None, "must hold the arrays x, w, b, dz; x missing"),
])  # fmt: skip
def test_arrays_that_do_not_fit(tmp_path, name, change, message):
    layer = make_layer()
    arrays = make_tensors(layer, RandomData(), HERE)
    arrays[name] = change(arrays[name])
    np.savez(tmp_path / "mine.npz", **{name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(BadInput, match=message) as caught:
        make_tensors(layer, FileData(source="file", path="mine.npz"), tmp_path)
    assert str(caught.value).startswith(str(tmp_path / "mine.npz"))
    assert "\n" not in str(caught.value)


def test_layers_keep_their_tensors_when_only_the_lanes_change():
    layer = make_layer()
    wider = dataclasses.replace(layer, lanes=dataclasses.replace(layer.lanes, in_lanes=3))
    assert digest(make_tensors(layer, RandomData(), HERE)) == digest(make_tensors(wider, RandomData(), HERE))
