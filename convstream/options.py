"""Arguments and options that several commands share."""

from pathlib import Path

import click

layer_argument = click.argument("layer_path", metavar="LAYER.toml", type=click.Path(path_type=Path))

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines instead of text.")


def out_option(*, required: bool, what: str):
    """`--out DIR`, a folder that is made, or replaced if the same command made it."""
    text = f"Folder for {what}; made, or replaced if it is one of ours."
    return click.option("--out", metavar="DIR", type=click.Path(path_type=Path), required=required, help=text)
