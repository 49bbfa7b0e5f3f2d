"""What every bench in Verilog has around its core: a source at every input, a sink at every output, and the wires."""

from collections.abc import Mapping
from pathlib import Path

from convstream.fixedpoint.layer import Layer
from convstream.hdl.passes import PASSES
from convstream.sim.beats import STREAM_TENSORS, last_beats, stream_bits
from convstream.sim.files.template import fill
from convstream.sim.vectors.manifest import hex_file


def wired_core(
    layer: Layer, pass_name: str, module: str, helpers: str, beats: Mapping[str, int], *,
    prefix: str = "", reset: str = "aresetn", stall: str = "share",
) -> str:  # fmt: skip
    """Verilog of the core `module` of a pass and of all that is at its ports; the bench declares what they share.

    Parameters
    ----------
    helpers : str
        Stands before the names of the modules of `streams.v`.
    beats : mapping
        Beats to be played or taken, by stream.
    prefix : str
        Stands before the names of the `.hex` files, which otherwise are those of the vectors.
    reset, stall : str
        What a source or sink is reset by, and its share of stalls; `{stream}` in it is replaced.
    """
    texts = [f"    wire {', '.join(PASSES[pass_name].status)};\n"]
    for stream, port in stream_ports(pass_name).items():
        bits = stream_bits(layer, stream)
        texts.append(
            fill(
                Path(__file__).with_name("stream_port.v"), stream=stream, port=port, helpers=helpers,
                side="source" if stream in PASSES[pass_name].inputs else "sink", high=bits - 1, bits=bits,
                number=1 + list(STREAM_TENSORS).index(stream), file=f"{prefix}{hex_file(stream)}",
                beats=beats[stream], frame=last_beats(layer, stream)[0] + 1, reset=reset.format(stream=stream),
                stall=stall.format(stream=stream),
            )
        )  # fmt: skip
    return "\n".join([*texts, _core(pass_name, module)])


def stream_ports(pass_name: str) -> dict[str, str]:
    """The name of every stream at the core, without what AXI4-Stream appends to it."""
    streams = PASSES[pass_name]
    return {stream: f"s_axis_{stream}" for stream in streams.inputs} | {
        stream: f"m_axis_{stream}" for stream in streams.outputs
    }


def _core(pass_name: str, module: str) -> str:
    ports = ["aclk", "aresetn", *PASSES[pass_name].status]
    for port in stream_ports(pass_name).values():
        ports += [f"{port}_{signal}" for signal in ("tdata", "tvalid", "tready", "tlast")]
    connections = ",\n".join(f"        .{port}({port})" for port in ports)
    return f"    {module} core (\n{connections}\n    );\n"
