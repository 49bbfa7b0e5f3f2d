"""Random legal layers for Hypothesis: small, and rich in the cases that break loops.

Non-square, remainders, padding as large as the kernel and uneven, kernel smaller than the stride, dilation.
"""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from convstream.fixedpoint.formats import Format, Formats, Overflow, Rounding
from convstream.fixedpoint.layer import Lanes, Layer
from convstream.reference.geometry import Axis, Geometry

seeds = st.integers(0, 2**32 - 1)


@st.composite
def axes(draw) -> Axis:
    kernel, dilation, stride = draw(st.integers(1, 4)), draw(st.integers(1, 2)), draw(st.integers(1, 4))
    before, after = draw(st.integers(0, 4)), draw(st.integers(0, 4))
    smallest = max(1, dilation * (kernel - 1) + 1 - before - after)
    return Axis(smallest + draw(st.integers(0, 5)), kernel, stride, before, after, dilation)


@st.composite
def geometries(draw) -> Geometry:
    batch, in_channels, out_channels = draw(st.integers(1, 2)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    return Geometry(batch, in_channels, out_channels, draw(axes()), draw(axes()))


@st.composite
def layers(draw) -> Layer:
    """Layers whose accumulators fit float64, so that float sums over their operands are exact."""
    geometry, widths = draw(geometries()), st.integers(2, 16)
    x, w, dz = (Format(draw(widths), draw(st.integers(-4, 20))) for _ in range(3))
    bias = Format(draw(widths), x.fraction + w.fraction - draw(st.integers(0, 12)))
    results = [
        Format(draw(widths), fraction - draw(st.integers(-6, 30)))
        for fraction in (x.fraction + w.fraction, dz.fraction + w.fraction, dz.fraction + x.fraction, dz.fraction)
    ]
    formats = Formats(
        x, w, bias, results[0], dz, *results[1:],
        draw(st.sampled_from(list(Rounding))), draw(st.sampled_from(list(Overflow))), draw(seeds),
    )  # fmt: skip
    kernel = geometry.rows.kernel
    lanes = Lanes(
        draw(_divisors(geometry.in_channels)), draw(_divisors(geometry.out_channels)),
        draw(st.sampled_from([1, kernel, kernel * geometry.columns.kernel])),
    )  # fmt: skip
    return Layer(geometry, formats, lanes)


@st.composite
def core_layers(draw) -> Layer:
    """Layers that the cores are built for: without dilation."""
    layer = draw(layers())
    axes = {name: replace(getattr(layer.geometry, name), dilation=1) for name in ("rows", "columns")}
    return replace(layer, geometry=replace(layer.geometry, **axes))


def _divisors(extent: int):
    return st.sampled_from([value for value in range(1, extent + 1) if extent % value == 0])


def random_operands(layer: Layer, seed: int) -> dict[str, np.ndarray]:
    """Words for x, w, b and dz over their formats' whole range; one in four at an end of it."""
    rng = np.random.default_rng(seed)
    words = {}
    for tensor in ("x", "w", "b", "dz"):
        form, shape = layer.formats.of(tensor), layer.geometry.shapes[tensor]
        uniform = rng.integers(form.lowest, form.highest, shape, endpoint=True)
        ends = rng.choice([form.lowest, form.highest], shape)
        words[tensor] = np.where(rng.random(shape) < 0.25, ends, uniform).astype(form.dtype)
    return words
