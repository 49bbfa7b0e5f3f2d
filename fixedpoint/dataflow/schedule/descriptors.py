"""Descriptor tables: a long sequence of records as a short table, part of which is repeated."""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class DescriptorTable:
    """Records read in a circle, those from `loop_start` to `loop_stop` (both included) `repeats` times."""

    records: tuple[NamedTuple, ...]
    loop_start: int
    loop_stop: int
    repeats: int

    def table(self, field: str) -> tuple[int, ...]:
        """One field of all records, as the Python integers that a ROM is made of."""
        return tuple(int(getattr(record, field)) for record in self.records)

    def unroll(self) -> list[NamedTuple]:
        """The sequence that the table stands for."""
        loop_end = self.loop_stop + 1
        loop = list(self.records[self.loop_start : loop_end])
        return list(self.records[: self.loop_start]) + loop * self.repeats + list(self.records[loop_end:])


def compress(sequence: list[NamedTuple]) -> DescriptorTable:
    """Shortest table that unrolls to `sequence`."""
    count = len(sequence)
    best = DescriptorTable(tuple(sequence), 0, count - 1, 1)
    for period in range(1, count // 2 + 1):
        if period >= len(best.records):
            break
        start = 0
        while start + 2 * period <= count:
            stop = start  # sequence[start:stop + period] repeats with this period
            while stop + period < count and sequence[stop] == sequence[stop + period]:
                stop += 1
            repeats = (stop - start) // period + 1
            if count - (repeats - 1) * period < len(best.records):
                body = sequence[: start + period] + sequence[start + repeats * period :]
                best = DescriptorTable(tuple(body), start, start + period - 1, repeats)
            start = max(start, stop) + 1
    return best
