"""The weight gradient in exact sums, row tile by row tile: dot products of output planes with pixel planes.

    for each image, for each row tile, on whichever thread is free:

        x rows  --gather--> pixel planes  ---+
                                             +-- dot --> sums of this thread, of 32 or 64 bits
        dz rows --gather--> output planes ---+

The outputs are laid out with the pitch of the pixels, zeros where there is no output, so that the weight of a channel
and tap is one dot product of two flat pieces of memory, whatever the stride::

    pixels of one phase    x0  x1  x2  x3  x4 | x5  x6  x7  x8  x9 | ...      tap of shift 1: starts at x1
    outputs                d0  d1  d2   0   0 | d3  d4  d5   0   0 | ...      d0*x1 + d1*x2 + d2*x3 + d3*x6 + ...
"""

import numpy as np

from convstream.fixedpoint.kernels.layout.digits import Split
from convstream.fixedpoint.kernels.layout.gather import call_gather, fill_entry, gather_entry
from convstream.fixedpoint.kernels.layout.phases import PhaseAxis
from convstream.fixedpoint.kernels.layout.planes import SLACK, Planes
from convstream.fixedpoint.kernels.layout.tiles import Resources, RowTiles, round_up
from convstream.fixedpoint.kernels.multiply_add import DOT_PIXELS, FILTERS, VECTORS, call_dot, dot_entry
from convstream.fixedpoint.kernels.rounding_rows import call_requantize_rows
from convstream.fixedpoint.kernels.runtime.calls import addresses, at, begins
from convstream.fixedpoint.kernels.runtime.jit import compiled
from convstream.fixedpoint.kernels.runtime.scratch import Layout, working_memory
from convstream.fixedpoint.kernels.runtime.threads import TASKS_PER_CALL, counters_of, finish, share, take, wait
from convstream.fixedpoint.operands import Operand
from convstream.fixedpoint.requantize import Requantizer

#: Pixels of a row tile: enough for adding up the lanes to be cheap, few enough for the first-level cache.
ROW_TILE_PIXELS = 2048


class WeightSums:
    """Precomputed plan of one weight gradient: row tiles, their layout, and the pixels that each weight multiplies."""

    def __init__(
        self, x: Operand, dz: Operand, w_shape: tuple[int, ...], rows: PhaseAxis, columns: PhaseAxis, cut: Split,
        rule: Requantizer, resources: Resources,
    ):  # fmt: skip
        (images, channels, height, width), filters = x.shape, w_shape[0]
        padded, pitch = round_up(filters, FILTERS), columns.positions + columns.reach
        planes = channels * len(rows.phases) * len(columns.phases) * len(cut.a) + padded * len(cut.b)
        multiplications = images * channels * height * width * filters * rows.positions * columns.positions
        row_tiles = RowTiles.of(
            images, rows.positions, 2 * pitch * planes, multiplications, resources,
            rows=max(1, ROW_TILE_PIXELS // pitch),
        )  # fmt: skip
        layout = Planes(channels, rows, columns, row_tiles.height)
        offsets = layout.columns_of_weights()
        weights = offsets.size
        offsets = np.append(offsets, np.zeros(-weights % VECTORS, np.int64))
        of_filter = round_up(row_tiles.height * pitch, DOT_PIXELS)
        chunk = cut.terms if cut.halves else cut.terms // 2 * DOT_PIXELS  # pixels: of all lanes, or of each
        self._results = w_shape, rule.dtype
        self._threads = threads = row_tiles.threads
        self._counters = counters_of(len(row_tiles.table), -(-filters // FILTERS))
        self._memory = Layout(
            ((threads, len(cut.a), round_up(layout.plane_count * layout.size + SLACK, 2 * DOT_PIXELS)), np.int16),
            ((threads, len(cut.b), padded * of_filter), np.int16),
            ((threads, padded * offsets.size), cut.sums),
        )
        self._kernels = (
            *(fill_entry(of.dtype, pairs=False, whole=len(by) == 1) for of, by in ((x, cut.a), (dz, cut.b))),
            gather_entry(), dot_entry(cut.sums),
        )  # fmt: skip
        self._requantize_rows = rule.entry(cut.sums)
        self._fixed = (
            x.shape, x.width, dz.shape, dz.width, row_tiles.table, row_tiles.height + rows.reach,
            (rows.stride, rows.pad), columns.stride, layout.phase_table, np.array([[0, 0, 0, columns.positions]]),
            pitch, layout.size, np.array(cut.a, np.int64), np.array(cut.b, np.int64), filters, of_filter, offsets,
            chunk, cut.halves,
        )  # fmt: skip
        self._adding_up = offsets.size, filters, weights, rule.of(cut.sums)

    def run(self, x: np.ndarray, dz: np.ndarray, draws: np.ndarray) -> np.ndarray | None:
        """Sum dz times pixel over images and outputs, for every weight, and round the sums.

        Parameters
        ----------
        x : integers (images, channels, rows, columns);  dz : integers (images, filters, outputs)
        draws : int64, one for each result, if the rule of rounding takes any

        Returns
        -------
        ndarray (filters, channels, kernel rows, kernel columns) of the rule's dtype; None if a word is outside its
        format
        """
        begun, results = np.zeros(self._threads, np.bool_), np.empty(*self._results)
        x_words, dz_words, result_words = addresses(x, dz, results)
        memory = working_memory(self._memory)
        planes, outputs, sums = memory.arrays(self._memory)

        def dot(thread: int, counters: np.ndarray) -> bool:
            return dot_row_tiles(
                *self._kernels, counters, x_words, dz_words, planes[thread], outputs[thread], begun[thread:],
                sums[thread], *self._fixed,
            )  # fmt: skip

        def round_sums(thread: int, counters: np.ndarray) -> bool:
            return add_up(self._requantize_rows, counters, begun, sums, *self._adding_up, draws, result_words)

        completed = share(self._counters, (dot, round_sums), self._threads)
        memory.keep()
        return results if completed else None


@compiled
def dot_row_tiles(
    fill_x, fill_dz, gather, dot, counters, x, dz, planes, outputs, begun, sums, x_shape, x_width, dz_shape, dz_width,
    row_tiles, height, rows, stride, table, outputs_table, pitch, size, x_digits, dz_digits, filters, of_filter,
    offsets, chunk, halves,
):  # fmt: skip
    """Gather row tiles, at most TASKS_PER_CALL, and add their dot products to `sums`; returns whether any may be left.

    Parameters
    ----------
    fill_x, fill_dz, gather, dot : addresses of the kernel that fills a plane of x, and of dz, of `gather` and `dot`
    counters : of `runtime.threads`; a task of stage 0 is a row tile
    row_tiles : int64, see `layout.tiles.RowTiles`;  begun : bool, whether `sums` hold anything yet
    x, dz : addresses of tensors of these shapes, whose words have these widths
    planes, outputs : int16 (digits, ...);  sums, offsets, halves : see `dot`
    height : rows of a pixel plane, of `size`;  rows : (stride, pad);  stride : that of the columns
    table, outputs_table : of x and of dz, see `Planes.phase_table`;  x_digits, dz_digits : int64 (digits, 4)
    filters : planes of outputs, of `of_filter`;  chunk : pixels whose sums fit 32 bits
    """
    for _ in range(TASKS_PER_CALL):
        task = take(counters, 0)
        if task >= row_tiles.shape[0]:
            return False
        if not begun[0]:
            sums[:] = 0
            begun[0] = True
        image, first, last = row_tiles[task, 0], row_tiles[task, 2], row_tiles[task, 3]
        for digit in range(x_digits.shape[0]):
            call_gather(gather, (
                fill_x, x, x_shape, x_width, (image, image + 1), 1, first, height, rows, stride, table, pitch, size,
                x_digits[digit], begins((planes[digit],))[0], planes.shape[1], counters,
            ))  # fmt: skip
        for digit in range(dz_digits.shape[0]):
            call_gather(gather, (
                fill_dz, dz, dz_shape, dz_width, (image, image + 1), 1, first, last - first, (1, 0), 1, outputs_table,
                pitch, of_filter, dz_digits[digit], begins((outputs[digit],))[0], outputs.shape[1], counters,
            ))  # fmt: skip
        pixels = ((last - first) * pitch + DOT_PIXELS - 1) // DOT_PIXELS * DOT_PIXELS
        for a in range(x_digits.shape[0]):
            for b in range(dz_digits.shape[0]):
                for begin in range(0, pixels, chunk):
                    call_dot(dot, (
                        outputs[b], filters, of_filter, planes[a], offsets, begin, min(begin + chunk, pixels), halves,
                        x_digits[a, 1] + dz_digits[b, 1], sums, offsets.size,
                    ))  # fmt: skip
        finish(counters, 0)
    return True


@compiled
def add_up(requantize_rows, counters, begun, sums, of_filter, filters, weights, rule, draws, results):
    """Add up the sums of all threads and round them, a few filters at a time; returns whether any may be left.

    Parameters
    ----------
    counters : of `runtime.threads`; stage 0 makes the sums, a task of stage 1 is `FILTERS` filters
    begun : bool (threads,), whether a thread has sums
    sums : int32 or int64 (threads, ...), `of_filter` for each filter, of which the first are those of its `weights`
    requantize_rows : address of this kernel;  rule, draws, results : see there
    """
    wait(counters, 0)
    first = 0
    while first < begun.size - 1 and not begun[first]:  # none has begun if one failed
        first += 1
    total = sums[first]
    for _ in range(TASKS_PER_CALL):
        filter_ = FILTERS * take(counters, 1)
        if filter_ >= filters:
            return False
        count, begin = min(FILTERS, filters - filter_), filter_ * of_filter
        for thread in range(first + 1, begun.size):
            if begun[thread]:
                others = sums[thread]
                for i in range(begin, begin + count * of_filter):
                    total[np.uint64(i)] += others[np.uint64(i)]
        call_requantize_rows(requantize_rows, (
            total, begin, 0, of_filter, 0, (1, count, 1, weights), rule, draws, at(results), filter_ * weights,
            (weights, 0, 1),
        ))  # fmt: skip
        finish(counters, 1)
    return True
