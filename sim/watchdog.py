"""Limit: after how many cycles a core must be through, so that a test bench can call it stuck."""

from dataclasses import dataclass

from convstream.fixedpoint.layer import Layer


@dataclass(frozen=True)
class CycleLimit:
    """`fixed + stalled / (1 - stall)` cycles, where sources and sinks stand still in a share `stall` of them."""

    fixed: int
    stalled: int

    def cycles(self, stall: float) -> int:
        return self.fixed + int(self.stalled / (1 - stall))


def cycle_limit(layer: Layer, batches: int, beats: int) -> CycleLimit:
    """Limit for so many batches, and beats on all streams together; any core that obeys its design is far below.

    Were no two things ever done at once, a core would take a cycle for each useful product that its channel lanes
    leave to be made one by one, and 1 / (1 - stall) cycles for each beat.  That is doubled.
    """
    slots = batches * layer.geometry.multiplications // (layer.lanes.in_lanes * layer.lanes.out_lanes)
    return CycleLimit(fixed=1000 + 2 * slots, stalled=1000 + 2 * beats)
