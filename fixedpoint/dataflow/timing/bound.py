"""The bound of a core: the fewest cycles that its lanes and its streams allow, whatever the implementation.

For one image (weight gradient: one batch), since all three may happen at the same time::

    bound = max(issue slots, input beats, output beats)

*Issue slots* are the fewest multiply cycles: for every position of the result, the groups of `kernel_lanes` taps that
hold at least one tap with a source, times the channel groups of both sides.  Padding, other phases and unused rows are
not in it.  An output of the forward pass that lies wholly on padding is its rounded bias: one slot for each group of
filters.  A pixel of dx that no output looks at is zero, and takes an output beat but no slot.
"""

from dataclasses import dataclass

from convstream.fixedpoint.layer import Layer
from convstream.fixedpoint.streams import tensor_streams
from convstream.reference.geometry import Axis


@dataclass(frozen=True)
class Bound:
    """The bound of one core; input and output beats are those of the longest stream of each side."""

    issue_slots: int
    input_beats: int
    output_beats: int

    @property
    def cycles(self) -> int:
        return max(self.issue_slots, self.input_beats, self.output_beats)


def core_bound(layer: Layer, pass_name: str) -> Bound:
    """Bound for one image, or for one batch of the weight gradient.

    Parameters
    ----------
    pass_name : str
        forward, input_gradient or weight_gradient.
    """
    beats = {name: stream.beats for name, stream in tensor_streams(layer).items()}
    slots = issue_slots(layer, pass_name)
    if pass_name == "weight_gradient":
        return Bound(slots, max(beats["x"], beats["dz"]), beats["dw"])
    source, result = ("x", "z") if pass_name == "forward" else ("dz", "dx")
    return Bound(slots, beats[source] // layer.geometry.batch, beats[result] // layer.geometry.batch)


def issue_slots(layer: Layer, pass_name: str) -> int:
    """Fewest multiply cycles for one image, or for one batch of the weight gradient."""
    geometry, lanes = layer.geometry, layer.lanes
    gradient = pass_name == "input_gradient"
    rows, columns = geometry.rows, geometry.columns
    row_groups = _tap_groups(rows, gradient, parallel=lanes.kernel_lanes > 1)
    column_groups = _tap_groups(columns, gradient, parallel=lanes.kernel_lanes == rows.kernel * columns.kernel > 1)
    in_groups, out_groups = geometry.in_channels // lanes.in_lanes, geometry.out_channels // lanes.out_lanes
    slots = row_groups * column_groups * in_groups * out_groups
    if pass_name == "weight_gradient":
        return geometry.batch * slots
    return slots if gradient else slots + _tapless_outputs(rows, columns) * out_groups


def _tap_groups(axis: Axis, gradient: bool, parallel: bool) -> int:
    """Groups of taps along one axis that hold a source, summed over its positions."""
    if not parallel:
        return axis.tap_count  # from either side
    return len(axis.seen_pixels) if gradient else _seeing_outputs(axis)


def _seeing_outputs(axis: Axis) -> int:
    """Outputs along one axis that look at some pixel."""
    return sum(1 for out in range(axis.out_size) if axis.taps(out))


def _tapless_outputs(rows: Axis, columns: Axis) -> int:
    """Outputs of a channel that lie wholly on padding."""
    return rows.out_size * columns.out_size - _seeing_outputs(rows) * _seeing_outputs(columns)
