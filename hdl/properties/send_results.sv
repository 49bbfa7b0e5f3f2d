// Properties of send_results.
always @(posedge aclk) if (f_ready && $past(f_ready)) begin
    if (f_reset) assert (!m_axis_tvalid);
    else if ($past(m_axis_tvalid && !m_axis_tready))
        assert (m_axis_tvalid && $stable(m_axis_tdata) && $stable(m_axis_tlast));
end

always @(*) if (f_ready) begin
    assert (remove == (available && (m_axis_tready || !m_axis_tvalid)));
end

always @(posedge aclk) if (f_ready && $past(f_ready)) begin
    if ($past(aresetn && remove))
        assert (m_axis_tvalid && m_axis_tdata == $past(head[7:0]) && m_axis_tlast == $past(head[8]));
end

always @(posedge aclk) if (f_ready) cover (m_axis_tvalid && m_axis_tlast && m_axis_tready);
