// Properties of bias_gradient, with batches of two rows of two pixels and two filters: eight beats.
localparam F_BEATS = 8, F_FILTERS = 2;
reg [2:0] f_beats;             // of the batch that comes in
reg       f_set;               // that it is summed in
reg [1:0] f_busy;              // sets that hold a whole batch which has not been sent
reg       f_filter, f_shown;   // of the sums that are sent, and their set
(* anyseq *) reg f_take;       // a beat of dz is taken
wire      f_batch_end = f_beats == F_BEATS - 1;

always @(posedge aclk)
    if (!aresetn) begin
        f_beats <= 0;
        f_set <= 0;
        f_busy <= 0;
        f_filter <= 0;
        f_shown <= 0;
    end else begin
        if (write_enable) f_beats <= f_beats + 1;
        if (write_enable && f_batch_end) begin
            f_set <= !f_set;
            f_busy[f_set] <= 1;
        end
        if (step) begin
            f_filter <= !f_filter;
            if (f_filter) begin
                f_shown <= !f_shown;
                f_busy[f_shown] <= 0;
            end
        end
    end

// the line writer: registered, and it takes nothing while it is held
reg f_took;
always @(posedge aclk) f_took <= aresetn && f_take;
always @(*) begin
    assume (!(f_take && held));
    if (f_ready) assume (write_enable == f_took);
    assume (row_arrived == (write_enable && f_beats % 4 == 3));
end

always @(*) if (f_ready) begin
    // no dz is added to a set of sums that has not been sent
    if (write_enable) assert (!f_busy[f_set]);
    if (step) assert (f_busy[f_shown] && room);
    assert (pending == (f_busy != 0));
    if (pending && room) assert (step);
    if (pending) assert (lane == 0 && sums_shown_group == f_filter && last == f_filter);
    if (pending) assert (sums_shown_index == 2 * f_shown + f_filter);
    assert (sums_unsent == f_busy[0] + f_busy[1]);
    assert (sums_index == 2 * f_set + f_beats % 2);
    assert (sums_group == f_beats % 2 && sums_row == f_beats / 4 && sums_first == (f_beats < 2));
    assert (sums_upper == f_set && sums_shown_upper == f_shown);
    // sets are filled and sent in turns
    if (f_busy == 2'b11) assert (f_shown == f_set && !f_took);
    if (f_busy == 2'b01) assert (f_set == 1 && f_shown == 0);
    if (f_busy == 2'b10) assert (f_set == 0 && f_shown == 1);
    if (f_busy == 2'b00) assert (f_set == f_shown && f_filter == 0);
end

always @(posedge aclk) if (f_ready && $past(f_ready) && $past(!pending)) assert (lane == 0 && sums_shown_group == 0);

always @(posedge aclk) if (f_ready) begin
    cover (held);
    cover (f_busy == 2'b11 && step && last);
end
