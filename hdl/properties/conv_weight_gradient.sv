// Properties of a whole weight gradient core, with batches of one row of two pixels and one filter: no dz is added to a
// sum that has not been sent.
reg       f_beat;     // of the batch that is summed
reg       f_set;      // that it is summed in
reg [1:0] f_busy;     // sets that hold a whole batch which has not been sent
wire      f_sum = gradient_lines_writer_write_enable;
wire      f_send = bias_step;

always @(posedge aclk)
    if (!aresetn) begin
        f_beat <= 0;
        f_set <= 0;
        f_busy <= 0;
    end else begin
        if (f_sum) f_beat <= !f_beat;
        if (f_sum && f_beat) begin
            f_set <= !f_set;
            f_busy[f_set] <= 1;
        end
        if (f_send) f_busy[bias_gradient_shown_upper] <= 0;
    end

always @(*) if (f_ready) begin
    if (f_sum) assert (!f_busy[f_set] && bias_gradient_upper == f_set && bias_gradient_first == !f_beat);
    if (f_send) assert (f_busy[bias_gradient_shown_upper]);

    // what the proof by induction needs to know
    assert (bias_gradient_upper == f_set && bias_gradient_first == !f_beat);
    assert (bias_gradient_lane == 0 && bias_gradient_shown_group == 0);
    assert (bias_gradient_unsent == f_busy[0] + f_busy[1]);
    if (f_busy == 2'b11) assert (bias_gradient_shown_upper == f_set && !f_sum);
    if (f_busy == 2'b01) assert (f_set == 1 && bias_gradient_shown_upper == 0);
    if (f_busy == 2'b10) assert (f_set == 0 && bias_gradient_shown_upper == 1);
    if (f_busy == 2'b00) assert (f_set == bias_gradient_shown_upper);
    assert (bias_gradient_row == 0 && bias_gradient_group == 0 && gradient_lines_writer_row == 0);
    assert (gradient_lines_writer_group == 0 && gradient_lines_writer_column == (f_beat ^ f_sum));
    assert (gradient_lines_writer_arrivals_row == (f_sum && f_beat));
    if (gradient_lines_writer_completing) assert (gradient_lines_writer_column == 1);
    if (gradient_lines_writer_frames_dropping) assert (gradient_lines_writer_column == 0);
    if (!gradient_lines_writer_frames_awake)
        assert (!gradient_lines_writer_completing && !gradient_lines_writer_frames_dropping
                && gradient_lines_writer_column == 0 && !f_sum);
end

always @(posedge aclk) if (f_ready) cover (f_send && bias_gradient_shown_upper);
