"""Simulators that pretend: nothing but a proven run may count."""

import json
import sys

import pytest

from convstream.sim.backends.cocotb_run import run_testbench
from convstream.sim.jobs.processes import SimulationError

PASSED = '<testsuites><testsuite><testcase name="a"/></testsuite></testsuites>'
RECORD = [{"starved": None}]


def simulate(tmp_path, *, results=PASSED, record=None, last="pass", **options):
    """Run a program that writes results and a record, does one last thing, and plays no stimulus at all."""
    lines = ["import os, pathlib, sys"]
    if results is not None:
        lines.append(f"pathlib.Path('results.xml').write_text({results!r})")
    if record is not None:
        lines.append(f"pathlib.Path('record.json').write_text({record!r})")
    command = [sys.executable, "-c", "\n".join([*lines, last])]
    arguments = {"environment": {}, "module": "core", "testbench": "bench", "stimulus": {}} | options
    return run_testbench(command, folder=tmp_path, seed=1, timeout_seconds=60, **arguments)


def test_a_proven_run_gives_its_record(tmp_path):
    assert simulate(tmp_path, record=json.dumps(RECORD)) == RECORD


@pytest.mark.parametrize(
    ("run", "complaint"),
    [
        ({"last": "sys.exit(1)"}, "the simulator ended with exit code 1"),
        ({"last": "os.kill(os.getpid(), 11)"}, "the simulator was killed by signal 11"),
        ({"last": "print('no license'); sys.exit(2)"}, "exit code 2: no license"),
        ({"results": None}, "the simulator ended without results: it printed nothing"),
        ({"results": "<testsuites"}, "the simulator ended without results"),
        ({"results": "<testsuites/>"}, "0 tests ran instead of one"),
        ({"results": PASSED.replace("<testcase", '<testcase name="b"/><testcase')}, "2 tests ran instead of one"),
        (
            {"results": PASSED.replace("/></t", '><failure message="no handle&#10;more"/></testcase></t')},
            "did not come to its end: no handle ",
        ),
        ({"results": PASSED.replace("/></t", "><skipped/></testcase></t")}, "did not come to its end: skipped"),
        ({"record": None}, "the test bench passed and left no record"),
        ({"record": "[{"}, "the test bench passed and left no record"),
    ],
)
def test_everything_else_is_no_verdict(run, complaint, tmp_path):
    run = {"record": json.dumps(RECORD)} | run
    with pytest.raises(SimulationError, match=complaint):
        simulate(tmp_path, **run)


def test_what_an_earlier_run_left_proves_nothing(tmp_path):
    simulate(tmp_path, record=json.dumps(RECORD))
    with pytest.raises(SimulationError, match="without results"):
        simulate(tmp_path, results=None)


def test_settings_from_outside_do_not_reach_cocotb(tmp_path, monkeypatch):
    monkeypatch.setenv("COCOTB_TEST_FILTER", "nothing")
    monkeypatch.setenv("COCOTB_RESULTS_FILE", "elsewhere.xml")
    last = "import json; pathlib.Path('record.json').write_text(json.dumps(dict(os.environ)))"
    environment = simulate(tmp_path, last=last)
    assert "COCOTB_TEST_FILTER" not in environment
    assert environment["COCOTB_RESULTS_FILE"] == "results.xml"
    assert environment["COCOTB_RANDOM_SEED"] == "1"
