"""Watchdog: after how many cycles a core must be through, so that a test bench can call it stuck."""

from dataclasses import dataclass

from convstream.fixedpoint.dataflow.timing.cycles import core_cycles
from convstream.fixedpoint.layer import Layer

#: Times the cycles that a right core takes at most; and cycles for what comes before and after the beats.
FACTOR, MARGIN = 2, 1000


@dataclass(frozen=True)
class CycleLimit:
    """`fixed + stalled / (1 - stall)` cycles, where sources and sinks stand still in a share `stall` of them."""

    fixed: int
    stalled: int

    def cycles(self, stall: float) -> int:
        return self.fixed + int(self.stalled / (1 - stall))


def cycle_limit(layer: Layer, pass_name: str, batches: int, beats: int) -> CycleLimit:
    """Limit of an episode: `FACTOR` times what a right core takes at most, and `MARGIN` for both parts.

    Were no two batches ever in the core at once, it would take the predicted cycles of a batch for each; and a stall
    costs no more than it lasts, 1 / (1 - stall) cycles for each beat.

    Parameters
    ----------
    pass_name : str
        forward, input_gradient or weight_gradient.
    batches : int
        Batches that the core makes of its inputs.
    beats : int
        Beats on all streams together, those of weights included.
    """
    cycles = batches * core_cycles(layer, pass_name).batch_cycles()
    return CycleLimit(fixed=MARGIN + FACTOR * cycles, stalled=MARGIN + FACTOR * beats)
