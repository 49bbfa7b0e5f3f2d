"""The tensors that a layer file describes, for the commands that compute with them."""

import click

from convstream.layer_file import LayerFile
from convstream.sim.errors import one_line
from convstream.sim.tensors.sources import Inputs, make_inputs


def read_inputs(file: LayerFile) -> Inputs:
    """Make or read the tensors of a layer file; on standard error, say which of them were clipped.

    Raises
    ------
    BadInput
        The file of the data is unsound, or does not suit the layer.
    """
    inputs = make_inputs(file.layer, file.data, file.path.parent)
    for row in inputs.imports:
        if row.clipped_share:
            source, form = file.path.parent / file.data.path, file.layer.formats.of(row.tensor)
            limits = f"{form.lowest * form.step:g} .. {form.highest * form.step:g} ({form})"
            share = f"{100 * row.clipped_share:.3g} %"
            click.echo(f"warning: {one_line(source)}: {share} of {row.tensor} was clipped to {limits}", err=True)
    return inputs
