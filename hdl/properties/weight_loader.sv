// Properties of weight_loader, with sets of sixteen weights and two biases.
localparam F_WEIGHTS = 16, F_BEATS = 18;
reg [4:0] f_beats;    // of the set that is being taken; F_BEATS and no more where there are too many
reg       f_frame;    // some frame is being computed, or in the pipeline
reg       f_whole;    // the last set was whole
(* anyseq *) reg f_begin, f_end;
wire      f_taken = s_axis_tvalid && s_axis_tready;
wire      f_right = f_beats == F_BEATS - 1;

always @(posedge aclk)
    if (!aresetn) begin
        f_beats <= 0;
        f_frame <= 0;
        f_whole <= 0;
    end else begin
        if (f_taken) f_beats <= s_axis_tlast ? 0 : f_beats + (f_beats != F_BEATS);
        if (f_taken && s_axis_tlast) f_whole <= f_right;
        if (f_begin) f_frame <= 1;
        else if (f_end) f_frame <= 0;
    end

// a frame begins only if the loader is ready, and the core is not parked from the next cycle on until it is over
always @(*) begin
    assume (!f_begin || ready);
    assume (!parked || !f_frame);
end

// AXI4-Stream: what is offered stays
always @(posedge aclk)
    if (f_ready && !f_reset && aresetn && $past(s_axis_tvalid && !s_axis_tready)) assume (s_axis_tvalid);

always @(*) if (f_ready) begin
    if (f_reset) assert (!s_axis_tready);
    // no weight is taken, or written, while a frame is computed, and no frame begins while a set is incomplete
    if (f_frame) assert (!loading && !f_taken && !write_weight && !write_bias);
    if (loading) assert (!ready && !loaded && !f_frame);
    if (ready) assert (f_whole && f_beats == 0);
    if (f_beats != 0) assert (loading && s_axis_tready);
    assert (whole == f_whole);
    // which beat it is
    assert (f_beats <= F_BEATS);
    if (loading) begin
        assert (bias == (f_beats >= F_WEIGHTS));
        assert (beyond == (f_beats == F_BEATS));
        if (!beyond) begin
            assert (order_in_group == (bias ? 0 : f_beats % 2));
            assert (order_column == (bias ? 0 : f_beats / 2 % 2));
            assert (order_row == (bias ? 0 : f_beats / 4 % 2));
            assert (place_group == (bias ? f_beats - F_WEIGHTS : f_beats / 8));
            if (!bias) assert (place_address == f_beats);
        end
        assert (place_lane == 0);
        assert (order_offset == (bias ? 0 : f_beats % 8));
        assert (order_out_offset == place_group * 8);
    end
end

always @(*) if (f_ready && !loading) assert (f_beats == 0);

always @(posedge aclk) if (f_ready && $past(f_ready)) begin
    if ($past(!loading)) assert (!bias && !beyond && order_in_group == 0 && order_column == 0 && order_row == 0
                                 && place_group == 0 && order_offset == 0 && order_out_offset == 0);
    assert (frame_error == $past(aresetn && f_taken && f_beats < F_BEATS && s_axis_tlast != f_right));
    assert (write_weight == $past(aresetn && f_taken && f_beats < F_WEIGHTS));
    assert (write_bias == $past(aresetn && f_taken && f_beats >= F_WEIGHTS && f_beats < F_BEATS));
    if (write_weight) assert (write_address == $past(f_beats) && write_word == $past(s_axis_tdata));
    if (write_bias) assert (write_group == $past(f_beats - F_WEIGHTS) && write_word == $past(s_axis_tdata));
end

always @(posedge aclk) if (f_ready) begin
    cover (f_frame && s_axis_tvalid);
    cover (ready && $past(loading));
end
