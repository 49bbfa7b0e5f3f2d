"""The weight gradient in exact sums, band by band: dot products of output planes with pixel planes.

    for each image, for each band of rows, on whichever thread it falls to:

        x rows  --gather--> pixel planes  ---+
                                             +-- dot --> sums of this thread, of 32 or 64 bits
        dz rows --gather--> output planes ---+

The outputs are laid out with the pitch of the pixels, zeros where there is no output, so that the weight of a channel
and tap is one dot product of two flat pieces of memory, whatever the stride::

    pixels of one phase    x0  x1  x2  x3  x4 | x5  x6  x7  x8  x9 | ...      tap of shift 1: starts at x1
    outputs                d0  d1  d2   0   0 | d3  d4  d5   0   0 | ...      d0*x1 + d1*x2 + d2*x3 + d3*x6 + ...
"""

import numpy as np

from fixedpoint.bands import Bands, Means, round_up
from fixedpoint.compiled import call, compiled
from fixedpoint.limbs import Split
from fixedpoint.pair_kernels import DOT_PIXELS, FILTERS, VECTORS, dot_entry
from fixedpoint.planes import SLACK, Planes, gather_entry
from fixedpoint.requantize import Requantizer
from fixedpoint.scan import Scan
from fixedpoint.scratch import Scratch
from fixedpoint.threads import AT_ONCE, finish, share, take, wait

#: Pixels of a band: enough to make adding up the lanes cheap, few enough for the first-level cache.
BAND_PIXELS = 2048


class WeightSums:
    """All that can be known before the words are: bands, their layout, and what each weight multiplies."""

    def __init__(
        self, x_shape: tuple[int, ...], filters: int, rows: Scan, columns: Scan, cut: Split, given: Means
    ):  # fmt: skip
        images, channels = x_shape[:2]
        padded, pitch = round_up(filters, FILTERS), columns.positions + columns.reach
        planes = channels * len(rows.phases) * len(columns.phases) * len(cut.a) + padded * len(cut.b)
        multiplications = images * channels * x_shape[2] * x_shape[3] * filters * rows.positions * columns.positions
        self._bands = bands = Bands.of(
            images, rows.positions, 2 * pitch * planes, multiplications, given, rows=max(1, BAND_PIXELS // pitch)
        )
        layout = Planes(channels, rows, columns, bands.height)
        offsets = layout.columns_of_weights()
        self._cut, self._shape = cut, (filters, offsets.size)
        offsets = np.append(offsets, np.zeros(-offsets.size % VECTORS, np.int64))
        of_filter = round_up(bands.height * pitch, DOT_PIXELS)
        self._of_sums = offsets.size
        self._sizes = layout.plane_count * layout.size + SLACK, padded * of_filter, padded * offsets.size
        chunk = cut.terms if cut.halves else cut.terms // 2 * DOT_PIXELS  # pixels: of all lanes, or of each
        self._fixed = (
            bands.table, bands.height + rows.reach, (rows.stride, rows.pad), columns.stride, layout.phase_table,
            np.array([[0, 0, 0, columns.positions]]), pitch, layout.size, np.array(cut.a, np.int64),
            np.array(cut.b, np.int64), filters, of_filter, offsets, chunk, cut.halves,
        )  # fmt: skip

    def run(self, x: np.ndarray, dz: np.ndarray, rule: Requantizer, results: np.ndarray) -> None:
        """Sum dz times pixel over images and outputs, for every weight, and round the sums by `rule`.

        Parameters
        ----------
        x : integers (images, channels, rows, columns);  dz : integers (images, filters, outputs)
        results : integers (filters, channels, kernel rows, kernel columns), contiguous
        """
        cut, (plane_size, outputs_size, sums_size) = self._cut, self._sizes
        gathers = (gather_entry(tensor.dtype, tensor.flags.writeable) for tensor in (x, dz))
        kernels, threads = (*gathers, dot_entry(cut.sums)), self._bands.threads
        begun, flat, (filters, columns) = np.zeros(threads, np.bool_), results.reshape(-1), self._shape

        def dot(thread: int, counters: np.ndarray) -> None:
            planes, outputs = memory_of[thread]
            dot_bands(*kernels, counters, x, dz, planes, outputs, begun[thread:], sums[thread], *self._fixed)

        def round_sums(thread: int, counters: np.ndarray) -> None:
            add_up(
                rule.entry(cut.sums, results.dtype), counters, begun, sums, self._of_sums, filters, columns,
                rule.of(cut.sums), rule.draws, flat,
            )  # fmt: skip

        with Scratch() as memory:
            memory_of = [
                (
                    memory.empty(len(cut.a) * plane_size, np.int16).reshape(len(cut.a), -1),
                    memory.empty(len(cut.b) * outputs_size, np.int16).reshape(len(cut.b), -1),
                )
                for _ in range(threads)
            ]
            sums = memory.empty(threads * sums_size, cut.sums).reshape(threads, -1)
            share([(len(self._bands.table), dot), (-(-filters // FILTERS), round_sums)], threads)


@compiled
def dot_bands(
    gather_x, gather_dz, dot, counters, x, dz, planes, outputs, begun, sums,
    bands, height, rows, stride, table, outputs_table, pitch, size, x_digits, dz_digits, filters, of_filter,
    offsets, chunk, halves,
):  # fmt: skip
    """Gather bands and add their dot products to `sums` as long as there are any.

    Parameters
    ----------
    gather_x, gather_dz, dot : the addresses of `gather`, for x and for dz, and of `dot`
    counters : of `fixedpoint.threads`; a task of stage 0 is a band
    bands : int64, see `fixedpoint.bands.Bands`;  begun : bool, whether `sums` hold anything yet
    planes, outputs : int16 (digits, ...);  sums, offsets, halves : see `dot`
    height : rows of a pixel plane, of `size`;  rows : (stride, pad);  stride : that of the columns
    table, outputs_table : of x and of dz, see `Planes.phase_table`;  x_digits, dz_digits : int64 (digits, 4)
    filters : planes of outputs, of `of_filter`;  chunk : pixels that are added up at once
    """
    for _ in range(AT_ONCE):
        band = take(counters, 0)
        if band >= bands.shape[0]:
            break
        if not begun[0]:
            sums[:] = 0
            begun[0] = True
        image, first, last = bands[band, 0], bands[band, 2], bands[band, 3]
        for digit in range(x_digits.shape[0]):
            call(gather_x, (
                x, image, first, height, rows, stride, table, pitch, size, x_digits[digit], planes[digit],
            ))  # fmt: skip
        for digit in range(dz_digits.shape[0]):
            call(gather_dz, (
                dz, image, first, last - first, (1, 0), 1, outputs_table, pitch, of_filter,
                dz_digits[digit], outputs[digit],
            ))  # fmt: skip
        pixels = ((last - first) * pitch + DOT_PIXELS - 1) // DOT_PIXELS * DOT_PIXELS
        for a in range(x_digits.shape[0]):
            for b in range(dz_digits.shape[0]):
                for begin in range(0, pixels, chunk):
                    call(dot, (
                        outputs[b], filters, of_filter, planes[a], offsets, begin, min(begin + chunk, pixels), halves,
                        x_digits[a, 1] + dz_digits[b, 1], sums, offsets.size,
                    ))  # fmt: skip
        finish(counters, 0)


@compiled
def add_up(requantize_rows, counters, begun, sums, of_filter, filters, columns, rule, draws, results):
    """Add up what the threads have, and round it, a few filters at a time, as long as there are any.

    Parameters
    ----------
    counters : of `fixedpoint.threads`; stage 0 makes the sums, a task of stage 1 is `FILTERS` filters
    begun : bool (threads,), whose sums to add;  sums : int32 or int64 (threads, ...), `of_filter` for each filter
    requantize_rows : its address;  rule, draws, results : see there
    """
    wait(counters, 0)
    first = 0
    while not begun[first]:
        first += 1
    total = sums[first]
    for _ in range(AT_ONCE):
        filter_ = FILTERS * take(counters, 1)
        if filter_ >= filters:
            break
        count, place = min(FILTERS, filters - filter_), filter_ * of_filter
        for thread in range(first + 1, begun.size):
            if begun[thread]:
                others = sums[thread]
                for i in range(place, place + count * of_filter):
                    total[np.uint64(i)] += others[np.uint64(i)]
        call(requantize_rows, (
            total, place, 0, of_filter, 0, (1, count, 1, columns), rule, draws, results, filter_ * columns,
            (columns, 0, 1),
        ))  # fmt: skip
        finish(counters, 1)
