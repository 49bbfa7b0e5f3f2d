"""Phases of an axis, forward and backward, in which every tap of a kernel is a constant distance.

The padded axis is dealt out to `stride` phases, like cards; position o under tap t then reads phase `t % stride` at
index `o + t // stride`, whatever o is::

    padded axis         0   1   2   3   4   5   6   7   8   9          stride 2, kernel 3, dilation 1
    phase 0             0       1       2       3       4              tap 0: phase 0, shift 0
    phase 1                 0       1       2       3       4          tap 1: phase 1, shift 0;  tap 2: phase 0, shift 1

Backward it is the results that fall into phases.  Pixel y of the padded axis has index q = y // stride in phase
y % stride; it is read by the taps of its own phase alone, tap t from output q - t // stride.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from convstream.reference.geometry import Axis


class Tap(NamedTuple):
    """Tap `index` of the kernel reads source phase `phase`, `shift` elements after the position."""

    index: int
    phase: int
    shift: int


@dataclass(frozen=True)
class Target:
    """Results of one set of taps: position i computes result ``first + step * i``, if there is one."""

    first: int
    step: int
    taps: tuple[Tap, ...]

    def results(self, begin: int, end: int, size: int) -> tuple[int, range]:
        """The first of positions begin..end-1 with a result in 0..size-1, and all their results."""
        begin = max(begin, -(self.first // self.step))
        return begin, range(self.first + self.step * begin, min(self.first + self.step * end, size), self.step)


@dataclass(frozen=True, eq=False)
class PhaseAxis:
    """A source axis of `size` elements; index p of phase f holds element ``p * stride + f - pad``, or padding.

    There is one for each axis and direction, compared by identity, so that caches keyed by it are fast.
    """

    size: int
    stride: int
    pad: int
    positions: int
    results: int
    targets: tuple[Target, ...]

    @cached_property
    def reach(self) -> int:
        """Elements after the last position that some tap reads."""
        return max((tap.shift for target in self.targets for tap in target.taps), default=0)

    @cached_property
    def makes_all(self) -> bool:
        """Whether every result is computed at some position."""
        return len(self.targets) == self.targets[0].step

    @cached_property
    def reads_all(self) -> bool:
        """Whether every element of the source is gathered into some row tile."""
        indices = range(self.positions + self.reach)
        gathered = {index * self.stride + phase - self.pad for phase in self.phases for index in indices}
        return gathered.issuperset(range(self.size))

    @cached_property
    def phases(self) -> tuple[int, ...]:
        """Phases that some tap reads."""
        return tuple(sorted({tap.phase for target in self.targets for tap in target.taps}))


@lru_cache
def forward_phases(axis: Axis) -> PhaseAxis:
    """From the pixels of `axis` to its outputs."""
    taps = []
    for tap in range(axis.kernel):
        shift, phase = divmod(tap * axis.dilation, axis.stride)
        taps.append(Tap(tap, phase, shift))
    target = Target(0, 1, tuple(taps))
    return PhaseAxis(axis.size, axis.stride, axis.pad_before, axis.out_size, axis.out_size, (target,))


@lru_cache
def gradient_phases(axis: Axis) -> PhaseAxis:
    """From the outputs of `axis` back to its pixels: position i stands for the pixels of index ``first_index + i``.

    No position computes pixels of a phase that has no tap.
    """
    first_index, skipped = divmod(axis.pad_before, axis.stride)
    last_index = (axis.pad_before + axis.size - 1) // axis.stride
    reach = (axis.extent - 1) // axis.stride
    targets = []
    for phase in range(axis.stride):
        taps = (divmod(tap * axis.dilation, axis.stride) for tap in range(axis.kernel))
        of_phase = tuple(Tap(tap, 0, reach - shift) for tap, (shift, own) in enumerate(taps) if own == phase)
        if of_phase:
            targets.append(Target(phase - skipped, axis.stride, of_phase))
    positions = last_index - first_index + 1
    return PhaseAxis(axis.out_size, 1, reach - first_index, positions, axis.size, tuple(targets))
