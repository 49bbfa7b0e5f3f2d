"""The bench of the fast way: plays the beats of files into a core inside the simulator, and writes down what happened.

Sources and sinks are those of the exported test bench.  A recorder at every stream writes a file, from which the
Python around it makes the record that the per-beat test bench would have made, cycle by cycle::

    weights.hex - source -\\                 /- sink - z.hex
    x.hex ------- source --  core under test - frame_error.log
                  |                           |
          x.log - recorder                    recorder - z.log
"""

from convstream.fixedpoint.layer import Layer
from convstream.hdl.passes import PASSES
from convstream.sim.beats import stream_bits
from convstream.sim.bench.observed import QUIET_CYCLES, RESET_CYCLES, SETTLING_CYCLES
from convstream.sim.bench.run_files import FRAME_ERROR, STATUS, recording
from convstream.sim.stimulus import Episode
from convstream.sim.verilog.streams import VERILOG_STREAMS
from convstream.sim.verilog.wiring import stream_ports, wired_core

_HEAD = """\
`timescale 1ns / 1ps

module {top} (
`ifdef VERILATOR
    input  wire aclk,  // of the C++ program around it, since delays in Verilog would cost half of the speed
`endif
    output reg  done
);
`ifndef VERILATOR
    reg aclk;
    initial begin
        aclk = 1'b0;
        forever #5 aclk = !aclk;
    end
`endif
    reg         aresetn;
    reg         playing;  // the sources and sinks; from the edge on at which the reset of the core is taken away
    reg         closing;
    reg  [63:0] cycle;
    reg  [63:0] limit;
    reg  [31:0] quiet;    // cycles since all was sent and received
    reg  [31:0] seed;
"""

_SETTINGS = """\
    wire {stream}_playing;
    reg  [31:0] {stream}_stall;
    initial if (!$value$plusargs("stall_{stream}=%d", {stream}_stall)) {stream}_stall = 32'd0;
"""

_RECORDED = """
    assign {stream}_playing = playing{gate};
    {helpers}recorder #(.FILE("{file}"), .BITS({bits})) {stream}_recorder (
        .aclk(aclk), .aresetn(aresetn), .cycle(cycle), .closing(closing), .done(done),
        .tdata({data}), .tvalid({port}_tvalid), .tready({port}_tready), .tlast({port}_tlast)
    );
"""

_TAIL = """
    integer frame_error_file, status_file;
    wire    complete = {complete};

    initial begin
        aresetn = 1'b0;
        playing = 1'b0;
        closing = 1'b0;
        done = 1'b0;
        cycle = 64'd0;
        quiet = 32'd0;
        if (!$value$plusargs("seed=%d", seed)) seed = 32'd1;
        if (!$value$plusargs("limit=%d", limit)) limit = 64'd0;
        frame_error_file = $fopen("{frame_error}", "w");
    end

    always @(posedge aclk) begin
        cycle <= cycle + 64'd1;
        playing <= cycle >= 64'd{release};
        aresetn <= playing;
        quiet <= complete ? quiet + 32'd1 : 32'd0;
        if (quiet == 32'd{last_quiet} || !complete && cycle >= limit) closing <= 1'b1;
        done <= closing;
        if (aresetn && !closing && frame_error !== 1'b0) $fdisplay(frame_error_file, "%0d %b", cycle, frame_error);
        if (closing && !done) begin
            $fclose(frame_error_file);
            status_file = $fopen("{status_log}", "w");
            $fdisplay(status_file, "{formats}", {status});
            $fclose(status_file);
        end
    end
endmodule


"""

_RECORDER = """\
// Writes down the edges of a stream at which something happens: cycle, tvalid, tready, tlast, tdata.  An offer is
// written when it is made, changed, taken or withdrawn, and tready when it is high in reset or unknown; the last line
// says how the stream was left.
module PREFIX_recorder #(
    parameter FILE = "",
    parameter BITS = 8
) (
    input wire            aclk,
    input wire            aresetn,
    input wire [63:0]     cycle,
    input wire            closing,
    input wire            done,
    input wire [BITS-1:0] tdata,
    input wire            tvalid,
    input wire            tready,
    input wire            tlast
);
    integer         file;
    reg  [BITS+1:0] waiting;  // what was on offer at the last edge, and not taken
    wire [BITS+1:0] offer = {tvalid, tlast, tdata};
    wire            taken = aresetn && tvalid === 1'b1 && tready === 1'b1;
    wire            broken = aresetn ? tready !== 1'b0 && tready !== 1'b1 : tready !== 1'b0;

    initial begin
        file = $fopen(FILE, "w");
        waiting = {BITS+2{1'b0}};
    end

    always @(posedge aclk) begin
        if (closing ? !done : cycle >= 64'dSETTLING && (broken || (tvalid !== 1'b0
                                                        ? taken || !aresetn || offer !== waiting
                                                        : waiting[BITS+1] !== 1'b0)))
            $fdisplay(file, "%0d %b %b %b %b", cycle, tvalid, tready, tlast, tdata);
        waiting <= tvalid !== 1'b0 && !taken ? offer : {BITS+2{1'b0}};
        if (closing && !done) $fclose(file);
    end
endmodule
"""


def verilog_player(layer: Layer, pass_name: str, episode: Episode) -> str:
    """Text of the Verilog-2001 module `player_of(...)`, to stand beside the core of a pass.

    It plays an `uninterrupted` episode from the `.hex` files of the streams, and raises `done` at its end or at the
    cycle `+limit`; `+seed` and `+stall_<stream>`, in units of 2^-24, decide the stalls.
    """
    module = PASSES[pass_name].module
    ports, beats = stream_ports(pass_name), episode.stream_beats
    helpers, status = f"{player_of(pass_name)}_", PASSES[pass_name].status[1:]
    wired = wired_core(layer, pass_name, module, helpers, beats, reset="{stream}_playing", stall="{stream}_stall")
    tail = _TAIL.format(
        release=RESET_CYCLES - 2, last_quiet=QUIET_CYCLES - 1, frame_error=FRAME_ERROR,
        complete=" && ".join(f"{stream}_transferred >= 32'd{beats[stream]}" for stream in ports),
        status_log=STATUS, status=", ".join(status), formats=" ".join(["%b"] * len(status)),
    )  # fmt: skip
    return "".join([
        _HEAD.format(top=player_of(pass_name)),
        *(_SETTINGS.format(stream=stream) for stream in ports),
        wired,
        *(_recorded(layer, stream, port, episode, helpers) for stream, port in ports.items()),
        tail,
        VERILOG_STREAMS.replace("PREFIX_", helpers),
        "\n\n",
        _RECORDER.replace("PREFIX_", helpers).replace("SETTLING", str(SETTLING_CYCLES)),
    ])  # fmt: skip


def player_of(pass_name: str) -> str:
    """The module's name."""
    return f"{PASSES[pass_name].module}_player"


def _recorded(layer: Layer, stream: str, port: str, episode: Episode, helpers: str) -> str:
    if stream in episode.plays:  # its data are known
        after, data, bits = episode.plays[stream][0].after, "1'b0", 1
    else:
        after, data, bits = {}, f"{port}_tdata", stream_bits(layer, stream)
    gate = "".join(f" && {other}_transferred >= 32'd{beats}" for other, beats in after.items())
    return _RECORDED.format(
        stream=stream, port=port, helpers=helpers, file=recording(stream), data=data, bits=bits, gate=gate
    )
