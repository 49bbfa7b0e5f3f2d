"""Convolution with 3 x 3 taps at stride 1 by Winograd's minimal filtering: 16 products for 36, in integers.

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

import numpy as np

from convstream.fixedpoint.kernels.convolution import Convolution
from convstream.fixedpoint.kernels.layout.digits import digits, split
from convstream.fixedpoint.kernels.layout.gather import call_gather, fill_entry, gather_entry
from convstream.fixedpoint.kernels.layout.packing import (
    call_check_range,
    call_spread_bias,
    check_range_entry,
    spread_bias_entry,
)
from convstream.fixedpoint.kernels.layout.phases import PhaseAxis, Tap, Target
from convstream.fixedpoint.kernels.layout.planes import SLACK, Planes
from convstream.fixedpoint.kernels.layout.tiles import Resources, RowTiles, round_up
from convstream.fixedpoint.kernels.multiply_add import TILE_PIXELS, call_correlate, correlate_entry, filter_blocks
from convstream.fixedpoint.kernels.rounding_rows import call_requantize_rows
from convstream.fixedpoint.kernels.runtime.calls import addresses, at, begins
from convstream.fixedpoint.kernels.runtime.jit import compiled
from convstream.fixedpoint.kernels.runtime.scratch import Layout, working_memory
from convstream.fixedpoint.kernels.runtime.threads import (
    CANCELLED,
    TASKS_PER_CALL,
    counters_of,
    finish,
    share,
    take,
    wait,
)
from convstream.fixedpoint.kernels.winograd_transforms import (
    POINTS,
    SCRATCH_ROWS,
    call_from_points,
    call_pack_filter_points,
    call_to_points,
    pack_filter_points_entry,
    transform_entries,
)

#: From where on it is faster than direct convolution, as measured: products for each word that is transformed on its
#: way in or out, and results of a filter, on which the transformation of its weights is spread.
FEWEST_PRODUCTS, FEWEST_RESULTS = 20, 640
#: A row tile's points and sums pass through the cache once, unlike those of `direct`: it may be so many times as large.
_ROW_TILE = 8


def winograd_suits(convolution: Convolution) -> bool:
    """Whether a convolution is one that Winograd's algorithm computes exactly, and faster than a direct one."""
    rows, columns = convolution.rows, convolution.columns
    channels, filters = convolution.channels, convolution.filters.count
    faster = (
        channels * filters >= FEWEST_PRODUCTS * (channels + filters)
        and convolution.images * rows.positions * columns.positions >= FEWEST_RESULTS
    )
    return faster and None not in (_winograd_axis(rows), _winograd_axis(columns)) and _exact(*convolution.bits)


def _exact(source_bits: int, weight_bits: int, sum_bits: int) -> bool:
    cut = split(source_bits + 2, weight_bits + 4, sum_bits + 2)
    return cut.sums == np.int32 and len(cut.a) == len(cut.b) == 1


def _winograd_axis(axis: PhaseAxis) -> tuple[PhaseAxis, tuple[int, ...]] | None:
    """An axis whose positions are tiles of two, and the weight index of each of the three taps; None for others."""
    (target, *others), taps = axis.targets, {tap.shift: tap.index for tap in axis.targets[0].taps}
    if others or axis.stride != 1 or (target.first, target.step) != (0, 1) or sorted(taps) != [0, 1, 2]:
        return None
    pixels = Target(0, 2, tuple(Tap(pixel, pixel % 2, pixel // 2) for pixel in range(4)))
    tiles = -(-axis.positions // 2)
    return PhaseAxis(axis.size, 2, axis.pad, tiles, axis.results, (pixels,)), tuple(taps[shift] for shift in range(3))


class Winograd:
    """Precomputed plan of one Winograd convolution: row tiles, their layout, and the weights of all points."""

    def __init__(self, convolution: Convolution, resources: Resources):
        (rows, row_taps), (columns, column_taps) = _winograd_axis(convolution.rows), _winograd_axis(convolution.columns)
        filters, rule, pairs, (whole,) = convolution.filters, convolution.rule, convolution.pairs, digits(16, 16)
        blocks, sums = filter_blocks(filters.count), np.dtype(np.int32)
        padded = int(blocks[-1])
        row_bytes = 4 * (columns.positions + columns.reach) * (POINTS + 4) * (pairs + padded) // _ROW_TILE
        row_tiles = RowTiles.of(convolution.images, rows.positions, row_bytes, convolution.multiplications, resources)
        layout = Planes(convolution.channels, rows, columns, row_tiles.height)
        of_phases, of_plane = layout.pair_count * layout.size, round_up(row_tiles.height * layout.pitch, TILE_PIXELS)
        of_point = row_tiles.images * padded * of_plane
        taps = np.array([r * filters.of_row + s for r in row_taps for s in column_taps])
        offsets = (np.arange(POINTS * pairs) * of_plane).reshape(POINTS, pairs)
        self._threads, self._counters = row_tiles.threads, counters_of(blocks.size - 1, len(row_tiles.table))
        self._memory = Layout(
            ((POINTS, padded * pairs), sums),
            ((POINTS, padded * TILE_PIXELS), sums),
            ((row_tiles.threads, round_up(row_tiles.images * of_phases + SLACK, TILE_PIXELS)), sums),
            ((row_tiles.threads, row_tiles.images * POINTS * pairs * of_plane), sums),
            ((row_tiles.threads, POINTS, of_point), sums),
            ((row_tiles.threads, 4 * of_point), sums),
        )
        self._packing = (
            convolution.weight_count, convolution.weights.width, *convolution.bias_form, filters.of_filter,
            filters.count, filters.of_channel, convolution.channels, taps, blocks,
        )  # fmt: skip
        self._packers = (
            check_range_entry(convolution.weights.dtype), pack_filter_points_entry(convolution.weights.dtype),
            spread_bias_entry(convolution.bias_dtype, sums),
        )  # fmt: skip
        self._kernels = (
            fill_entry(convolution.source.dtype, pairs=True, whole=True), gather_entry(), *transform_entries(),
            correlate_entry(sums), rule.entry(sums),
        )  # fmt: skip
        self._fixed = (
            convolution.source.shape, convolution.source.width, convolution.result_shape, rule.of(sums),
            row_tiles.table, row_tiles.height, rows.pad, layout.phase_table, layout.pitch, np.array(whole),
            columns.positions, layout.size, offsets, blocks, of_plane, filters.count,
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
            return correlate_winograd_tiles(
                *self._kernels, counters, source_words, packed, starts, planes[thread], points[thread], sums[thread],
                tiles[thread], draws, result_words, *self._fixed,
            )  # fmt: skip

        completed = share(self._counters, (pack, correlate), self._threads)
        memory.keep()
        return completed


@compiled
def correlate_winograd_tiles(
    fill, gather, to_points, from_points, correlate, requantize_rows, counters, source, weights, starts, planes, points,
    sums, tiles, draws, results, source_shape, width, result_shape, rule, row_tiles, height, pad, table, pitch, whole,
    positions, size, offsets, blocks, of_plane, filters,
):  # fmt: skip
    """Gather, transform, correlate, transform back and round row tiles; returns whether any may be left.

    At most TASKS_PER_CALL of them.

    Parameters
    ----------
    fill, gather, to_points, from_points, correlate, requantize_rows : addresses of these kernels
    counters : of `runtime.threads`; stage 0 packs weights, a task of stage 1 is a row tile
    row_tiles : int64, see `layout.tiles.RowTiles`
    weights : see `pack_points`;  starts, offsets, blocks : see `correlate`
    planes, points, sums, tiles : int32, of the images of a row tile
    source, results : addresses of tensors of these shapes;  width : of the source's words
    rule, draws : see `requantize_rows`
    height : rows of tiles;  pad : of source rows;  table : see `Planes.phase_table`;  whole : the digit of whole words
    positions : tiles of a row;  size : elements of a phase plane;  filters : those of the layer
    """
    row_count, row_size = result_shape[2], result_shape[3]
    plane_size, pairs, padded = row_count * row_size, offsets.shape[1], blocks[-1]
    wait(counters, 0)
    for _ in range(TASKS_PER_CALL):
        task = take(counters, 1)
        if task >= row_tiles.shape[0]:
            return False
        if counters[1, CANCELLED]:
            finish(counters, 1)
            continue
        image, end, first, last = row_tiles[task, 0], row_tiles[task, 1], row_tiles[task, 2], row_tiles[task, 3]
        call_gather(gather, (
            fill, source, source_shape, width, (image, end), 2, first, height + 1, (2, pad), 2, table, pitch, size,
            whole, begins((planes,))[0], planes.size, counters,
        ))  # fmt: skip
        call_to_points(to_points, (planes, (end - image) * pairs, size, pitch, height * pitch, pairs, points, of_plane))
        pixels = (last - first - 1) * pitch + positions
        call_correlate(correlate, (
            points, end - image, offsets.size * of_plane, pixels, offsets, (0, pairs), weights, 0, blocks, pairs,
            False, 0, starts, True, sums, of_plane,
        ))  # fmt: skip
        call_from_points(from_points, (sums, (end - image) * padded, of_plane, pixels, tiles))
        for odd in range(2):
            rows = min(last, (row_count - odd + 1) // 2) - first
            call_requantize_rows(requantize_rows, (
                tiles, odd * 2 * of_plane, padded * 4 * of_plane, 4 * of_plane, 2 * pitch,
                (end - image, filters, rows, row_size), rule, draws,
                at(results), image * filters * plane_size + (2 * first + odd) * row_size, (plane_size, 2 * row_size, 1),
            ))  # fmt: skip
        finish(counters, 1)
    return True


@compiled
def pack_points(
    check_range, pack_filter_points, spread_bias, counters, weights, bias, weight_count, weight_width, bias_count,
    bias_width, bias_shift, of_filter, filters, of_channel, channels, taps, blocks, packed, starts,
):  # fmt: skip
    """Weights of all points in the order of `correlate`, those of two channels in 32 bits; the bias.

    At most TASKS_PER_CALL blocks; returns whether any may be left.

    Parameters
    ----------
    check_range, pack_filter_points, spread_bias : addresses of these kernels
    counters : of `runtime.threads`; a task of stage 0 is a block
    weights, bias : addresses of so many integers of formats of so many bits
    of_filter, of_channel : distances between neighbours
    taps : int64 (9,), indices of the taps that read pixels (0,0), (0,1), (0,2), (1,0), ... of a tile
    blocks : int64, the first filter of each block, and one behind the last
    packed : int32 (16 points, padded filters * pairs): for each block (pairs, filters of the block)
    starts : int32 (16, padded filters * TILE_PIXELS), see `correlate`: four times the bias, shifted left, at point
        (1,1), which counts once in every sum of a tile; 0 at the others
    """
    pairs = (channels + 1) // 2
    rows = np.empty(SCRATCH_ROWS * 2 * pairs, np.int16)
    for _ in range(TASKS_PER_CALL):
        block = take(counters, 0)
        if block >= blocks.size - 1:
            return False
        lanes = blocks[block + 1] - blocks[block]
        call_check_range(check_range, (at(weights), weight_count, weight_width, block, blocks.size - 1, counters))
        starts[:, blocks[block] * TILE_PIXELS : blocks[block + 1] * TILE_PIXELS] = 0
        call_spread_bias(spread_bias, (
            at(bias), bias_count, bias_width, bias_shift + 2, blocks[block], blocks[block + 1], starts[5], counters
        ))  # fmt: skip
        for lane in range(lanes):
            start = min(blocks[block] + lane, filters - 1) * of_filter
            call_pack_filter_points(pack_filter_points, (
                at(weights), weight_count, start, channels, of_channel, taps, packed, blocks[block] * pairs + lane,
                lanes, rows,
            ))  # fmt: skip
        finish(counters, 0)
    return True
