"""What each key of a layer file may hold.

Only rules about one key stand here; those that tie several together belong to `Geometry` and `Layer`.
"""

import difflib
import json
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WrapValidator, model_validator
from pydantic_core import PydanticCustomError

from convstream.fixedpoint.formats import LARGEST_FRACTION, NARROWEST_BITS, WIDEST_BITS, Overflow, Rounding
from convstream.reference.geometry import LARGEST_EXTENT

LARGEST_SEED = (1 << 64) - 1


def _rule(text: str) -> WrapValidator:
    """Report `text` when a value is refused, whatever the reason."""

    def validate(value, handler):
        try:
            return handler(value)
        except ValidationError:
            raise PydanticCustomError("rule", "must be {text}", {"text": text}) from None

    return WrapValidator(validate)


def _integer(lowest: int, highest: int) -> Any:
    return Annotated[int, Field(ge=lowest, le=highest), _rule(f"an integer from {lowest} to {highest}")]


def _choice(enum: type) -> Any:
    return Annotated[enum, Field(strict=False), _rule("one of " + ", ".join(json.dumps(member) for member in enum))]


_Extent = _integer(1, LARGEST_EXTENT)
_Seed = _integer(0, LARGEST_SEED)


class _Table(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _know_every_key(cls, table):
        if not isinstance(table, dict):
            raise PydanticCustomError("rule", "must be a table")
        for key in table:
            if key not in cls.model_fields:
                near = difflib.get_close_matches(key, cls.model_fields, n=1)
                hint = f'did you mean "{near[0]}"?' if near else f"legal keys are {', '.join(cls.model_fields)}"
                raise PydanticCustomError("unknown", "{hint}", {"key": key, "hint": hint})
        required = [key for key, field in cls.model_fields.items() if field.is_required()]
        return dict.fromkeys(required) | table  # None breaks every rule, so that the message says what is legal


class LayerTable(_Table):
    batch: _Extent
    in_channels: _Extent
    height: _Extent
    width: _Extent
    out_channels: _Extent
    kernel: _Extent
    stride: _Extent = 1
    padding: Annotated[
        _integer(0, LARGEST_EXTENT) | Literal["same", "valid"],
        _rule(f'an integer from 0 to {LARGEST_EXTENT}, "same" or "valid"'),
    ] = 0


class FormatTable(_Table):
    width: _integer(NARROWEST_BITS, WIDEST_BITS)
    fraction: _integer(-LARGEST_FRACTION, LARGEST_FRACTION)


class FormatsTable(_Table):
    input: FormatTable
    weights: FormatTable
    bias: FormatTable
    output: FormatTable
    output_gradient: FormatTable | None = None
    input_gradient: FormatTable | None = None
    weight_gradient: FormatTable | None = None
    bias_gradient: FormatTable | None = None
    rounding: _choice(Rounding) = Rounding.HALF_EVEN
    overflow: _choice(Overflow) = Overflow.SATURATE
    rounding_seed: _Seed = 1


class HardwareTable(_Table):
    in_lanes: _Extent = 1
    out_lanes: _Extent = 1
    kernel_lanes: _integer(1, LARGEST_EXTENT**2) = 1
    weight_sets: _integer(1, 2) = 1


class RandomData(_Table):
    """Uniform integers; `extremes` is the share of elements that are the format's lowest or highest word."""

    source: Literal["random"] = "random"
    seed: _Seed = 1
    extremes: Annotated[float, Field(ge=0, le=1), _rule("a number from 0 to 1")] = 0.0


class FileData(_Table):
    """Arrays x, w, b and dz of an .npz file; `path` is relative to the layer file.  The seed is not needed."""

    source: Literal["file"]
    seed: _Seed = 1
    path: Annotated[str, Field(min_length=1), _rule("the name of an .npz file")]


class PhotographData(_Table):
    """Crops of one of the photographs that come with scikit-learn."""

    source: Literal["photograph"]
    seed: _Seed = 1
    picture: Annotated[Literal["china", "flower"], _rule('one of "china", "flower"')] = "china"


class DigitsData(_Table):
    """Handwritten digits that come with scikit-learn."""

    source: Literal["digits"]
    seed: _Seed = 1


Data = RandomData | FileData | PhotographData | DigitsData

SOURCES = tuple(get_args(kind.model_fields["source"].annotation)[0] for kind in get_args(Data))

#: Numbers of input channels that pictures can fill.
PICTURE_CHANNELS = {"photograph": (1, 3), "digits": (1,)}


class LayerTables(_Table):
    """A whole layer file."""

    layer: LayerTable
    formats: FormatsTable
    hardware: HardwareTable = HardwareTable()
    data: Annotated[Data, Field(discriminator="source")] = RandomData()
