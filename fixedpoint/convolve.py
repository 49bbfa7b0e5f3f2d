"""Convolution in exact sums, band by band: what the forward pass and the input gradient have in common.

    for each image, for each band of rows, on whichever thread it falls to:

        source rows --gather_pairs--> planes --correlate--> sums of 32 or 64 bits --requantize_rows--> results

The planes and sums of a band are private to it, so memory does not grow with the layer, threads share nothing that
they write to, and no sum depends on how many there are: integers add up to the same in any order.  The layout is drawn
in `fixedpoint.planes`, the arithmetic in `fixedpoint.pair_kernels`, and why it is exact in `fixedpoint.limbs`.
3 x 3 taps with many channels take fewer products another way: `fixedpoint.winograd`.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fixedpoint.bands import AT_ONCE, Bands, round_up, take
from fixedpoint.compiled import call, compiled
from fixedpoint.limbs import Split, split
from fixedpoint.pair_kernels import TILE_PIXELS, correlate_entry, filter_blocks, lowest_pair
from fixedpoint.planes import SLACK, Filters, Planes, gather_pairs_entry, pack_weights
from fixedpoint.requantize import Requantizer
from fixedpoint.rounding_rows import requantize_entry
from fixedpoint.scan import Scan
from fixedpoint.scratch import scratch
from fixedpoint.winograd import convolve_tiles, tiles_suit


def convolve(
    source: np.ndarray, filters: Filters, rows: Scan, columns: Scan, bits: tuple[int, int, int], start: np.ndarray,
    rule: Requantizer, results: np.ndarray,
) -> None:  # fmt: skip
    """Sum source times weight over channels and taps, for every filter, and round the sums by `rule` into `results`.

    Parameters
    ----------
    source : integers (images, channels, rows, columns);  start : int64 (filters,), what every sum begins with
    bits : widths of the source's words, the weights', and the sums of both
    results : integers (images, filters, rows, columns), contiguous; those that no position makes are left alone
    """
    if not rule.wide and tiles_suit(rows, columns, *source.shape[:2], filters.count, bits):
        convolve_tiles(source, filters, rows, columns, start, rule, results)
        return
    for halves in True, False:
        cut = split(*bits, halves=halves, wide=rule.wide)
        if _convolve_taps(source, filters, rows, columns, cut, start, rule, results):
            break


@dataclass(frozen=True)
class _Steps:
    """The products of all targets that make results, as `correlate_bands` needs them; see `Planes.steps`.

    A line of `targets`, int64: first result row, step of rows, rows; place of the first result in a row of sums, its
    column, step of columns, columns.
    """

    targets: np.ndarray
    bounds: np.ndarray
    offsets: np.ndarray
    first: np.ndarray
    second: np.ndarray

    @classmethod
    @lru_cache
    def of(cls, channels: int, rows: Scan, columns: Scan, bands: Bands, of_channel: int, of_row: int) -> "_Steps":
        layout = Planes.of(channels, rows, columns, bands.height)
        targets, steps = [], []
        for row in rows.targets:
            for column in columns.targets:
                left, made = column.results(0, columns.positions, columns.results)
                if made:
                    targets.append((row.first, row.step, rows.results, left, made.start, made.step, len(made)))
                    steps.append(layout.steps(row, column, of_channel, of_row))
        bounds = np.cumsum([0] + [offsets.size for offsets, _, _ in steps])
        return cls(np.array(targets, np.int64), bounds, *map(np.concatenate, zip(*steps, strict=True)))


def _convolve_taps(
    source: np.ndarray, filters: Filters, rows: Scan, columns: Scan, cut: Split, start: np.ndarray,
    rule: Requantizer, results: np.ndarray,
) -> bool:  # fmt: skip
    """The same with one product for each tap; False, and nothing done, if the weights do not allow this cut."""
    images, channels = source.shape[:2]
    blocks = filter_blocks(filters.count)
    padded = int(blocks[-1])
    plane_rows = (channels + 1) // 2 * len(rows.phases) * len(columns.phases) * len(cut.a)
    row_bytes = (columns.positions + columns.reach) * (4 * plane_rows + cut.sums.itemsize * padded)
    multiplications = source.size * filters.words.size // channels
    bands = Bands.of(images, rows.positions, row_bytes, multiplications)
    layout = Planes.of(channels, rows, columns, bands.height)
    steps = _Steps.of(channels, rows, columns, bands, filters.of_channel, filters.of_row)
    of_image, of_filter = layout.pair_count * layout.size, round_up(bands.height * layout.pitch, TILE_PIXELS)
    starts = np.zeros((padded, TILE_PIXELS), cut.sums)
    starts[: filters.count] = start[:, None]
    a, b = np.array(cut.a, np.int64), np.array(cut.b, np.int64)

    kernels = (
        gather_pairs_entry(source.dtype, source.flags.writeable), correlate_entry(cut.sums),
        requantize_entry(cut.sums, results.dtype),
    )  # fmt: skip

    def work(thread: int, taken: np.ndarray) -> None:
        correlate_bands(
            *kernels, source, bands.table, taken, bands.height + rows.reach, (rows.stride, rows.pad), columns.stride,
            layout.phase_table, layout.pitch, columns.positions, a, *memory_of[thread], of_image,
            steps.targets, steps.bounds, steps.offsets, packed, b, blocks, cut.terms // 2, cut.halves, starts,
            of_filter, filters.count, rule.of(cut.sums), rule.draws, results.reshape(-1), *results.shape[2:],
        )  # fmt: skip

    with scratch() as memory:
        packed = memory.empty(padded * steps.offsets.size * len(b), np.int32)
        pack_weights(
            filters.words, filters.of_filter, filters.count, steps.first, steps.second, steps.bounds, b, blocks, packed
        )
        if cut.halves and lowest_pair(packed):
            return False
        memory_of = [
            (
                memory.empty(len(a) * (bands.images * of_image + SLACK), np.int32).reshape(len(a), -1),
                memory.empty(bands.images * padded * of_filter, cut.sums),
            )
            for _ in range(bands.threads)
        ]
        bands.share(work)
    return True


@compiled
def correlate_bands(
    gather_pairs, correlate, requantize_rows, source, bands, taken, height, rows, stride, table, pitch, positions,
    source_digits, planes, sums, of_image, targets, bounds, offsets, weights, weight_digits, blocks, chunk, halves,
    starts, of_filter, filters, rule, draws, results, result_height, result_width,
):  # fmt: skip
    """Gather, correlate and round bands as long as there are any.

    Parameters
    ----------
    gather_pairs, correlate, requantize_rows : their addresses
    bands : int64, see `fixedpoint.bands.Bands`;  taken : what `take` takes from
    height : rows of a plane;  rows : (stride, pad);  stride : that of the columns;  table : see `Planes.phase_table`
    positions : of a row;  source_digits, weight_digits : int64 (digits, 4), see `fixedpoint.limbs`
    planes : int32 (source digits, ...), for as many images as a band has;  sums : int32 or int64, likewise
    targets, bounds, offsets : see `_Steps`;  weights : see `pack_weights`
    blocks, chunk, halves, starts : see `correlate`;  filters : without those that fill up the blocks
    rule, draws, results : see `requantize_rows`
    """
    padded = blocks[-1]
    for _ in range(AT_ONCE):
        band = take(taken)
        if band >= bands.shape[0]:
            break
        image, end, first, last = bands[band, 0], bands[band, 1], bands[band, 2], bands[band, 3]
        for digit in range(source_digits.shape[0]):
            call(gather_pairs, (
                source, (image, end), first, height, rows, stride, table, pitch, source_digits[digit], planes[digit],
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
            of_target, place = offsets[bounds[target] : bounds[target + 1]], padded * bounds[target]
            place *= weight_digits.shape[0]
            for a in range(source_digits.shape[0]):
                for b in range(weight_digits.shape[0]):
                    begin = place + b * padded * of_target.size
                    call(correlate, (
                        planes[a], end - image, of_image, pixels, of_target.reshape(1, -1),
                        weights[begin : begin + padded * of_target.size].reshape(1, -1), blocks, chunk, halves,
                        source_digits[a, 1] + weight_digits[b, 1], starts.reshape(1, -1), a == b == 0,
                        sums.reshape(1, -1), of_filter,
                    ))  # fmt: skip
            call(requantize_rows, (
                sums[(top - first) * pitch + left :], padded * of_filter, of_filter, pitch,
                (end - image, filters, (row_end - row + row_step - 1) // row_step, columns), rule, draws,
                results, (image * filters * result_height + row) * result_width + column,
                (result_height * result_width, row_step * result_width, column_step),
            ))  # fmt: skip
