"""One run of a simulator under cocotb, believed only as far as it is proven.

A simulator that dies, finds no test or fails a test may still exit with 0 and print nothing alarming.  So whatever
an earlier run left is removed first, and then there must be an exit code of 0, a list of results with exactly one
test in it, passed, and the record which that test wrote last of all.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import find_libpython
from cocotb_tools.config import pygpi_entry_point

from convstream.sim.backends.environment import inherited
from convstream.sim.bench import run_files
from convstream.sim.errors import BadInput
from convstream.sim.jobs.processes import SimulationError, quote_error, run


def run_testbench(
    command: Sequence[str], environment: dict[str, str], module: str, testbench: str, stimulus: dict, seed: int,
    folder: Path, timeout_seconds: float,
) -> list[dict]:  # fmt: skip
    """Play `stimulus` into `module`, simulated by `command`, in `folder`; returns the record of the module `testbench`.

    Raises
    ------
    BadInput
        The simulator, or Python's shared library, is missing.
    SimulationError
        There is no record that can be trusted.
    """
    for name in (run_files.RECORD, run_files.RESULTS):
        (folder / name).unlink(missing_ok=True)
    (folder / run_files.STIMULUS).write_text(json.dumps(stimulus))
    log = folder / run_files.LOG
    code = run(command, folder, _environment(module, testbench, seed, environment), log, timeout_seconds)
    if code != 0:
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        raise SimulationError(f"the simulator {how}: {quote_error(log)} (see {log})")
    _check_results(folder / run_files.RESULTS, log)
    try:
        return json.loads((folder / run_files.RECORD).read_text())
    except (OSError, ValueError):
        raise SimulationError(f"the test bench passed and left no record (see {log})") from None


def _check_results(results: Path, log: Path) -> None:
    try:
        cases = list(ElementTree.parse(results).getroot().iter("testcase"))
    except (OSError, ElementTree.ParseError):
        raise SimulationError(f"the simulator ended without results: {quote_error(log)} (see {log})") from None
    if len(cases) != 1:
        raise SimulationError(f"{len(cases)} tests ran instead of one (see {log})")
    if unwanted := [element for element in cases[0] if element.tag in ("failure", "error", "skipped")]:
        reason = unwanted[0].get("message") or unwanted[0].tag
        raise SimulationError(f"the test bench did not come to its end: {reason.splitlines()[0]} (see {log})")


def _environment(module: str, testbench: str, seed: int, environment: dict[str, str]) -> dict[str, str]:
    """What cocotb's libraries want to know."""
    libpython = find_libpython.find_libpython()
    if libpython is None:
        raise BadInput("cocotb needs Python's shared library (libpython), and there is none for this Python")
    return {
        **inherited(),
        **environment,
        "COCOTB_TOPLEVEL": module,
        "TOPLEVEL_LANG": "verilog",
        "COCOTB_TEST_MODULES": testbench,
        "COCOTB_RESULTS_FILE": run_files.RESULTS,
        "COCOTB_RANDOM_SEED": str(seed),
        "COCOTB_ANSI_OUTPUT": "0",
        "COCOTB_REWRITE_ASSERTION_FILES": "",  # saves a third of the start-up time: the test bench asserts nothing
        "PYTHONPATH": os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path),
        "PYGPI_PYTHON_BIN": sys.executable,
        "GPI_USERS": f"{libpython};{pygpi_entry_point()}",
    }
