"""Which simulator tests of many small cores use."""

import shutil

import pytest


@pytest.fixture
def any_simulator():
    """Icarus Verilog where it is installed, since it builds a small core at once; else Verilator."""
    return "icarus" if shutil.which("iverilog") else "verilator"
