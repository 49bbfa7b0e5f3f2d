"""Settings from around: whatever a user or a CI system has set, the same core runs in the same way."""

import re
from pathlib import Path

import cocotb
import pygpi
import pytest

from convstream.sim.backends.environment import inherited
from convstream.sim.simulate import simulate
from tests.sim.stand_ins import CORES, FORWARD, both_simulators, both_ways, forward_tensors

#: How cocotb asks for a variable: `_env.get_bool("COVERAGE")`, `os.getenv("COCOTB_TOPLEVEL")`.
_ASKED = re.compile(r'(?:_env\.\w+|getenv|environ\.get)\(\s*"(\w+)"')


def asked_by_cocotb() -> set[str]:
    sources = (path for package in (cocotb, pygpi) for path in Path(package.__file__).parent.rglob("*.py"))
    return {name for source in sources for name in _ASKED.findall(source.read_text())}


def test_no_name_that_cocotb_asks_for_is_inherited(monkeypatch):
    names = asked_by_cocotb()
    assert {"COVERAGE", "COCOTB_USER_COVERAGE", "COCOTB_TEST_MODULES"} <= names
    for name in names:
        monkeypatch.setenv(name, "nonsense")
    assert not names & inherited().keys()


def test_everything_else_is(monkeypatch):
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/compiler/lib")
    assert inherited()["LD_LIBRARY_PATH"] == "/opt/compiler/lib"


@both_simulators
@both_ways
@pytest.mark.parametrize("value", ["1", "html"])
def test_a_core_runs_as_ever_among_settings_of_others(simulator, beat_by_beat, value, build_root, monkeypatch):
    for name in {*asked_by_cocotb(), "MODULE", "TESTCASE", "TOPLEVEL", "PLUSARGS", "WAVES", "SIM", "VVP_DEBUG"}:
        monkeypatch.setenv(name, value)
    result = simulate(
        FORWARD, forward_tensors(), "forward", simulator=simulator, beat_by_beat=beat_by_beat, build_root=build_root,
        verilog=CORES / "conv_forward.v",
    )  # fmt: skip
    assert result.matched
