"""Axis and Geometry against brute force over every position, and the messages of what they refuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convstream.reference.geometry import LARGEST_EXTENT, Axis, Geometry, same_padding
from tests.strategies import axes, geometries


@given(axes())
def test_out_size_counts_the_positions_where_the_kernel_fits(axis):
    fits = [
        start
        for start in range(-axis.pad_before, axis.size + axis.pad_after)
        if start + axis.extent <= axis.size + axis.pad_after
    ]
    assert axis.out_size == len(fits[:: axis.stride])
    assert [axis.origin(out) for out in range(axis.out_size)] == fits[:: axis.stride]


@given(axes())
def test_taps_and_sources_are_the_same_pairs_seen_from_both_ends(axis):
    looks = {
        (out, tap, pixel)
        for out in range(axis.out_size)
        for tap in range(axis.kernel)
        for pixel in range(axis.size)
        if out * axis.stride - axis.pad_before + tap * axis.dilation == pixel
    }
    by_taps = {
        (out, tap, axis.origin(out) + tap * axis.dilation) for out in range(axis.out_size) for tap in axis.taps(out)
    }
    by_outputs = {
        (out, tap, axis.origin(out) + tap * axis.dilation) for tap in range(axis.kernel) for out in axis.outputs(tap)
    }
    by_sources = {(out, tap, pixel) for pixel in range(axis.size) for tap, out in axis.sources(pixel)}
    assert by_taps == looks
    assert by_outputs == looks
    assert by_sources == looks
    assert axis.seen_pixels == tuple(sorted({pixel for _, _, pixel in looks}))
    assert axis.tap_count == len(looks)


@given(axes())
def test_most_sources_is_what_a_pixel_far_from_the_edges_gets(axis):
    margin = axis.extent + axis.stride
    middle = Axis(axis.size + 2 * margin + axis.stride, axis.kernel, axis.stride, 0, 0, axis.dilation)
    interior = range(margin, middle.size - margin)
    assert max(len(middle.sources(pixel)) for pixel in interior) == axis.most_sources
    assert max(len(axis.sources(pixel)) for pixel in range(axis.size)) <= axis.most_sources


@given(geometries())
def test_multiplications_count_the_products_of_the_formula(geometry):
    rows, columns = geometry.rows, geometry.columns
    products = 0
    for i in range(rows.out_size):
        for j in range(columns.out_size):
            for r in range(rows.kernel):
                for s in range(columns.kernel):
                    y, u = rows.origin(i) + r * rows.dilation, columns.origin(j) + s * columns.dilation
                    products += 0 <= y < rows.size and 0 <= u < columns.size
    assert geometry.multiplications == geometry.batch * geometry.in_channels * geometry.out_channels * products


def test_shapes_of_a_layer_with_a_remainder():
    geometry = Geometry.square(
        batch=2, in_channels=3, height=8, width=11, out_channels=5, kernel=3, stride=2, padding="valid"
    )
    assert geometry.shapes == {
        "x": (2, 3, 8, 11), "w": (5, 3, 3, 3), "b": (5,), "z": (2, 5, 3, 5),
        "dz": (2, 5, 3, 5), "dx": (2, 3, 8, 11), "dw": (5, 3, 3, 3), "db": (5,),
    }  # fmt: skip
    assert geometry.rows.sources(7) == []  # the remainder: no window reaches the last row


@given(st.integers(0, 3), st.integers(1, 9), st.integers(1, 9))
def test_same_padding_keeps_the_size(half, height, width):
    geometry = Geometry.square(
        batch=1, in_channels=1, height=height, width=width, out_channels=1, kernel=2 * half + 1, padding="same"
    )
    assert geometry.z_shape == geometry.x_shape


@pytest.mark.parametrize(("kernel", "stride"), [(2, 1), (3, 2), (4, 3)])
def test_same_padding_is_refused_where_it_does_not_exist(kernel, stride):
    with pytest.raises(ValueError, match=f"not stride {stride} and kernel {kernel}"):
        same_padding(kernel, stride)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0, "kernel": 1}, "size must be between 1 and 1048576, not 0"),
        ({"size": 4, "kernel": 0}, "kernel must be between 1 and 1048576, not 0"),
        ({"size": 4, "kernel": 1, "stride": 0}, "stride must be between 1 and 1048576, not 0"),
        ({"size": 4, "kernel": 1, "pad_before": -1}, "pad_before must be between 0 and 1048576, not -1"),
        ({"size": 4, "kernel": 1, "pad_after": -1}, "pad_after must be between 0 and 1048576, not -1"),
        ({"size": 4, "kernel": 2, "dilation": 0}, "dilation must be between 1 and 1048576, not 0"),
        ({"size": LARGEST_EXTENT + 1, "kernel": 1}, "size must be between 1 and 1048576, not 1048577"),
        ({"size": 4, "kernel": 5}, "kernel spans 5 pixels, which must not exceed the padded size 4"),
        ({"size": 4, "kernel": 3, "dilation": 3, "pad_after": 2}, "spans 7 pixels, .* the padded size 6"),
    ],
)
def test_axis_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        Axis(**arguments)


@pytest.mark.parametrize("value", [True, 3.0, "3", None])
def test_extents_are_integers(value):
    with pytest.raises(TypeError, match=f"kernel must be an integer, not {value!r}"):
        Axis(8, value)
    with pytest.raises(TypeError, match=f"batch must be an integer, not {value!r}"):
        Geometry(value, 1, 1, Axis(8, 3), Axis(8, 3))


def test_geometry_refuses_an_empty_count():
    with pytest.raises(ValueError, match="out_channels must be between 1 and 1048576, not 0"):
        Geometry(1, 1, 0, Axis(8, 3), Axis(8, 3))
