"""Convolution with one product for each tap::

    source rows --gather--> planes --correlate--> sums of 32 or 64 bits --requantize_rows--> results

The layout is drawn in `layout.planes`, the arithmetic in `kernels.multiply_add`.
"""

import numpy as np

from convstream.fixedpoint.kernels.convolution import Convolution, Filters
from convstream.fixedpoint.kernels.layout.digits import Split
from convstream.fixedpoint.kernels.layout.gather import call_gather, fill_entry, gather_entry
from convstream.fixedpoint.kernels.layout.packing import (
    check_range_entry,
    pack_block_entry,
    pack_weights,
    spread_bias_entry,
)
from convstream.fixedpoint.kernels.layout.planes import SLACK, Planes
from convstream.fixedpoint.kernels.layout.tiles import Resources, RowTiles, round_up
from convstream.fixedpoint.kernels.multiply_add import TILE_PIXELS, call_correlate, correlate_entry, filter_blocks
from convstream.fixedpoint.kernels.rounding_rows import call_requantize_rows
from convstream.fixedpoint.kernels.runtime.calls import addresses, at, begins
from convstream.fixedpoint.kernels.runtime.jit import compiled
from convstream.fixedpoint.kernels.runtime.scratch import Layout, working_memory
from convstream.fixedpoint.kernels.runtime.threads import (
    CANCELLED,
    TASKS,
    TASKS_PER_CALL,
    counters_of,
    finish,
    share,
    take,
    wait,
)


class Direct:
    """Precomputed plan of one direct convolution: row tiles, their layout, and the products of all targets."""

    def __init__(self, convolution: Convolution, cut: Split, resources: Resources):
        rows, columns, filters = convolution.rows, convolution.columns, convolution.filters
        rule, blocks = convolution.rule, filter_blocks(filters.count)
        padded = int(blocks[-1])
        planes = convolution.pairs * len(rows.phases) * len(columns.phases) * len(cut.a)
        row_bytes = (columns.positions + columns.reach) * (4 * planes + cut.sums.itemsize * padded)
        row_tiles = RowTiles.of(convolution.images, rows.positions, row_bytes, convolution.multiplications, resources)
        layout = Planes(convolution.channels, rows, columns, row_tiles.height)
        of_image, of_filter = layout.pair_count * layout.size, round_up(row_tiles.height * layout.pitch, TILE_PIXELS)
        targets, bounds, (offsets, first, second) = _steps(layout, filters)
        source_digits, weight_digits = np.array(cut.a, np.int64), np.array(cut.b, np.int64)
        self._threads, self._counters = row_tiles.threads, counters_of(blocks.size - 1, len(row_tiles.table))
        self._memory = Layout(
            ((1, padded * first.size * len(cut.b)), np.int32),
            ((1, padded * TILE_PIXELS), cut.sums),
            ((row_tiles.threads, len(cut.a), round_up(row_tiles.images * of_image + SLACK, TILE_PIXELS)), np.int32),
            ((row_tiles.threads, 1, row_tiles.images * padded * of_filter), cut.sums),
        )
        self._packing = (
            convolution.weight_count, convolution.weights.width, *convolution.bias_form, filters.of_filter,
            filters.count, first, second, bounds, weight_digits, blocks, cut.halves,
        )  # fmt: skip
        self._packers = (
            check_range_entry(convolution.weights.dtype), pack_block_entry(convolution.weights.dtype),
            spread_bias_entry(convolution.bias_dtype, cut.sums),
        )  # fmt: skip
        self._kernels = (
            fill_entry(convolution.source.dtype, pairs=True, whole=len(cut.a) == 1), gather_entry(),
            correlate_entry(cut.sums), rule.entry(cut.sums),
        )  # fmt: skip
        self._fixed = (
            convolution.source.shape, convolution.source.width, convolution.result_shape, rule.of(cut.sums),
            row_tiles.table, row_tiles.height + rows.reach, (rows.stride, rows.pad), columns.stride, layout.phase_table,
            layout.pitch, columns.positions, source_digits, of_image, targets, bounds, offsets[None], weight_digits,
            blocks, cut.terms // 2, cut.halves, of_filter, filters.count,
        )  # fmt: skip

    def run(
        self, source: np.ndarray, weights: np.ndarray, bias: np.ndarray, draws: np.ndarray, results: np.ndarray
    ) -> bool:
        """As `kernels.convolve.convolve`; False, with incomplete results, if a word is outside its format, or if the
        weights allow no halves.
        """
        source_words, weight_words, bias_words, result_words = addresses(source, weights, bias, results)
        memory = working_memory(self._memory)
        packed, starts, planes, sums = memory.arrays(self._memory)

        def pack(thread: int, counters: np.ndarray) -> bool:
            return pack_weights(*self._packers, counters, weight_words, bias_words, *self._packing, packed, starts)

        def correlate(thread: int, counters: np.ndarray) -> bool:
            return correlate_row_tiles(
                *self._kernels, counters, source_words, packed, starts, planes[thread], sums[thread], draws,
                result_words, *self._fixed,
            )  # fmt: skip

        completed = share(self._counters, (pack, correlate), self._threads)
        memory.keep()
        return completed


def _steps(layout: Planes, filters: Filters) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The products of all targets that have results, one target after the other.

    Returns
    -------
    targets, bounds : see `correlate_row_tiles`;  steps : int64 (3, steps), see `Planes.steps`
    """
    targets, steps = [], [np.empty((3, 0), np.int64)]
    for row in layout.rows.targets:
        for column in layout.columns.targets:
            left, made = column.results(0, layout.columns.positions, layout.columns.results)
            if made:
                targets.append((row.first, row.step, layout.rows.results, left, made.start, made.step, len(made)))
                steps.append(layout.steps(row, column, filters.of_channel, filters.of_row))
    bounds = np.cumsum([of_target.shape[1] for of_target in steps])
    return np.array(targets, np.int64).reshape(-1, 7), bounds, np.hstack(steps)


@compiled
def correlate_row_tiles(
    fill, gather, correlate, requantize_rows, counters, source, weights, starts, planes, sums, draws, results,
    source_shape, width, result_shape, rule, row_tiles, height, rows, stride, table, pitch, positions, source_digits,
    of_image, targets, bounds, offsets, weight_digits, blocks, chunk, halves, of_filter, filters,
):  # fmt: skip
    """Gather, correlate and round row tiles, at most TASKS_PER_CALL; returns whether any may be left.

    Parameters
    ----------
    fill, gather, correlate, requantize_rows : addresses of these kernels
    counters : of `runtime.threads`; stage 0 packs weights, a task of stage 1 is a row tile
    row_tiles : int64, see `layout.tiles.RowTiles`;  weights : int32 (1, ...), see `pack_weights`
    starts, blocks, chunk, halves : see `correlate`
    planes : int32 (source digits, ...), the images of a row tile;  sums : int32 or int64 (1, ...), likewise
    source, results : addresses of tensors of these shapes;  width : of the source's words
    rule, draws : see `requantize_rows`
    height : rows of a plane;  rows : (stride, pad);  stride : that of the columns;  table : see `Planes.phase_table`
    positions : of a row;  source_digits, weight_digits : int64 (digits, 4), see `layout.digits`
    targets : int64 (targets, 7): first result row, step of rows, rows; index of the first result in a row of sums, its
        column, step of columns, columns
    bounds, offsets : int64 (targets + 1,) and (1, ...), the steps of each target
    filters : those of the layer, without the ones that fill up the last block
    """
    row_size, plane_size, padded = result_shape[3], result_shape[2] * result_shape[3], blocks[-1]
    wait(counters, 0)
    for _ in range(TASKS_PER_CALL):
        task = take(counters, 1)
        if task >= counters[1, TASKS]:
            return False
        if counters[1, CANCELLED]:
            finish(counters, 1)
            continue
        image, end, first, last = row_tiles[task, 0], row_tiles[task, 1], row_tiles[task, 2], row_tiles[task, 3]
        for digit in range(source_digits.shape[0]):
            call_gather(gather, (
                fill, source, source_shape, width, (image, end), 2, first, height, rows, stride, table, pitch,
                height * pitch, source_digits[digit], begins((planes[digit],))[0], planes.shape[1], counters,
            ))  # fmt: skip
        pixels = (last - first - 1) * pitch + positions
        for target in range(targets.shape[0]):
            row, row_step, row_end = targets[target, 0], targets[target, 1], targets[target, 2]
            left, column = targets[target, 3], targets[target, 4]
            column_step, columns = targets[target, 5], targets[target, 6]
            top = max(first, -(row // row_step))
            row_end, row = min(row_end, row + row_step * last), row + row_step * top
            if row >= row_end:
                continue
            steps = bounds[target], bounds[target + 1]
            for a in range(source_digits.shape[0]):
                for b in range(weight_digits.shape[0]):
                    first_weight = padded * (steps[0] * weight_digits.shape[0] + (steps[1] - steps[0]) * b)
                    call_correlate(correlate, (
                        planes[a], end - image, of_image, pixels, offsets, steps, weights, first_weight, blocks,
                        chunk, halves, source_digits[a, 1] + weight_digits[b, 1], starts, a == b == 0, sums,
                        of_filter,
                    ))  # fmt: skip
            call_requantize_rows(requantize_rows, (
                sums[0], (top - first) * pitch + left, padded * of_filter, of_filter, pitch,
                (end - image, filters, (row_end - row + row_step - 1) // row_step, columns), rule, draws,
                at(results), image * filters * plane_size + row * row_size + column,
                (plane_size, row_step * row_size, column_step),
            ))  # fmt: skip
        finish(counters, 1)
    return True
