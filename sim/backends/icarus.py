"""Icarus Verilog, where it is installed: a core compiled for `vvp`, which loads cocotb's interface to it."""

import functools
from pathlib import Path

import cocotb_tools.config

from convstream.sim.backends.environment import inherited
from convstream.sim.bench import run_files
from convstream.sim.files.template import fill
from convstream.sim.jobs.cache import cached_folder
from convstream.sim.jobs.processes import SimulationError, quote_error, run, version_of

_EXECUTABLE = "core.vvp"
_BUILD_SECONDS = 600

#: Icarus would let writes race with the clock edge that they follow; cocotb holds them back until it is over.
ENVIRONMENT = {"COCOTB_TRUST_INERTIAL_WRITES": "0"}
_TIMESCALE = "+timescale+1ns/1ps\n"
_DUMP = Path(__file__).with_name("dump.v")


def build(verilog: bytes, module: str, waves: bool, build_root: Path) -> Path:
    """Folder with the compiled `module`; nothing is compiled if it was before.

    Raises
    ------
    BadInput
        Icarus is missing.
    SimulationError
        It rejects the Verilog.
    """
    recipe = (_version(), _TIMESCALE, _DUMP.read_text(), str(waves), module, verilog)
    return cached_folder(build_root, f"icarus-{module}", recipe, lambda to: _build_core(verilog, module, waves, to))


def build_player(verilog: bytes, module: str, build_root: Path) -> Path:
    """Like `build`, for a bench that plays by itself."""
    return build(verilog, module, waves=False, build_root=build_root)


def command(folder: Path, seed: int, waves: bool) -> list[str]:
    """What to run; `seed` is for Verilator, since here unknown bits stay unknown."""
    interface = cocotb_tools.config.lib_entry("vpi", "icarus")
    return ["vvp", "-n", "-m", interface, str(folder / _EXECUTABLE)]


@functools.cache
def _version() -> str:
    return version_of("iverilog", "-V").splitlines()[0]


def _build_core(source: bytes, module: str, waves: bool, folder: Path) -> None:
    (folder / "core.v").write_bytes(source)
    (folder / "settings").write_text(_TIMESCALE)
    tops, sources = ["-s", module], ["core.v"]
    if waves:
        (folder / "dump.v").write_text(fill(_DUMP, file=run_files.WAVES, module=module))
        tops, sources = [*tops, "-s", "dump_waves"], [*sources, "dump.v"]
    log = folder / "build.log"
    command = ["iverilog", "-g2001", "-o", _EXECUTABLE, "-c", "settings", *tops, *sources]
    if run(command, folder, inherited(), log, _BUILD_SECONDS):
        raise SimulationError(f"iverilog failed: {quote_error(log)}")
