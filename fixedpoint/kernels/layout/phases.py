"""How an axis is walked, forward and backward, so that every tap of a kernel becomes a constant distance.

The padded axis is dealt out to `stride` phases, like cards; position o under tap t then reads phase `t % stride` at
place `o + t // stride`, whatever o is::

    padded axis         0   1   2   3   4   5   6   7   8   9          stride 2, kernel 3, dilation 1
    phase 0             0       1       2       3       4              tap 0: phase 0, shift 0
    phase 1                 0       1       2       3       4          tap 1: phase 1, shift 0;  tap 2: phase 0, shift 1

Backward it is the results that fall into phases.  Pixel y of the padded axis lies at place q = y // stride of phase
y % stride; it is looked at by the taps of its own phase alone, tap t from output q - t // stride.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from convstream.reference.geometry import Axis


class Tap(NamedTuple):
    """Tap `index` of the kernel reads source phase `phase`, `shift` places on from the position."""

    index: int
    phase: int
    shift: int


@dataclass(frozen=True)
class Target:
    """Results that one set of taps makes: position i makes result ``first + step * i``, if there is one."""

    first: int
    step: int
    taps: tuple[Tap, ...]

    def results(self, begin: int, end: int, size: int) -> tuple[int, range]:
        """First of positions begin..end-1 whose result lies in 0..size-1, and those results."""
        begin = max(begin, -(self.first // self.step))
        return begin, range(self.first + self.step * begin, min(self.first + self.step * end, size), self.step)


@dataclass(frozen=True, eq=False)
class Scan:
    """A source axis of `size` elements; place p of phase f holds element ``p * stride + f - pad``, or padding.

    There is one for each axis and direction, equal to itself alone, so that what depends on it is found fast.
    """

    size: int
    stride: int
    pad: int
    positions: int
    results: int
    targets: tuple[Target, ...]

    @cached_property
    def reach(self) -> int:
        """Places after the last position that some tap reads."""
        return max((tap.shift for target in self.targets for tap in target.taps), default=0)

    @cached_property
    def makes_all(self) -> bool:
        """Whether every result is some position's."""
        return len(self.targets) == self.targets[0].step

    @cached_property
    def reads_all(self) -> bool:
        """Whether every element of the source is at a place that some band gathers."""
        places = range(self.positions + self.reach)
        gathered = {place * self.stride + phase - self.pad for phase in self.phases for place in places}
        return gathered.issuperset(range(self.size))

    @cached_property
    def phases(self) -> tuple[int, ...]:
        """Source phases that some tap reads."""
        return tuple(sorted({tap.phase for target in self.targets for tap in target.taps}))


@lru_cache
def forward_scan(axis: Axis) -> Scan:
    """From the pixels of `axis` to its outputs."""
    taps = []
    for tap in range(axis.kernel):
        shift, phase = divmod(tap * axis.dilation, axis.stride)
        taps.append(Tap(tap, phase, shift))
    return Scan(axis.size, axis.stride, axis.pad_before, axis.out_size, axis.out_size, (Target(0, 1, tuple(taps)),))


@lru_cache
def gradient_scan(axis: Axis) -> Scan:
    """From the outputs of `axis` back to its pixels: position i stands for the pixels at place ``first_place + i``.

    Pixels of a phase that no tap has are nobody's result.
    """
    first_place, skipped = divmod(axis.pad_before, axis.stride)
    last_place = (axis.pad_before + axis.size - 1) // axis.stride
    reach = (axis.extent - 1) // axis.stride
    targets = []
    for phase in range(axis.stride):
        taps = (divmod(tap * axis.dilation, axis.stride) for tap in range(axis.kernel))
        of_phase = tuple(Tap(tap, 0, reach - shift) for tap, (shift, own) in enumerate(taps) if own == phase)
        if of_phase:
            targets.append(Target(phase - skipped, axis.stride, of_phase))
    positions = last_place - first_place + 1
    return Scan(axis.out_size, 1, reach - first_place, positions, axis.size, tuple(targets))
