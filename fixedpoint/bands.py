"""Bands of rows: the pieces in which a pass is computed, small enough for the cache and dealt out to threads."""

from dataclasses import dataclass

from fixedpoint.threads import thread_count

#: What the planes and sums of a band may take: about the second-level cache of a core.
BAND_BYTES = 1 << 19
#: Multiplications that are worth a second thread.
SHARED_MULTIPLICATIONS = 1 << 21


@dataclass(frozen=True)
class Bands:
    """All positions in bands of at most `height` rows: (image, first row, last row + 1)."""

    bands: list[tuple[int, int, int]]
    height: int
    threads: int

    @classmethod
    def of(cls, images: int, positions: int, row_bytes: int, largest: int, multiplications: int) -> "Bands":
        """Bands of about equal height, at least one for every thread.

        Parameters
        ----------
        row_bytes : what each row of positions adds to a band;  largest : rows that a band may have in any case
        """
        threads = thread_count() if multiplications >= SHARED_MULTIPLICATIONS else 1
        largest = max(1, min(largest, BAND_BYTES // row_bytes))
        count = max(-(-positions // largest), min(positions, -(-threads // images)))
        height = -(-positions // count)
        rows = [(first, min(first + height, positions)) for first in range(0, positions, height)]
        bands = [(image, *band) for image in range(images) for band in rows]
        return cls(bands, height, min(threads, len(bands)))

    def of_thread(self, thread: int) -> list[tuple[int, int, int]]:
        return self.bands[thread :: self.threads]


def round_up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple
