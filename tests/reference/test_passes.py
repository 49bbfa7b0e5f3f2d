"""The four float passes: definition against gathered form, against SciPy, as adjoints, and as derivatives.

Operands hold small integers, so that every sum is exact and forms can be compared for equality.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.signal import convolve, correlate

from convstream.reference.bias_gradient import bias_gradient, bias_gradient_definition
from convstream.reference.forward import forward, forward_definition
from convstream.reference.geometry import Axis, Geometry
from convstream.reference.input_gradient import input_gradient, input_gradient_definition, input_gradient_flipped
from convstream.reference.weight_gradient import weight_gradient, weight_gradient_definition
from convstream.reference.windows import gather
from tests.strategies import geometries, seeds

few = settings(max_examples=150, deadline=None)


def small_integers(geometry, seed):
    rng = np.random.default_rng(seed)
    return {t: rng.integers(-9, 10, geometry.shapes[t]).astype(np.float64) for t in ("x", "w", "b", "dz")}


def spread(array, row_step, column_step):
    """`array` with zeros between its elements along the last two axes."""
    rows, columns = array.shape[-2:]
    result = np.zeros((*array.shape[:-2], (rows - 1) * row_step + 1, (columns - 1) * column_step + 1))
    result[..., ::row_step, ::column_step] = array
    return result


def padded(x, geometry):
    rows, columns = geometry.rows, geometry.columns
    return np.pad(x, ((0, 0), (0, 0), (rows.pad_before, rows.pad_after), (columns.pad_before, columns.pad_after)))


@few
@given(geometries(), seeds)
def test_forward(geometry, seed):
    t = small_integers(geometry, seed)
    z = forward(t["x"], t["w"], t["b"], geometry)
    np.testing.assert_array_equal(z, forward_definition(t["x"], t["w"], t["b"], geometry))

    filters = spread(t["w"], geometry.rows.dilation, geometry.columns.dilation)
    for n, image in enumerate(padded(t["x"], geometry)):
        for k, weights in enumerate(filters):
            dense = correlate(image, weights, mode="valid", method="direct")[0] + t["b"][k]
            np.testing.assert_array_equal(z[n, k], dense[:: geometry.rows.stride, :: geometry.columns.stride])


@few
@given(geometries(), seeds)
def test_input_gradient(geometry, seed):
    t = small_integers(geometry, seed)
    dx = input_gradient(t["w"], t["dz"], geometry)
    np.testing.assert_array_equal(dx, input_gradient_definition(t["w"], t["dz"], geometry))
    np.testing.assert_array_equal(dx, input_gradient_flipped(t["w"], t["dz"], geometry))

    rows, columns = geometry.rows, geometry.columns
    filters = spread(t["w"], rows.dilation, columns.dilation)
    errors = spread(t["dz"], rows.stride, columns.stride)
    for n in range(geometry.batch):
        for c in range(geometry.in_channels):
            reached = sum(
                convolve(errors[n, k], filters[k, c], mode="full", method="direct")
                for k in range(geometry.out_channels)
            )
            whole = np.zeros((rows.padded_size, columns.padded_size))
            whole[: reached.shape[0], : reached.shape[1]] = reached
            inner = whole[rows.pad_before :, columns.pad_before :][: rows.size, : columns.size]
            np.testing.assert_array_equal(dx[n, c], inner)


@few
@given(geometries(), seeds)
def test_weight_gradient(geometry, seed):
    t = small_integers(geometry, seed)
    dw = weight_gradient(t["x"], t["dz"], geometry)
    np.testing.assert_array_equal(dw, weight_gradient_definition(t["x"], t["dz"], geometry))

    rows, columns = geometry.rows, geometry.columns
    images, errors = padded(t["x"], geometry), spread(t["dz"], rows.stride, columns.stride)
    for k, c in np.ndindex(geometry.out_channels, geometry.in_channels):
        dense = sum(
            correlate(images[n, c], errors[n, k], mode="valid", method="direct") for n in range(geometry.batch)
        )
        taps = dense[:: rows.dilation, :: columns.dilation][: rows.kernel, : columns.kernel]
        np.testing.assert_array_equal(dw[k, c], taps)


@few
@given(geometries(), seeds)
def test_bias_gradient(geometry, seed):
    dz = small_integers(geometry, seed)["dz"]
    db = bias_gradient(dz)
    np.testing.assert_array_equal(db, bias_gradient_definition(dz))
    np.testing.assert_array_equal(db, [dz[:, k].sum() for k in range(geometry.out_channels)])


@few
@given(geometries(), seeds)
def test_gradients_are_adjoint_to_the_forward_pass(geometry, seed):
    t = small_integers(geometry, seed)
    without_bias = np.vdot(forward(t["x"], t["w"], np.zeros(geometry.b_shape), geometry), t["dz"])
    assert np.vdot(t["x"], input_gradient(t["w"], t["dz"], geometry)) == without_bias
    assert np.vdot(t["w"], weight_gradient(t["x"], t["dz"], geometry)) == without_bias
    with_bias = np.vdot(forward(t["x"], t["w"], t["b"], geometry), t["dz"])
    assert np.vdot(t["b"], bias_gradient(t["dz"])) == with_bias - without_bias


@pytest.mark.parametrize(
    "geometry",
    [
        Geometry(2, 2, 3, Axis(5, 3, 1, 1, 1), Axis(4, 3, 1, 1, 1)),
        Geometry(1, 2, 2, Axis(6, 3, 2), Axis(7, 2, 3, 1, 0)),  # remainders, uneven padding
        Geometry(2, 1, 2, Axis(3, 1, 2), Axis(5, 1, 3, 2, 2)),  # kernel < stride, padding > kernel
        Geometry(1, 2, 2, Axis(6, 2, 1, 0, 2, 3), Axis(5, 3, 2, 2, 2, 2)),  # dilation
    ],
)
def test_gradients_are_the_derivatives_of_a_cost(geometry):
    """Central differences of cost(z) = sum(sin z), whose dz is cos z."""
    rng = np.random.default_rng(7)
    t = {name: rng.normal(size=geometry.shapes[name]) for name in ("x", "w", "b")}
    dz = np.cos(forward(t["x"], t["w"], t["b"], geometry))
    gradients = {
        "x": input_gradient(t["w"], dz, geometry),
        "w": weight_gradient(t["x"], dz, geometry),
        "b": bias_gradient(dz),
    }

    def cost():
        return np.sin(forward(t["x"], t["w"], t["b"], geometry)).sum()

    step = 1e-5
    for name, gradient in gradients.items():
        for index in np.ndindex(gradient.shape):
            kept = t[name][index]
            t[name][index] = kept + step
            above = cost()
            t[name][index] = kept - step
            below = cost()
            t[name][index] = kept
            assert gradient[index] == pytest.approx((above - below) / (2 * step), abs=1e-7), (name, index)


def test_gather_lays_windows_out_as_rows():
    geometry = Geometry(1, 1, 1, Axis(3, 2), Axis(4, 2))
    x = np.arange(12.0).reshape(1, 1, 3, 4)
    expected = [[0, 1, 4, 5], [1, 2, 5, 6], [2, 3, 6, 7], [4, 5, 8, 9], [5, 6, 9, 10], [6, 7, 10, 11]]
    np.testing.assert_array_equal(gather(x, geometry), expected)


def test_wrong_shapes_are_refused():
    geometry = Geometry(2, 3, 4, Axis(5, 3), Axis(6, 3))
    t = {name: np.zeros(shape) for name, shape in geometry.shapes.items()}
    swapped = np.zeros((2, 3, 6, 5))
    for pass_ in (forward, forward_definition):
        with pytest.raises(ValueError, match=r"x must have shape \(2, 3, 5, 6\), not \(2, 3, 6, 5\)"):
            pass_(swapped, t["w"], t["b"], geometry)
        with pytest.raises(ValueError, match=r"b must have shape \(4,\), not \(1,\)"):
            pass_(t["x"], t["w"], np.zeros(1), geometry)
    for pass_ in (input_gradient, input_gradient_definition, input_gradient_flipped):
        with pytest.raises(ValueError, match=r"dz must have shape \(2, 4, 3, 4\), not \(4, 3, 4\)"):
            pass_(t["w"], t["dz"][0], geometry)
    for pass_ in (weight_gradient, weight_gradient_definition):
        with pytest.raises(ValueError, match=r"dz must have shape \(2, 4, 3, 4\), not \(1, 4, 3, 4\)"):
            pass_(t["x"], t["dz"][:1], geometry)
    for pass_ in (bias_gradient, bias_gradient_definition):
        with pytest.raises(ValueError, match=r"dz must have shape \(N, K, OH, OW\), not \(4, 3, 4\)"):
            pass_(t["dz"][0])
