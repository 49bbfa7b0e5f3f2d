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

from fixedpoint.bands import Bands, round_up
from fixedpoint.limbs import Split
from fixedpoint.pair_kernels import DOT_PIXELS, FILTERS, VECTORS, dot
from fixedpoint.planes import SLACK, gather, layout_of
from fixedpoint.requantize import Requantizer
from fixedpoint.scan import Scan
from fixedpoint.scratch import scratch
from fixedpoint.threads import share

#: Pixels of a band: enough to make adding up the lanes cheap, few enough for the first-level cache.
BAND_PIXELS = 2048


def convolve_weights(
    x: np.ndarray, dz: np.ndarray, rows: Scan, columns: Scan, cut: Split, rule: Requantizer, results: np.ndarray
) -> None:
    """Sum dz times pixel over images and outputs, for every weight, and round the sums by `rule` into `results`.

    Parameters
    ----------
    x : integers (images, channels, rows, columns);  dz : integers (images, filters, outputs)
    rows, columns : forward scans;  cut : of x (a) and dz (b)
    results : integers (filters, channels, kernel rows, kernel columns), contiguous
    """
    (images, channels), filters = x.shape[:2], dz.shape[1]
    padded = round_up(filters, FILTERS)
    pitch = columns.positions + columns.reach
    plane_rows = channels * len(rows.phases) * len(columns.phases) * len(cut.a) + padded * len(cut.b)
    multiplications = x.size * dz.size // images
    bands = Bands.of(
        images, rows.positions, 2 * pitch * plane_rows, multiplications, rows=max(1, BAND_PIXELS // pitch)
    )
    layout = layout_of(channels, rows, columns, bands.height)
    offsets = layout.columns_of_weights()
    weights = offsets.size
    offsets = np.append(offsets, np.zeros(-weights % VECTORS, np.int64))
    of_filter = round_up(bands.height * pitch, DOT_PIXELS)
    chunk = cut.terms // 2 * DOT_PIXELS  # pixels of which every lane adds up so many
    outputs_table = np.array([[0, 0, 0, columns.positions]])

    walk, begun = bands.deal(), []

    def work(thread: int) -> None:
        planes, outputs, sums = memory_of[thread]
        sums[:] = 0
        begun.append(sums)
        for image, _, first, last in walk():
            for digit, of_digit in zip(cut.a, planes, strict=True):
                gather(
                    x, image, first, bands.height + rows.reach, (rows.stride, rows.pad), columns.stride,
                    layout.phase_table, pitch, layout.size, digit, of_digit,
                )  # fmt: skip
            for digit, of_digit in zip(cut.b, outputs, strict=True):
                gather(dz, image, first, last - first, (1, 0), 1, outputs_table, pitch, of_filter, digit, of_digit)
            pixels = round_up((last - first) * pitch, DOT_PIXELS)
            for a, of_a in zip(cut.a, planes, strict=True):
                for b, of_b in zip(cut.b, outputs, strict=True):
                    for begin in range(0, pixels, chunk):
                        end = min(begin + chunk, pixels)
                        dot(
                            of_b, filters, of_filter, of_a, offsets, begin, end, cut.halves, a.shift + b.shift, sums,
                            offsets.size,
                        )  # fmt: skip

    with scratch() as memory:
        memory_of = [
            (
                [memory.empty(layout.plane_count * layout.size + SLACK, np.int16) for _ in cut.a],
                [memory.empty(padded * of_filter, np.int16) for _ in cut.b],
                memory.empty(padded * offsets.size, cut.sums),
            )
            for _ in range(bands.threads)
        ]
        share(work, bands.threads)
        total = begun[0]
        for sums in begun[1:]:
            total += sums
        rule.rows(total, 0, offsets.size, 0, (1, filters, 1, weights), results.reshape(-1), 0, (weights, 0, 1))
