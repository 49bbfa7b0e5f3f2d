"""Processes: run a program to its end, with its output in a log, and leave nothing of it behind."""

import os
import shlex
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from convstream.sim.errors import BadInput, CheckFailed


class SimulationError(CheckFailed):
    """No result: a program failed, died or never ended, or it ended without having tested anything."""


def run(
    command: Sequence[str], folder: Path, environment: dict[str, str] | None, log: Path, timeout_seconds: float
) -> int:
    """Run `command` in `folder`, append what it prints to `log`, and return its exit code.

    Raises
    ------
    BadInput
        It is not installed, or cannot be run.
    SimulationError
        It did not end in time; it and all its children are dead then.
    """
    with log.open("ab") as output:
        try:
            process = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise _missing(command[0], error) from None
        try:
            return process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            raise SimulationError(f"{Path(command[0]).name} did not end within {timeout_seconds:g} seconds") from None
        finally:
            if process.poll() is None:  # also after Ctrl-C
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def version_of(*command: str) -> str:
    """What a program that is needed answers when asked for its version.

    Raises
    ------
    BadInput
        It is not installed, or does not work.
    """
    try:
        asked = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        raise _missing(command[0], error) from None
    if asked.returncode or not asked.stdout:
        raise BadInput(f"{command[0]} is needed and does not work: {shlex.join(command)}: {_telling(asked.stderr)}")
    return asked.stdout


def quote_error(log: Path) -> str:
    """The line of a log that tells best why its program failed: the first that speaks of an error, or the last."""
    return _telling(log.read_text(errors="replace"))


def _missing(program: str, error: OSError) -> BadInput:
    if isinstance(error, FileNotFoundError):
        return BadInput(f"{program} is needed and is not installed, or not on PATH")
    return BadInput(f"{program} is needed and cannot be run: {error.strerror}")


def _telling(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines[-1:] or ["it printed nothing"])[0]
