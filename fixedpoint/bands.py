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
        groups = images
        if rows is None and count == 1:
            groups = min(images, round_up(-(-images // max(1, most_rows // positions)), threads))
        bands = [
            Band(*of_images, *of_rows)
            for of_images in _split(images, groups) for of_rows in _split(positions, count)
        ]  # fmt: skip
        return cls(bands, -(-images // groups), -(-positions // count), min(threads, len(bands)))

    def deal(self) -> Callable[[], Iterator[Band]]:
        """What each thread walks: the next band that no other has taken."""
        left = deque(self.bands)

        def walk() -> Iterator[Band]:
            with suppress(IndexError):
                while True:
                    yield left.popleft()

        return walk


def _split(extent: int, parts: int) -> list[tuple[int, int]]:
    """0..extent-1 in parts whose sizes differ by one at most, as first and one behind the last."""
    return [(extent * part // parts, extent * (part + 1) // parts) for part in range(parts)]


def round_up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple
