"""Streams: the order in which tensors travel, and how their elements are grouped into beats.

Images and gradients go in raster order, channel innermost; weights and their gradient go filter by filter,
tap by tap, channel innermost.  A beat carries one group of lanes, lane 0 in the least significant bits::

    x (N,C,H,W), in_lanes = 2      beat 0: {x[0,1,0,0], x[0,0,0,0]}   beat 1: {x[0,3,0,0], x[0,2,0,0]}   ...
"""

import math
from dataclasses import dataclass

import numpy as np

from convstream.fixedpoint.formats import Format
from convstream.fixedpoint.layer import Layer

#: Axes of each tensor in its stream's order, as positions in the tensor's own shape.
_RASTER = (0, 2, 3, 1)  # (N,C,H,W) -> n, row, column, channel; (K,C,F,F) -> filter, row, column, channel
_ORDER = {"x": _RASTER, "z": _RASTER, "dz": _RASTER, "dx": _RASTER, "w": _RASTER, "dw": _RASTER, "b": (0,), "db": (0,)}


def round_up_to_bytes(bits: int) -> int:
    """Width of a `tdata` that carries `bits` bits: the next multiple of 8."""
    return -(-bits // 8) * 8


@dataclass(frozen=True)
class TensorStream:
    """How one tensor is cut into beats of `lanes` elements."""

    tensor: str
    shape: tuple[int, ...]
    element: Format
    lanes: int

    @property
    def order(self) -> tuple[int, ...]:
        """Axes of the tensor, as positions in its shape, from the one that travels slowest to the fastest."""
        return _ORDER[self.tensor]

    @property
    def payload_bits(self) -> int:
        return self.lanes * self.element.width

    @property
    def beat_bits(self) -> int:
        return round_up_to_bytes(self.payload_bits)

    @property
    def beats(self) -> int:
        return math.prod(self.shape) // self.lanes

    @property
    def stream_shape(self) -> tuple[int, ...]:
        """The tensor's extents in the order in which they travel."""
        return tuple(self.shape[axis] for axis in self.order)

    def to_beats(self, tensor: np.ndarray) -> np.ndarray:
        """Elements of `tensor` as they travel, shape (beats, lanes)."""
        return np.ascontiguousarray(tensor.transpose(self.order)).reshape(self.beats, self.lanes)

    def from_beats(self, beats: np.ndarray) -> np.ndarray:
        """The tensor whose elements arrived as `beats`, shape (beats, lanes); inverse of `to_beats`."""
        return np.asarray(beats).reshape(self.stream_shape).transpose(np.argsort(self.order))

    def index_of(self, beat: int, lane: int) -> tuple[int, ...]:
        """Index into the tensor of one lane of one beat."""
        travelled = np.unravel_index(beat * self.lanes + lane, self.stream_shape)
        return tuple(int(travelled[position]) for position in np.argsort(self.order))


def tensor_streams(layer: Layer) -> dict[str, TensorStream]:
    """The stream of every tensor of `layer`, by the tensor's name."""
    lanes = {"x": layer.lanes.in_lanes, "w": layer.lanes.in_lanes, "b": 1, "z": layer.lanes.out_lanes,
             "dz": layer.lanes.out_lanes, "dx": layer.lanes.in_lanes, "dw": layer.lanes.in_lanes, "db": 1}  # fmt: skip
    shapes = layer.geometry.shapes
    return {name: TensorStream(name, shapes[name], layer.formats.of(name), lanes[name]) for name in layer.tensors}


def weights_beat_bits(layer: Layer) -> int:
    """Width of `s_axis_weights`: its beats carry `in_lanes` weights, then one bias each."""
    streams = tensor_streams(layer)
    return round_up_to_bytes(max(streams["w"].payload_bits, streams["b"].payload_bits))
