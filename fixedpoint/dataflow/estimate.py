"""Estimate: what a core will need and reach, from the layer alone."""

from dataclasses import dataclass
from fractions import Fraction

from convstream.fixedpoint.dataflow.memories import Memory, memories
from convstream.fixedpoint.dataflow.schedule.lead import Lead, leads
from convstream.fixedpoint.dataflow.timing.bound import Bound, core_bound
from convstream.fixedpoint.dataflow.timing.cycles import core_cycles
from convstream.fixedpoint.layer import Layer
from convstream.fixedpoint.streams import tensor_streams

#: Lanes that widen the beats of each stream.
_LANES_OF_STREAM = {"x": "in_lanes", "z": "out_lanes", "dz": "out_lanes", "dx": "in_lanes", "dw": "in_lanes"}
_INPUTS = {"forward": ("x",), "input_gradient": ("dz",), "weight_gradient": ("x", "dz")}
_OUTPUT = {"forward": "z", "input_gradient": "dx", "weight_gradient": "dw"}


@dataclass(frozen=True)
class Estimate:
    """One core; cycles are exact for streams that never wait, with weights loaded.

    Parameters
    ----------
    batch_cycles : int
        From the first beat in to the last beat out of one batch, after a reset.
    latency_cycles : int
        From the first beat in to the first beat out.
    bound : Bound
        The fewest cycles that lanes and streams allow, for one image (weight gradient: one batch).
    period : Fraction
        Cycles from one image (batch) to the next in the long run.
    bottleneck : str
        multipliers, or the name of a stream: the largest part of the bound.
    advice : str
        How to lower the bound.
    useful_products : int
        Products of a weight with a pixel of the pass's source that is not padding, of the right phase, in a period.
    """

    pass_name: str
    batch_cycles: int
    latency_cycles: int
    bound: Bound
    period: Fraction
    images: int  # in a period
    useful_products: int
    multipliers: int
    memories: list[Memory]
    leads: list[Lead]
    bottleneck: str
    advice: str

    @property
    def efficiency(self) -> float:
        """The bound by the period: the share of what lanes and streams allow, at most 1."""
        return float(self.bound.cycles / self.period)

    @property
    def useful(self) -> float:
        """Share of the multipliers' cycles in which a weight meets a pixel that is not padding, in the long run.

        At most the efficiency, which does not count lanes that stand idle in a slot.
        """
        return float(self.useful_products / (self.multipliers * self.period))

    @property
    def memory_bits(self) -> int:
        return sum(memory.bits for memory in self.memories)

    def images_per_second(self, clock_hz: float) -> float:
        return float(self.images / self.period) * clock_hz

    def products_per_second(self, clock_hz: float) -> float:
        """Useful products: padding, inserted zeros and idle multipliers are not counted."""
        return float(self.useful_products / self.period) * clock_hz


def estimate(layer: Layer, pass_name: str) -> Estimate:
    """Estimate of the core of a pass: forward, input_gradient or weight_gradient."""
    batch = layer.geometry.batch
    images = batch if pass_name == "weight_gradient" else 1
    cycles, bound = core_cycles(layer, pass_name), core_bound(layer, pass_name)
    bottleneck = _bottleneck(layer, pass_name, bound)
    return Estimate(
        pass_name=pass_name,
        batch_cycles=cycles.batch_cycles(),
        latency_cycles=cycles.first_beat,
        bound=bound,
        period=cycles.period,
        images=images,
        useful_products=layer.geometry.multiplications * images // batch,
        multipliers=layer.lanes.multipliers,
        memories=memories(layer, pass_name),
        leads=leads(layer, pass_name),
        bottleneck=bottleneck,
        advice=_advice(layer, pass_name, bottleneck),
    )


def _bottleneck(layer: Layer, pass_name: str, bound: Bound) -> str:
    if bound.issue_slots == bound.cycles:
        return "multipliers"
    if bound.output_beats == bound.cycles:
        return _OUTPUT[pass_name]
    streams = tensor_streams(layer)
    return max(_INPUTS[pass_name], key=lambda stream: streams[stream].beats)


def _advice(layer: Layer, pass_name: str, bottleneck: str) -> str:
    """The lanes that lower the bound, with their present and largest value."""
    geometry, lanes = layer.geometry, layer.lanes
    largest = {
        "in_lanes": geometry.in_channels,
        "out_lanes": geometry.out_channels,
        "kernel_lanes": geometry.rows.kernel * geometry.columns.kernel,
    }
    knobs = largest if bottleneck == "multipliers" else [_LANES_OF_STREAM[bottleneck]]
    free = [f"{knob} ({getattr(lanes, knob)} of at most {largest[knob]})" for knob in knobs
            if getattr(lanes, knob) < largest[knob]]  # fmt: skip
    if bottleneck == "multipliers":
        return f"raise {' or '.join(free)}" if free else "none: all products of a pixel are made at once"
    if bottleneck == "dw":
        return f"raise {free[0]}, or the batch" if free else "raise the batch"
    if free:
        return f"raise {free[0]}"
    return "a beat holds the whole pixel: other lanes could be fewer"
