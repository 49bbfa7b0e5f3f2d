"""Environment of simulators and of their builds: settings from around this process must not change what runs."""

import os

#: Names that begin like these are settings of cocotb, Icarus, make, and the makefiles that Verilator writes.
_PREFIXES = ("COCOTB_", "GPI_", "PYGPI_", "VVP_", "MAKE", "USER_", "VK_", "VM_")

_SETTINGS = {
    # cocotb still reads the names of its first version where the present ones are absent
    "COVERAGE", "COVERAGE_RCFILE", "GUI", "MODULE", "NO_COLOR", "PLUSARGS", "RANDOM_SEED", "TESTCASE", "TOPLEVEL",
    # Icarus
    "IVERILOG_DUMPER", "IVERILOG_ICONFIG", "LXT_FILE_SIZE_LIMIT", "VPI_TRACE",
    # make, its built-in rules, and Verilator's makefiles: they would change a build, but not its name in the cache
    "CFLAGS", "CPPFLAGS", "CXXFLAGS", "GNUMAKEFLAGS", "GPATH", "LDFLAGS", "LDLIBS", "LIBS", "LOADLIBES", "MFLAGS",
    "OBJCACHE", "OPT", "RM", "VPATH",
}  # fmt: skip


def inherited() -> dict[str, str]:
    """The environment of this process without the settings of the programs that are started in it."""
    return {
        name: value for name, value in os.environ.items()
        if name not in _SETTINGS and not name.startswith(_PREFIXES)
    }  # fmt: skip
