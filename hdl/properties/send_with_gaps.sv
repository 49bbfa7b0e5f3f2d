// Properties of send_with_gaps.
always @(posedge aclk) if (f_ready && $past(f_ready)) begin
    if (f_reset) assert (!m_axis_tvalid);
    else if ($past(m_axis_tvalid && !m_axis_tready))
        assert (m_axis_tvalid && $stable(m_axis_tdata) && $stable(m_axis_tlast));
end

// dx of 3 x 3 pixels of two beats, of which those in the first and last row and column are computed
reg  [4:0] f_beat;
wire [3:0] f_pixel = f_beat / 2;
wire       f_computed = f_pixel == 0 || f_pixel == 2 || f_pixel == 6 || f_pixel == 8;

always @(posedge aclk)
    if (!aresetn) f_beat <= 0;
    else if (taken) f_beat <= f_beat == 17 ? 0 : f_beat + 1;

always @(*) if (f_ready) begin
    assert (f_beat < 18);
    assert (computed == f_computed && last == (f_beat == 17) && started == (f_beat != 0));
    assert (sending == (f_beat != 0 || m_axis_tvalid));
    assert (group == f_beat % 2);
    assert (row_index == f_beat / 6 && column_index == f_beat / 2 % 3);
    assert (rows_loop_round == 0 && columns_loop_round == 0);
    assert (remove == (taken && f_computed));
    if (taken) assert (m_axis_tready || !m_axis_tvalid);
    if (remove) assert (available);
    // a zero follows as soon as it may; the first beat of a frame waits for a result
    if (f_beat != 0 && !f_computed && (m_axis_tready || !m_axis_tvalid)) assert (taken);
    if (available && (m_axis_tready || !m_axis_tvalid)) assert (taken);
    if (!available && f_computed) assert (!taken);
end

always @(posedge aclk) if (f_ready && $past(f_ready)) begin
    if ($past(aresetn && taken))
        assert (m_axis_tvalid && m_axis_tdata == $past(f_computed ? head[7:0] : 8'd0) && m_axis_tlast == $past(f_beat == 17));
end

always @(posedge aclk) if (f_ready) cover (m_axis_tvalid && m_axis_tlast && m_axis_tready);
