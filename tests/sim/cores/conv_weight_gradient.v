// A stand-in for the weight-gradient core, small enough to be right by inspection, of one layer: batches of 2 images
// of 3 x 4 pixels, one channel, one filter, a 1 x 1 kernel; dw and db are exact.  Two inputs that come at their own
// pace, two outputs that leave at theirs.
`timescale 1ns / 1ps

module conv_weight_gradient (
    input  wire        aclk,
    input  wire        aresetn,
    input  wire [7:0]  s_axis_x_tdata,
    input  wire        s_axis_x_tvalid,
    output wire        s_axis_x_tready,
    input  wire        s_axis_x_tlast,
    input  wire [7:0]  s_axis_dz_tdata,
    input  wire        s_axis_dz_tvalid,
    output wire        s_axis_dz_tready,
    input  wire        s_axis_dz_tlast,
    output reg  [31:0] m_axis_dw_tdata,
    output reg         m_axis_dw_tvalid,
    input  wire        m_axis_dw_tready,
    output wire        m_axis_dw_tlast,
    output reg  [31:0] m_axis_db_tdata,
    output reg         m_axis_db_tvalid,
    input  wire        m_axis_db_tready,
    output wire        m_axis_db_tlast,
    output wire        frame_error,
    output wire        idle,
    output wire        waits_for_x,
    output wire        waits_for_dz
);
    assign m_axis_dw_tlast = 1;
    assign m_axis_db_tlast = 1;
    assign frame_error = 0;

    reg signed [7:0] x, dz;
    reg has_x, has_dz;
    assign s_axis_x_tready = aresetn && !has_x;
    assign s_axis_dz_tready = aresetn && !has_dz;

    assign waits_for_x = !has_x;
    assign waits_for_dz = !has_dz;

    reg [4:0] pixel;
    assign idle = pixel == 0 && !has_x && !has_dz && !m_axis_dw_tvalid && !m_axis_db_tvalid;
    wire meet = has_x && has_dz && !m_axis_dw_tvalid && !m_axis_db_tvalid;
    always @(posedge aclk)
        if (!aresetn) begin
            has_x <= 0;
            has_dz <= 0;
            pixel <= 0;
            m_axis_dw_tdata <= 0;
            m_axis_db_tdata <= 0;
            m_axis_dw_tvalid <= 0;
            m_axis_db_tvalid <= 0;
        end else begin
            if (s_axis_x_tvalid && s_axis_x_tready) begin
                x <= s_axis_x_tdata;
                has_x <= 1;
            end
            if (s_axis_dz_tvalid && s_axis_dz_tready) begin
                dz <= s_axis_dz_tdata;
                has_dz <= 1;
            end
            if (meet) begin
                has_x <= 0;
                has_dz <= 0;
                pixel <= pixel == 23 ? 0 : pixel + 1;
                m_axis_dw_tdata <= $signed(m_axis_dw_tdata) + x * dz;
                m_axis_db_tdata <= $signed(m_axis_db_tdata) + dz;
                m_axis_dw_tvalid <= pixel == 23;
                m_axis_db_tvalid <= pixel == 23;
            end
            if (m_axis_dw_tvalid && m_axis_dw_tready) begin
                m_axis_dw_tvalid <= 0;
                m_axis_dw_tdata <= 0;
            end
            if (m_axis_db_tvalid && m_axis_db_tready) begin
                m_axis_db_tvalid <= 0;
                m_axis_db_tdata <= 0;
            end
        end
endmodule
