"""Bands of rows: the pieces in which a pass is computed, small enough for the cache and dealt out to threads."""

from dataclasses import dataclass
from math import gcd
from typing import NamedTuple

import numpy as np

from convstream.fixedpoint.kernels.runtime.threads import thread_count

#: What the planes and sums of a band may take: about the second-level cache of a core.
BAND_BYTES = 1 << 19
#: Multiplications that are worth a second thread.
SHARED_MULTIPLICATIONS = 1 << 21


class Means(NamedTuple):
    """What passes are cut for."""

    threads: int
    band_bytes: int
    shared_multiplications: int


def means() -> Means:
    """Those that there are now."""
    return Means(thread_count(), BAND_BYTES, SHARED_MULTIPLICATIONS)


@dataclass(frozen=True, eq=False)
class Bands:
    """All positions in bands of at most `images` images and `height` rows, for so many threads.

    A line of `table`, int64, is one band: rows line[2] to line[3] - 1 of images line[0] to line[1] - 1; of several
    images only where all rows are.
    """

    table: np.ndarray
    images: int
    height: int
    threads: int

    @classmethod
    def of(
        cls, images: int, positions: int, row_bytes: int, multiplications: int, given: Means, *,
        rows: int | None = None,
    ) -> "Bands":  # fmt: skip
        """Bands of about equal size, as many for every thread.

        Parameters
        ----------
        row_bytes : what each row of positions adds to a band
        rows : how many a band may have in any case, and then of one image only
        """
        threads = given.threads if multiplications >= given.shared_multiplications else 1
        most_rows = max(1, given.band_bytes // row_bytes)
        largest = min(rows or positions, most_rows)
        count = min(positions, round_up(-(-positions // largest), threads // gcd(images, threads)))
        groups = images
        if rows is None and count == 1:
            groups = min(images, round_up(-(-images // max(1, most_rows // positions)), threads))
        table = [(*of_images, *of_rows) for of_images in _split(images, groups) for of_rows in _split(positions, count)]
        return cls(np.array(table, np.int64), -(-images // groups), -(-positions // count), min(threads, len(table)))


def _split(extent: int, parts: int) -> list[tuple[int, int]]:
    """0..extent-1 in parts whose sizes differ by one at most, as first and one behind the last."""
    return [(extent * part // parts, extent * (part + 1) // parts) for part in range(parts)]


def round_up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple
