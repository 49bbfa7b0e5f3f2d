// Properties of parking, for a pipeline of six cycles.
localparam F_CYCLES = 6;
reg [3:0] f_quiet;  // cycles in which nothing was in work, up to eight
always @(posedge aclk)
    if (!aresetn || busy || !at_frame_start) f_quiet <= 0;
    else f_quiet <= f_quiet + (f_quiet != 8);

always @(*) if (f_ready) begin
    assert (f_quiet <= 8 && quiet_cycles == f_quiet);
    // never too early, never while something begins, and at last
    if (parked) assert (f_quiet >= F_CYCLES && at_frame_start && !busy);
    if (f_quiet == 8 && at_frame_start && !busy) assert (parked);
end

always @(posedge aclk) if (f_ready) cover (parked);
