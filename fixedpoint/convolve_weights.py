"""The weight gradient in exact sums, band by band: dot products of output planes with pixel planes.

    for each image, for each band of rows, on whichever thread it falls to:

        x rows  --gather--> pixel planes  ---+
                                             +-- dot --> 32-bit sums --drain, if need be--> 64-bit sums of this thread
        dz rows --gather--> output planes ---+

The outputs are laid out with the pitch of the pixels, zeros where there is no output, so that the weight of a channel
and tap is one dot product of two flat pieces of memory, whatever the stride::

    pixels of one phase    x0  x1  x2  x3  x4 | x5  x6  x7  x8  x9 | ...      tap of shift 1: starts at x1
    outputs                d0  d1  d2   0   0 | d3  d4  d5   0   0 | ...      d0*x1 + d1*x2 + d2*x3 + d3*x6 + ...
"""

import numpy as np

from fixedpoint.bands import Bands, round_up
from fixedpoint.limbs import Split
from fixedpoint.pair_kernels import DOT_PIXELS, FILTERS, VECTORS, dot, drain
from fixedpoint.planes import SLACK, Planes, gather
from fixedpoint.scan import Scan
from fixedpoint.threads import share

#: Pixels of a band: enough to make adding up the lanes cheap, few enough for the first-level cache.
BAND_PIXELS = 2048


def convolve_weights(x: np.ndarray, dz: np.ndarray, rows: Scan, columns: Scan, cut: Split) -> tuple[np.ndarray, int]:
    """Sums over images and outputs of dz times pixel, for every filter, channel and tap.

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
    padded = round_up(filters, FILTERS)
    pitch = columns.positions + columns.reach
    plane_rows = channels * len(rows.phases) * len(columns.phases) * len(cut.a) + padded * len(cut.b)
    multiplications = x.size * dz.size // images
    bands = Bands.of(images, rows.positions, 2 * pitch * plane_rows, BAND_PIXELS // pitch, multiplications)
    layout = Planes(channels, rows, columns, bands.height)
    offsets = layout.columns_of_weights()
    offsets = np.append(offsets, np.zeros(-offsets.size % VECTORS, np.int64))
    of_filter = round_up(bands.height * pitch, DOT_PIXELS)
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
                    pixels = round_up((last - first) * pitch, DOT_PIXELS)
                    for begin in range(0, pixels, chunk):
                        end = min(begin + chunk, pixels)
                        dot(of_b, filters, of_filter, of_a, offsets, begin, end, parts, offsets.size)
                        if cut.terms is not None:
                            drain(parts, a.shift + b.shift, sums)
        results[thread] = sums

    share(work, bands.threads)
    return sum(results[1:], start=results[0]), offsets.size
