// Properties of drain, with eight accumulators and a wait of three cycles.
localparam F_BEATS = 8, F_WAIT = 3;
reg [3:0] f_step;       // steps that were made
reg       f_clearing;   // after reset
reg       f_active;
reg [1:0] f_wait;

always @(posedge aclk)
    if (!aresetn) begin
        f_step <= 0;
        f_clearing <= 1;
        f_active <= 0;
        f_wait <= 0;
    end else if (f_clearing && !f_active) f_active <= 1;
    else if (batch_done) begin
        f_active <= 1;
        f_wait <= F_WAIT;
    end else if (f_wait != 0) f_wait <= f_wait - 1;
    else if (step) begin
        f_step <= f_step == F_BEATS - 1 ? 0 : f_step + 1;
        if (f_step == F_BEATS - 1) {f_clearing, f_active} <= 0;
    end

always @(*) assume (!(batch_done && draining));

always @(*) if (f_ready) begin
    assert (active == f_active && silent == f_clearing && wait_left == f_wait && draining == (f_active || f_clearing));
    assert (f_step < F_BEATS);
    if (!f_active) assert (f_wait == 0);
    if (f_clearing) assert (f_wait == 0);
    // it goes on whenever it may, and only then
    assert (step == (f_active && f_wait == 0 && (room || f_clearing)));
    assert (sent == (step && !f_clearing));
    if (!f_active) assert (f_step == 0);
    // which one it is
    if (f_active) begin
        assert (place_address == f_step && place_end == (f_step == F_BEATS - 1));
        assert (order_in_group == f_step % 2 && order_column == f_step / 2 % 2 && order_row == f_step / 4);
        assert (order_offset == f_step && order_out_offset == 0 && place_group == 0 && place_lane == 0);
    end
end

always @(posedge aclk) if (f_ready && $past(f_ready) && $past(!active))
    assert (order_in_group == 0 && order_column == 0 && order_row == 0 && order_offset == 0 && order_out_offset == 0
            && place_group == 0 && place_lane == 0);

always @(posedge aclk) if (f_ready) cover (sent && place_end);
