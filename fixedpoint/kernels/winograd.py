"""Convolution with 3 x 3 taps at stride 1 by Winograd's minimal filtering: 16 products where taps take 36, in integers.

The sums are computed in tiles of 2 x 2, each from the 4 x 4 pixels that its taps read.  On one axis::

    pixels d0 d1 d2 d3      weights g0 g1 g2          sums, doubled
    v0 = d0 - d2            u0 = 2 g0                 2 y0 = u0 v0 + u1 v1 + u2 v2
    v1 = d1 + d2            u1 = g0 + g1 + g2         2 y1 = u1 v1 - u2 v2 - u3 v3
    v2 = d2 - d1            u2 = g0 - g1 + g2
    v3 = d1 - d3            u3 = 2 g2                 4 products, where the taps of two outputs take 6

and on two axes the same twice: 16 *points*, each a product of sums that are added up over the channels by `correlate`,
as for a kernel of one tap, and come out as four times the result (S. Winograd, "Arithmetic Complexity of Computations",
1980; A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2016, F(2x2, 3x3)).

It is exact: words of b bits become v of at most b + 2 bits and u of at most b + 4 (9 * 2**(b-1) in magnitude), which
have to fit 16; everything after that is modulo 2**32, and the last sums, four times the results, have to fit 32 bits.
Then nothing that overflows on the way matters, and the two zeros at their end are shifted out.

Pixels d0 and d2 of all tiles lie in one phase plane of stride 2, d1 and d3 in another (see `layout.planes`), so
all of this is adding long rows of numbers::

    source rows --gather--> planes of 4 phases --to_points--> planes of 16 points
                --correlate--> sums of 16 points --from_points--> sums --requantize_rows--> results
"""

from functools import cache, lru_cache

import numpy as np
from numba import carray, types

from convstream.fixedpoint.kernels.convolution import Convolution
from convstream.fixedpoint.kernels.layout.digits import digits, split
from convstream.fixedpoint.kernels.layout.gather import fill_entry, gather_entry
from convstream.fixedpoint.kernels.layout.packing import look_through_entry, spread_bias_entry
from convstream.fixedpoint.kernels.layout.phases import Scan, Tap, Target
from convstream.fixedpoint.kernels.layout.planes import SLACK, Planes
from convstream.fixedpoint.kernels.layout.tiles import Bands, Means, round_up
from convstream.fixedpoint.kernels.multiply_add import TILE_PIXELS, correlate_entry, filter_blocks
from convstream.fixedpoint.kernels.runtime.jit import (
    INT,
    INTS,
    addresses,
    at,
    begins,
    call,
    compiled,
    entry,
    inner,
    words_of,
)
from convstream.fixedpoint.kernels.runtime.scratch import Layout, working_memory
from convstream.fixedpoint.kernels.runtime.threads import AT_ONCE, OFF, counters_of, finish, share, take, wait

POINTS = 16
#: Where tiles are faster, as measured: products for each word that is transformed on its way in or out, and results
#: of a filter, on which the transformation of its weights is spread.
FEWEST_PRODUCTS, FEWEST_RESULTS = 20, 640
#: A band's points and sums pass through the cache once, unlike those of taps: it may take so many times as much.
_BAND = 8


def tiles_suit(convolution: Convolution) -> bool:
    """Whether a convolution is of the kind that tiles compute, exactly and faster than taps."""
    rows, columns = convolution.rows, convolution.columns
    channels, filters = convolution.channels, convolution.filters.count
    faster = (
        channels * filters >= FEWEST_PRODUCTS * (channels + filters)
        and convolution.images * rows.positions * columns.positions >= FEWEST_RESULTS
    )
    return faster and None not in (_tiled(rows), _tiled(columns)) and _exact(*convolution.bits)


def _exact(source_bits: int, weight_bits: int, sum_bits: int) -> bool:
    cut = split(source_bits + 2, weight_bits + 4, sum_bits + 2)
    return cut.sums == np.int32 and len(cut.a) == len(cut.b) == 1


def _tiled(scan: Scan) -> tuple[Scan, tuple[int, ...]] | None:
    """An axis whose positions are tiles of two, and the weight index of each of the three taps; None for others."""
    (target, *others), taps = scan.targets, {tap.shift: tap.index for tap in scan.targets[0].taps}
    if others or scan.stride != 1 or (target.first, target.step) != (0, 1) or sorted(taps) != [0, 1, 2]:
        return None
    pixels = Target(0, 2, tuple(Tap(pixel, pixel % 2, pixel // 2) for pixel in range(4)))
    tiles = -(-scan.positions // 2)
    return Scan(scan.size, 2, scan.pad, tiles, scan.results, (pixels,)), tuple(taps[shift] for shift in range(3))


class Tiles:
    """All that can be known before the words are: bands, their layout, and where the weights of all points are."""

    def __init__(self, convolution: Convolution, given: Means):
        (rows, row_taps), (columns, column_taps) = _tiled(convolution.rows), _tiled(convolution.columns)
        filters, rule, pairs, (whole,) = convolution.filters, convolution.rule, convolution.pairs, digits(16, 16)
        blocks, sums = filter_blocks(filters.count), np.dtype(np.int32)
        padded = int(blocks[-1])
        row_bytes = 4 * (columns.positions + columns.reach) * (POINTS + 4) * (pairs + padded) // _BAND
        bands = Bands.of(convolution.images, rows.positions, row_bytes, convolution.multiplications, given)
        layout = Planes(convolution.channels, rows, columns, bands.height)
        of_phases, of_plane = layout.pair_count * layout.size, round_up(bands.height * layout.pitch, TILE_PIXELS)
        of_point = bands.images * padded * of_plane
        taps = np.array([r * filters.of_row + s for r in row_taps for s in column_taps])
        offsets = (np.arange(POINTS * pairs) * of_plane).reshape(POINTS, pairs)
        self._threads, self._counters = bands.threads, counters_of(blocks.size - 1, len(bands.table))
        self._memory = Layout(
            ((POINTS, padded * pairs), sums),
            ((POINTS, padded * TILE_PIXELS), sums),
            ((bands.threads, round_up(bands.images * of_phases + SLACK, TILE_PIXELS)), sums),
            ((bands.threads, bands.images * POINTS * pairs * of_plane), sums),
            ((bands.threads, POINTS, of_point), sums),
            ((bands.threads, 4 * of_point), sums),
        )
        self._packing = (
            convolution.weight_count, convolution.weights.width, *convolution.bias_form, filters.of_filter,
            filters.count, filters.of_channel, convolution.channels, taps, blocks,
        )  # fmt: skip
        self._packers = (
            look_through_entry(convolution.weights.dtype), _pack_filter_points_entry(convolution.weights.dtype),
            spread_bias_entry(convolution.bias_dtype, sums),
        )  # fmt: skip
        self._kernels = (
            fill_entry(convolution.source.dtype, pairs=True, whole=True), gather_entry(), *_transform_entries(),
            correlate_entry(sums), rule.entry(sums),
        )  # fmt: skip
        self._fixed = (
            convolution.source.shape, convolution.source.width, convolution.result_shape, rule.of(sums), bands.table,
            bands.height, rows.pad, layout.phase_table, layout.pitch, np.array(whole), columns.positions, layout.size,
            offsets, blocks, of_plane, filters.count,
        )  # fmt: skip

    def run(
        self, source: np.ndarray, weights: np.ndarray, bias: np.ndarray, draws: np.ndarray, results: np.ndarray
    ) -> bool:
        """As `kernels.convolve.convolve`; False if a word is outside its format."""
        source_words, weight_words, bias_words, result_words = addresses(source, weights, bias, results)
        memory = working_memory(self._memory)
        packed, starts, planes, points, sums, tiles = memory.arrays(self._memory)

        def pack(thread: int, counters: np.ndarray) -> bool:
            return pack_points(*self._packers, counters, weight_words, bias_words, *self._packing, packed, starts)

        def correlate(thread: int, counters: np.ndarray) -> bool:
            return correlate_tiles(
                *self._kernels, counters, source_words, packed, starts, planes[thread], points[thread], sums[thread],
                tiles[thread], draws, result_words, *self._fixed,
            )  # fmt: skip

        done = share(self._counters, (pack, correlate), self._threads)
        memory.keep()
        return done


@compiled
def correlate_tiles(
    fill, gather, to_points, from_points, correlate, requantize_rows, counters, source, weights, starts, planes, points,
    sums, tiles, draws, results, source_shape, width, result_shape, rule, bands, height, pad, table, pitch, whole,
    positions, size, offsets, blocks, of_plane, filters,
):  # fmt: skip
    """Gather, transform, correlate, transform back and round bands, at most AT_ONCE; returns whether any may be left.

    Parameters
    ----------
    fill, gather, to_points, from_points, correlate, requantize_rows : their addresses
    counters : of `runtime.threads`; stage 0 packs weights, a task of stage 1 is a band
    bands : int64, see `layout.tiles.Bands`
    weights : see `pack_points`;  starts, offsets, blocks : see `correlate`
    planes, points, sums, tiles : int32, for as many images as a band has
    source, results : addresses of tensors of these shapes;  width : of the source's words
    rule, draws : see `requantize_rows`
    height : rows of tiles;  pad : of source rows;  table : see `Planes.phase_table`;  whole : the digit of whole words
    positions : tiles of a row;  size : elements of a phase plane;  filters : without those that fill up the blocks
    """
    row_count, row_size = result_shape[2], result_shape[3]
    plane_size, pairs, padded = row_count * row_size, offsets.shape[1], blocks[-1]
    wait(counters, 0)
    for _ in range(AT_ONCE):
        band = take(counters, 1)
        if band >= bands.shape[0]:
            return False
        if counters[1, OFF]:
            finish(counters, 1)
            continue
        image, end, first, last = bands[band, 0], bands[band, 1], bands[band, 2], bands[band, 3]
        call(gather, (
            fill, source, source_shape, width, (image, end), 2, first, height + 1, (2, pad), 2, table, pitch, size,
            whole, begins((planes,))[0], planes.size, counters,
        ))  # fmt: skip
        call(to_points, (planes, (end - image) * pairs, size, pitch, height * pitch, pairs, points, of_plane))
        pixels = (last - first - 1) * pitch + positions
        call(correlate, (
            points, end - image, offsets.size * of_plane, pixels, offsets, (0, pairs), weights, 0, blocks, pairs,
            False, 0, starts, True, sums, of_plane,
        ))  # fmt: skip
        call(from_points, (sums, (end - image) * padded, of_plane, pixels, tiles))
        for odd in range(2):
            rows = min(last, (row_count - odd + 1) // 2) - first
            call(requantize_rows, (
                tiles, odd * 2 * of_plane, padded * 4 * of_plane, 4 * of_plane, 2 * pitch,
                (end - image, filters, rows, row_size), rule, draws,
                at(results), image * filters * plane_size + (2 * first + odd) * row_size, (plane_size, 2 * row_size, 1),
            ))  # fmt: skip
        finish(counters, 1)
    return True


@inner
def _weight_points(rows, length, g0, g1, g2, first):
    """Rows u0 to u3, from row `first` on, of rows g0, g1 and g2, all of one flat array."""
    g0, g1, g2, first = g0 * length, g1 * length, g2 * length, first * length
    for i in range(length):
        one, two, three = rows[np.uint64(g0 + i)], rows[np.uint64(g1 + i)], rows[np.uint64(g2 + i)]
        rows[np.uint64(first + i)] = 2 * one
        rows[np.uint64(first + length + i)] = one + two + three
        rows[np.uint64(first + 2 * length + i)] = one - two + three
        rows[np.uint64(first + 3 * length + i)] = 2 * three


#: Rows that `pack_filter_points` works in: 9 taps; from `_HALF_WAY` on 4 row points of each of 3 columns; all points.
_HALF_WAY, _ALL, _ROWS = 9, 9 + 12, 9 + 12 + POINTS


@inner
def pack_filter_points(weights, count, start, channels, of_channel, taps, packed, place, apart, rows):
    """One filter's pairs of all points, from weight `start` of `count` on, `apart` from one pair to the next.

    `rows`, int16 (37 * channels rounded up to pairs,), is overwritten: all channels of one tap or point in each row.
    """
    words, pairs, length = carray(weights, (count,)), (channels + 1) // 2, (channels + 1) // 2 * 2
    for tap in range(9):
        rows[tap * length + length - 1] = 0  # behind an odd channel
        for channel in range(channels):
            rows[np.uint64(tap * length + channel)] = words[np.uint64(start + channel * of_channel + taps[tap])]
    for s in range(3):
        _weight_points(rows, length, s, 3 + s, 6 + s, _HALF_WAY + 4 * s)
    for r in range(_HALF_WAY, _HALF_WAY + 4):
        _weight_points(rows, length, r, r + 4, r + 8, _ALL + 4 * (r - _HALF_WAY))
    points = rows.view(np.int32)
    for u in range(POINTS):
        for pair in range(pairs):
            packed[u, place + pair * apart] = points[np.uint64((_ALL + u) * pairs + pair)]


@lru_cache
def _pack_filter_points_entry(dtype: np.dtype) -> int:
    """Address of `pack_filter_points` from words of this dtype."""
    return entry(
        pack_filter_points, words_of(dtype), INT, INT, INT, INT, INTS, types.int32[:, ::1], INT, INT, types.int16[::1],
    )  # fmt: skip


@compiled
def pack_points(
    look_through, pack_filter_points, spread_bias, counters, weights, bias, weight_count, weight_width, bias_count,
    bias_width, bias_shift, of_filter, filters, of_channel, channels, taps, blocks, packed, starts,
):  # fmt: skip
    """Weights of all points in the order of `correlate`, those of two channels in 32 bits; the bias.

    At most AT_ONCE blocks; returns whether any may be left.

    Parameters
    ----------
    look_through, pack_filter_points, spread_bias : their addresses
    counters : of `runtime.threads`; a task of stage 0 is a block
    weights, bias : addresses of so many integers of formats of so many bits
    of_filter, of_channel : distances between neighbours
    taps : int64 (9,), where the taps that read pixels (0,0), (0,1), (0,2), (1,0), ... of a tile are
    blocks : int64, the first filter of each block, and one behind the last
    packed : int32 (16 points, padded filters * pairs): for each block (pairs, filters of the block)
    starts : int32 (16, padded filters * TILE_PIXELS), see `correlate`: four times the bias, shifted left, at point
        (1,1), which counts once in every sum of a tile; 0 at the others
    """
    pairs = (channels + 1) // 2
    rows = np.empty(_ROWS * 2 * pairs, np.int16)
    for _ in range(AT_ONCE):
        block = take(counters, 0)
        if block >= blocks.size - 1:
            return False
        lanes = blocks[block + 1] - blocks[block]
        call(look_through, (at(weights), weight_count, weight_width, block, blocks.size - 1, counters))
        starts[:, blocks[block] * TILE_PIXELS : blocks[block + 1] * TILE_PIXELS] = 0
        call(spread_bias, (
            at(bias), bias_count, bias_width, bias_shift + 2, blocks[block], blocks[block + 1], starts[5], counters
        ))  # fmt: skip
        for lane in range(lanes):
            start = min(blocks[block] + lane, filters - 1) * of_filter
            call(pack_filter_points, (
                at(weights), weight_count, start, channels, of_channel, taps, packed, blocks[block] * pairs + lane,
                lanes, rows,
            ))  # fmt: skip
        finish(counters, 0)
    return True


#: Which two pixels make v0 to v3, and the sign of the second.
_PIXELS = np.array([[0, 2, -1], [1, 2, 1], [2, 1, -1], [1, 3, -1]])


@inner
def _add(a, first, sign, second, count, total, place):
    for i in range(count):
        total[np.uint64(place + i)] = a[np.uint64(first + i)] + sign * a[np.uint64(second + i)]


@inner
def to_points(planes, count, size, pitch, pixels, pairs, points, of_plane):
    """The 16 points of `count` pairs of channels, all of which are at positions 0..pixels-1.

    Parameters
    ----------
    planes : int32 (count, 4 phases, size), a pair of pixels each
    points : int32 (count / pairs, 16 points, pairs, of_plane), overwritten
    """
    source, target = planes.view(np.int16), points.view(np.int16)
    size, pitch, of_plane = 2 * size, 2 * pitch, 2 * of_plane  # in halves of pairs
    length = 2 * pixels + 2
    down = np.empty(2 * length, np.int16)  # a row point, of even columns and of odd ones
    for plane in range(count):
        first = (plane // pairs * 16 * pairs + plane % pairs) * of_plane
        for row in range(4):
            one, other, sign = _PIXELS[row]
            for odd in range(2):  # pixel 2 a + b of a column lies in phase b, a rows down
                column = (4 * plane + odd) * size
                _add(
                    source, column + one % 2 * 2 * size + one // 2 * pitch, np.int16(sign),
                    column + other % 2 * 2 * size + other // 2 * pitch, length, down, odd * length,
                )  # fmt: skip
            for point in range(4):
                one, other, sign = _PIXELS[point]
                _add(
                    down, one % 2 * length + one // 2 * 2, np.int16(sign), other % 2 * length + other // 2 * 2,
                    length - 2, target, first + (4 * row + point) * pairs * of_plane,
                )  # fmt: skip


#: Sums of a point that are added to the others at once.
_CHUNK = 256


@inner
def _add_three(m, first, apart, sign, count, total, place):
    for i in range(count):
        others = m[np.uint64(first + apart + i)] + m[np.uint64(first + 2 * apart + i)]
        total[np.uint64(place + i)] = m[np.uint64(first + i)] + sign * others


@inner
def from_points(points, count, of_plane, pixels, tiles):
    """The 2 x 2 sums of every tile, from four times those of its points.

    Parameters
    ----------
    points : int32 (16, ...), sums of each point (count, of_plane)
    tiles : int32 (count, 2, 2 * of_plane), overwritten: even rows of results, and odd ones
    """
    sums, of_point = points.reshape(points.size), points.shape[1]
    half = np.empty(4 * _CHUNK, np.int32)  # a row of results, of every column point
    for plane in range(count):
        for begin in range(0, pixels, _CHUNK):
            length = min(_CHUNK, pixels - begin)
            for odd in range(2):  # 4 y0 = m0 + (m1 + m2), 4 y1 = m1 - (m2 + m3)
                for column in range(4):
                    first = plane * of_plane + begin + (4 * odd + column) * of_point
                    _add_three(sums, first, 4 * of_point, np.int32(1 - 2 * odd), length, half, column * _CHUNK)
                target = (plane * 4 + 2 * odd) * of_plane + 2 * begin
                for i in range(length):
                    h0, h1 = half[np.uint64(i)], half[np.uint64(_CHUNK + i)]
                    h2, h3 = half[np.uint64(2 * _CHUNK + i)], half[np.uint64(3 * _CHUNK + i)]
                    tiles[np.uint64(target + 2 * i)] = np.int32(h0 + h1 + h2) >> np.int32(2)
                    tiles[np.uint64(target + 2 * i + 1)] = np.int32(h1 - h2 - h3) >> np.int32(2)


@cache
def _transform_entries() -> tuple[int, int]:
    """Addresses of `to_points` and `from_points`."""
    words = types.int32[::1]
    return (
        entry(to_points, words, INT, INT, INT, INT, INT, words, INT),
        entry(from_points, types.int32[:, ::1], INT, INT, INT, words),
    )  # fmt: skip
