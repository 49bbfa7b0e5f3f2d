"""Memories and queues of a core: how many, how deep, how wide."""

from dataclasses import dataclass

from convstream.fixedpoint.dataflow.schedule.gradient_plan import GradientPlan
from convstream.fixedpoint.dataflow.schedule.latency import (
    BIAS_READ_LATENCY,
    DRAIN_READ_LATENCY,
    drain_queue_depth,
    queue_depth,
)
from convstream.fixedpoint.dataflow.schedule.plan import Plan
from convstream.fixedpoint.dataflow.schedule.ring import Ring
from convstream.fixedpoint.layer import Layer


@dataclass(frozen=True)
class Memory:
    """Equal banks of `depth` words of `word_bits`; a queue is one bank."""

    name: str
    banks: int
    depth: int
    word_bits: int

    @property
    def bits(self) -> int:
        return self.banks * self.depth * self.word_bits


def memories(layer: Layer, pass_name: str) -> list[Memory]:
    """The memories of the core of a pass: forward, input_gradient or weight_gradient."""
    if pass_name == "weight_gradient":
        return _gradient_memories(GradientPlan(layer))
    return _window_memories(Plan(layer, gradient=pass_name == "input_gradient"))


def _window_memories(plan: Plan) -> list[Memory]:
    lanes, formats = plan.layer.lanes, plan.layer.formats
    banks = lanes.out_lanes * lanes.kernel_lanes
    found = [
        _lines("line buffer", plan.ring),
        Memory("weight memory", banks, plan.memory_depth(plan.weight_depth),
               lanes.in_lanes * formats.weights.width),
    ]
    if not plan.gradient:
        found.append(Memory("bias memory", lanes.out_lanes, plan.memory_depth(plan.out_groups), formats.bias.width))
    return [*found, _queue("result queue", queue_depth(plan), plan.result_lanes * plan.result_format.width)]


def _gradient_memories(plan: GradientPlan) -> list[Memory]:
    layer, lanes, formats = plan.layer, plan.layer.lanes, plan.layer.formats
    banks = lanes.out_lanes * lanes.kernel_lanes
    sums = layer.accumulators["db"].width
    return [
        _lines("line buffer of x", plan.window.ring),
        _lines("line buffer of dz", plan.gradient_ring),
        Memory("accumulators of dw", banks, plan.accumulator_depth, lanes.in_lanes * layer.accumulators["dw"].width),
        Memory("accumulators of db", lanes.out_lanes, 2 * plan.window.out_groups, sums),
        _queue("queue of dw", drain_queue_depth(banks, DRAIN_READ_LATENCY),
               lanes.in_lanes * formats.weight_gradient.width),
        _queue("queue of db", drain_queue_depth(lanes.out_lanes, BIAS_READ_LATENCY), formats.bias_gradient.width),
    ]  # fmt: skip


def _lines(name: str, ring: Ring) -> Memory:
    return Memory(name, ring.row_banks * ring.column_banks, ring.bank_depth, ring.word_bits)


def _queue(name: str, depth: int, beat_bits: int) -> Memory:
    """Each place keeps a beat and whether it ends a frame."""
    return Memory(name, 1, depth, beat_bits + 1)
