"""A layer as plain tables, the way a layer file and a manifest hold it: read, checked and written back.

Everything is checked before any work is done.  The first rule that is broken is reported on one line: where, key,
value, rule and legal values.
"""

import json
import math
from typing import Any

from pydantic import ValidationError

from convstream.fixedpoint.formats import Format, Formats
from convstream.fixedpoint.kernels.runtime.machine import memory_bytes
from convstream.fixedpoint.layer import Lanes, Layer, LayerError
from convstream.reference.geometry import Geometry, same_padding
from convstream.sim.errors import BadInput, one_line
from convstream.sim.layers.schema import PICTURE_CHANNELS, SOURCES, Data, LayerTable, LayerTables


def parse_layer(tables: dict[str, Any], origin: str) -> tuple[Layer, Data]:
    """The layer and the data source that `tables` describe; `origin` is the file that messages name.

    Raises
    ------
    BadInput
        A rule is broken, or the layer's tensors do not fit in memory.
    """
    try:
        valid = LayerTables.model_validate(tables)
    except ValidationError as error:
        raise BadInput(f"{origin}: {_describe(error.errors()[0])}") from None
    geometry = _geometry(valid.layer, origin)
    _require_channels(valid.data, geometry, origin)
    formats = {name: Format(**value) if isinstance(value, dict) else value
               for name, value in valid.formats.model_dump().items()}  # fmt: skip
    try:
        hardware = valid.hardware.model_dump()
        weight_sets = hardware.pop("weight_sets")
        layer = Layer(geometry, Formats(**formats), Lanes(**hardware), weight_sets)
    except LayerError as error:
        raise BadInput(f"{origin}: {error.key}: {error}") from None
    return layer, valid.data


def layer_tables(layer: Layer, data: Data) -> dict[str, Any]:
    """Plain tables, every default written out, from which `parse_layer` makes the same layer again."""
    geometry, formats = layer.geometry, layer.formats
    tables = {
        "layer": {
            "batch": geometry.batch,
            "in_channels": geometry.in_channels,
            "height": geometry.rows.size,
            "width": geometry.columns.size,
            "out_channels": geometry.out_channels,
            "kernel": geometry.rows.kernel,
            "stride": geometry.rows.stride,
            "padding": geometry.rows.pad_before,
        },
        "formats": {
            name: {"width": value.width, "fraction": value.fraction} if isinstance(value, Format) else value
            for name, value in vars(formats).items() if value is not None
        },
        "hardware": vars(layer.lanes) | {"weight_sets": layer.weight_sets},
        "data": data.model_dump(),
    }
    if parse_layer(tables, "layer")[0] != layer:
        raise ValueError("only square kernels with one stride and one padding can be written as tables")
    return tables


def _describe(error: dict[str, Any]) -> str:
    """One line for one of pydantic's errors: key, value, rule."""
    path = [str(part) for part in error["loc"]]
    if path[:1] == ["data"] and len(path) > 1:
        del path[1]  # the name of the source, which pydantic puts between the table and the key
    context, sources = error.get("ctx", {}), ", ".join(map(json.dumps, SOURCES))
    match error["type"]:
        case "unknown":
            return f"{'.'.join([*path, one_line(context['key'])])}: unknown key; {context['hint']}"
        case "union_tag_not_found":
            return f"data.source: missing; must be one of {sources}"
        case "union_tag_invalid":
            return f"data.source = {_shown(error['input']['source'])}: must be one of {sources}"
        case "model_attributes_type":
            return f"data = {_shown(error['input'])}: must be a table"
    if path and error["input"] is None:
        return f"{'.'.join(path)}: missing; {error['msg']}"
    return f"{'.'.join(path) or 'top level'} = {_shown(error['input'])}: {error['msg']}"


def _shown(value: Any) -> str:
    text = one_line(json.dumps(value, default=str, ensure_ascii=False))
    return text if len(text) <= 60 else text[:57] + "..."


def _geometry(table: LayerTable, origin: str) -> Geometry:
    padding = table.padding
    if padding == "same":
        try:
            padding = same_padding(table.kernel, table.stride)
        except ValueError as error:
            raise BadInput(f"{origin}: layer.padding: {error}") from None
    room = min(table.height, table.width) + 2 * (0 if padding == "valid" else padding)
    if table.kernel > room:
        raise BadInput(
            f"{origin}: layer.kernel = {table.kernel}: must be at most {room}, the shorter side of the padded image"
        )
    geometry = Geometry.square(**table.model_dump() | {"padding": padding})
    _require_memory(geometry, origin)
    return geometry


def _require_channels(data: Data, geometry: Geometry, origin: str) -> None:
    legal = PICTURE_CHANNELS.get(data.source, (geometry.in_channels,))
    if geometry.in_channels not in legal:
        rule = f"in_channels must be {' or '.join(map(str, legal))}, not {geometry.in_channels}"
        raise BadInput(f'{origin}: data.source = "{data.source}": {rule}')


def _require_memory(geometry: Geometry, origin: str) -> None:
    """Refuse a layer whose tensors would take more than half of the memory that this process may use."""
    elements = sum(math.prod(shape) for shape in geometry.shapes.values())
    windows = math.prod(geometry.z_shape) // geometry.out_channels * math.prod(geometry.w_shape[1:])
    padded = math.prod(geometry.x_shape[:2]) * geometry.rows.padded_size * geometry.columns.padded_size
    needed = 64 * elements + 8 * (windows + padded)  # 64 bits each, but 64 bytes while packed into beats
    limit = memory_bytes() // 2
    if needed > limit:
        raise BadInput(
            f"{origin}: layer: its tensors need {needed / 2**30:,.1f} GiB; at most {limit / 2**30:,.1f} GiB, half of "
            "this machine's or container's memory, may be used: make the batch, the image or the channels smaller"
        )
