"""Arguments and options that several commands share."""

import math
from pathlib import Path
from typing import Any

import click

from convstream.fixedpoint.layer import Layer
from convstream.hdl.passes import PASSES
from convstream.layer_file import LayerFile
from convstream.sim.errors import BadInput

#: Names of the passes for people, and in code.
PASS_NAMES = {name.replace("_", "-"): name for name in PASSES}

PICTURE_ENDINGS = (".png", ".jpg", ".pdf", ".svg")


class Positive(click.FloatRange):
    """A positive, finite number; NaN is neither below nor above a bound, and is not let through."""

    def __init__(self):
        super().__init__(0, min_open=True)

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> float:
        number = super().convert(value, parameter, context)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", parameter, context)
        return number


layer_argument = click.argument("layer_path", metavar="LAYER.toml", type=click.Path(path_type=Path))

pass_option = click.option(
    "--pass", "chosen", type=click.Choice([*PASS_NAMES, "all"]), default="all", show_default=True,
    help="Which core; all: those of which the layer has formats and operands.",
)  # fmt: skip


def chosen_passes(file: LayerFile, layer: Layer, chosen: str) -> list[str]:
    """The passes of a layer that `--pass` asks for, by their names for people.

    Parameters
    ----------
    layer : that of `file`, or, where tensors are needed, that of its `Inputs`, which may lack gradients.

    Raises
    ------
    BadInput
        The layer cannot make the pass; the message says what is missing.
    """
    if chosen == "all":
        return [label for label, name in PASS_NAMES.items() if name in layer.passes]
    missing, where = file.layer.missing_formats(PASS_NAMES[chosen]), file.path
    if not missing and PASS_NAMES[chosen] not in layer.passes:
        missing, where = ("dz",), file.path.parent / file.data.path
    if missing:
        raise BadInput(f"{where}: {', '.join(missing)}: missing; the pass {chosen} needs it")
    return [chosen]


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines instead of text.")


def out_option(*, required: bool, what: str):
    """`--out DIR`, a folder that is made, or replaced if the same command made it."""
    text = f"Folder for {what}; made, or replaced if it is one of ours."
    return click.option("--out", metavar="DIR", type=click.Path(path_type=Path), required=required, help=text)


def picture_option(*, required: bool, what: str):
    """`--picture FILE`, in the format that its ending names."""

    def check(context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
        if path is not None and path.suffix.lower() not in PICTURE_ENDINGS:
            *others, last = PICTURE_ENDINGS
            raise BadInput(f"--picture {path}: must end with {', '.join(others)} or {last}")
        return path

    text = f"{what}, as {', '.join(PICTURE_ENDINGS)}; replaced if it exists."
    return click.option("--picture", metavar="FILE", type=click.Path(path_type=Path), required=required, callback=check,
                        help=text)  # fmt: skip


def clock_option(what: str):
    """`--clock MHZ`, which the cycle model does not know."""
    return click.option("--clock", "clock_mhz", metavar="MHZ", type=Positive(), help=what)
