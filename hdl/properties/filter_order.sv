// Properties of filter_order, with two groups of three filters.
reg [2:0] f_filter;
always @(posedge aclk)
    if (!running) f_filter <= 0;
    else if (advance) f_filter <= f_filter == 5 ? 0 : f_filter + 1;

reg f_known = 0;  // it has been set back once
always @(posedge aclk) if (!running) f_known <= 1;

always @(*) if (f_known) begin
    assert (f_filter < 6);
    assert (3 * group + lane == f_filter && lane < 3);
    assert (lane_done == (f_filter % 3 == 2) && last == (f_filter == 5));
end

always @(posedge aclk) if (f_ready) cover (f_known && last && advance);
