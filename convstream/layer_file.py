"""Layer files: TOML in, a checked `Layer` and its data source out."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from convstream.fixedpoint.layer import Layer
from convstream.sim.errors import BadInput
from convstream.sim.layers.schema import Data
from convstream.sim.layers.tables import parse_layer

#: A layer file has some thirty lines; more than this is something else.
LARGEST_BYTES = 1 << 16


@dataclass(frozen=True)
class LayerFile:
    """What a layer file says, and where it lies: the paths in it are relative to its folder."""

    path: Path
    layer: Layer
    data: Data


def load(path: str | Path) -> Layer:
    """The layer that a layer file describes.

    Raises
    ------
    BadInput
        The file cannot be read, is not TOML, or breaks a rule.
    """
    return read_layer_file(Path(path)).layer


def read_layer_file(path: Path) -> LayerFile:
    """Read and check a layer file.

    Raises
    ------
    BadInput
        The file cannot be read, is not TOML, or breaks a rule.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from None
    if len(content) > LARGEST_BYTES:
        raise BadInput(f"{path}: not a layer file: larger than {LARGEST_BYTES} bytes")
    try:
        tables = tomllib.loads(content.decode("utf-8-sig"))  # some editors begin with a byte order mark
    except UnicodeDecodeError:
        raise BadInput(f"{path}: not a layer file: not UTF-8 text") from None
    except (ValueError, RecursionError) as error:  # not only TOMLDecodeError: numbers may have too many digits
        raise BadInput(f"{path}: not TOML: {error}") from None
    layer, data = parse_layer(tables, str(path))
    return LayerFile(path, layer, data)
