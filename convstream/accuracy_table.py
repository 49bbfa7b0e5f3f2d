"""Tables that hold words against the floats that they stand for."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from convstream.fixedpoint.formats import Overflow
from convstream.fixedpoint.layer import Layer
from convstream.sim.accuracy import Accuracy, ImportAccuracy


def accuracy_table(layer: Layer, rows: Sequence[Accuracy]) -> Table:
    """One row a pass: fixed point against float."""
    table = Table("pass", "result", "format", title="fixed point against float64", box=SIMPLE_HEAD)
    for heading in ("SQNR", "largest error", "in last places", "saturated" if _saturates(layer) else "wrapped"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row.pass_name.replace("_", "-"), row.tensor, str(layer.formats.of(row.tensor)), decibels(row.sqnr_db),
            f"{row.largest_error:.3g}", f"{row.largest_error / row.step:.2f}", f"{row.out_of_range_share:.2%}",
        )  # fmt: skip
    return table


def import_table(layer: Layer, rows: Sequence[ImportAccuracy]) -> Table:
    """One row an operand that was imported from floats."""
    table = Table("operand", "format", title="imported from floats", box=SIMPLE_HEAD)
    for heading in ("SQNR", "clipped"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row.tensor, str(layer.formats.of(row.tensor)), decibels(row.sqnr_db), f"{row.clipped_share:.2%}"
        )
    return table


def accuracy_as_json(row: Accuracy) -> dict[str, Any]:
    """One pass, as JSON has it."""
    shown = asdict(row)
    return {"pass": shown.pop("pass_name"), **shown}


def decibels(ratio_db: float) -> str:
    """A ratio for people; infinite means that there is no error."""
    return "exact" if ratio_db == math.inf else f"{ratio_db:.1f} dB"


def _saturates(layer: Layer) -> bool:
    return layer.formats.overflow is Overflow.SATURATE
