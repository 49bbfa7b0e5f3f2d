"""`convstream new`: a layer file to start from."""

from pathlib import Path

import click

from convstream.identifier import require_identifier
from convstream.sim.errors import BadInput

_LAYERS = Path(__file__).parents[1] / "layers"

#: Layer file for each source of data that needs no file.
_EXAMPLES = {"random": "middle_3x3.toml", "photograph": "photograph_3x3.toml", "digits": "digits_5x5.toml"}


@click.command("new", epilog="Example:  convstream new first --from digits")
@click.argument("name", metavar="NAME")
@click.option("--from", "source", type=click.Choice(list(_EXAMPLES)), default="random", show_default=True,
              help="Where its tensors come from.")  # fmt: skip
def command(name: str, source: str) -> None:
    """Write NAME.toml, a layer file with every key that there is.

    An existing file is never replaced.
    """
    path = Path(f"{require_identifier('NAME', name)}.toml")
    try:
        with path.open("x") as file:
            file.write((_LAYERS / _EXAMPLES[source]).read_text())
    except FileExistsError:
        raise BadInput(f"{path}: exists already; give another name, or remove it") from None
    click.echo(f"{path} written; next:  convstream report {path}")
