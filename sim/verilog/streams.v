// Decides in every cycle whether a source or a sink stands still: a share of them, in units of 2^-24, from a seed.
// One decision in 32 holds for 40 cycles, long enough to fill or empty every buffer.
module @helpers@stalls #(
    parameter STREAM = 0
) (
    input  wire        aclk,
    input  wire        aresetn,
    input  wire [31:0] seed,
    input  wire [31:0] stall,
    output reg         still
);
    reg [31:0] state;
    reg [5:0]  hold;

    function [31:0] xorshift;
        input [31:0] value;
        reg   [31:0] mixed;
        begin
            mixed = value ^ (value << 13);
            mixed = mixed ^ (mixed >> 17);
            xorshift = mixed ^ (mixed << 5);
        end
    endfunction

    always @(posedge aclk)
        if (!aresetn) begin
            state <= (((seed << 3) + STREAM) * 32'h9e3779b1) | 32'd1;
            still <= 1'b0;
            hold <= 6'd0;
        end else begin
            state <= xorshift(state);
            if (hold != 6'd0)
                hold <= hold - 6'd1;
            else begin
                still <= {8'd0, state[31:8]} < stall;
                hold <= (state[4:0] == 5'd0) ? 6'd39 : 6'd0;
            end
        end
endmodule


// The beats of a file.  They are counted before they are read: what simulators do with too few or too many of them, and
// what a beat is that was never read, differs from one to the other.
module @helpers@beats #(
    parameter FILE = "",
    parameter BITS = 8,
    parameter BEATS = 1
) (
    input  wire [31:0]     index,
    output wire [BITS-1:0] beat,
    output reg             wrong_file
);
    reg [BITS-1:0] words [0:BEATS-1];
    integer        file, character, held;
    reg            in_beat;

    assign beat = index < BEATS ? words[index] : {BITS{1'bx}};

    initial begin
        held = 0;
        in_beat = 1'b0;
        file = $fopen(FILE, "r");
        if (file != 0) begin
            character = $fgetc(file);
            while (character >= 0) begin
                if (!in_beat && character > 32) held = held + 1;
                in_beat = character > 32;
                character = $fgetc(file);
            end
            $fclose(file);
        end
        wrong_file = held != BEATS;
        if (!wrong_file) $readmemh(FILE, words);
        else if (file == 0) $display("%0s can not be opened", FILE);
        else $display("%0s holds %0d beats, must hold %0d", FILE, held, BEATS);
    end
endmodule


// Plays the beats of a file into an AXI4-Stream input; between beats it shows wrong data on purpose.
module @helpers@source #(
    parameter STREAM = 0,
    parameter NAME = "",
    parameter FILE = "",
    parameter BITS = 8,
    parameter BEATS = 1,
    parameter FRAME = 1
) (
    input  wire            aclk,
    input  wire            aresetn,
    input  wire [31:0]     seed,
    input  wire [31:0]     stall,
    input  wire [31:0]     cycle,
    output reg  [BITS-1:0] tdata,
    output reg             tvalid,
    input  wire            tready,
    output reg             tlast,
    output reg  [31:0]     transferred,
    output reg  [31:0]     errors,
    output wire            wrong_file
);
    wire [BITS-1:0] beat;
    reg  [31:0]     offered;
    wire            still;

    @helpers@beats #(.FILE(FILE), .BITS(BITS), .BEATS(BEATS)) beats (
        .index(offered), .beat(beat), .wrong_file(wrong_file)
    );

    @helpers@stalls #(.STREAM(STREAM)) stalls (
        .aclk(aclk), .aresetn(aresetn), .seed(seed), .stall(stall), .still(still)
    );

    initial errors = 32'd0;

    task complain;
        input [32*8-1:0] reason;
        begin
            errors <= errors + 32'd1;
            if (errors < 32'd10) $display("cycle %0d, %0s, beat %0d: %0s", cycle, NAME, transferred, reason);
        end
    endtask

    always @(posedge aclk)
        if (!aresetn) begin
            if (cycle > 32'd2 && tready !== 1'b0) complain("tready in reset");
            tvalid <= 1'b0;
            tdata <= {BITS{1'b1}};
            tlast <= 1'b1;
            offered <= 32'd0;
            transferred <= 32'd0;
        end else begin
            if (tready !== 1'b0 && tready !== 1'b1) complain("tready unknown");
            if (tvalid && tready)
                transferred <= transferred + 32'd1;
            if (!tvalid || tready) begin
                if (offered < BEATS && !still) begin
                    tvalid <= 1'b1;
                    tdata <= beat;
                    tlast <= offered % FRAME == FRAME - 1;
                    offered <= offered + 32'd1;
                end else begin
                    tvalid <= 1'b0;
                    tdata <= ~tdata;
                    tlast <= 1'b1;
                end
            end
        end
endmodule


// Takes beats from an AXI4-Stream output, compares them with those of a file, and checks the protocol.
module @helpers@sink #(
    parameter STREAM = 0,
    parameter NAME = "",
    parameter FILE = "",
    parameter BITS = 8,
    parameter BEATS = 1,
    parameter FRAME = 1
) (
    input  wire            aclk,
    input  wire            aresetn,
    input  wire [31:0]     seed,
    input  wire [31:0]     stall,
    input  wire [31:0]     cycle,
    input  wire [BITS-1:0] tdata,
    input  wire            tvalid,
    output reg             tready,
    input  wire            tlast,
    output reg  [31:0]     transferred,
    output reg  [31:0]     errors,
    output wire            wrong_file
);
    wire [BITS-1:0] beat;
    reg             pending;
    reg  [BITS:0]   offer;
    wire            still;
    wire            last = transferred % FRAME == FRAME - 1;

    @helpers@beats #(.FILE(FILE), .BITS(BITS), .BEATS(BEATS)) beats (
        .index(transferred), .beat(beat), .wrong_file(wrong_file)
    );

    @helpers@stalls #(.STREAM(STREAM)) stalls (
        .aclk(aclk), .aresetn(aresetn), .seed(seed), .stall(stall), .still(still)
    );

    initial errors = 32'd0;

    task complain;
        input [32*8-1:0] reason;
        begin
            errors <= errors + 32'd1;
            if (errors < 32'd10)
                $display("cycle %0d, %0s, beat %0d: %0s: tdata %h, tlast %b; expected %h, %b", cycle, NAME, transferred,
                         reason, tdata, tlast, beat, last);
        end
    endtask

    always @(posedge aclk)
        if (!aresetn) begin
            tready <= 1'b0;
            pending <= 1'b0;
            transferred <= 32'd0;
            if (cycle > 32'd2 && tvalid !== 1'b0) complain("tvalid in reset");
        end else begin
            tready <= !still;
            pending <= tvalid && !tready;
            offer <= {tlast, tdata};
            if (tvalid && tready) transferred <= transferred + 32'd1;

            if (tvalid !== 1'b0 && tvalid !== 1'b1) complain("tvalid unknown");
            else if (pending && !tvalid) complain("tvalid fell before transfer");
            else if (pending && {tlast, tdata} !== offer) complain("changed before transfer");
            else if (tvalid && tready) begin
                if (transferred >= BEATS) complain("one beat too many");
                else if (tdata !== beat) complain("wrong data");
                else if (tlast !== last) complain("wrong tlast");
            end
        end
endmodule
