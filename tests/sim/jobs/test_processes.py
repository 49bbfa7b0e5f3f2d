import sys
import time
from pathlib import Path

import pytest

from convstream.sim.errors import BadInput, CheckFailed
from convstream.sim.jobs.processes import SimulationError, quote_error, run, version_of


def test_output_and_exit_code_come_back(tmp_path):
    log = tmp_path / "log"
    command = [sys.executable, "-c", "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"]
    assert run(command, tmp_path, None, log, 60) == 3
    assert sorted(log.read_text().split()) == ["err", "out"]


def test_a_program_that_is_missing_or_broken_is_named(tmp_path, monkeypatch):
    def ask():
        return version_of("compiler", "--version")

    def start():
        return run(["compiler"], tmp_path, None, tmp_path / "log", 60)

    monkeypatch.setenv("PATH", str(tmp_path))
    for use in (ask, start):
        with pytest.raises(BadInput, match="^compiler is needed and is not installed, or not on PATH$"):
            use()
    program = tmp_path / "compiler"
    program.write_text("#!/bin/sh\necho version 7\n[ $# = 1 ] || exit 0\necho error: no licence >&2\nexit 3\n")
    for use in (ask, start):
        with pytest.raises(BadInput, match="^compiler is needed and cannot be run: Permission denied$"):
            use()
    program.chmod(0o755)
    with pytest.raises(BadInput, match="compiler is needed and does not work: compiler --version: error: no licence"):
        ask()
    assert version_of("compiler", "of", "what") == "version 7\n"


def test_a_program_that_does_not_end_is_killed_with_its_children(tmp_path):
    child = tmp_path / "child"
    command = ["sh", "-c", f"sleep 60 & echo $! > {child}; wait"]
    with pytest.raises(SimulationError, match="sh did not end within 0.5 seconds"):
        run(command, tmp_path, None, tmp_path / "log", 0.5)
    deadline = time.monotonic() + 60
    while _alive(int(child.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return state.rsplit(")", 1)[1].split()[0] != "Z"  # a zombie that nobody has buried yet is dead


def test_no_verdict_is_a_failed_check():
    assert issubclass(SimulationError, CheckFailed)


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("note\n%Error: core.v:3: syntax error\nexiting with error\n", "%Error: core.v:3: syntax error"),
        ("one\ntwo\n\n", "two"),
        ("", "it printed nothing"),
    ],
)
def test_the_telling_line_of_a_log_is_quoted(text, quote, tmp_path):
    log = tmp_path / "log"
    log.write_text(text)
    assert quote_error(log) == quote
