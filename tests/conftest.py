"""What every test run shares: its last lines say on which simulators it ran."""

import shutil


def pytest_terminal_summary(terminalreporter):
    if shutil.which("iverilog"):
        terminalreporter.write_line("simulators: Verilator and Icarus Verilog")
    else:
        terminalreporter.write_line("simulators: Verilator alone; Icarus Verilog (iverilog) is not installed")
