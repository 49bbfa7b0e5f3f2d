"""Beats: tensors packed into the words that travel on a stream's `tdata`, and unpacked from them.

Lane 0 sits in the least significant bits, each element at its own width, zeros on top to whole bytes::

    two lanes of 5 bits      bit 15      10 9          5 4          0
                                 000000   |   lane 1    |   lane 0

The weights stream carries two tensors, one after the other: every weight beat, then one bias a beat.
"""

from collections.abc import Sequence

import numpy as np

from convstream.fixedpoint.layer import Layer
from convstream.fixedpoint.streams import TensorStream, round_up_to_bytes, tensor_streams, weights_beat_bits

#: Tensors that each stream carries, in the order in which they travel.
STREAM_TENSORS = {
    "weights": ("w", "b"),
    "x": ("x",),
    "z": ("z",),
    "dz": ("dz",),
    "dx": ("dx",),
    "dw": ("dw",),
    "db": ("db",),
}

#: Streams whose `tlast` closes every image; on the others it closes the whole stream.
_IMAGE_STREAMS = ("x", "z", "dz", "dx")


def layer_streams(layer: Layer) -> list[str]:
    """The streams of the tensors that a layer has."""
    return [stream for stream, tensors in STREAM_TENSORS.items() if {*tensors} <= {*layer.tensors}]


def _parts(layer: Layer, stream: str) -> list[TensorStream]:
    streams = tensor_streams(layer)
    return [streams[tensor] for tensor in STREAM_TENSORS[stream]]


def stream_bits(layer: Layer, stream: str) -> int:
    """Width of the `tdata` of `stream`."""
    return weights_beat_bits(layer) if stream == "weights" else _parts(layer, stream)[0].beat_bits


def beat_count(layer: Layer, stream: str) -> int:
    """Beats of `stream` in one batch."""
    return sum(part.beats for part in _parts(layer, stream))


def last_beats(layer: Layer, stream: str) -> list[int]:
    """Indices of the beats on which `tlast` is high."""
    beats = beat_count(layer, stream)
    frames = layer.geometry.batch if stream in _IMAGE_STREAMS else 1
    return list(range(beats // frames - 1, beats, beats // frames))


def stream_bytes(layer: Layer, tensors: dict[str, np.ndarray], stream: str) -> np.ndarray:
    """The beats of `stream`, uint8 of shape (beats, bytes of a beat), least significant byte first."""
    beat_bytes = stream_bits(layer, stream) // 8
    return np.concatenate(
        [pack(part.to_beats(tensors[part.tensor]), part.element.width, beat_bytes) for part in _parts(layer, stream)]
    )


def stream_words(layer: Layer, tensors: dict[str, np.ndarray], stream: str) -> list[int]:
    """The beats of `stream` as unsigned integers: the values of `tdata`, in order."""
    return [int.from_bytes(beat, "little") for beat in map(bytes, stream_bytes(layer, tensors, stream))]


def stream_tensors(layer: Layer, words: Sequence[int], stream: str) -> dict[str, np.ndarray]:
    """The tensors that arrived as `words`, by name, in int64; inverse of `stream_words`.

    Raises
    ------
    ValueError
        There are more or fewer words than the stream has beats.
    """
    if len(words) != beat_count(layer, stream):
        raise ValueError(f"stream {stream} has {beat_count(layer, stream)} beats, not {len(words)}")
    tensors, first = {}, 0
    for part in _parts(layer, stream):
        beats = unpack(words[first : first + part.beats], part.lanes, part.element.width)
        tensors[part.tensor] = part.from_beats(beats)
        first += part.beats
    return tensors


def pack(elements: np.ndarray, width: int, beat_bytes: int) -> np.ndarray:
    """Integers of shape (beats, lanes) as uint8 of shape (beats, beat_bytes), least significant byte first."""
    beats, lanes = elements.shape
    octets = np.ascontiguousarray(elements, dtype="<i4").view(np.uint8).reshape(beats * lanes, 4)
    bits = np.unpackbits(octets, axis=1, count=width, bitorder="little").reshape(beats, lanes * width)
    packed = np.zeros((beats, beat_bytes), np.uint8)
    packed[:, : round_up_to_bytes(lanes * width) // 8] = np.packbits(bits, axis=1, bitorder="little")
    return packed


def unpack(words: Sequence[int], lanes: int, width: int) -> np.ndarray:
    """Elements of `words`, sign-extended to int64, shape (beats, lanes); bits above the last lane are ignored."""
    beat_bytes = round_up_to_bytes(lanes * width) // 8
    mask = (1 << lanes * width) - 1
    octets = np.frombuffer(b"".join((word & mask).to_bytes(beat_bytes, "little") for word in words), np.uint8)
    bits = np.unpackbits(octets.reshape(len(words), beat_bytes), axis=1, count=lanes * width, bitorder="little")
    extended = np.zeros((len(words), lanes, 64), np.uint8)
    extended[:, :, :width] = bits.reshape(len(words), lanes, width)
    extended[:, :, width:] = extended[:, :, width - 1 : width]
    return np.packbits(extended, axis=2, bitorder="little").view("<i8").reshape(len(words), lanes).astype(np.int64)
