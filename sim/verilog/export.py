"""What is exported beside a core, for others to check it with their own tools: bench, vectors, FuseSoC core file."""

from pathlib import Path

import numpy as np

from convstream.fixedpoint.layer import Layer
from convstream.hdl.passes import PASSES
from convstream.sim.vectors.folder import hex_text
from convstream.sim.vectors.manifest import hex_file
from convstream.sim.verilog.fusesoc import fusesoc_core
from convstream.sim.verilog.testbench import verilog_testbench


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
