"""FuseSoC core file of an exported core: `fusesoc run --target sim|lint <core>` works wherever the folder lies."""

from pathlib import Path

from convstream.hdl.passes import PASSES
from convstream.sim.files.template import fill
from convstream.sim.vectors.manifest import hex_file
from convstream.sim.verilog.testbench import VERILATOR_OPTIONS
from convstream.sim.version import convstream_version

_LINT_OPTIONS = ("-Wall", "-Wno-DECLFILENAME", "-Wno-WIDTHEXPAND", "-Wno-WIDTHTRUNC", "-Wno-UNUSEDSIGNAL")


def fusesoc_core(pass_name: str, module: str, prefix: str = "") -> str:
    """Text of the file `<module>.core`, for a folder that holds the core, its test bench and its vectors."""
    streams = PASSES[pass_name]
    vectors = [f"{prefix}{hex_file(stream)}" for stream in (*streams.inputs, *streams.outputs)]
    return fill(
        Path(__file__).with_name("fusesoc.yml"), module=module, version=convstream_version(),
        description=f"{pass_name.replace('_', ' ')} of a convolution layer",
        vectors="\n".join(f"      - {name}: {{file_type: user, copyto: {name}}}" for name in vectors),
        verilator_options=", ".join(VERILATOR_OPTIONS), lint_options=", ".join(_LINT_OPTIONS),
    )  # fmt: skip
