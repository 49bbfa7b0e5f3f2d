"""What is exported beside a core, for others to check it with their own tools: bench, vectors, FuseSoC core file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from convstream.fixedpoint.layer import Layer
from convstream.hdl.convert import convert
from convstream.hdl.passes import PASSES
from convstream.sim.files.output_folder import output_folder
from convstream.sim.layers.schema import Data
from convstream.sim.layers.tables import layer_tables
from convstream.sim.vectors.folder import hex_text
from convstream.sim.vectors.manifest import hex_file
from convstream.sim.verilog.fusesoc import fusesoc_core
from convstream.sim.verilog.testbench import verilog_testbench
from convstream.sim.version import convstream_version

KIND = "convstream verilog"


def write_cores(
    folder: Path, layer: Layer, data: Data, tensors: dict[str, np.ndarray], passes: Sequence[str], name: str = ""
) -> list[str]:
    """Write the cores of `passes` with their benches, or replace those of this name in a folder that is ours.

    Parameters
    ----------
    tensors : dict of ndarray
        All eight tensors of the layer, as words by name; `data` says where they come from.
    name : str
        If any, stands before every module and file name.

    Returns
    -------
    Names of the modules

    Raises
    ------
    BadInput
        The folder cannot be written, or holds something else.
    ConversionError
    """
    prefix = f"{name}_" if name else ""
    modules = {pass_name: prefix + PASSES[pass_name].module for pass_name in passes}
    contents = {"convstream": convstream_version(), "modules": list(modules.values())}
    contents |= {"layer_file": layer_tables(layer, data)}
    with output_folder(folder, KIND, contents, layer=name) as draft:
        for pass_name, module in modules.items():
            convert(layer, pass_name, draft, module)
            write_bench(draft, layer, tensors, pass_name, module, prefix)
    return list(modules.values())


def write_bench(
    folder: Path, layer: Layer, tensors: dict[str, np.ndarray], pass_name: str, module: str, prefix: str = ""
) -> None:
    """Write `<module>_tb.v`, `<module>.core` and the `.hex` file of every stream of the pass.

    Parameters
    ----------
    folder : Path
        Where `<module>.v` is.
    tensors : dict of ndarray
        The inputs and expected outputs of the pass, integers in the shapes of the layer, by name.
    module : str
        Name of the core's module, `prefix` included.
    prefix : str
        Stands before the name of every `.hex` file.
    """
    streams = PASSES[pass_name]
    (folder / f"{module}_tb.v").write_text(verilog_testbench(layer, pass_name, module, prefix))
    (folder / f"{module}.core").write_text(fusesoc_core(pass_name, module, prefix))
    for stream in (*streams.inputs, *streams.outputs):
        (folder / f"{prefix}{hex_file(stream)}").write_bytes(hex_text(layer, tensors, stream))
