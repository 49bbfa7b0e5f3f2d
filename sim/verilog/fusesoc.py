"""FuseSoC core file of an exported core: `fusesoc run --target sim|lint <core>` works wherever the folder lies."""

from importlib.metadata import version

from convstream.hdl.passes import PASSES
from convstream.sim.vectors.manifest import hex_file
from convstream.sim.verilog.testbench import VERILATOR_OPTIONS

_CORE = """\
CAPI=2:
name: convstream::{module}:{version}
description: {description}

filesets:
  rtl:
    files: [{module}.v]
    file_type: verilogSource
  testbench:
    files:
      - {module}_tb.v: {{file_type: verilogSource}}
{vectors}

targets:
  default: &default
    filesets: [rtl]
    toplevel: {module}

  sim:
    <<: *default
    description: Play the vectors; with "--tool verilator" at the end of the command, under Verilator
    filesets_append: [testbench]
    toplevel: {module}_tb
    default_tool: icarus
    flow: sim
    flow_options:
      tool: icarus
      iverilog_options: [-g2001]
      mode: binary
      verilator_options: [{verilator_options}]
    parameters: [seed, stall]

  lint:
    <<: *default
    description: Read the core with all warnings on
    flow: lint
    flow_options:
      tool: verilator
      verilator_options: [{lint_options}]

parameters:
  seed: {{datatype: int, paramtype: plusarg, default: 1, description: which cycles are stalled}}
  stall: {{datatype: real, paramtype: plusarg, default: 0.5, description: "share of stalled cycles, 0 to 0.95"}}
"""

_LINT_OPTIONS = ("-Wall", "-Wno-DECLFILENAME", "-Wno-WIDTHEXPAND", "-Wno-WIDTHTRUNC", "-Wno-UNUSEDSIGNAL")


def fusesoc_core(pass_name: str, module: str, prefix: str = "") -> str:
    """Text of the file `<module>.core`, for a folder that holds the core, its test bench and its vectors."""
    streams = PASSES[pass_name]
    vectors = [f"{prefix}{hex_file(stream)}" for stream in (*streams.inputs, *streams.outputs)]
    return _CORE.format(
        module=module, version=version("convstream"),
        description=f"{pass_name.replace('_', ' ')} of a convolution layer",
        vectors="\n".join(f"      - {name}: {{file_type: user, copyto: {name}}}" for name in vectors),
        verilator_options=", ".join(VERILATOR_OPTIONS), lint_options=", ".join(_LINT_OPTIONS),
    )  # fmt: skip
