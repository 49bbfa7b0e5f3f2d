"""Conversion of a core to Verilog, always in a fresh process so that names never depend on what ran before."""

import inspect
import os
import pickle
import subprocess
import sys
import tempfile
import warnings
from functools import partial
from pathlib import Path

from myhdl import ResetSignal, Signal, ToVerilogWarning

from convstream.fixedpoint.dataflow.schedule.gradient_plan import GradientPlan
from convstream.fixedpoint.dataflow.schedule.latency import SEND_LATENCY, drain_latency, result_latency
from convstream.fixedpoint.dataflow.schedule.plan import Plan
from convstream.fixedpoint.layer import Layer
from convstream.fixedpoint.streams import tensor_streams, weights_beat_bits
from convstream.hdl.conv_forward import conv_forward
from convstream.hdl.conv_input_gradient import conv_input_gradient
from convstream.hdl.conv_weight_gradient import conv_weight_gradient
from convstream.hdl.edits import count_blocks, edit_verilog
from convstream.hdl.errors import ConversionError
from convstream.hdl.header import header
from convstream.hdl.passes import PASSES
from convstream.hdl.stream import AxiStream


def elaborate(layer: Layer, pass_name: str):
    """The top block of a core, with its ports."""
    if pass_name not in PASSES:
        raise ValueError(f"pass must be one of {', '.join(PASSES)}, not {pass_name!r}")
    aclk = Signal(bool(0))
    aresetn = ResetSignal(1, active=0, isasync=False)
    streams = {name: AxiStream(stream.beat_bits) for name, stream in tensor_streams(layer).items()}
    streams["weights"] = AxiStream(weights_beat_bits(layer))
    core = PASSES[pass_name]
    ports = [streams[name] for name in (*core.inputs, *core.outputs)] + [Signal(bool(0)) for _ in core.status]
    top, plan = {
        "forward": (conv_forward, Plan),
        "input_gradient": (conv_input_gradient, partial(Plan, gradient=True)),
        "weight_gradient": (conv_weight_gradient, GradientPlan),
    }[pass_name]
    return top(aclk, aresetn, *ports, plan=plan(layer))


def _pipeline_cycles(layer: Layer, pass_name: str) -> int:
    """Cycles from the last multiply cycle of a result to its beat."""
    if pass_name == "weight_gradient":
        return drain_latency(GradientPlan(layer))
    return result_latency(Plan(layer, gradient=pass_name == "input_gradient")) + SEND_LATENCY


def call_stack() -> list[tuple]:
    """`inspect.stack()` without file names and source lines, which MyHDL does not look at."""
    frame, records = sys._getframe(1), []
    while frame is not None:
        records.append((frame, None, None, frame.f_code.co_name))
        frame = frame.f_back
    return records


def _convert_here(layer: Layer, pass_name: str, folder: str, name: str) -> None:
    warnings.simplefilter("error", ToVerilogWarning)
    inspect.stack = call_stack  # MyHDL asks for it at every block, and spends most of its time in there
    core = elaborate(layer, pass_name)
    core.name = name
    memories, multipliers = count_blocks(core, "memory"), count_blocks(core, "multiply")
    core.convert(
        hdl="Verilog", path=folder, name=name, testbench=False, initial_values=False, no_myhdl_header=True
    )
    path = Path(folder) / f"{name}.v"
    body = edit_verilog(path.read_text(), memories, multipliers)
    path.write_text(header(layer, pass_name, name, _pipeline_cycles(layer, pass_name)) + body)


def convert(layer: Layer, pass_name: str, folder: Path, name: str | None = None) -> Path:
    """Write the Verilog of one core.

    Parameters
    ----------
    layer : Layer
    pass_name : str
        A key of `PASSES`.
    folder : Path
        Exists already; receives ``<name>.v``, whole or not at all.
    name : str, optional
        Module name; by default the core's own.

    Raises
    ------
    ConversionError
    """
    name = name or PASSES[pass_name].module
    target = Path(folder) / f"{name}.v"
    module_path = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        job = pickle.dumps((layer, pass_name, scratch, name))
        done = subprocess.run(
            [sys.executable, "-P", "-m", "convstream.hdl.convert"], input=job, capture_output=True, check=False,
            env=os.environ | {"PYTHONHASHSEED": "0", "PYTHONPATH": module_path},
        )  # fmt: skip
        if done.returncode != 0:
            reason = done.stderr.decode(errors="replace").strip().splitlines()
            raise ConversionError(f"{name}: conversion to Verilog failed: {reason[-1] if reason else 'no message'}")
        (Path(scratch) / f"{name}.v").replace(target)
    return target


if __name__ == "__main__":
    try:
        _convert_here(*pickle.loads(sys.stdin.buffer.read()))
    except ConversionError as error:
        sys.exit(str(error))
