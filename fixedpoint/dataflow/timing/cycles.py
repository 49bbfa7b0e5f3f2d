"""Cycles that a core takes, known before it is built: equal to those of the hardware if no source and no sink waits.

Cycle 0 is that of the first beat of data; weights are loaded, and all images (of any number of batches) follow each
other without a pause.
"""

from abc import ABC, abstractmethod
from fractions import Fraction

from convstream.fixedpoint.dataflow.schedule.gradient_plan import GradientPlan
from convstream.fixedpoint.dataflow.schedule.plan import Plan
from convstream.fixedpoint.dataflow.timing.gradient_timing import GradientTiming
from convstream.fixedpoint.dataflow.timing.steady_state import SteadyState
from convstream.fixedpoint.dataflow.timing.window_timing import WindowTiming
from convstream.fixedpoint.layer import Layer


class CoreCycles(ABC):
    """When a core sends what; a *frame* is what ends with a `tlast` of the outputs: an image, of dw and db a batch."""

    @property
    @abstractmethod
    def first_beat(self) -> int:
        """Cycle of the first beat out."""

    @abstractmethod
    def frame_end(self, stream: str, number: int) -> int:
        """Cycle of the last beat of frame `number`, from 0 on, of an output stream."""

    @abstractmethod
    def batch_cycles(self, batches: int = 1) -> int:
        """From the first beat of data in to the last beat out of so many batches, both counted."""

    @property
    @abstractmethod
    def period(self) -> Fraction:
        """Cycles from one frame to the next in the long run."""


class WindowCycles(CoreCycles):
    """Forward or input gradient."""

    def __init__(self, plan: Plan):
        self._plan = plan
        self._timing = WindowTiming(plan)
        self._frames = SteadyState(self._timing.frame, self._timing.after_reset())

    @property
    def first_beat(self) -> int:
        return self._timing.first_beat()

    def frame_end(self, stream: str, number: int) -> int:
        frame = self._frames.at(number)
        return frame.start + frame.event

    def batch_cycles(self, batches: int = 1) -> int:
        return self.frame_end(self._plan.result, batches * self._plan.layer.geometry.batch - 1) + 1

    @property
    def period(self) -> Fraction:
        return self._frames.period()


class GradientCycles(CoreCycles):
    """Weight and bias gradient."""

    def __init__(self, plan: GradientPlan):
        self._timing = GradientTiming(plan)
        self._images = plan.layer.geometry.batch
        self._batches = SteadyState(self._batch, self._timing.after_reset())

    def _batch(self, state):
        """A batch: cycles until the next one may begin, and to its last slot and the last sum of dz that is sent."""
        images = SteadyState(lambda found: self._timing.image(found, closing=False), self._timing.begin_batch(state))
        closing = images.at(self._images - 1)
        cycles, last_slot, after = self._timing.image(closing.state, closing=True)
        cycles += closing.start
        return cycles, (closing.start + last_slot, cycles + after.sums_sent[1]), after

    def _last(self, number: int) -> tuple[int, int]:
        """Cycles of a batch's last slot, and of its last sum."""
        batch = self._batches.at(number)
        origin = self._timing.clear_cycles + batch.start
        slot, last_sum = batch.event
        return origin + slot, origin + last_sum

    @property
    def first_beat(self) -> int:
        slot, last_sum = self._last(0)
        return min(self._timing.first_weight_beat(slot), self._timing.first_bias_beat(last_sum))

    def frame_end(self, stream: str, number: int) -> int:
        slot, last_sum = self._last(number)
        return self._timing.last_weight_beat(slot) if stream == "dw" else self._timing.last_bias_beat(last_sum)

    def batch_cycles(self, batches: int = 1) -> int:
        return max(self.frame_end(stream, batches - 1) for stream in ("dw", "db")) + 1

    @property
    def period(self) -> Fraction:
        return self._batches.period()


def core_cycles(layer: Layer, pass_name: str) -> CoreCycles:
    """The cycles of the core of a pass: forward, input_gradient or weight_gradient."""
    if pass_name == "weight_gradient":
        return GradientCycles(GradientPlan(layer))
    return WindowCycles(Plan(layer, gradient=pass_name == "input_gradient"))
