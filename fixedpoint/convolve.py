"""Convolution in exact sums, band by band: what the forward pass and the input gradient have in common.

    for each image, for each band of rows, on whichever thread it falls to:

        source rows --gather_pairs--> planes --correlate--> sums of 32 or 64 bits --requantize_rows--> results

The planes and sums of a band are private to it, so memory does not grow with the layer, threads share nothing that
they write to, and no sum depends on how many there are: integers add up to the same in any order.  The layout is drawn
in `fixedpoint.planes`, the arithmetic in `fixedpoint.pair_kernels`, and why it is exact in `fixedpoint.limbs`.
3 x 3 taps with many channels take fewer products another way: `fixedpoint.winograd`.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from fixedpoint.bands import Bands, round_up
from fixedpoint.limbs import Split, split
from fixedpoint.pair_kernels import TILE_PIXELS, correlate, filter_blocks, lowest_pair
from fixedpoint.planes import SLACK, Filters, Planes, gather_pairs, layout_of, pack_weights
from fixedpoint.requantize import Requantizer
from fixedpoint.scan import Scan, Target
from fixedpoint.scratch import Memory, scratch
from fixedpoint.threads import share
from fixedpoint.winograd import convolve_tiles, tiles_suit


class Steps(NamedTuple):
    """The products that make the results of one pair of targets: see `Planes.steps`."""

    rows: Target
    columns: Target
    offsets: np.ndarray
    first: np.ndarray
    second: np.ndarray


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
    if tiles_suit(rows, columns, *source.shape[:2], filters.count, bits):
        convolve_tiles(source, filters, rows, columns, start, rule, results)
    else:
        for halves in True, False:
            if _convolve_taps(source, filters, rows, columns, split(*bits, halves=halves), start, rule, results):
                break


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
    layout = layout_of(channels, rows, columns, bands.height)
    pitch, table = layout.pitch, layout.phase_table
    of_image, of_filter = layout.pair_count * layout.size, round_up(bands.height * pitch, TILE_PIXELS)
    starts = np.zeros((padded, TILE_PIXELS), cut.sums)
    starts[: filters.count] = start[:, None]
    start = starts.reshape(1, -1)
    row_axis, column_axis = (rows.stride, rows.pad), columns.stride
    height, width = results.shape[2:]
    flat = results.reshape(-1)
    targets, walk = [], bands.deal()

    def work(thread: int) -> None:
        planes, sums = memory_of[thread]
        for image, end, first, last in walk():
            for digit, of_digit in zip(cut.a, planes, strict=True):
                gather_pairs(
                    source, (image, end), first, bands.height + rows.reach, row_axis, column_axis,
                    table, pitch, digit, of_digit,
                )  # fmt: skip
            pixels = (last - first - 1) * pitch + columns.positions
            for steps, packed, left, made_columns in targets:
                top, made_rows = steps.rows.results(first, last, rows.results)
                if not made_rows:
                    continue
                before = start
                for a, of_a in zip(cut.a, planes, strict=True):
                    for b, of_b in zip(cut.b, packed, strict=True):
                        correlate(
                            of_a, end - image, of_image, pixels, steps.offsets[None], of_b[None], blocks,
                            cut.terms // 2, cut.halves, a.shift + b.shift, before, sums[None], of_filter,
                        )  # fmt: skip
                        before = start[:, :0]
                rule.rows(
                    sums[(top - first) * pitch + left :], padded * of_filter, of_filter, pitch,
                    (end - image, filters.count, len(made_rows), len(made_columns)),
                    flat, (image * filters.count * height + made_rows.start) * width + made_columns.start,
                    (height * width, made_rows.step * width, made_columns.step),
                )  # fmt: skip

    with scratch() as memory:
        memory_of = [
            (
                [memory.empty(bands.images * of_image + SLACK, np.int32) for _ in cut.a],
                memory.empty(bands.images * padded * of_filter, cut.sums),
            )
            for _ in range(bands.threads)
        ]
        for steps in _all_steps(layout, filters.of_channel, filters.of_row):
            left, made_columns = steps.columns.results(0, columns.positions, columns.results)
            if made_columns:
                packed = _packed(filters, blocks, steps, cut, memory)
                if cut.halves and lowest_pair(packed[0]):
                    return False
                targets.append((steps, packed, left, made_columns))
        share(work, bands.threads)
    return True


@lru_cache
def _all_steps(layout: Planes, of_channel: int, of_row: int) -> list[Steps]:
    return [
        Steps(rows, columns, *layout.steps(rows, columns, of_channel, of_row))
        for rows in layout.rows.targets for columns in layout.columns.targets
    ]  # fmt: skip


def _packed(filters: Filters, blocks: np.ndarray, steps: Steps, cut: Split, memory: Memory) -> list[np.ndarray]:
    """Weights of all steps, for every digit."""
    packed = [memory.empty(blocks[-1] * steps.first.size, np.int32) for _ in cut.b]
    for digit, of_digit in zip(cut.b, packed, strict=True):
        pack_weights(
            filters.words, filters.of_filter, filters.count, steps.first, steps.second, digit, blocks, of_digit
        )
    return packed
