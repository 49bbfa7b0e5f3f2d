"""Conversion: the same text every time, nothing half-written, names and header as promised."""

import re
from pathlib import Path

import pytest

from convstream.hdl.convert import convert
from convstream.hdl.errors import ConversionError
from convstream.hdl.passes import PASSES, Pass
from convstream.layer_file import read_layer_file

_LAYERS = Path(__file__).parents[2] / "examples" / "layers"


@pytest.fixture(scope="module")
def layer():
    return read_layer_file(_LAYERS / "corner_4x4_s3.toml").layer


@pytest.mark.parametrize("pass_name", PASSES)
def test_same_layer_gives_the_same_bytes(layer, pass_name, tmp_path, monkeypatch):
    (tmp_path / "again").mkdir()
    first = convert(layer, pass_name, tmp_path).read_bytes()
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    assert convert(layer, pass_name, tmp_path / "again").read_bytes() == first


def test_header_describes_the_core_and_has_no_date(layer, tmp_path):
    text = convert(layer, "forward", tmp_path).read_text()
    header = text[: text.index("module ")]
    for part in ("N 2, C 3, H 13, W 9, K 5, F 4, S 3, P 2; output 5 x 4", "15 = 3 input channels x 5 filters x 1 taps",
                 "rounding: half_even, overflow: saturate", "s_axis_weights", "s_axis_x", "m_axis_z"):  # fmt: skip
        assert part in header
    assert not re.search(r"20\d\d|\d\d:\d\d", text)


def test_ports_are_those_of_the_contract(layer, tmp_path):
    text = convert(layer, "weight_gradient", tmp_path).read_text()
    ports = re.search(r"module conv_weight_gradient \((.*?)\);", text, re.DOTALL).group(1).replace(",", " ").split()
    streams = [f"{stream}_{field}" for stream in ("s_axis_x", "s_axis_dz", "m_axis_dw", "m_axis_db")
               for field in ("tdata", "tvalid", "tready", "tlast")]  # fmt: skip
    assert sorted(ports) == sorted(["aclk", "aresetn", "frame_error", "idle", "waits_for_x", "waits_for_dz", *streams])
    inputs = set(re.findall(r"^input (?:\[.*?\] )?(\w+);", text, re.MULTILINE))
    assert inputs == {"aclk", "aresetn", "m_axis_dw_tready", "m_axis_db_tready"} | {
        port for port in streams if port.startswith("s_axis") and not port.endswith("tready")
    }


def test_name_is_the_module_and_the_file(layer, tmp_path):
    path = convert(layer, "forward", tmp_path, "left_eye_conv_forward")
    assert path.name == "left_eye_conv_forward.v"
    assert "module left_eye_conv_forward (" in path.read_text()


def test_no_number_wider_than_an_unsized_constant(layer, tmp_path):
    # Verilog-2001 lets a tool cut unsized constants to 32 bits
    for pass_name in PASSES:
        numbers = re.findall(r"(?<![\w'])\d+(?![\w'])", convert(layer, pass_name, tmp_path).read_text())
        assert max(map(int, numbers)) < 1 << 31


def test_a_failed_conversion_leaves_nothing(layer, tmp_path, monkeypatch):
    monkeypatch.setitem(PASSES, "sideways", Pass("conv_sideways", (), ()))
    with pytest.raises(ConversionError, match="conv_sideways: conversion to Verilog failed: .*sideways"):
        convert(layer, "sideways", tmp_path)
    assert list(tmp_path.iterdir()) == []
