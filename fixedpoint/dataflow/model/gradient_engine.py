"""Weight and bias gradient as their core computes them: tables from the plan, streams through the stages."""

import numpy as np

from convstream.fixedpoint.dataflow.model.stages import gradient_engine
from convstream.fixedpoint.dataflow.model.window_engine import generators, lines_of, rule_of
from convstream.fixedpoint.dataflow.schedule.gradient_plan import GradientPlan, RunRecord
from convstream.fixedpoint.layer import Layer
from convstream.fixedpoint.streams import tensor_streams


def weight_gradient(x: np.ndarray, dz: np.ndarray, layer: Layer) -> tuple[np.ndarray, np.ndarray]:
    """dw and db from x and dz, integers in the shapes of `layer`; as the integer passes give them after a reset."""
    plan, streams = GradientPlan(layer), tensor_streams(layer)
    window, lanes = plan.window, layer.lanes
    dw, db = (np.empty((streams[name].beats, streams[name].lanes), np.int64) for name in ("dw", "db"))
    finished = gradient_engine(
        lines_of(window.ring),
        lines_of(plan.gradient_ring),
        np.array([window.lane_row(tap) for tap in range(window.tap_rows)]),
        np.array([window.lane_column(tap) for tap in range(window.tap_columns)]),
        np.array(window.row_records),
        np.array(_runs(plan)),
        _windows(plan),
        (window.first_ring_row, window.rows.needed[0], window.ring.ring_rows + window.ring.spare_rows,
         plan.batch_rows),
        (plan.source_step, window.out_groups, window.tap_row_stride, window.group_stride),
        np.zeros((lanes.out_lanes, lanes.kernel_lanes, plan.accumulator_depth, lanes.in_lanes), np.int64),
        np.zeros((2, window.out_groups, lanes.out_lanes), np.int64),
        _places(plan),
        rule_of(layer, "dw"),
        rule_of(layer, "db"),
        generators(layer, "dw", lanes.in_lanes),
        generators(layer, "db", 1),
        streams["x"].to_beats(x).astype(np.int64),
        streams["dz"].to_beats(dz).astype(np.int64),
        dw,
        db[:, 0],
    )  # fmt: skip
    if not finished:
        raise RuntimeError("the stages wait for each other: a buffer is too small")
    formats = layer.formats
    return (
        streams["dw"].from_beats(dw).astype(formats.weight_gradient.dtype),
        streams["db"].from_beats(db).astype(formats.bias_gradient.dtype),
    )


def _runs(plan: GradientPlan) -> list[RunRecord]:
    """The runs; where columns of taps are parallel, a run begins at the first window of its row."""
    if not plan.window.columns.parallel:
        return plan.run_records
    return [record._replace(source_start=plan.window.first_column_address) for record in plan.run_records]


def _windows(plan: GradientPlan) -> np.ndarray:
    """Bank, mask and step of each window in a row, where columns of taps are parallel; else all alike."""
    window = plan.window
    if not window.columns.parallel:
        return np.array([[0, 1, 0]])
    return np.array([[record.bank, record.mask, record.address_step] for record in window.column_records])


def _places(plan: GradientPlan) -> np.ndarray:
    """Filter lane, tap lane and address of every beat of dw, in the order of the weight stream."""
    window, geometry = plan.window, plan.layer.geometry
    places = []
    for filter_, tap_row, tap_column, in_group in np.ndindex(
        geometry.out_channels, geometry.rows.kernel, geometry.columns.kernel, window.in_groups
    ):
        out_group, out_lane = divmod(filter_, plan.layer.lanes.out_lanes)
        tap = window.tap_row_bank(tap_row) * window.tap_columns + window.tap_column_bank(tap_column)
        offset = window.tap_row_offset(tap_row) + window.tap_column_offset(tap_column)
        places.append((out_lane, tap, out_group * window.group_stride + offset + in_group))
    return np.array(places)
