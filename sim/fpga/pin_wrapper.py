"""A thin wrapper that gives any core four pins, so that it can be placed and routed on a device of any package.

::

    scan_in --> shift register --> all inputs of the core
                                   all outputs --> register --> folded into a shift register --> scan_out

Every path into and out of the core starts or ends in a register of the wrapper, as it would in a larger design.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from convstream.fixedpoint.layer import Layer
from convstream.fixedpoint.streams import tensor_streams, weights_beat_bits
from convstream.hdl.passes import PASSES
from convstream.sim.files.template import fill

WRAPPER = "pin_wrapper"

def pin_wrapper(layer: Layer, pass_name: str) -> str:
    """Verilog of the module `WRAPPER` around the core of a pass."""
    streams, widths = PASSES[pass_name], {name: stream.beat_bits for name, stream in tensor_streams(layer).items()}
    widths["weights"] = weights_beat_bits(layer)
    inputs, outputs = [], [(port, 1) for port in streams.status]
    for name in streams.inputs:
        inputs += _forth(f"s_axis_{name}", widths[name])
        outputs += _back(f"s_axis_{name}")
    for name in streams.outputs:
        outputs += _forth(f"m_axis_{name}", widths[name])
        inputs += _back(f"m_axis_{name}")
    return wrap(streams.module, inputs, outputs)


def wrap(module: str, inputs: Sequence[tuple[str, int]], outputs: Sequence[tuple[str, int]]) -> str:
    """Verilog of the module `WRAPPER` around a module with `aclk`, `aresetn`, and these ports: names and widths."""
    connections = [*_connect(inputs, "inputs"), *_connect(outputs, "outputs")]
    return fill(
        Path(__file__).with_name("pin_wrapper.v"), wrapper=WRAPPER, module=module,
        inputs=sum(bits for _, bits in inputs), outputs=sum(bits for _, bits in outputs),
        connections=",\n".join(connections),
    )  # fmt: skip


def _forth(stream: str, bits: int) -> list[tuple[str, int]]:
    return [(f"{stream}_tdata", bits), (f"{stream}_tvalid", 1), (f"{stream}_tlast", 1)]


def _back(stream: str) -> list[tuple[str, int]]:
    return [(f"{stream}_tready", 1)]


def _connect(ports: Iterable[tuple[str, int]], bus: str) -> Iterable[str]:
    lowest = 0
    for name, bits in ports:
        yield f"    .{name}({bus}[{lowest}+:{bits}])"
        lowest += bits
