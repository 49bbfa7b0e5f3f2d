// Writes down the edges of a stream at which something happens: cycle, tvalid, tready, tlast, tdata.  An offer is
// written when it is made, changed, taken or withdrawn, and tready when it is high in reset or unknown; the last line
// says how the stream was left.
module @helpers@recorder #(
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
        if (closing ? !done : cycle >= 64'd@settling@ && (broken || (tvalid !== 1'b0
                                                        ? taken || !aresetn || offer !== waiting
                                                        : waiting[BITS+1] !== 1'b0)))
            $fdisplay(file, "%0d %b %b %b %b", cycle, tvalid, tready, tlast, tdata);
        waiting <= tvalid !== 1'b0 && !taken ? offer : {BITS+2{1'b0}};
        if (closing && !done) $fclose(file);
    end
endmodule
