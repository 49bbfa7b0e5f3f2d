"""Row tiles: the pieces in which a pass is computed, small enough for the cache and dealt out to threads."""

from dataclasses import dataclass
from math import gcd
from typing import NamedTuple

import numpy as np

from convstream.fixedpoint.kernels.runtime.threads import thread_count

#: Bytes of the planes and sums of a row tile: about the second-level cache of a core.
ROW_TILE_BYTES = 1 << 19
#: Multiplications that are worth a second thread.
SHARED_MULTIPLICATIONS = 1 << 21


class Resources(NamedTuple):
    """What a pass is divided for: threads, bytes of a row tile, multiplications that are worth a second thread."""

    threads: int
    row_tile_bytes: int
    shared_multiplications: int

    @classmethod
    def current(cls) -> "Resources":
        return cls(thread_count(), ROW_TILE_BYTES, SHARED_MULTIPLICATIONS)


@dataclass(frozen=True, eq=False)
class RowTiles:
    """All positions in row tiles of at most `images` images and `height` rows, for `threads` threads.

    `table` is int64 (row tiles, 4): images table[i, 0] to table[i, 1] - 1, rows table[i, 2] to table[i, 3] - 1.  A row
    tile of several images has all their rows.
    """

    table: np.ndarray
    images: int
    height: int
    threads: int

    @classmethod
    def of(
        cls, images: int, positions: int, row_bytes: int, multiplications: int, resources: Resources, *,
        rows: int | None = None,
    ) -> "RowTiles":  # fmt: skip
        """Row tiles of about equal size, the same number for every thread.

        Parameters
        ----------
        row_bytes : bytes of planes and sums for each row of positions
        rows : the largest height whatever the bytes; row tiles are then of one image each
        """
        threads = resources.threads if multiplications >= resources.shared_multiplications else 1
        most_rows = max(1, resources.row_tile_bytes // row_bytes)
        largest = min(rows or positions, most_rows)
        count = min(positions, round_up(-(-positions // largest), threads // gcd(images, threads)))
        groups = images
        if rows is None and count == 1:
            groups = min(images, round_up(-(-images // max(1, most_rows // positions)), threads))
        table = [(*of_images, *of_rows) for of_images in _split(images, groups) for of_rows in _split(positions, count)]
        return cls(np.array(table, np.int64), -(-images // groups), -(-positions // count), min(threads, len(table)))


def _split(extent: int, parts: int) -> list[tuple[int, int]]:
    """0..extent-1 in parts whose sizes differ by one at most: the first of each, and one behind the last."""
    return [(extent * part // parts, extent * (part + 1) // parts) for part in range(parts)]


def round_up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple
