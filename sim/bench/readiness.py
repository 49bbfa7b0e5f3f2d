"""Readiness: in which cycles a sink takes beats, one of six ways.

::

    share              refuses in a share of the cycles, at random (`stalls`); the default
    after_valid        never ready before `tvalid`, which AXI4-Stream allows a sink
    after_pause        ready, but for three cycles after each beat
    one_in_sixteen     ready in every sixteenth cycle
    bursts             ready for 20 cycles, refuses for 60
    held first count   refuses from cycle `first` after the reset on, for `count` cycles
"""

from collections.abc import Collection, Generator, Sequence
from itertools import count

from convstream.sim.bench.stalls import stalls

SHARE = ("share",)


def most_delayed(ways: Collection[Sequence], cycles: int) -> int:
    """Cycles that work takes at most which would take so many with sinks that are always ready."""
    held = sum(way[1] + way[2] for way in ways if way[0] == "held")
    return held + cycles * (16 if ways else 1)


def readiness(way: Sequence, level: float, seed: str) -> Generator[bool, bool, None]:
    """Whether the sink is ready in the next cycle; it is to be sent whether a beat is on offer in the present one.

    Parameters
    ----------
    way : one of the ways above, with its numbers.
    level, seed : of `share`.
    """
    kind, *numbers = way
    ways = {
        "share": lambda: _unless(stalls(level, seed)),
        "after_valid": _after_valid,
        "after_pause": _after_pause,
        "one_in_sixteen": lambda: _unless(number % 16 != 0 for number in count()),
        "bursts": lambda: _unless(number % 80 >= 20 for number in count()),
        "held": lambda first, length: _unless(first <= number < first + length for number in count()),
    }
    return ways[kind](*numbers)


def _unless(refusals) -> Generator[bool, bool, None]:
    for refused in refusals:
        yield not refused


def _after_valid() -> Generator[bool, bool, None]:
    ready = False
    while True:
        offered = yield ready
        ready = offered and not ready


def _after_pause() -> Generator[bool, bool, None]:
    while True:
        offered = yield True
        for _ in range(3 if offered else 0):
            yield False
