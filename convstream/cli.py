"""The command line: every command, and the one place where errors become a line and an exit code.

Exit codes: 0 all right, 1 a mismatch or failed check, 2 bad input or usage, 130 interrupted, 143 terminated.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import click

from convstream.fixedpoint.errors import CompilerDisabled
from convstream.hdl.errors import ConversionError
from convstream.sim.errors import BadInput, CheckFailed, one_line
from convstream.sim.version import convstream_version

_FAILED, _BAD_INPUT, _INTERRUPTED, _TERMINATED = 1, 2, 130, 143


class _Terminated(SystemExit):
    """Raised where SIGTERM finds the program; a SystemExit, since asyncio lets that through from anywhere."""


class _Commands(click.Group):
    """Imports a command when it is asked for: the others, and a Ctrl-C meanwhile, then cost nothing."""

    _NAMES = ("new", "reference", "vectors", "simulate", "verilog", "synth", "estimate", "explore", "report")

    def list_commands(self, context: click.Context) -> list[str]:
        return list(self._NAMES)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        return import_module(f"convstream.commands.{name}").command if name in self._NAMES else None


@click.command(
    cls=_Commands,
    epilog="Example:  convstream simulate examples/layers/photograph_3x3.toml",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(convstream_version())
def cli() -> None:
    """One convolution layer, forward and backward, from float mathematics to bit-exact streaming Verilog."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed before we began; nobody listens
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115
    with _environment(MPLBACKEND="agg", PYTHONSAFEPATH="1"), _terminated_from_within():
        code = _run(arguments)
    sys.exit(code)


@contextmanager
def _environment(**settings: str) -> Iterator[None]:
    """Environment variables for the time of a command.

    MPLBACKEND: Matplotlib refuses a notebook's, and pictures here are files.  PYTHONSAFEPATH: no worker process takes
    modules from the current folder.
    """
    before = {name: os.environ.get(name) for name in settings}
    os.environ |= settings
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _terminated_from_within() -> Iterator[None]:
    """Have SIGTERM take the way of Ctrl-C: what was started is ended, and drafts are removed."""
    if threading.current_thread() is not threading.main_thread():
        yield  # where no handler can be set
        return

    def terminate(*_) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once: what follows cleans up
        raise _Terminated(_TERMINATED)

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(arguments: Sequence[str] | None) -> int:
    try:
        return cli.main(arguments, prog_name="convstream", standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _complain("interrupted", _INTERRUPTED)
    except _Terminated:
        return _complain("terminated", _TERMINATED)
    except (BadInput, CompilerDisabled) as error:
        return _complain(error, _BAD_INPUT)
    except (CheckFailed, ConversionError) as error:
        return _complain(error, _FAILED)
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FAILED
    except OSError as error:
        return _complain(f"{error.filename}: {error.strerror}" if error.filename else error, _BAD_INPUT)


def _complain(what: object, code: int) -> int:
    click.echo(f"convstream: {one_line(what)}", err=True)
    return code
