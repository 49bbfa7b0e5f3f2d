// Properties of line_writer, with frames of two rows of two pixels of two beats, and a ring of two rows.
localparam F_RING = 2, F_GROUPS = 2, F_COLUMNS = 2, F_ROWS = 2;
reg [1:0] f_held;  // rows that are written and have not been given back
reg       f_group, f_column, f_row, f_ring_row;
wire      f_row_end = f_group == F_GROUPS - 1 && f_column == F_COLUMNS - 1;

always @(posedge aclk)
    if (!aresetn) begin
        f_held <= 0;
        {f_group, f_column, f_row, f_ring_row} <= 0;
    end else begin
        f_held <= f_held + (step && f_row_end) - released;
        if (step) begin
            f_group <= !f_group;
            if (f_group) f_column <= !f_column;
            if (f_row_end) {f_row, f_ring_row} <= {!f_row, !f_ring_row};
        end
    end

always @(*) assume (released <= f_held);

always @(*) if (f_ready) begin
    assert (f_held <= F_RING && free_rows + f_held == F_RING);
    assert (group == f_group && column == f_column && row == f_row && ring_row == f_ring_row);
    assert (column_bank == 0 && column_base == f_column * F_GROUPS);
    assert (row_base == f_ring_row * F_COLUMNS * F_GROUPS);
    // no row is written that some reader still needs, and none while it is held back
    if (step) assert (f_held < F_RING && !held);
    assert (frame_done == (f_row_end && f_row == F_ROWS - 1));
    // of the synchronizer
    if (!frames_awake) assert ({f_group, f_column, f_row} == 0 && !completing && !arrivals_dropping);
    if (arrivals_dropping) assert ({f_group, f_column, f_row} == 0 && !completing);
    if (completing) assert ({f_group, f_column, f_row} != 0);
    assert (arrivals_frame_begun == ({f_group, f_column, f_row} != 0));
    assert (arrivals_columns == f_column);
end

always @(posedge aclk) if (f_ready && $past(f_ready)) begin
    assert (write_enable == $past(aresetn && step));
    assert (arrivals_row == $past(aresetn && step && f_row_end));
    if (write_enable) begin
        assert (write_address == $past(f_ring_row * F_COLUMNS * F_GROUPS + f_column * F_GROUPS + f_group));
        assert (write_word == $past(completing ? 0 : s_axis_tdata[2:0]));
    end
end

always @(posedge aclk) if (f_ready) cover (f_held == F_RING && f_row);
