"""Programs side by side: their exit codes, their number, and that none outlives a failure of another."""

import asyncio
import os
import sys
import time

import pytest

from convstream.sim.errors import CheckFailed
from convstream.sim.jobs.parallel import Processors


def run_all(folder, *programs, timeout_seconds=60):
    async def together():
        processors = Processors()
        return await asyncio.gather(*(
            processors.run(
                [sys.executable, "-c", program], folder, os.environ, folder / f"log{index}", timeout_seconds
            ) for index, program in enumerate(programs)
        ))  # fmt: skip

    return asyncio.run(together())


def test_exit_codes_and_output_come_back(tmp_path):
    codes = run_all(tmp_path, "print('first')", "import sys; print('second', file=sys.stderr); sys.exit(3)")
    assert codes == [0, 3]
    assert (tmp_path / "log0").read_text() == "first\n"
    assert (tmp_path / "log1").read_text() == "second\n"


def test_no_more_run_at_once_than_there_are_processors(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1}, raising=False)
    program = """
import pathlib, sys, time
mine = pathlib.Path(f"running-{sys.argv}-{id(object())}-{time.monotonic_ns()}")
mine.touch()
time.sleep(0.2)
print(len(list(pathlib.Path().glob("running-*"))))
mine.unlink()
"""
    run_all(tmp_path, *[program] * 5)
    assert max(int((tmp_path / f"log{index}").read_text()) for index in range(5)) <= 2


def test_a_program_that_does_not_end_is_killed(tmp_path):
    program = "import os, pathlib, time; pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(60)"
    with pytest.raises(CheckFailed, match="did not end within 2 seconds"):
        run_all(tmp_path, program, timeout_seconds=2)
    assert _gone(int((tmp_path / "pid").read_text()))


def test_when_one_fails_the_others_end(tmp_path):
    async def together():
        processors = Processors()
        sleep = "import os, pathlib, time; pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(60)"
        program = processors.run([sys.executable, "-c", sleep], tmp_path, os.environ, tmp_path / "log", 60)

        async def fail():
            while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
                await asyncio.sleep(0.01)
            raise CheckFailed("no")

        await asyncio.gather(program, fail())

    started = time.monotonic()
    with pytest.raises(CheckFailed, match="no"):
        asyncio.run(together())
    assert time.monotonic() - started < 50
    assert _gone(int((tmp_path / "pid").read_text()))


def _gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False
