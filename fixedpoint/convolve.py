"""The three convolutions of a layer, band by band: planes, multiply-adds, and exact sums handed on to whoever rounds.

    for each image, for each band of rows, on whichever thread is free for it:

        source rows --gather--> planes --correlate or dot--> 32-bit sums --drain, if need be--> 64-bit sums --> store

A band is small enough for the cache and its planes are private to it, so memory does not grow with the layer, threads
share nothing they write to, and no sum depends on how many there are: integers add up to the same in any order.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fixedpoint.limbs import Split
from fixedpoint.pair_kernels import DOT_PIXELS, FILTERS, TILE_PIXELS, VECTORS, correlate, dot, drain
from fixedpoint.planes import SLACK, Planes, gather, gather_pairs, pack_weights
from fixedpoint.requantize import Requantizer
from fixedpoint.scan import Scan
from fixedpoint.threads import share, thread_count

#: What the planes and sums of a band may take: about the second-level cache of a core.
_BAND_BYTES = 1 << 20
#: Pixels of a band of `weights`: enough to make adding up the lanes cheap, few enough for the first-level cache.
_DOT_BAND_PIXELS = 2048
#: Multiplications that are worth a second thread.
_SHARED_MULTIPLICATIONS = 1 << 21


@dataclass(frozen=True)
class Filters:
    """Weights as `correlate` sees them: `words` in one dimension, and the distances between neighbours in it."""

    words: np.ndarray
    count: int
    of_filter: int
    of_channel: int
    of_row: int


@dataclass(frozen=True)
class Sums:
    """Exact sums of one image and one target: filter f, position (i,j) is ``words[f * of_filter + i * of_row + j]``.

    Row i makes the result row ``rows[i]``, column j the result column ``columns[j]``.
    """

    words: np.ndarray
    of_filter: int
    of_row: int
    image: int
    rows: range
    columns: range


def store_rows(rule: Requantizer, results: np.ndarray) -> Callable[[Sums], None]:
    """What to do with sums: round them by `rule` into `results`, (images, filters, rows, columns), contiguous."""
    images, filters, height, width = results.shape
    flat = results.reshape(-1)

    def store(sums: Sums) -> None:
        first = (sums.image * filters * height + sums.rows.start) * width + sums.columns.start
        rule.rows(
            sums.words, sums.of_filter, sums.of_row, (filters, len(sums.rows), len(sums.columns)),
            flat, first, (height * width, sums.rows.step * width, sums.columns.step),
        )  # fmt: skip

    return store


def _round_up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple


@dataclass(frozen=True)
class Bands:
    """All positions in bands of at most `height` rows, (image, first row, last row + 1), dealt out to threads."""

    bands: list[tuple[int, int, int]]
    height: int
    threads: int

    @classmethod
    def of(cls, images: int, positions: int, largest: int, multiplications: int) -> "Bands":
        """Bands of about equal height, at most `largest`, and at least one for every thread."""
        threads = thread_count() if multiplications >= _SHARED_MULTIPLICATIONS else 1
        count = max(-(-positions // max(largest, 1)), min(positions, -(-threads // images)))
        height = -(-positions // count)
        bands = [
            (image, first, min(first + height, positions))
            for image in range(images) for first in range(0, positions, height)
        ]  # fmt: skip
        return cls(bands, height, min(threads, len(bands)))

    def of_thread(self, thread: int) -> list[tuple[int, int, int]]:
        return self.bands[thread :: self.threads]


def convolve(
    source: np.ndarray, filters: Filters, rows: Scan, columns: Scan, cut: Split, start: np.ndarray,
    store: Callable[[Sums], None],
) -> None:  # fmt: skip
    """Sums over channels and taps of source times weight, for every filter: the forward pass and the input gradient.

    Parameters
    ----------
    source : integers (images, channels, rows, columns);  start : int64 (filters,), what every sum begins with
    cut : of the source (a) and the weights (b)
    store : called with every block of sums once, from several threads
    """
    images, channels = source.shape[:2]
    padded = _round_up(filters.count, FILTERS)
    plane_rows = (channels + 1) // 2 * len(rows.phases) * len(columns.phases) * len(cut.a)
    row_bytes = 4 * (columns.positions + columns.reach) * (plane_rows + padded)
    multiplications = source.size * filters.words.size // channels
    bands = Bands.of(images, rows.positions, _BAND_BYTES // row_bytes, multiplications)
    layout = Planes(channels, rows, columns, bands.height)
    pitch, of_filter = layout.pitch, _round_up(bands.height * layout.pitch, TILE_PIXELS)
    initial = np.concatenate([start, np.zeros(padded - filters.count, np.int64)])
    initial32 = initial.astype(np.int32)
    targets = [
        (row_target, column_target, offsets, _packed(filters, first, second, cut))
        for row_target, column_target, offsets, first, second in _steps(layout, filters.of_channel, filters.of_row)
    ]

    def work(thread: int) -> None:
        planes = [np.empty(layout.pair_count * layout.size + SLACK, np.int32) for _ in cut.a]
        parts = np.empty(padded * of_filter, np.int32)
        sums = parts if cut.terms is None else np.empty(parts.size, np.int64)
        for image, first, last in bands.of_thread(thread):
            for digit, of_digit in zip(cut.a, planes, strict=True):
                gather_pairs(
                    source, image, first, bands.height + rows.reach, (rows.stride, rows.pad), columns.stride,
                    layout.phase_table, pitch, digit, of_digit,
                )  # fmt: skip
            pixels = (last - first - 1) * pitch + columns.positions
            for row_target, column_target, offsets, packed in targets:
                results = row_target.results(first, last, rows.results)
                result_columns = column_target.results(0, columns.positions, columns.results)
                if not results or not result_columns:
                    continue
                if cut.terms is None:
                    steps = offsets.size
                    correlate(planes[0], pixels, offsets, packed[0], 0, steps, padded, initial32, parts, of_filter)
                else:
                    sums.reshape(padded, of_filter)[:] = initial[:, None]
                    _add_in_chunks(planes, pixels, offsets, packed, padded, cut, parts, of_filter, sums)
                corner = (row_target.position(results[0]) - first) * pitch + column_target.position(result_columns[0])
                store(Sums(sums[corner:], of_filter, pitch, image, results, result_columns))

    share(work, bands.threads)


@lru_cache
def _steps(layout: Planes, of_channel: int, of_row: int) -> list[tuple]:
    """Every pair of targets and its steps."""
    return [
        (rows, columns, *layout.steps(rows, columns, of_channel, of_row))
        for rows in layout.rows.targets for columns in layout.columns.targets
    ]  # fmt: skip


def _packed(filters: Filters, first: np.ndarray, second: np.ndarray, cut: Split) -> list[np.ndarray]:
    """Weights of all steps, for every digit."""
    packed = [np.empty((-(-filters.count // FILTERS), first.size, FILTERS), np.int32) for _ in cut.b]
    for digit, of_digit in zip(cut.b, packed, strict=True):
        pack_weights(filters.words, filters.of_filter, filters.count, first, second, digit, of_digit)
    return packed


def _add_in_chunks(planes, pixels, offsets, packed, padded, cut: Split, parts, of_filter, sums) -> None:
    """Add the products of all digits to 64-bit `sums`, as many at a time as 32 bits hold."""
    steps = cut.terms // 2
    nothing = np.zeros(padded, np.int32)
    for a, of_a in zip(cut.a, planes, strict=True):
        for b, of_b in zip(cut.b, packed, strict=True):
            for begin in range(0, offsets.size, steps):
                end = min(begin + steps, offsets.size)
                correlate(of_a, pixels, offsets, of_b, begin, end, padded, nothing, parts, of_filter)
                drain(parts, a.shift + b.shift, sums)


def convolve_weights(x: np.ndarray, dz: np.ndarray, rows: Scan, columns: Scan, cut: Split) -> tuple[np.ndarray, int]:
    """Sums over images and outputs of dz times pixel, for every filter, channel and tap: the weight gradient.

    Parameters
    ----------
    x : integers (images, channels, rows, columns);  dz : integers (images, filters, outputs)
    rows, columns : forward scans;  cut : of x (a) and dz (b)

    Returns
    -------
    sums : int32 or int64, one-dimensional, weight i of filter f at ``f * pitch + i``
    pitch : weights of a filter, rounded up
    """
    (images, channels), filters = x.shape[:2], dz.shape[1]
    padded = _round_up(filters, FILTERS)
    pitch = columns.positions + columns.reach
    plane_rows = channels * len(rows.phases) * len(columns.phases) * len(cut.a) + padded * len(cut.b)
    largest = min(_BAND_BYTES // (2 * pitch * plane_rows), _DOT_BAND_PIXELS // pitch)
    bands = Bands.of(images, rows.positions, largest, x.size * dz.size // images)
    layout = Planes(channels, rows, columns, bands.height)
    offsets = layout.columns_of_weights()
    offsets = np.append(offsets, np.zeros(-offsets.size % VECTORS, np.int64))
    of_filter = _round_up(bands.height * pitch, DOT_PIXELS)
    chunk = of_filter if cut.terms is None else cut.terms // DOT_PIXELS * DOT_PIXELS
    outputs_table = np.array([[0, 0, 0, columns.positions]])
    results = [None] * bands.threads

    def work(thread: int) -> None:
        planes = [np.empty(layout.plane_count * layout.size + SLACK, np.int16) for _ in cut.a]
        outputs = [np.empty(padded * of_filter, np.int16) for _ in cut.b]
        parts = np.zeros(padded * offsets.size, np.int32)
        sums = parts if cut.terms is None else np.zeros(parts.size, np.int64)
        for image, first, last in bands.of_thread(thread):
            for digit, of_digit in zip(cut.a, planes, strict=True):
                gather(
                    x, image, first, bands.height + rows.reach, (rows.stride, rows.pad), columns.stride,
                    layout.phase_table, pitch, layout.size, digit, of_digit,
                )  # fmt: skip
            for digit, of_digit in zip(cut.b, outputs, strict=True):
                gather(dz, image, first, last - first, (1, 0), 1, outputs_table, pitch, of_filter, digit, of_digit)
            for a, of_a in zip(cut.a, planes, strict=True):
                for b, of_b in zip(cut.b, outputs, strict=True):
                    pixels = _round_up((last - first) * pitch, DOT_PIXELS)
                    for begin in range(0, pixels, chunk):
                        end = min(begin + chunk, pixels)
                        dot(of_b, filters, of_filter, of_a, offsets, begin, end, parts, offsets.size)
                        if cut.terms is not None:
                            drain(parts, a.shift + b.shift, sums)
        results[thread] = sums

    share(work, bands.threads)
    return sum(results[1:], start=results[0]), offsets.size
