// Properties of frame_synchronizer, with frames of three beats.
reg [1:0] f_place;  // beats of the frame that are written
reg       f_open;   // the beat taken last had no tlast
wire      f_taken = s_axis_tvalid && s_axis_tready;
wire      f_end = f_place == 2;

always @(posedge aclk)
    if (!aresetn) begin
        f_place <= 0;
        f_open <= 0;
    end else begin
        if (step) f_place <= f_end ? 0 : f_place + 1;
        if (f_taken) f_open <= !s_axis_tlast;
    end

always @(*) assume (frame_done == f_end);

always @(*) if (f_ready) begin
    if (f_reset) assert (!s_axis_tready);
    assert (f_place < 3);
    // one state at a time, and what each of them knows
    assert (!(completing && dropping));
    if (!awake) assert (!completing && !dropping && f_place == 0 && !f_open);
    if (completing) assert (f_place != 0 && !f_open);
    if (dropping) assert (f_place == 0 && f_open);
    if (!completing && !dropping) assert ((f_place != 0) == f_open);
    // a beat that is taken is written or dropped, and nothing else is written but zeros
    if (step) assert (room && (f_taken || completing) && !dropping);
    if (f_taken) assert (!completing && (step || dropping));
    // a frame begins with the first beat after a tlast, and never waits without a reason
    if (step && !completing) assert ((f_place == 0) == !f_open);
    if (awake && !completing && room) assert (s_axis_tready);
    if (completing && room) assert (step);
end

always @(posedge aclk) if (f_ready && $past(f_ready))
    assert (frame_error == $past(aresetn && f_taken && step && s_axis_tlast != f_end));

always @(posedge aclk) if (f_ready) begin
    cover (completing);
    cover (dropping && f_taken && s_axis_tlast);
end
