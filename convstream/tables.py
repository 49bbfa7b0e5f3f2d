"""Tables for people."""

import math
from collections.abc import Sequence

from rich.table import Table

from fixedpoint.layer import Layer
from sim.accuracy import Accuracy


def accuracy_table(layer: Layer, rows: Sequence[Accuracy]) -> Table:
    """One row a pass: fixed point against float."""
    table = Table("pass", "result", "format", title="fixed point against float64")
    for heading in ("SQNR", "largest error", "in last places", "saturated" if _saturates(layer) else "wrapped"):
        table.add_column(heading, justify="right")
    for row in rows:
        form = str(layer.formats.of(row.tensor))
        table.add_row(row.pass_name.replace("_", "-"), row.tensor, form, *accuracy_cells(row))
    return table


def accuracy_cells(row: Accuracy) -> tuple[str, str, str, str]:
    """SQNR, largest error, the same in last places, share out of range."""
    sqnr = "exact" if row.sqnr_db == math.inf else f"{row.sqnr_db:.1f} dB"
    return sqnr, f"{row.largest_error:.3g}", f"{row.largest_error / row.step:.2f}", f"{row.out_of_range_share:.2%}"


def _saturates(layer: Layer) -> bool:
    return layer.formats.overflow == "saturate"
