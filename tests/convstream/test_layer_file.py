"""Every rule of the layer file: a good file with one thing changed must be refused on one line that says why."""

import copy
import tomllib
from pathlib import Path

import pytest

from convstream.fixedpoint.formats import Format, Overflow, Rounding
from convstream.fixedpoint.layer import Lanes
from convstream.layer_file import LARGEST_BYTES, read_layer_file
from convstream.sim.errors import BadInput
from convstream.sim.layers.schema import RandomData
from convstream.sim.layers.tables import layer_tables, parse_layer

EXAMPLES = sorted(Path(__file__).parents[2].joinpath("examples/layers").glob("*.toml"))

GOOD = """
[layer]
batch = 2
in_channels = 6
height = 8
width = 10
out_channels = 4
kernel = 3
stride = 2
padding = 1

[formats]
input           = { width = 8, fraction = 6 }
weights         = { width = 8, fraction = 7 }
bias            = { width = 16, fraction = 13 }
output          = { width = 8, fraction = 4 }
output_gradient = { width = 8, fraction = 7 }
input_gradient  = { width = 8, fraction = 6 }
weight_gradient = { width = 16, fraction = 8 }
bias_gradient   = { width = 16, fraction = 8 }
"""

MISSING = object()


def changed(key: str, value) -> dict:
    """The good tables with the value at a dotted `key` replaced, added or taken away."""
    tables = copy.deepcopy(tomllib.loads(GOOD))
    *path, last = key.split(".")
    table = tables
    for name in path:
        table = table.setdefault(name, {})
    if value is MISSING:
        del table[last]
    else:
        table[last] = value
    return tables


def test_what_is_left_out_has_a_default(tmp_path):
    path = tmp_path / "layer.toml"
    path.write_text(GOOD)
    file = read_layer_file(path)
    assert file.layer.geometry.z_shape == (2, 4, 4, 5)
    assert file.layer.formats.weights == Format(8, 7)
    assert file.layer.formats.rounding is Rounding.HALF_EVEN
    assert file.layer.formats.overflow is Overflow.SATURATE
    assert file.layer.lanes == Lanes(1, 1, 1)
    assert file.data == RandomData(seed=1, extremes=0.0)


@pytest.mark.parametrize(("padding", "expected"), [("same", 1), ("valid", 0), (5, 5)])
def test_padding_by_name_or_number(padding, expected):
    tables = changed("layer.padding", padding)
    tables["layer"]["stride"] = 1
    layer, _ = parse_layer(tables, "file")
    assert layer.geometry.rows.pad_before == layer.geometry.columns.pad_after == expected


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_read_and_survive_the_way_through_plain_tables(path):
    file = read_layer_file(path)
    assert parse_layer(layer_tables(file.layer, file.data), "tables") == (file.layer, file.data)


def test_there_are_examples():
    assert len(EXAMPLES) >= 12


@pytest.mark.parametrize(("key", "value", "message"), [
    # missing and unknown keys
    ("layer", MISSING, "layer: missing; must be a table"),
    ("formats", MISSING, "formats: missing; must be a table"),
    ("layer.kernel", MISSING, "layer.kernel: missing; must be an integer from 1 to 1048576"),
    ("formats.output", MISSING, "formats.output: missing; must be a table"),
    ("formats.bias.fraction", MISSING, "formats.bias.fraction: missing; must be an integer from -64 to 64"),
    ("layer.kernal", 3, 'layer.kernal: unknown key; did you mean "kernel"?'),
    ("layer.dilation_of_time", 3, "layer.dilation_of_time: unknown key; legal keys are batch, in_channels, height,"),
    ("hardwear", {}, 'hardwear: unknown key; did you mean "hardware"?'),
    ("formats.inputs", {}, 'formats.inputs: unknown key; did you mean "input"?'),
    ("formats.input.frac", 3, 'formats.input.frac: unknown key; did you mean "fraction"?'),
    ("hardware.in_lane", 3, 'hardware.in_lane: unknown key; did you mean "in_lanes"?'),
    ("layer.two\nlines", 3, r"layer.two\nlines: unknown key"),
    # wrong types
    ("layer", 3, "layer = 3: must be a table"),
    ("formats.input", 8, "formats.input = 8: must be a table"),
    ("formats.input", [8, 6], "formats.input = [8, 6]: must be a table"),
    ("layer.batch", "4", 'layer.batch = "4": must be an integer from 1 to 1048576'),
    ("layer.batch", 4.0, "layer.batch = 4.0: must be an integer from 1 to 1048576"),
    ("layer.batch", True, "layer.batch = true: must be an integer from 1 to 1048576"),
    ("layer.padding", False, "layer.padding = false: must be an integer from 0 to 1048576"),
    ("hardware.in_lanes", 1.5, "hardware.in_lanes = 1.5: must be an integer"),
    # sizes
    ("layer.height", 0, "layer.height = 0: must be an integer from 1 to 1048576"),
    ("layer.stride", -1, "layer.stride = -1: must be an integer from 1 to 1048576"),
    ("layer.padding", -1, 'layer.padding = -1: must be an integer from 0 to 1048576, "same" or "valid"'),
    ("layer.batch", 1 << 70, "layer.batch = 1180591620717411303424: must be an integer from 1 to 1048576"),
    ("layer.width", (1 << 20) + 1, "layer.width = 1048577: must be an integer from 1 to 1048576"),
    ("layer.kernel", 11, "layer.kernel = 11: must be at most 10, the shorter side of the padded image"),
    # padding by name
    ("layer.padding", "some", 'layer.padding = "some": must be an integer from 0 to 1048576, "same" or "valid"'),
    ("layer.padding", "same", 'layer.padding: padding "same" needs stride 1 and an odd kernel, not stride 2'),
    # formats
    ("formats.weights.width", 33, "formats.weights.width = 33: must be an integer from 2 to 32"),
    ("formats.weights.width", 1, "formats.weights.width = 1: must be an integer from 2 to 32"),
    ("formats.weights.fraction", 65, "formats.weights.fraction = 65: must be an integer from -64 to 64"),
    ("formats.bias.fraction", 14, "formats.bias: fraction must not be finer than the accumulator's: at most 13"),
    ("formats.output.fraction", 60, "formats.output: the exact accumulator of z needs 68 bits; at most 63 are"),
    ("formats.rounding", "half_evn", 'formats.rounding = "half_evn": must be one of "floor", "toward_zero", "half_up"'),
    ("formats.rounding", 1, "formats.rounding = 1: must be one of"),
    ("formats.overflow", "clip", 'formats.overflow = "clip": must be one of "saturate", "wrap"'),
    ("formats.rounding_seed", -1, "formats.rounding_seed = -1: must be an integer from 0 to 18446744073709551615"),
    ("formats.rounding_seed", 1 << 64, "formats.rounding_seed = 18446744073709551616: must be an integer from 0"),
    # lanes
    ("hardware.in_lanes", 4, "hardware.in_lanes: must divide in_channels = 6: 1, 2, 3, 6; not 4"),
    ("hardware.out_lanes", 3, "hardware.out_lanes: must divide out_channels = 4: 1, 2, 4; not 3"),
    ("hardware.kernel_lanes", 2, "hardware.kernel_lanes: must be one of 1, 3, 9"),
    ("hardware.weight_sets", 3, "hardware.weight_sets = 3: must be an integer from 1 to 2"),
    ("hardware.out_lanes", 0, "hardware.out_lanes = 0: must be an integer from 1"),
    # data
    ("data", 1, "data = 1: must be a table"),
    ("data", [], "data = []: must be a table"),
    ("data.seed", 3, 'data.source: missing; must be one of "random", "file", "photograph", "digits"'),
    ("data.source", "camera", 'data.source = "camera": must be one of "random", "file", "photograph", "digits"'),
    ("data.source", ["random"], "data.source = [\"random\"]: must be one of"),
    ("data", {"source": "random", "seed": -1}, "data.seed = -1: must be an integer from 0"),
    ("data", {"source": "random", "extremes": 1.5}, "data.extremes = 1.5: must be a number from 0 to 1"),
    ("data", {"source": "random", "extremes": float("nan")}, "data.extremes = NaN: must be a number from 0 to 1"),
    ("data", {"source": "digits", "extremes": 0.5}, "data.extremes: unknown key; legal keys are source, seed"),
    ("data", {"source": "file"}, "data.path: missing; must be the name of an .npz file"),
    ("data", {"source": "file", "path": ""}, 'data.path = "": must be the name of an .npz file'),
    ("data", {"source": "photograph", "picture": "cat"}, 'data.picture = "cat": must be one of "china", "flower"'),
    ("data", {"source": "photograph"}, 'data.source = "photograph": in_channels must be 1 or 3, not 6'),
    ("data", {"source": "digits"}, 'data.source = "digits": in_channels must be 1, not 6'),
])  # fmt: skip
def test_a_broken_rule_is_named_with_key_value_and_legal_values(key, value, message):
    with pytest.raises(BadInput) as caught:
        parse_layer(changed(key, value), "layer.toml")
    line = str(caught.value)
    assert line.startswith(f"layer.toml: {message}")
    assert "\n" not in line
    assert len(line) < 250


def test_a_layer_that_cannot_fit_in_memory_is_refused_before_allocation():
    tables = changed("layer.height", 1 << 20)
    tables["layer"]["width"] = 1 << 20
    with pytest.raises(BadInput, match=r"its tensors need [\d,.]+ GiB; at most [\d,.]+ GiB, half of this machine"):
        parse_layer(tables, "layer.toml")


def test_more_multipliers_than_a_core_may_have_are_refused():
    tables = changed("layer.in_channels", 1 << 17)
    tables["hardware"] = {"in_lanes": 1 << 17}
    with pytest.raises(BadInput, match="layer.toml: hardware.in_lanes: .* at most 65,536 multipliers, not 131,072 x"):
        parse_layer(tables, "layer.toml")


@pytest.mark.parametrize("kernel", [1, 1 << 20])
def test_the_largest_padding_and_stride_are_refused_at_once(kernel):
    tables = changed("layer.kernel", kernel)
    tables["layer"] |= {"padding": 1 << 19, "stride": 1 << 20}
    with pytest.raises(BadInput, match="its tensors need"):
        parse_layer(tables, "layer.toml")


@pytest.mark.parametrize(("content", "message"), [
    (b"", "layer: missing"),
    (b"[layer", "not TOML: "),
    (b"[layer]\nbatch = 1\nbatch = 2\n", "not TOML: Cannot overwrite a value (at line 3, column 10)"),
    (b"\xff\xfe[layer]", "not a layer file: not UTF-8 text"),
    (b"\x7fELF\x00\x01", "not TOML: "),
    (b"a = " + b"[" * 20_000, "not TOML: "),
    (b"a = " + b"9" * 20_000, "not TOML: "),
    (b"#" * (LARGEST_BYTES + 1), "not a layer file: larger than 65536 bytes"),
], ids=["empty", "cut", "twice", "utf16", "binary", "deep", "digits", "large"])  # fmt: skip
def test_files_that_are_not_layer_files(tmp_path, content, message):
    path = tmp_path / "layer.toml"
    path.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        read_layer_file(path)
    assert str(caught.value).startswith(f"{path}: {message}")


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    path = tmp_path / "layer.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert read_layer_file(path).layer.geometry.batch == 2


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(BadInput, match="No such file or directory"):
        read_layer_file(tmp_path / "nowhere.toml")
    with pytest.raises(BadInput, match="Is a directory"):
        read_layer_file(tmp_path)
