// Properties of hold_apart: four cycles from the end of one row to the begin of the next.
reg [2:0] f_since;  // cycles since the last row was taken, up to four
always @(posedge aclk)
    if (!aresetn) f_since <= 4;
    else if (taken) f_since <= 1;
    else f_since <= f_since + (f_since != 4);

always @(*) if (f_ready) begin
    assert (f_since >= 1 && f_since <= 4);
    assert (waited == 4 - f_since);
    assert (apart == (f_since == 4 && !taken));
end

always @(posedge aclk) if (f_ready) cover (apart && $past(!apart));
