"""`make` before anything is set up: it says what is missing, and what can be done."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAKE = shutil.which("make")


def make(*arguments: str, **options) -> subprocess.CompletedProcess:
    command = [MAKE, "--no-print-directory", *arguments]  # which a make that runs these tests would have printed
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, **options)


@pytest.mark.parametrize(("tools", "missing"), [
    ((), "missing: Python >= 3.11 with venv (as python3), a C++ compiler (c++), perl, git"),
    (("perl", "git"), "missing: Python >= 3.11 with venv (as python3), a C++ compiler (c++)"),
    (("c++", "perl", "git"), "missing: Python >= 3.11 with venv (as python3)"),
])  # fmt: skip
def test_what_is_missing_is_told_at_once_in_one_line(tmp_path, tools, missing):
    for tool in tools:
        (tmp_path / tool).symlink_to("/bin/true")
    done = make("prerequisites", env={"PATH": str(tmp_path)})
    assert done.returncode != 0
    assert done.stderr.splitlines()[0] == missing
    assert done.stdout == ""


def test_a_python_that_is_too_old(tmp_path):
    python = tmp_path / "python3"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    assert "Python >= 3.11 with venv" in make("prerequisites", f"PYTHON={python}").stderr


def test_help_lists_what_one_would_look_for():
    lines = make("help").stdout.splitlines()
    assert [line.split()[1] for line in lines] == [
        "report", "training-step", "test", "test-numba", "campaign",
        "benchmark-model", "benchmark-quantize", "benchmark-efficiency", "benchmark-area", "benchmark-hardware",
        "benchmark-simulation",
        "lint", "clean", "help",
    ]  # fmt: skip
    assert all(len(line.split()) > 3 for line in lines)
