"""Self-checking test bench in plain Verilog, for those who run neither Python nor cocotb.

It plays the `.hex` files of the vectors into a core, compares every beat that comes out, and ends with one line that
begins with PASS or FAIL.
"""

from fixedpoint.layer import Layer
from hdl.passes import PASSES
from sim.beats import beat_count
from sim.limit import cycle_limit
from sim.vectors_manifest import hex_file
from sim.verilog.streams import VERILOG_STREAMS
from sim.verilog.wiring import stream_ports, wired_core

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
    wire [31:0] share = stall * 32'd167772;  // as sources and sinks want it: in units of 2^-24
    wire        frame_error;
"""

#: Beside `--binary`.  Width warnings are meant, for Verilog widens operands by itself; the other two are for
#: builds of Verilator, such as the one of its Python package, that do not know their compiler's options.
VERILATOR_OPTIONS = ("--timing", "-Wno-fatal", "-CFLAGS -std=c++20", "--output-split 0")

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
    wire        wrong_file = {wrong_file};

    always @(posedge aclk) begin
        aresetn <= cycle >= 32'd8;
        cycle <= cycle + 32'd1;
        quiet <= complete ? quiet + 32'd1 : 32'd0;
        if (wrong_file) begin
            $display("FAIL {module}: a .hex file is missing, too short or too long");
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
    beats = {stream: beat_count(layer, stream) for stream in stream_ports(pass_name)}
    helpers = f"{module}_tb_"
    return "".join(
        [
            _HEAD.format(
                module=module,
                options=" ".join(VERILATOR_OPTIONS),
                played=_files(prefix, streams.inputs),
                compared=_files(prefix, streams.outputs),
            ),
            wired_core(layer, pass_name, module, helpers, beats, prefix=prefix),
            _tail(layer, pass_name, module, beats),
            VERILOG_STREAMS.replace("PREFIX_", helpers),
        ]
    )


def _files(prefix: str, streams: tuple[str, ...]) -> str:
    return " and ".join(f"{prefix}{hex_file(stream)}" for stream in streams)


def _tail(layer: Layer, pass_name: str, module: str, beats: dict[str, int]) -> str:
    ports, outputs = stream_ports(pass_name), PASSES[pass_name].outputs
    limit = cycle_limit(layer, 1, sum(beats.values()))
    standing = [
        f'            $display("{ports[stream]}: %0d of {beats[stream]} beats", {stream}_transferred);'
        for stream in ports
    ]
    return _TAIL.format(
        module=module, fixed_cycles=limit.fixed, stalled_cycles=limit.stalled, standing="\n".join(standing),
        received=" + ".join(f"{stream}_transferred" for stream in outputs),
        errors=" + ".join(f"{stream}_errors" for stream in outputs),
        complete=" && ".join(f"{stream}_transferred >= 32'd{beats[stream]}" for stream in ports),
        wrong_file=" || ".join(f"{stream}_wrong_file" for stream in ports),
    )  # fmt: skip
