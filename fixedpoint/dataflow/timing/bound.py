"""The fewest cycles that a core may take: what its lanes and its streams allow, whatever the implementation.

For one image (weight gradient: one batch)::

    forward, input gradient:  max(issue slots, input beats, output beats)
    weight gradient:          max(issue slots, input beats) + dw output beats

since no dw is known before the last input.  *Issue slots* are the fewest multiply cycles: for every position of the
result, the groups of `kernel_lanes` taps that hold at least one tap with a source, times the channel groups of both
sides.  Padding, other phases and unused rows are not in it.
"""

from dataclasses import dataclass

from convstream.fixedpoint.layer import Layer
from convstream.fixedpoint.streams import tensor_streams
from convstream.reference.geometry import Axis


@dataclass(frozen=True)
class Limit:
    """The bound of one core; input and output beats are those of the longest stream of each side."""

    issue_slots: int
    input_beats: int
    output_beats: int
    cycles: int


def limit(layer: Layer, pass_name: str) -> Limit:
    """Bound in cycles for one image, or for one batch of the weight gradient.

    Parameters
    ----------
    pass_name : str
        forward, input_gradient or weight_gradient.
    """
    streams, batch = tensor_streams(layer), layer.geometry.batch
    slots = issue_slots(layer, pass_name)
    if pass_name == "weight_gradient":
        inputs = max(streams["x"].beats, streams["dz"].beats)
        outputs = streams["dw"].beats
        return Limit(slots, inputs, outputs, max(slots, inputs) + outputs)
    source, result = ("x", "z") if pass_name == "forward" else ("dz", "dx")
    inputs, outputs = streams[source].beats // batch, streams[result].beats // batch
    return Limit(slots, inputs, outputs, max(slots, inputs, outputs))


def issue_slots(layer: Layer, pass_name: str) -> int:
    """Fewest multiply cycles for one image, or for one batch of the weight gradient."""
    geometry, lanes = layer.geometry, layer.lanes
    gradient = pass_name == "input_gradient"
    rows, columns = geometry.rows, geometry.columns
    row_groups = _tap_groups(rows, gradient, parallel=lanes.kernel_lanes > 1)
    column_groups = _tap_groups(columns, gradient, parallel=lanes.kernel_lanes == rows.kernel * columns.kernel > 1)
    channel_groups = geometry.in_channels // lanes.in_lanes * (geometry.out_channels // lanes.out_lanes)
    images = geometry.batch if pass_name == "weight_gradient" else 1
    return images * row_groups * column_groups * channel_groups


def _tap_groups(axis: Axis, gradient: bool, parallel: bool) -> int:
    """Groups of taps along one axis that hold a source, summed over its positions."""
    if not parallel:
        return axis.tap_count  # from either side
    return len(axis.seen_pixels) if gradient else sum(1 for out in range(axis.out_size) if axis.taps(out))
