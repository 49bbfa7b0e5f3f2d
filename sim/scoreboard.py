"""Scoreboard: the beats that came out, held against those that should have; the first difference is told in full."""

from dataclasses import dataclass

import numpy as np

from convstream.fixedpoint.layer import Layer
from convstream.fixedpoint.streams import tensor_streams
from convstream.sim.beats import unpack
from convstream.sim.stimulus import Play


@dataclass(frozen=True)
class Beats:
    """What left by one output stream: `tdata` of each beat (None if bits were unknown), those with `tlast`, when."""

    words: list[int | None]
    lasts: list[int]
    cycles: list[int]


@dataclass(frozen=True)
class Mismatch:
    """One value that is not what it must be.

    `index` is into the tensor in its own shape, `beat` counts from the first of its batch, `cycle` from the first
    beat that the core took; `got` is None where the beat held unknown bits; a value times `step` is its real value.
    """

    tensor: str
    index: tuple[int, ...]
    batch: int
    beat: int
    lane: int
    cycle: int
    expected: int
    got: int | None
    step: float

    def __str__(self):
        place = ",".join(map(str, self.index))
        got = "unknown bits" if self.got is None else f"{self.got} ({self.got * self.step:g})"
        return (
            f"{self.tensor}[{place}]: expected {self.expected} ({self.expected * self.step:g}), got {got}, at beat "
            f"{self.beat} of m_axis_{self.tensor} in batch {self.batch}, lane {self.lane}, cycle {self.cycle}"
        )


@dataclass(frozen=True)
class Comparison:
    """What became of one output stream; `breaches` are differences that are not a value's."""

    compared_values: int
    wrong_values: int
    first: Mismatch | None
    breaches: tuple[str, ...]


def compare(layer: Layer, stream: str, expected: Play, got: Beats) -> Comparison:
    """Compare an output stream value by value, over one or more batches.

    Raises
    ------
    ValueError
        Fewer beats came than expected: nothing can be said of a stream that is not complete.
    """
    count = len(expected.words)
    if len(got.words) < count:
        raise ValueError(f"m_axis_{stream}: only {len(got.words)} of {count} beats came out")
    tensor = tensor_streams(layer)[stream]
    words = got.words[:count]
    known = np.array([word is not None for word in words], bool)
    right, seen = (
        unpack([word or 0 for word in beats], tensor.lanes, tensor.element.width) for beats in (expected.words, words)
    )
    wrong = (right != seen) | ~known[:, np.newaxis]
    first = None
    if wrong.any():
        beat, lane = (int(position) for position in np.argwhere(wrong)[0])
        batch, beat_of_batch = divmod(beat, tensor.beats)
        first = Mismatch(
            stream, tensor.index_of(beat_of_batch, lane), batch, beat_of_batch, lane, got.cycles[beat],
            int(right[beat, lane]), int(seen[beat, lane]) if known[beat] else None, tensor.element.step,
        )  # fmt: skip
    return Comparison(wrong.size, int(wrong.sum()), first, tuple(_breaches(stream, tensor.payload_bits, expected, got)))


def _breaches(stream: str, payload_bits: int, expected: Play, got: Beats):
    count = len(expected.words)
    misplaced = set(expected.lasts) ^ {last for last in got.lasts if last < count}
    if misplaced:
        beat = min(misplaced)
        state = "missing" if beat in expected.lasts else "early"
        yield f"m_axis_{stream}, cycle {got.cycles[beat]}, beat {beat}: tlast is {state}"
    padded = [beat for beat, word in enumerate(got.words[:count]) if word is not None and word >> payload_bits]
    if padded:
        yield f"m_axis_{stream}, cycle {got.cycles[padded[0]]}, beat {padded[0]}: bits above the last lane are not zero"
    if len(got.words) > count:
        extra = len(got.words) - count
        yield f"m_axis_{stream}, cycle {got.cycles[count]}: {extra} beats more than the expected {count} came out"
