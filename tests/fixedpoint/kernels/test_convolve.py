"""The fast passes against the definitions: all geometries, widths, row tiles, thread counts and rounding rules."""

import os
import re
import subprocess
import sys
from inspect import signature
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from convstream.fixedpoint import rounding as rules
from convstream.fixedpoint.formats import Format, Formats, Overflow, Rounding
from convstream.fixedpoint.forward import forward, forward_accumulate, forward_definition
from convstream.fixedpoint.input_gradient import input_gradient, input_gradient_accumulate, input_gradient_definition
from convstream.fixedpoint.kernels import direct, weight_sums
from convstream.fixedpoint.kernels.layout import tiles
from convstream.fixedpoint.kernels.layout.digits import digits, split
from convstream.fixedpoint.kernels.layout.phases import forward_phases, gradient_phases
from convstream.fixedpoint.kernels.layout.tiles import Resources, RowTiles
from convstream.fixedpoint.kernels.multiply_add import LANES, filter_blocks
from convstream.fixedpoint.kernels.runtime.scratch import KEPT_BYTES, Layout, working_memory
from convstream.fixedpoint.kernels.runtime.threads import CANCELLED, TAKEN, TASKS, threads
from convstream.fixedpoint.layer import Layer, LayerError
from convstream.fixedpoint.stochastic import result_draws
from convstream.fixedpoint.weight_gradient import (
    weight_gradient,
    weight_gradient_accumulate,
    weight_gradient_definition,
)
from convstream.reference.geometry import Axis, Geometry

ROOT = Path(__file__).parents[3]
PASSES = {
    "z": (forward, forward_accumulate, forward_definition, ("x", "w", "b")),
    "dx": (input_gradient, input_gradient_accumulate, input_gradient_definition, ("w", "dz")),
    "dw": (weight_gradient, weight_gradient_accumulate, weight_gradient_definition, ("x", "dz")),
}


def random_layer(rng: np.random.Generator) -> Layer:
    """Large enough for several tiles and vectors; widths of all cuts, from two bits to accumulators of 63."""
    while True:
        axes = []
        for _ in range(2):
            kernel, stride, dilation = int(rng.integers(1, 6)), int(rng.integers(1, 5)), int(rng.integers(1, 3))
            before, after = (int(pad) for pad in rng.integers(0, kernel + 2, 2))
            smallest = max(1, dilation * (kernel - 1) + 1 - before - after)
            axes.append(Axis(smallest + int(rng.integers(0, 20)), kernel, stride, before, after, dilation))
        batch, in_channels, out_channels = (int(extent) for extent in rng.integers(1, (4, 10, 10)))
        x, w, dz = (Format(int(rng.integers(2, rng.choice([9, 17, 33]))), 4) for _ in range(3))
        results = [Format(int(rng.integers(2, 33)), int(rng.integers(-8, 12))) for _ in range(4)]
        formats = Formats(
            x, w, Format(int(rng.integers(2, 33)), int(rng.integers(0, 9))), results[0], dz, *results[1:],
            list(Rounding)[rng.integers(6)], list(Overflow)[rng.integers(2)], int(rng.integers(1 << 32)),
        )  # fmt: skip
        try:
            return Layer(Geometry(batch, in_channels, out_channels, *axes), formats)
        except LayerError:
            continue


def random_tensors(layer: Layer, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Words over the whole range, or nothing but the most negative one, or nothing but ends."""
    tensors, kind = {}, rng.integers(4)
    for name in ("x", "w", "b", "dz"):
        form, shape = layer.formats.of(name), layer.geometry.shapes[name]
        tensors[name] = {
            0: lambda form=form, shape=shape: np.full(shape, form.lowest),
            1: lambda form=form, shape=shape: rng.choice([form.lowest, form.highest], shape),
        }.get(
            int(kind), lambda form=form, shape=shape: rng.integers(form.lowest, form.highest, shape, endpoint=True)
        )().astype(form.dtype)  # fmt: skip
    return tensors


def rounded(accumulators: np.ndarray, result: str, layer: Layer) -> np.ndarray:
    """Every accumulator through the scalar rules, one by one."""
    formats = layer.formats
    form, shift = formats.of(result), layer.accumulators[result].fraction - formats.of(result).fraction
    drawn = np.zeros(accumulators.shape, np.int64)
    if formats.rounding == Rounding.STOCHASTIC:
        drawn = result_draws(result, layer, max(0, shift))
    rule = shift, form.width, rules.ROUNDING_NUMBER[formats.rounding], rules.OVERFLOW_NUMBER[formats.overflow]
    pairs = zip(accumulators.ravel().tolist(), drawn.ravel().tolist(), strict=True)
    return np.array([rules.requantize_word(value, *rule, draw) for value, draw in pairs]).reshape(accumulators.shape)


def assert_equal_to_definition(layer: Layer, tensors: dict[str, np.ndarray]) -> None:
    for result, (fast, accumulate, definition, operands) in PASSES.items():
        given = [tensors[name] for name in operands]
        exact = definition(*given, layer)
        np.testing.assert_array_equal(accumulate(*given, layer), exact, err_msg=result)
        words = fast(*given, layer)
        assert words.dtype == layer.formats.of(result).dtype
        np.testing.assert_array_equal(words, rounded(exact, result, layer), err_msg=result)


def assert_one_word_is_found(layer: Layer, tensors: dict[str, np.ndarray], rng: np.random.Generator) -> None:
    """In every operand whose dtype can hold words outside its format, wherever it is."""
    for fast, _, _, operands in PASSES.values():
        for name in operands:
            form, words = layer.formats.of(name), tensors[name].copy()
            held = np.iinfo(words.dtype)
            if form.lowest == held.min:
                continue
            index = tuple(int(rng.integers(extent)) for extent in words.shape)
            words[index] = rng.choice([form.lowest - 1, form.highest + 1, held.min, held.max])
            expected = re.escape(f"{name}{list(index)} is {words[index]}, outside {form.lowest}..{form.highest}")
            with pytest.raises(ValueError, match=expected):
                fast(*[words if operand == name else tensors[operand] for operand in operands], layer)


def check(seed: int, monkeypatch) -> None:
    """One layer; row tiles of all heights and two threads, which a layer this small would not get, in three of four."""
    rng = np.random.default_rng(seed)
    layer = random_layer(rng)
    if rng.integers(4):
        monkeypatch.setattr(tiles, "ROW_TILE_BYTES", int(rng.integers(1, 1 << 15)))
        monkeypatch.setattr(weight_sums, "ROW_TILE_PIXELS", int(rng.integers(1, 200)))
        monkeypatch.setattr(tiles, "SHARED_MULTIPLICATIONS", 0)
    tensors = random_tensors(layer, rng)
    with threads(int(rng.integers(1, 4))):
        assert_one_word_is_found(layer, tensors, rng)
        assert_equal_to_definition(layer, tensors)  # with nothing left of what was there before


@pytest.mark.parametrize("block", range(20))
def test_passes_equal_their_definitions_and_find_a_word_outside_its_format(block, monkeypatch):
    for seed in range(block * 25, block * 25 + 25):
        with monkeypatch.context() as patch:
            check(seed, patch)


@pytest.mark.campaign
@pytest.mark.parametrize("block", range(200))
def test_many_passes_equal_their_definitions_and_find_a_word_outside_its_format(block, monkeypatch):
    for seed in range(block * 100 + 1000, block * 100 + 1100):
        with monkeypatch.context() as patch:
            check(seed, patch)


WIDTHS = [(8, 8), (16, 8), (14, 10), (16, 16), (17, 9), (18, 18), (24, 24), (28, 20)]


@pytest.mark.parametrize(("x_bits", "w_bits"), WIDTHS)
def test_most_negative_operands_in_long_sums(x_bits, w_bits):
    """All operands at -2**(w-1), and more terms than 32 bits hold at once: no chunk may be one too long."""
    geometry = Geometry(1, 70, 5, Axis(12, 3, 1, 1, 1), Axis(70, 3, 1, 1, 1))
    x, w, result = Format(x_bits, 0), Format(w_bits, 0), Format(32, 0)
    layer = Layer(geometry, Formats(x, w, Format(32, 0), result, w, result, result, result))
    tensors = {
        name: np.full(geometry.shapes[name], layer.formats.of(name).lowest, layer.formats.of(name).dtype)
        for name in ("x", "w", "b", "dz")
    }
    assert_equal_to_definition(layer, tensors)


@pytest.mark.parametrize(
    "geometry",
    [Geometry(1, 512, 4, Axis(1, 1), Axis(40, 1)), Geometry(1, 2, 512, Axis(1, 1), Axis(40, 1)),
     Geometry(1, 2, 3, Axis(1, 1), Axis(512 * LANES, 1))],
    ids=["z", "dx", "dw"],
)  # fmt: skip
def test_no_chunk_is_one_too_long(geometry):
    """As many of the most negative products as one chunk may add up, and two more."""
    form, result = Format(16, 0), Format(32, 0)
    cut = split(16, 16, 63, halves=False)
    assert max(geometry.in_channels, geometry.out_channels, geometry.columns.size // (2 * LANES) * 2) > cut.terms
    layer = Layer(geometry, Formats(form, form, form, result, form, result, result, result))
    assert_equal_to_definition(
        layer, {name: np.full(shape, form.lowest, np.int16) for name, shape in geometry.shapes.items()}
    )


@pytest.mark.parametrize("fraction", [-1, -2, -8, -9, -15, -33])
@pytest.mark.parametrize("rounding", list(Rounding))
def test_small_sums_that_move_far_to_the_right(fraction, rounding):
    """By 31 bits and more, of sums that 32 bits hold; and as far to the left."""
    form = Format(8, 15)
    layer = Layer(
        Geometry(1, 3, 5, Axis(6, 3, 1, 1, 1), Axis(7, 3, 1, 1, 1)),
        Formats(form, form, form, Format(8, fraction), form, Format(8, fraction), Format(16, 60), form, rounding),
    )
    tensors = random_tensors(layer, np.random.default_rng(0))
    assert_equal_to_definition(layer, tensors)


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("overflow", list(Overflow))
@pytest.mark.parametrize(("width", "shift"), [(8, 24), (9, 24), (16, 30)])
def test_sums_of_32_bits_have_room_to_be_rounded(width, shift, overflow, rounding):
    """Sums at both ends of 32 bits; what is added to round them would not fit, but where they are limited before."""
    form, bias, result = Format(12, 0), Format(22, 0), Format(width, -shift)
    formats = Formats(form, form, bias, result, form, form, form, form, rounding, overflow)
    layer = Layer(Geometry(1, 511, 3, Axis(2, 1), Axis(3, 1)), formats)
    assert layer.accumulators["z"].width == 32
    x = np.full(layer.geometry.x_shape, form.lowest, np.int16)
    x[..., 1] = -form.lowest // 2 + np.arange(511)[:, None]  # sums further from the ends
    w = np.full(layer.geometry.w_shape, form.lowest, np.int16)
    w[1] = form.highest
    for words in [bias.highest, bias.lowest, 0], [-1, 0, 0]:
        b = np.array(words, np.int32)
        exact = forward_definition(x, w, b, layer)
        np.testing.assert_array_equal(forward(x, w, b, layer), rounded(exact, "z", layer))


@pytest.mark.parametrize("kind", ["pair", "no pair", "near", "single"])
@pytest.mark.parametrize("channels", [6, 7])
def test_sums_of_halves_where_pairs_come_close_to_32_bits(kind, channels, monkeypatch):
    """x is at its lowest throughout; only a pair of lowest words in the other operand leads to digits."""
    form = Format(16, 0)
    geometry = Geometry(1, channels, 10, Axis(33, 3, 1, 1, 1), Axis(37, 3, 1, 1, 1))
    layer = Layer(geometry, Formats(*[form] * 3, Format(32, 0), *[form] * 3, form))
    tensors = {name: np.full(shape, form.lowest, np.int16) for name, shape in geometry.shapes.items()}
    for name in ("w", "dz"):
        alternating = np.indices(tensors[name].shape).sum(0) % 2
        alone = np.arange(alternating.size).reshape(alternating.shape) == 20
        above = {
            "pair": 0, "no pair": alternating, "near": 1, "single": np.where(alone, 0, 65535)
        }[kind]  # fmt: skip
        tensors[name] = (tensors[name] + above).astype(np.int16)
    taken = []
    for module, kernel in (
        (direct, "correlate_row_tiles"),
        (weight_sums, "dot_row_tiles"),
    ):
        original = getattr(module, kernel)
        given_to = signature(original.py_func).bind

        def spy(*given, original=original, given_to=given_to):
            arguments = given_to(*given).arguments
            counters = arguments["counters"]
            late = (counters[:, TAKEN] >= counters[:, TASKS]).all()  # a thread of an earlier pass finds nothing to do
            original(*given)
            if not late and not counters[1, CANCELLED]:
                taken.append(arguments["halves"])

        monkeypatch.setattr(module, kernel, spy)
    assert_equal_to_definition(layer, tensors)
    assert taken == [kind != "pair"] * len(taken)
    assert len(taken) >= 6


@pytest.mark.parametrize("bits", [8, 16, 20])
@pytest.mark.parametrize("channels", [4, 5])
@pytest.mark.parametrize("row_tile_bytes", [1, 3000, 1 << 19])
def test_rows_without_padding_are_one_long_row(bits, channels, row_tile_bytes, monkeypatch):
    monkeypatch.setattr(tiles, "ROW_TILE_BYTES", row_tile_bytes)
    form = Format(bits, 4)
    layer = Layer(Geometry(3, channels, 7, Axis(9, 1), Axis(11, 1)), Formats(*[form] * 8))
    rng = np.random.default_rng(bits)
    tensors = {
        name: rng.integers(form.lowest, form.highest, layer.geometry.shapes[name], form.dtype, endpoint=True)
        for name in ("x", "w", "b", "dz")
    }
    assert_equal_to_definition(layer, tensors)


@pytest.mark.parametrize("filters", range(1, 40))
def test_blocks_hold_all_filters_and_hardly_more(filters):
    blocks = filter_blocks(filters)
    assert blocks[0] == 0
    assert set(np.diff(blocks)) <= {4, 6} or blocks.tolist() == [0, 3]
    assert filters <= blocks[-1] <= max(3, filters + 1)


@pytest.mark.parametrize("threads_", range(1, 5))
def test_row_tiles_are_all_rows_once(threads_, monkeypatch):
    monkeypatch.setattr(tiles, "ROW_TILE_BYTES", 1000)
    for images, positions, row_bytes in product((1, 2, 5), (1, 7, 40), (1, 100, 5000)):
        with threads(threads_):
            tiled = RowTiles.of(images, positions, row_bytes, 1 << 30, Resources.current())
        rows = [(n, row) for n, end, first, last in tiled.table for n in range(n, end) for row in range(first, last)]
        assert sorted(rows) == list(product(range(images), range(positions)))
        assert all(end - n <= tiled.images and last - first <= tiled.height for n, end, first, last in tiled.table)


@pytest.mark.parametrize("bits", range(2, 33))
@pytest.mark.parametrize("digit_bits", [8, 12, 16])
def test_digits_make_up_the_word(bits, digit_bits):
    form = Format(bits, 0)
    rng = np.random.default_rng(bits)
    words = [form.lowest, form.lowest + 1, -1, 0, 1, form.highest - 1, form.highest]
    words += rng.integers(form.lowest, form.highest, 200, endpoint=True).tolist()
    for word in words:
        values = [((word + d.offset) >> d.shift & d.mask) - d.half for d in digits(bits, digit_bits)]
        assert sum(value << d.shift for value, d in zip(values, digits(bits, digit_bits), strict=True)) == word
        assert all(abs(value) <= 1 << (min(bits, digit_bits) - 1) for value in values)


@pytest.mark.parametrize("a_bits", range(2, 33))
def test_a_cut_fits_16_bit_operands_and_32_bit_sums(a_bits):
    for b_bits, halves in product(range(2, 33), (True, False)):
        cut = split(a_bits, b_bits, 63, halves=halves)
        ends = []
        for bits, of_operand in ((a_bits, cut.a), (b_bits, cut.b)):
            words = [-(1 << (bits - 1)), (1 << (bits - 1)) - 1, *((1 << place) - 1 for place in range(bits))]
            values = {((word + d.offset) >> d.shift & d.mask) - d.half for word in words for d in of_operand}
            assert -(1 << 15) <= min(values) <= max(values) < 1 << 15
            ends.append(max(map(abs, values)))
        assert cut.halves <= halves
        if cut.halves:
            assert len(cut.a) == len(cut.b) == 1
            assert cut.terms <= 1 << 16  # upper halves of so many pairs, -2**15 each, fit 32 bits; lower ones as well
        else:
            assert cut.terms * ends[0] * ends[1] < 1 << 31
        assert cut.terms >= 64  # a whole vector of pixel pairs, and chunks worth moving


def test_results_do_not_depend_on_the_number_of_threads():
    rng = np.random.default_rng(1)
    geometry = Geometry(2, 16, 12, Axis(60, 3, 2, 1, 1), Axis(57, 3, 2, 1, 1))
    form = Format(16, 8)
    layer = Layer(geometry, Formats(*[form] * 8, Rounding.STOCHASTIC))
    assert geometry.multiplications > tiles.SHARED_MULTIPLICATIONS
    tensors = random_tensors(layer, rng)
    for fast, _, _, operands in PASSES.values():
        given = [tensors[name] for name in operands]
        with threads(1):
            alone = fast(*given, layer)
        for count in (2, 3, 7):
            with threads(count):
                np.testing.assert_array_equal(fast(*given, layer), alone)


def test_all_results_are_computed_where_phases_say_so():
    """Results are then not cleared before."""
    rng, says = np.random.default_rng(1), []
    for _ in range(300):
        axis = random_layer(rng).geometry.columns
        for phases in (forward_phases(axis), gradient_phases(axis)):
            extent = 0, phases.positions, phases.results
            made = [result for target in phases.targets for result in target.results(*extent)[1]]
            says.append(phases.makes_all)
            assert sorted(made) == list(range(phases.results)) or not phases.makes_all
            assert len(set(made)) == len(made)
    assert {True, False} == set(says)


def test_working_memory_is_kept_but_never_shared():
    small, two = Layout(((10,), np.int16)), Layout(((3, 1000), np.int32), ((10,), np.int16))
    memory = working_memory(two)
    first, beside = memory.arrays(two)
    assert (first.shape, first.dtype, beside.shape, beside.dtype) == ((3, 1000), np.int32, (10,), np.int16)
    assert not np.shares_memory(first, beside)
    other = working_memory(two)  # of a pass inside this one
    assert not any(np.shares_memory(mine, first) for mine in other.arrays(two))
    memory.keep()
    again = working_memory(small)
    assert again is memory
    (of_small,) = again.arrays(small)
    assert np.shares_memory(of_small, first)  # the same bytes, cut up otherwise
    assert again.arrays(two)[0] is first
    assert working_memory(small) is not memory  # after an exception: never kept again


def test_working_memory_of_unusual_size_is_not_kept():
    small, large = Layout(((10,), np.uint8)), Layout(((KEPT_BYTES + 1,), np.uint8))
    usual = working_memory(small)
    usual.keep()
    memory = working_memory(large)
    assert memory.arrays(large)[0].size == KEPT_BYTES + 1
    memory.keep()
    assert working_memory(large) is not memory
    assert working_memory(small) is usual
    with pytest.raises(MemoryError):
        working_memory(Layout(((1 << 60,), np.int32)))


WITH_GUARD_PAGES = """
import ctypes, mmap, sys
import numpy as np
from convstream.fixedpoint.kernels.layout import tiles
from convstream.fixedpoint.kernels import weight_sums
from convstream.fixedpoint.kernels.runtime import scratch
from convstream.fixedpoint.kernels import direct
from convstream.fixedpoint.kernels import winograd
from tests.fixedpoint.kernels.test_convolve import PASSES, random_layer, random_tensors
from tests.fixedpoint.kernels.test_winograd import random_winograd_layer

protect = ctypes.CDLL(None).mprotect
page = mmap.PAGESIZE
at_end = True


def guarded(shape, dtype):
    '''Zeros between two pages that may not be touched, right before the one or right after the other.'''
    count, dtype = int(np.prod(shape)), np.dtype(dtype)
    pages = -(-count * dtype.itemsize // page)
    area = mmap.mmap(-1, (pages + 2) * page)
    address = ctypes.addressof(ctypes.c_char.from_buffer(area))
    for guard in (address, address + (pages + 1) * page):
        assert protect(ctypes.c_void_p(guard), ctypes.c_size_t(page), 0) == 0
    start = (pages + 1) * page - count * dtype.itemsize if at_end else page
    return np.frombuffer(area, dtype, count, start).reshape(shape)


scratch._cut = lambda block, layout: [
    guarded(shape, dtype) for _, _, shape, dtype in layout.arrays
]
winograd.FEWEST_PRODUCTS = winograd.FEWEST_RESULTS = 0
for module in (direct, weight_sums, winograd):
    module.SLACK = int(sys.argv[1])
for seed in range(40):
    rng = np.random.default_rng(seed)
    at_end = seed % 2 == 0
    tiles.ROW_TILE_BYTES = int(rng.integers(1, 1 << 15))
    layer = random_winograd_layer(rng) if seed % 4 > 1 else random_layer(rng)
    tensors = random_tensors(layer, rng)
    for fast, _, definition, operands in PASSES.values():
        fast(*(tensors[name] for name in operands), layer)
print("inside")
"""


def run_with_guard_pages(slack: int) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", WITH_GUARD_PAGES, str(slack)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="guards memory by mprotect")
def test_kernels_stay_inside_their_arrays():
    finished = run_with_guard_pages(direct.SLACK)
    assert finished.stdout == "inside\n", finished.stderr
    assert run_with_guard_pages(0).returncode < 0, "nothing was ever read behind a plane: the guards prove nothing"
