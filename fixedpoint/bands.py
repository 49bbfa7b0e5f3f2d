"""Bands of rows: the pieces in which a pass is computed, small enough for the cache and dealt out to threads."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from math import gcd
from typing import NamedTuple

from fixedpoint.threads import thread_count

#: What the planes and sums of a band may take: about the second-level cache of a core.
BAND_BYTES = 1 << 19
#: Multiplications that are worth a second thread.
SHARED_MULTIPLICATIONS = 1 << 21


class Band(NamedTuple):
    """Rows `first` to `last` - 1 of images `image` to `end` - 1: of several images only where all rows are."""

    image: int
    end: int
    first: int
    last: int


@dataclass(frozen=True)
class Bands:
    """All positions in bands of at most `images` images and `height` rows."""

    bands: list[Band]
    images: int
    height: int
    threads: int

    @classmethod
    def of(
        cls, images: int, positions: int, row_bytes: int, multiplications: int, *, rows: int | None = None
    ) -> "Bands":
        """Bands of about equal size, as many for every thread.

        Parameters
        ----------
        row_bytes : what each row of positions adds to a band
        rows : how many a band may have in any case, and then of one image only
        """
        threads = thread_count() if multiplications >= SHARED_MULTIPLICATIONS else 1
        return cls._cut(images, positions, max(1, BAND_BYTES // row_bytes), threads, rows)

    @classmethod
    @lru_cache
    def _cut(cls, images: int, positions: int, most_rows: int, threads: int, rows: int | None) -> "Bands":
        largest = min(rows or positions, most_rows)
        count = min(positions, round_up(-(-positions // largest), threads // gcd(images, threads)))
        height = -(-positions // count)
        starts = range(0, positions, height)
        several = 1
        if rows is None and len(starts) == 1:
            several = max(1, min(-(-images // threads), most_rows // positions))
        bands = [
            Band(image, min(image + several, images), first, min(first + height, positions))
            for image in range(0, images, several) for first in starts
        ]  # fmt: skip
        return cls(bands, several, height, min(threads, len(bands)))

    def deal(self) -> Callable[[], Iterator[Band]]:
        """What each thread walks: the next band that no other has taken."""
        left = deque(self.bands)

        def walk() -> Iterator[Band]:
            with suppress(IndexError):
                while True:
                    yield left.popleft()

        return walk


def round_up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple
