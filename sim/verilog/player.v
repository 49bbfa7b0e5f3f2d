`timescale 1ns / 1ps

module @top@ (
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
@stalls@
@wiring@
@recorders@
    integer frame_error_file, status_file;
    wire    complete = @complete@;

    initial begin
        aresetn = 1'b0;
        playing = 1'b0;
        closing = 1'b0;
        done = 1'b0;
        cycle = 64'd0;
        quiet = 32'd0;
        if (!$value$plusargs("seed=%d", seed)) seed = 32'd1;
        if (!$value$plusargs("limit=%d", limit)) limit = 64'd0;
        frame_error_file = $fopen("@frame_error@", "w");
    end

    always @(posedge aclk) begin
        cycle <= cycle + 64'd1;
        playing <= cycle >= 64'd@release@;
        aresetn <= playing;
        quiet <= complete ? quiet + 32'd1 : 32'd0;
        if (quiet == 32'd@last_quiet@ || !complete && cycle >= limit) closing <= 1'b1;
        done <= closing;
        if (aresetn && !closing && frame_error !== 1'b0) $fdisplay(frame_error_file, "%0d %b", cycle, frame_error);
        if (closing && !done) begin
            $fclose(frame_error_file);
            status_file = $fopen("@status_log@", "w");
            $fdisplay(status_file, "@formats@", @status@);
            $fclose(status_file);
        end
    end
endmodule
