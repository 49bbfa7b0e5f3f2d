"""What every test run shares: built simulators, and last lines that say on which simulators it ran."""

import shutil
from pathlib import Path

import pytest

_CORES = Path(__file__).parents[1] / "build" / "cores"


@pytest.fixture
def build_root(tmp_path):
    """Where a test simulates: runs in its own folder; builds where all tests share them, from one time to the next."""
    _CORES.mkdir(parents=True, exist_ok=True)
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "cores").symlink_to(_CORES)
    return tmp_path / "build"


@pytest.fixture
def any_simulator():
    """For many small cores: Icarus Verilog where it is installed, since it builds one at once; else Verilator."""
    return "icarus" if shutil.which("iverilog") else "verilator"


def pytest_terminal_summary(terminalreporter):
    if shutil.which("iverilog"):
        terminalreporter.write_line("simulators: Verilator and Icarus Verilog")
    else:
        terminalreporter.write_line("simulators: Verilator alone; Icarus Verilog (iverilog) is not installed")
