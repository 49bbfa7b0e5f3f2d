"""The manifest of a vectors folder: everything about the layer's streams that a test bench needs to know.

Schema 1::

    kind              "convstream vectors"
    schema            1
    convstream        version that wrote it
    layer_file        the tables of the layer file, every default written out
    imports           only where a `file` source holds floats, by tensor: {clipped_share, sqnr_db}; the share of its
                      values beyond the format's range, and the signal to quantization noise ratio of its words, to
                      three decimals, null if they are exact.  What is generated, or integers already, is not here
    rounding          {mode, overflow}; for stochastic also {seed, generator}: the rule in words
    accumulators      of z, dx, dw, db: {width, fraction}; exact, the results are these rounded once
    cores             by pass: {module, batch_cycles, latency_cycles, leads}, expected of the cores that this version
                      generates where no stream waits and weights are loaded: from the first beat of data in to the
                      last beat out, both counted, and to the first beat out
      leads           how far an input may run ahead: {stream, other, rows, beats}: so much of `stream` is taken, from
                      the first beat after a reset on, while no beat of `other` comes
    streams           by name: {file, beats, beat_bits, frame_beats, parts}; tlast is high on every frame_beats-th beat
      parts           what travels, one after the other: {tensor, shape, order, lanes, element_bits, fraction, beats}
                      lane 0 in the least significant bits; `order` names the tensor's axes from slow to fast
    files             of each: {bytes, sha256}

A layer without gradients, or without some, has no accumulators, cores and streams of these.
"""

import math
from collections.abc import Sequence
from typing import Any

from convstream.fixedpoint.dataflow.schedule.lead import leads
from convstream.fixedpoint.dataflow.timing.cycles import core_cycles
from convstream.fixedpoint.formats import Rounding
from convstream.fixedpoint.layer import Layer
from convstream.fixedpoint.streams import TensorStream, tensor_streams
from convstream.hdl.passes import PASSES
from convstream.sim.accuracy import ImportAccuracy
from convstream.sim.beats import STREAM_TENSORS, beat_count, last_beats, layer_streams, stream_bits
from convstream.sim.layers.schema import Data
from convstream.sim.layers.tables import layer_tables
from convstream.sim.tensors.sources import INPUTS
from convstream.sim.version import convstream_version

KIND = "convstream vectors"
SCHEMA = 1

_AXES = {
    "x": ("image", "channel", "row", "column"),
    "z": ("image", "filter", "row", "column"),
    "w": ("filter", "channel", "kernel_row", "kernel_column"),
    "b": ("filter",),
}
_AXES |= {"dx": _AXES["x"], "dz": _AXES["z"], "dw": _AXES["w"], "db": _AXES["b"]}

_STOCHASTIC_RULE = (
    "64-bit xorshift (13 left, 7 right, 17 left) for every lane of every result stream, one step a beat since reset; "
    "first state: SplitMix64's finaliser of (SplitMix64's finaliser of the seed, plus 2**32 * (z 0, dx 1, dw 2, db 3) "
    "plus the lane), each after adding 0x9e3779b97f4a7c15, which also stands for 0; the top bits of the state, as many "
    "as are dropped, are added to the accumulator before it is shifted down (floor)"
)


def hex_file(stream: str) -> str:
    """Name of the file that holds the beats of `stream`."""
    return f"{stream}.hex"


def manifest_contents(layer: Layer, data: Data, imports: Sequence[ImportAccuracy] = ()) -> dict[str, Any]:
    """All keys of the manifest but `kind` and `files`, which the folder itself adds."""
    formats = layer.formats
    rounding = {"mode": formats.rounding, "overflow": formats.overflow}
    if formats.rounding is Rounding.STOCHASTIC:
        rounding |= {"seed": formats.rounding_seed, "generator": _STOCHASTIC_RULE}
    return {
        "schema": SCHEMA,
        "convstream": convstream_version(),
        "layer_file": layer_tables(layer, data),
        **({"imports": {row.tensor: _describe_import(row) for row in imports}} if imports else {}),
        "rounding": rounding,
        "accumulators": {
            name: {"width": form.width, "fraction": form.fraction} for name, form in layer.accumulators.items()
        },
        "cores": {name: _describe_core(layer, name) for name in layer.passes},
        "streams": {stream: _describe_stream(layer, stream) for stream in layer_streams(layer)},
    }


def _describe_import(row: ImportAccuracy) -> dict[str, Any]:
    # three decimals: the order in which a machine adds up squares shows far behind them
    return {
        "clipped_share": row.clipped_share, "sqnr_db": round(row.sqnr_db, 3) if math.isfinite(row.sqnr_db) else None
    }  # fmt: skip


def read_imports(manifest: dict[str, Any], data: Data) -> tuple[ImportAccuracy, ...]:
    """What a manifest says of its imports, which nothing else in the folder tells.

    Raises
    ------
    ValueError
        It is not what `manifest_contents` writes.
    """
    if "imports" not in manifest:
        return ()
    imports = manifest["imports"]
    if data.source != "file" or not isinstance(imports, dict) or not imports or not imports.keys() <= {*INPUTS}:
        raise ValueError("imports are of x, w, b or dz, where they come from a file")
    rows = []
    for tensor, row in imports.items():
        if not isinstance(row, dict) or row.keys() != {"clipped_share", "sqnr_db"}:
            raise ValueError(f"imports of {tensor} must be clipped_share and sqnr_db")
        share, ratio = row["clipped_share"], math.inf if row["sqnr_db"] is None else row["sqnr_db"]
        if type(share) is not float or not 0 <= share <= 1 or type(ratio) is not float:
            raise ValueError(f"imports of {tensor} must be a share from 0 to 1 and a ratio or null")
        rows.append(ImportAccuracy(tensor, sqnr_db=ratio, clipped_share=share))
    return tuple(rows)


def _describe_core(layer: Layer, pass_name: str) -> dict[str, Any]:
    cycles = core_cycles(layer, pass_name)
    return {
        "module": PASSES[pass_name].module,
        "batch_cycles": cycles.batch_cycles(),
        "latency_cycles": cycles.first_beat,
        "leads": [lead._asdict() for lead in leads(layer, pass_name)],
    }


def _describe_stream(layer: Layer, stream: str) -> dict[str, Any]:
    parts = tensor_streams(layer)
    return {
        "file": hex_file(stream),
        "beats": beat_count(layer, stream),
        "beat_bits": stream_bits(layer, stream),
        "frame_beats": last_beats(layer, stream)[0] + 1,
        "parts": [_describe_part(parts[tensor]) for tensor in STREAM_TENSORS[stream]],
    }


def _describe_part(part: TensorStream) -> dict[str, Any]:
    return {
        "tensor": part.tensor,
        "shape": list(part.shape),
        "order": [_AXES[part.tensor][axis] for axis in part.order],
        "lanes": part.lanes,
        "element_bits": part.element.width,
        "fraction": part.element.fraction,
        "beats": part.beats,
    }
