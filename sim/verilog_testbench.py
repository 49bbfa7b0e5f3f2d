"""Self-checking test bench in plain Verilog, for those who run neither Python nor cocotb.

It plays the `.hex` files of the vectors into a core, compares every beat that comes out, and ends with one line that
begins with PASS or FAIL.
"""

from fixedpoint.layer import Layer
from sim.beats import STREAM_TENSORS, beat_count, last_beats, stream_bits
from sim.limit import cycle_limit
from sim.passes import PASSES, Pass
from sim.vectors_manifest import hex_file
from sim.verilog_streams import VERILOG_STREAMS

_HEAD = """\
// Test bench of {module}: plays the beats of {played} into it, compares every beat that
// comes out with {compared}, checks the protocol of the streams, and ends with one line, PASS or FAIL.
//
//     $ iverilog -g2001 -o {module}_tb.vvp {module}.v {module}_tb.v
//     $ vvp -n {module}_tb.vvp +seed=1 +stall=50
//
//     $ verilator --binary {options} --top-module {module}_tb {module}.v {module}_tb.v
//     $ obj_dir/V{module}_tb +seed=1 +stall=50
//
// Run it in the folder of the .hex files.  +stall is the share of the cycles, 0 to 95 per cent, in which every source
// pauses and every sink refuses; +seed decides in which.  With -DWAVES it writes {module}_tb.vcd; with
// -DSTOP_ON_FAIL a failure ends in $stop, of which simulators make an exit code (vvp: with -N).
`timescale 1ns / 1ps

module {module}_tb;
    reg         aclk;
    reg         aresetn;
    reg  [31:0] cycle;
    reg  [31:0] quiet;  // cycles since all was sent and received
    reg  [31:0] seed;
    reg  [31:0] stall;
    reg  [63:0] limit;
    wire        frame_error;
"""

#: Beside `--binary`.  Width warnings are meant, for Verilog widens operands by itself; the other two are for
#: builds of Verilator, such as the one of its Python package, that do not know their compiler's options.
VERILATOR_OPTIONS = ("--timing", "-Wno-fatal", "-CFLAGS -std=c++20", "--output-split 0")

_WIRES = """
    wire [{high}:0] {port}_tdata;
    wire {port}_tvalid, {port}_tready, {port}_tlast, {stream}_no_file;
    wire [31:0] {stream}_transferred;
"""

_SOURCE = """\
    {helpers}source #(
        .STREAM({number}), .FILE("{file}"), .BITS({bits}), .BEATS({beats}), .FRAME({frame})
    ) {stream}_source (
        .aclk(aclk), .aresetn(aresetn), .seed(seed), .stall(stall),
        .tdata({port}_tdata), .tvalid({port}_tvalid), .tready({port}_tready), .tlast({port}_tlast),
        .transferred({stream}_transferred), .no_file({stream}_no_file)
    );
"""

_SINK = """\
    wire [31:0] {stream}_errors;
    {helpers}sink #(
        .STREAM({number}), .NAME("{port}"), .FILE("{file}"), .BITS({bits}), .BEATS({beats}), .FRAME({frame})
    ) {stream}_sink (
        .aclk(aclk), .aresetn(aresetn), .seed(seed), .stall(stall), .cycle(cycle),
        .tdata({port}_tdata), .tvalid({port}_tvalid), .tready({port}_tready), .tlast({port}_tlast),
        .transferred({stream}_transferred), .errors({stream}_errors), .no_file({stream}_no_file)
    );
"""

_TAIL = """
    initial begin
        aclk = 1'b0;
        forever #5 aclk = !aclk;
    end

    initial begin
        aresetn = 1'b0;
        cycle = 32'd0;
        quiet = 32'd0;
        if (!$value$plusargs("seed=%d", seed)) seed = 32'd1;
        if (!$value$plusargs("stall=%d", stall)) stall = 32'd50;
        if (stall > 32'd95) stall = 32'd95;
        limit = 64'd{fixed_cycles} + 64'd{stalled_cycles} * 64'd100 / (64'd100 - {{32'd0, stall}});
`ifdef WAVES
        $dumpfile("{module}_tb.vcd");
        $dumpvars(0, {module}_tb);
`endif
    end

    wire [31:0] received = {received};
    wire [31:0] errors = {errors} + {{31'd0, frame_error !== 1'b0}};
    wire        complete = {complete};
    wire        no_file = {no_file};

    always @(posedge aclk) begin
        aresetn <= cycle >= 32'd8;
        cycle <= cycle + 32'd1;
        quiet <= complete ? quiet + 32'd1 : 32'd0;
        if (no_file) begin
            $display("FAIL {module}: a .hex file is missing or too short");
            finish_failed;
        end else if (quiet == 32'd200 && errors == 32'd0) begin
            $display("PASS {module}: %0d beats right, %0d cycles, seed %0d, stall %0d%%", received, cycle, seed, stall);
            $finish;
        end else if (quiet == 32'd200 || {{32'd0, cycle}} >= limit) begin
            $display("frame_error is %b", frame_error);
{standing}
            $display("FAIL {module}: %0d errors, %0d cycles, seed %0d, stall %0d%%", errors, cycle, seed, stall);
            finish_failed;
        end
    end

    task finish_failed;
        begin
`ifdef STOP_ON_FAIL
            $stop;
`endif
            $finish;
        end
    endtask
endmodule


"""


def verilog_testbench(layer: Layer, pass_name: str, module: str, prefix: str = "") -> str:
    """Text of the Verilog-2001 file `<module>_tb.v`, for the core `module` of a pass.

    `prefix` stands before the names of the `.hex` files, which otherwise are those of the vectors.
    """
    streams = PASSES[pass_name]
    ports = _ports(streams)
    helpers = f"{module}_tb_"
    return "".join(
        [
            _HEAD.format(
                module=module,
                options=" ".join(VERILATOR_OPTIONS),
                played=_files(prefix, streams.inputs),
                compared=_files(prefix, streams.outputs),
            ),
            *(_stream(layer, stream, ports[stream], _SOURCE, helpers, prefix) for stream in streams.inputs),
            *(_stream(layer, stream, ports[stream], _SINK, helpers, prefix) for stream in streams.outputs),
            _core(streams, module),
            _tail(layer, streams, module),
            VERILOG_STREAMS.replace("PREFIX_", helpers),
        ]
    )


def _files(prefix: str, streams: tuple[str, ...]) -> str:
    return " and ".join(f"{prefix}{hex_file(stream)}" for stream in streams)


def _stream(layer: Layer, stream: str, port: str, template: str, helpers: str, prefix: str) -> str:
    bits = stream_bits(layer, stream)
    return _WIRES.format(high=bits - 1, port=port, stream=stream) + template.format(
        stream=stream, port=port, helpers=helpers, number=1 + list(STREAM_TENSORS).index(stream),
        file=f"{prefix}{hex_file(stream)}", bits=bits, beats=beat_count(layer, stream),
        frame=last_beats(layer, stream)[0] + 1,
    )  # fmt: skip


def _core(streams: Pass, module: str) -> str:
    ports = ["aclk", "aresetn", "frame_error"]
    for port in _ports(streams).values():
        ports += [f"{port}_{signal}" for signal in ("tdata", "tvalid", "tready", "tlast")]
    connections = ",\n".join(f"        .{port}({port})" for port in ports)
    return f"\n    {module} core (\n{connections}\n    );\n"


def _tail(layer: Layer, streams: Pass, module: str) -> str:
    ports = _ports(streams)
    beats = {stream: beat_count(layer, stream) for stream in ports}
    limit = cycle_limit(layer, 1, sum(beats.values()))
    standing = [
        f'            $display("{ports[stream]}: %0d of {beats[stream]} beats", {stream}_transferred);'
        for stream in ports
    ]
    return _TAIL.format(
        module=module, fixed_cycles=limit.fixed, stalled_cycles=limit.stalled, standing="\n".join(standing),
        received=" + ".join(f"{stream}_transferred" for stream in streams.outputs),
        errors=" + ".join(f"{stream}_errors" for stream in streams.outputs),
        complete=" && ".join(f"{stream}_transferred >= 32'd{beats[stream]}" for stream in ports),
        no_file=" || ".join(f"{stream}_no_file" for stream in ports),
    )  # fmt: skip


def _ports(streams: Pass) -> dict[str, str]:
    """The name of every stream at the core, without what AXI4-Stream appends to it."""
    return {stream: f"s_axis_{stream}" for stream in streams.inputs} | {
        stream: f"m_axis_{stream}" for stream in streams.outputs
    }
