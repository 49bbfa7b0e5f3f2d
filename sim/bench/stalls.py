"""Stalls: when a source pauses and a sink refuses, cycle by cycle, from a seed."""

import random
from collections.abc import Iterator
from itertools import repeat

#: Cycles for which one decision holds.  Mostly one; now and then long enough to fill or empty every buffer.
_DURATIONS = (1, 1, 1, 1, 1, 2, 5, 40)

#: Largest share of stalled cycles that a simulation may ask for.
HIGHEST_STALL = 0.95


def stalls(level: float, seed: str) -> Iterator[bool]:
    """Endless decisions, one a cycle: stand still?  True for a share `level` of the cycles, in the long run."""
    rng = random.Random(seed)
    while True:
        stalled = rng.random() < level
        yield from repeat(stalled, rng.choice(_DURATIONS))
