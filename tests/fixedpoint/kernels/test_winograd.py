"""Winograd's tiles against the definitions, at the widest words for which they are exact, and at no wider ones."""

from dataclasses import replace

import numpy as np
import pytest

from convstream.fixedpoint.formats import Format, Formats, Overflow, Rounding
from convstream.fixedpoint.forward import forward_convolution
from convstream.fixedpoint.kernels import winograd
from convstream.fixedpoint.kernels.layout import tiles
from convstream.fixedpoint.kernels.layout.phases import forward_phases, gradient_phases
from convstream.fixedpoint.kernels.runtime.threads import threads
from convstream.fixedpoint.kernels.winograd import Winograd, winograd_suits
from convstream.fixedpoint.layer import Layer
from convstream.reference.geometry import Axis, Geometry
from tests.fixedpoint.kernels.test_convolve import assert_equal_to_definition, assert_one_word_is_found, random_tensors


def random_winograd_layer(rng: np.random.Generator) -> Layer:
    """3 x 3 taps at stride 1, and sums that are exact in tiles; odd sizes, one pixel, more padding than pixels."""
    while True:
        axes = []
        for _ in range(2):
            before, after = (int(pad) for pad in rng.integers(0, 5, 2))
            axes.append(Axis(max(1, 3 - before - after) + int(rng.integers(0, 24)), 3, 1, before, after))
        batch, in_channels, out_channels = (int(extent) for extent in rng.integers(1, (4, 20, 20)))
        x, w, dz = (Format(int(rng.integers(2, widest)), 0) for widest in (15, 13, 15))
        results = [Format(int(rng.integers(2, 17)), int(rng.integers(-8, 1))) for _ in range(4)]
        formats = Formats(
            x, w, Format(int(rng.integers(2, 17)), 0), results[0], dz, *results[1:],
            list(Rounding)[rng.integers(6)], list(Overflow)[rng.integers(2)], int(rng.integers(1 << 32)),
        )  # fmt: skip
        layer = Layer(Geometry(batch, in_channels, out_channels, *axes), formats)
        if max(layer.accumulators[result].width for result in ("z", "dx")) <= 30:
            return layer


@pytest.mark.parametrize("block", range(8))
def test_winograd_equals_the_definitions_and_find_a_word_outside_its_format(block, monkeypatch):
    """Many of them at the widest words that 16 bits and 32-bit sums allow, all at their ends."""
    computed = []
    monkeypatch.setattr(winograd, "FEWEST_PRODUCTS", 0)
    monkeypatch.setattr(winograd, "FEWEST_RESULTS", 0)
    run = Winograd.run
    monkeypatch.setattr(Winograd, "run", lambda *given: computed.append(given) or run(*given))
    for seed in range(block * 25, block * 25 + 25):
        rng = np.random.default_rng(seed)
        monkeypatch.setattr(tiles, "ROW_TILE_BYTES", int(rng.integers(1, 1 << 14)))
        monkeypatch.setattr(tiles, "SHARED_MULTIPLICATIONS", 0)
        layer = random_winograd_layer(rng)
        tensors = random_tensors(layer, rng)
        with threads(int(rng.integers(1, 4))):
            assert_one_word_is_found(layer, tensors, rng)
            computed.clear()
            assert_equal_to_definition(layer, tensors)
        assert len(computed) == 4, "z and dx, as accumulators and rounded"


@pytest.mark.parametrize(
    ("bits", "exact"),
    [((8, 8, 25), True), ((14, 12, 30), True), ((15, 12, 30), False), ((14, 13, 30), False), ((8, 8, 31), False)],
)
def test_winograd_is_for_words_that_stay_exact(bits, exact):
    """With two bits more for x, four more for w, two more for the sums."""
    axis = Axis(56, 3, 1, 1, 1)
    layer = Layer(Geometry(1, 64, 64, axis, axis), Formats(*[Format(8, 4)] * 8))
    convolution = replace(forward_convolution(layer), bits=bits)
    assert winograd_suits(convolution) == exact
    for other in (Axis(56, 3, 2, 1, 1), Axis(56, 3, 1, 1, 1, 2), Axis(56, 2, 1, 1, 1), Axis(56, 5, 1, 1, 1)):
        assert not winograd_suits(replace(convolution, columns=forward_phases(other)))
        assert not winograd_suits(replace(convolution, rows=gradient_phases(other)))
