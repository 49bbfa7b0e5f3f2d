"""What goes to the terminal: results to standard output, everything else to standard error."""

import json
import math
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from convstream.sim.version import convstream_version

_PATIENCE_SECONDS = 2
_PIPE_COLUMNS = 120  # where there is no terminal to ask for its width


def print_table(table: Table) -> None:
    """Print a table, as wide as the terminal or, in a pipe, as wide as it needs."""
    width = None if sys.stdout.isatty() else _PIPE_COLUMNS
    Console(width=width, markup=False, emoji=False).print(table)  # what is in brackets may be a name


def print_json(value: dict[str, Any]) -> None:
    """Print a table as JSON, after the version; infinities, which JSON does not know, become null."""
    click.echo(json.dumps({"convstream": convstream_version()} | _finite(value), indent=2))


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show that something is being done, and for how long, if it takes over two seconds and a person looks on."""
    with _shown_late(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()) as progress:
        if progress:
            progress.add_task(what, total=None)
        yield


@contextmanager
def counting(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar that each call of the result moves on, one of `total`; shown as `working` is."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with _shown_late(*columns) as progress:
        if not progress:
            yield lambda: None
            return
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)


@contextmanager
def _shown_late(*columns: ProgressColumn) -> Iterator[Progress | None]:
    """A display on standard error that appears after two seconds; None if nobody looks on."""
    if not sys.stderr.isatty():
        yield None
        return
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    timer = threading.Timer(_PATIENCE_SECONDS, progress.start)
    timer.daemon = True
    timer.start()
    try:
        yield progress
    finally:
        timer.cancel()
        timer.join()
        progress.stop()


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(element) for key, element in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(element) for element in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
