// Properties of walk, with a program of two records, the first of which is walked four times.
reg [2:0] f_position;
always @(posedge aclk)
    if (!aresetn) f_position <= 0;
    else if (advance) f_position <= f_position == 4 ? 0 : f_position + 1;

always @(*) if (f_ready) begin
    assert (f_position < 5);
    assert (index == (f_position == 4) && at_end == (f_position == 4));
    assert (loop_round == (f_position == 4 ? 0 : f_position));
end

always @(posedge aclk) if (f_ready) cover (at_end && advance);
