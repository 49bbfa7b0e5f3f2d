"""The layers and tensors of the stand-in cores in `cores/`, and the faults that the forward one can be told to have."""

import shutil
from enum import IntEnum
from pathlib import Path

import numpy as np
import pytest

from convstream.fixedpoint.formats import Format, Formats, Overflow
from convstream.fixedpoint.layer import Lanes, Layer
from convstream.reference.geometry import Geometry

CORES = Path(__file__).parent / "cores"

needs_icarus = pytest.mark.skipif(not shutil.which("iverilog"), reason="Icarus Verilog is not installed")
both_simulators = pytest.mark.parametrize("simulator", ["verilator", pytest.param("icarus", marks=needs_icarus)])
both_ways = pytest.mark.parametrize("beat_by_beat", [True, False], ids=["beat by beat", "player"])


class Fault(IntEnum):
    """Numbers as in `cores/conv_forward.v`."""

    NONE = 0
    VALID_WITHDRAWN = 1
    DATA_CHANGED = 2
    LAST_MISSING = 3
    LAST_EARLY = 4
    BIT_FLIPPED = 5
    BEAT_LOST = 6
    BEAT_REPEATED = 7
    HANGS = 8
    UNKNOWN_BIT = 9
    PADDING_DIRTY = 10
    ERROR_SPURIOUS = 11
    ERROR_SILENT = 12
    VALID_IN_RESET = 13
    SIMULATION_ENDS = 14
    LOOKS_WITHOUT_ASKING = 15


def _layer(channels: int, width: int, result_width: int, result_fraction: int, sum_fraction: int) -> Layer:
    narrow = Format(width, 4)
    formats = Formats(
        input=narrow, weights=narrow, bias=narrow, output=narrow, output_gradient=narrow, input_gradient=narrow,
        weight_gradient=Format(result_width, result_fraction), bias_gradient=Format(result_width, sum_fraction),
        overflow=Overflow.WRAP,
    )  # fmt: skip
    geometry = Geometry.square(
        batch=2, in_channels=channels, height=3, width=4, out_channels=channels, kernel=1, stride=1, padding=0
    )
    return Layer(geometry, formats, Lanes(channels, channels, 1))


FORWARD = _layer(channels=2, width=7, result_width=7, result_fraction=4, sum_fraction=4)
WEIGHT_GRADIENT = _layer(channels=1, width=8, result_width=32, result_fraction=8, sum_fraction=4)


def forward_tensors(fault: Fault = Fault.NONE, bias: tuple[int, int] = (3, -2), seed: int = 0) -> dict[str, np.ndarray]:
    """x, w, b and the z of a core that adds the bias; w asks for the fault."""
    x = np.random.default_rng(seed).integers(-64, 64, FORWARD.geometry.x_shape)
    w = np.array([[16, 0], [fault, 16]]).reshape(FORWARD.geometry.w_shape)
    b = np.array(bias)
    return {"x": x, "w": w, "b": b, "z": (x + b[:, np.newaxis, np.newaxis] + 64) % 128 - 64}


def weight_gradient_tensors(seed: int = 0) -> dict[str, np.ndarray]:
    """x, dz, dw and db; exact, since no result is rounded."""
    rng = np.random.default_rng(seed)
    x, dz = (rng.integers(-128, 128, WEIGHT_GRADIENT.geometry.x_shape) for _ in range(2))
    return {"x": x, "dz": dz, "dw": np.sum(x * dz).reshape(1, 1, 1, 1), "db": np.sum(dz).reshape(1)}
