"""Forward pass and input gradient as their core computes them: tables from the plan, streams through the stages."""

import numpy as np

from convstream.fixedpoint.dataflow.model.stages import Lines, Rule, window_engine
from convstream.fixedpoint.dataflow.schedule.latency import queue_depth
from convstream.fixedpoint.dataflow.schedule.plan import Plan
from convstream.fixedpoint.dataflow.schedule.ring import Ring
from convstream.fixedpoint.layer import Layer
from convstream.fixedpoint.rounding import OVERFLOW_NUMBER, ROUNDING_NUMBER
from convstream.fixedpoint.stochastic import initial_state
from convstream.fixedpoint.streams import tensor_streams


def forward(x: np.ndarray, w: np.ndarray, b: np.ndarray, layer: Layer) -> np.ndarray:
    """z from x, w and b, integers in the shapes of `layer`; as `fixedpoint.forward.forward` gives it after a reset."""
    plan = Plan(layer)
    biases = b.astype(np.int64).reshape(plan.out_groups, plan.result_lanes) << layer.bias_shift
    return _run(plan, x, weight_memory(plan, w), biases)


def input_gradient(w: np.ndarray, dz: np.ndarray, layer: Layer) -> np.ndarray:
    """dx from w and dz; as `fixedpoint.input_gradient.input_gradient` gives it after a reset."""
    plan = Plan(layer, gradient=True)
    # the same words, summed along the other axis
    weights = np.ascontiguousarray(weight_memory(plan, w).transpose(3, 1, 2, 0))
    return _run(plan, dz, weights, np.zeros((plan.result_groups, plan.result_lanes), np.int64))


def _run(plan: Plan, source: np.ndarray, weights: np.ndarray, biases: np.ndarray) -> np.ndarray:
    streams = tensor_streams(plan.layer)
    results = np.empty((streams[plan.result].beats, plan.result_lanes), np.int64)
    finished = window_engine(
        lines_of(plan.ring),
        np.array([plan.lane_row(tap) for tap in range(plan.tap_rows)]),
        np.array([plan.lane_column(tap) for tap in range(plan.tap_columns)]),
        np.array(plan.row_records),
        np.array(plan.column_records),
        (plan.first_ring_row, plan.first_column_address, plan.rows.needed[0],
         plan.ring.ring_rows + plan.ring.spare_rows),
        (plan.tap_row_stride, plan.group_stride),
        weights,
        biases,
        rule_of(plan.layer, plan.result),
        generators(plan.layer, plan.result, plan.result_lanes),
        np.zeros((queue_depth(plan), plan.result_lanes), np.int64),
        np.isin(np.arange(plan.rows.results), plan.rows.positions),
        np.isin(np.arange(plan.columns.results), plan.columns.positions),
        streams[plan.source].to_beats(source).astype(np.int64),
        results,
    )  # fmt: skip
    if not finished:
        raise RuntimeError("the stages wait for each other: a buffer is too small")
    return streams[plan.result].from_beats(results).astype(plan.result_format.dtype)


def weight_memory(plan: Plan, w: np.ndarray) -> np.ndarray:
    """Where the weight stream puts w: (filter lanes, tap lanes, depth, channel lanes)."""
    lanes = plan.layer.lanes
    in_stride, out_stride = (plan.group_stride, 1) if plan.gradient else (1, plan.group_stride)
    memory = np.zeros((lanes.out_lanes, lanes.kernel_lanes, plan.weight_depth, lanes.in_lanes), np.int64)
    for filter_, channel, tap_row, tap_column in np.ndindex(w.shape):
        out_group, out_lane = divmod(filter_, lanes.out_lanes)
        in_group, in_lane = divmod(channel, lanes.in_lanes)
        tap = plan.tap_row_bank(tap_row) * plan.tap_columns + plan.tap_column_bank(tap_column)
        offset = plan.tap_row_offset(tap_row) + plan.tap_column_offset(tap_column)
        address = out_group * out_stride + offset + in_group * in_stride
        memory[out_lane, tap, address, in_lane] = w[filter_, channel, tap_row, tap_column]
    return memory


def lines_of(ring: Ring) -> Lines:
    """An empty line buffer."""
    rows, banks = range(ring.ring_rows), range(ring.row_banks)
    return Lines(
        memory=np.zeros((ring.row_banks, ring.column_banks, ring.bank_depth, ring.lanes), np.int64),
        line=np.array([[ring.line_address(row, bank) for bank in banks] for row in rows]),
        columns=ring.columns,
        groups=ring.groups,
        row_pitch=ring.row_pitch,
        address_mask=(1 << ring.address_bits) - 1,
    )


def rule_of(layer: Layer, tensor: str) -> Rule:
    formats = layer.formats
    shift = layer.accumulators[tensor].fraction - formats.of(tensor).fraction
    return Rule(
        shift, formats.of(tensor).width, ROUNDING_NUMBER[formats.rounding], OVERFLOW_NUMBER[formats.overflow]
    )


def generators(layer: Layer, tensor: str, lanes: int) -> np.ndarray:
    """States of the generators of stochastic rounding after a reset."""
    seed = layer.formats.rounding_seed
    return np.array([initial_state(seed, tensor, lane) for lane in range(lanes)], np.uint64)
