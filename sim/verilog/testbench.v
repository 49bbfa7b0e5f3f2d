// Test bench of @module@: plays the beats of @played@ into it, compares every beat that
// comes out with @compared@, checks the protocol of the streams, and ends with one line, PASS or FAIL.
//
//     $ iverilog -g2001 -o @module@_tb.vvp @module@.v @module@_tb.v
//     $ vvp @module@_tb.vvp +seed=1 +stall=0.5
//
//     $ verilator --binary @options@ --top-module @module@_tb @module@.v @module@_tb.v
//     $ obj_dir/V@module@_tb +seed=1 +stall=0.5
//
// (Verilator from its Python package: put the folder bin of that package on PATH, as
// `python -c "import os, verilator; print(os.path.dirname(verilator.__file__) + '/bin')"` prints it.)
//
// Run it in the folder of the .hex files.  +stall is the share of the cycles, 0 to 0.95, in which every source pauses
// and every sink refuses; +seed decides in which.  A failure ends in $fatal, of which simulators make an exit code.
// With -DWAVES it writes @module@_tb.vcd.
`timescale 1ns / 1ps

module @module@_tb;
    reg         aclk;
    reg         aresetn;
    reg  [31:0] cycle;
    reg  [31:0] quiet;  // cycles since all was sent and received
    reg  [31:0] seed;
    reg  [31:0] share;  // of stalled cycles, in units of 2^-24
    reg  [63:0] limit;
    reg         wrong_use;
    reg         error_seen;  // frame_error was not 0

@wiring@
    initial begin
        aclk = 1'b0;
        forever #5 aclk = !aclk;
    end

    initial begin
        aresetn = 1'b0;
        cycle = 32'd0;
        quiet = 32'd0;
        error_seen = 1'b0;
        read_plusargs;
        limit = 64'd@fixed_cycles@ + (64'd@stalled_cycles@ << 24) / (64'd16777216 - {32'd0, share});
`ifdef WAVES
        $dumpfile("@module@_tb.vcd");
        $dumpvars(0, @module@_tb);
`endif
    end

    wire [31:0] received = @received@;
    wire [31:0] errors = @errors@ + {31'd0, error_seen};
    wire        complete = @complete@;
    wire        wrong_file = @wrong_file@;

    always @(posedge aclk) begin
        aresetn <= cycle >= 32'd8;
        cycle <= cycle + 32'd1;
        quiet <= complete ? quiet + 32'd1 : 32'd0;
        if (aresetn && frame_error !== 1'b0) error_seen <= 1'b1;
        if (wrong_use)
            fail;
        else if (wrong_file) begin
            $display("FAIL @module@: a .hex file is missing, too short or too long");
            fail;
        end else if (quiet == 32'd200 && errors === 32'd0) begin
            $display("PASS @module@: %0d beats right, %0d cycles, seed %0d, stall %0.4f", received, cycle, seed,
                     share / 16777216.0);
            $finish;
        end else if (quiet == 32'd200 || !({32'd0, cycle} < limit)) begin
            if (error_seen) $display("frame_error was not 0");
            $display("@status_names@", @status@);
@standing@
            $display("FAIL @module@: %0d errors, %0d cycles, seed %0d, stall %0.4f", errors, cycle, seed,
                     share / 16777216.0);
            fail;
        end
    end

    task fail;
        $fatal(0);
    endtask

    // --- the command line: +seed and +stall are read as text, for what simulators make of other text differs ---

    task read_plusargs;
        reg [64*8-1:0] text;
        reg            right;
        begin
            wrong_use = 1'b0;
            seed = 32'd1;
            share = 32'd8388608;
            if ($value$plusargs("seed=%s", text)) begin
                read_number(text, 32'd1, 64'd4294967295, seed, right);
                if (!right) refuse("+seed must be an integer from 0 to 4294967295");
            end
            if ($value$plusargs("stall=%s", text)) begin
                read_number(text, 32'd16777216, 64'd15938355, share, right);
                if (!right) refuse("+stall must be a share from 0 to 0.95");
            end
            find_unknown("seed=");
            find_unknown("stall=");
        end
    endtask

    task refuse;
        input [64*8-1:0] rule;
        begin
            if (!wrong_use) $display("FAIL @module@: %0s", rule);
            wrong_use = 1'b1;
        end
    endtask

    // A decimal number times `unit`; with a unit of 1 it must be an integer.
    task read_number;
        input  [64*8-1:0] text;
        input  [31:0]     unit;
        input  [63:0]     most;
        output [31:0]     number;
        output            right;
        reg    [63:0]     value, divisor;
        reg    [7:0]      character;
        integer           place, digits, points;
        begin
            value = 64'd0;
            divisor = 64'd1;
            digits = 0;
            points = 0;
            right = 1'b1;
            for (place = 63; place >= 0; place = place - 1) begin
                character = text[8*place +: 8];
                if (character >= "0" && character <= "9") begin
                    if (digits < 10) begin
                        value = value * 64'd10 + {56'd0, character - 8'h30};
                        if (points > 0) divisor = divisor * 64'd10;
                    end else if (points == 0) right = 1'b0;
                    digits = digits + 1;
                end else if (character == "." && unit != 32'd1) points = points + 1;
                else if (character != 8'd0 && (character != 8'd32 || digits + points > 0)) right = 1'b0;
            end
            if (digits == 0 || points > 1) right = 1'b0;
            else value = value * {32'd0, unit} / divisor;
            if (value > most) right = 1'b0;
            number = value[31:0];
        end
    endtask

    // Refuses plusargs that leave the path of `name`, letter by letter, and are on the path of no other name either.
    task find_unknown;
        input [6*8-1:0] name;
        reg   [7*8-1:0] prefix;
        reg   [7:0]     letter;
        reg             longer;
        integer         place;
        begin
            prefix = 56'd0;
            for (place = 5; place >= 0; place = place - 1)
                if (name[8*place +: 8] != 8'd0) begin
                    longer = 1'b0;
                    for (letter = 8'd32; letter < 8'd127; letter = letter + 8'd1)
                        if ($test$plusargs({prefix[6*8-1:0], letter})) begin
                            longer = 1'b1;
                            if (!known({prefix[6*8-1:0], letter}))
                                refuse("the plusargs are +seed=NUMBER and +stall=SHARE, and no others");
                        end
                    if (prefix != 56'd0 && !longer && $test$plusargs(prefix))
                        refuse("the plusargs are +seed=NUMBER and +stall=SHARE, and no others");
                    prefix = {prefix[6*8-1:0], name[8*place +: 8]};
                end
        end
    endtask

    function known;
        input [7*8-1:0] prefix;
        case (prefix)
            "s", "se", "see", "seed", "seed=", "st", "sta", "stal", "stall", "stall=": known = 1'b1;
`ifdef VERILATOR
            "v": known = 1'b1;  // its own begin with +verilator+
`endif
            default: known = 1'b0;
        endcase
    endfunction
endmodule
