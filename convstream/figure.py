"""Figures as files, the same on every machine: neither a screen nor a `matplotlibrc` has a say."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

INK = "#222222"

_STYLE = {"text.color": INK, "font.family": "DejaVu Sans", "svg.hashsalt": "convstream"}

#: Without a date or a version, the same figure is the same bytes.
_METADATA = {".png": {"Software": None}, ".pdf": {"CreationDate": None}, ".svg": {"Date": None}}


@contextmanager
def figure_file(path: Path, inches: tuple[float, float], dpi: int, **style: object) -> Iterator[Figure]:
    """A figure to be drawn in the with-block, written at its end in the format that the ending of `path` names.

    Parameters
    ----------
    style : settings of Matplotlib, with _ instead of the dot.
    """
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE | {name.replace("_", ".", 1): value for name, value in style.items()})
        figure = Figure(figsize=inches, layout="constrained", facecolor="white")
        yield figure
        figure.savefig(path, dpi=dpi, metadata=_METADATA.get(path.suffix.lower()))
