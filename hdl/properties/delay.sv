// Properties of delay, by three cycles, cleared in reset.
always @(posedge aclk) if (f_ready && $past(f_ready)) begin
    if (f_reset) assert (target == 0 && stage_2_target == 0 && following == 0);
    else assert (following == $past(source) && stage_2_target == $past(following) && target == $past(stage_2_target));
end

always @(posedge aclk) if (f_ready) cover (target == 4'd9);
