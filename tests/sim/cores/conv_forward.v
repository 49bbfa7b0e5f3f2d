// A stand-in for the forward core, small enough to be right by inspection, of one layer: images of 3 x 4 pixels,
// 2 channels, 2 filters, a 1 x 1 kernel, words of 7 bits; z = x + bias, wrapped.  It keeps the rules of the streams,
// except for the one that the loaded weight w[1,0] tells it to break: the tests of the test benches plant these
// faults one by one.
`timescale 1ns / 1ps

module conv_forward (
    input  wire        aclk,
    input  wire        aresetn,
    input  wire [15:0] s_axis_weights_tdata,
    input  wire        s_axis_weights_tvalid,
    output wire        s_axis_weights_tready,
    input  wire        s_axis_weights_tlast,
    input  wire [15:0] s_axis_x_tdata,
    input  wire        s_axis_x_tvalid,
    output wire        s_axis_x_tready,
    input  wire        s_axis_x_tlast,
    output reg  [15:0] m_axis_z_tdata,
    output reg         m_axis_z_tvalid,
    input  wire        m_axis_z_tready,
    output reg         m_axis_z_tlast,
    output reg         frame_error,
    output wire        idle,
    output wire        weights_loaded,
    output wire        waits_for_weights,
    output wire        waits_for_x
);
    localparam LAST_PIXEL = 11;

    localparam VALID_WITHDRAWN  = 1,
               DATA_CHANGED     = 2,
               LAST_MISSING     = 3,
               LAST_EARLY       = 4,
               BIT_FLIPPED      = 5,
               BEAT_LOST        = 6,
               BEAT_REPEATED    = 7,
               HANGS            = 8,
               UNKNOWN_BIT      = 9,
               PADDING_DIRTY    = 10,
               ERROR_SPURIOUS   = 11,
               ERROR_SILENT     = 12,
               VALID_IN_RESET   = 13,
               SIMULATION_ENDS  = 14,
               LOOKS_WITHOUT_ASKING = 15;

    // two beats of weights, then one bias a beat
    reg [1:0] weight;
    reg       loaded;
    reg [6:0] fault;  // outlives a reset
    reg [6:0] bias0, bias1;
    assign s_axis_weights_tready = aresetn;
    initial fault = 0;
    always @(posedge aclk)
        if (!aresetn) begin
            weight <= 0;
            loaded <= 0;
        end else if (s_axis_weights_tvalid) begin
            weight <= weight + 1;
            loaded <= weight == 3;
            case (weight)
                1: fault <= s_axis_weights_tdata[6:0];
                2: bias0 <= s_axis_weights_tdata[6:0];
                3: bias1 <= s_axis_weights_tdata[6:0];
            endcase
        end

    reg [3:0] pixel;
    assign weights_loaded = loaded;
    assign waits_for_weights = !loaded;
    assign waits_for_x = loaded && !s_axis_x_tvalid;
    assign idle = pixel == 0 && !m_axis_z_tvalid;

    // one register between x and z
    reg [7:0] taken;
    wire last = pixel == LAST_PIXEL;
    wire [6:0] sum0 = s_axis_x_tdata[6:0] + bias0;
    wire [6:0] sum1 = s_axis_x_tdata[13:7] + bias1;
    wire free = !m_axis_z_tvalid || m_axis_z_tready;
    assign s_axis_x_tready = aresetn && loaded && free && !(fault == HANGS && taken == 9);
    wire take = (s_axis_x_tvalid || fault == LOOKS_WITHOUT_ASKING) && s_axis_x_tready;
    always @(posedge aclk)
        if (!aresetn) begin
            pixel <= 0;
            taken <= 0;
            frame_error <= 0;
            m_axis_z_tvalid <= fault == VALID_IN_RESET;
        end else begin
            frame_error <= 0;
            if (m_axis_z_tready) m_axis_z_tvalid <= 0;
            if (take) begin
                pixel <= last ? 0 : pixel + 1;
                taken <= taken + 1;
                frame_error <= s_axis_x_tlast != last && fault != ERROR_SILENT || fault == ERROR_SPURIOUS && taken == 5;
                m_axis_z_tvalid <= !(fault == BEAT_LOST && taken == 7);
                m_axis_z_tdata <= {2'b00, sum1, sum0};
                m_axis_z_tlast <= last;
                if (taken == 5)
                    case (fault)
                        BIT_FLIPPED: m_axis_z_tdata[8] <= !sum1[1];
                        UNKNOWN_BIT: m_axis_z_tdata[8] <= 1'bx;
                        PADDING_DIRTY: m_axis_z_tdata[15] <= 1;
                        LAST_EARLY: m_axis_z_tlast <= 1;
                        SIMULATION_ENDS: $finish;
                    endcase
                if (fault == LAST_MISSING) m_axis_z_tlast <= 0;
            end else if (m_axis_z_tvalid && !m_axis_z_tready) begin
                if (fault == VALID_WITHDRAWN) m_axis_z_tvalid <= 0;
                if (fault == DATA_CHANGED) m_axis_z_tdata[0] <= !m_axis_z_tdata[0];
            end else if (fault == BEAT_REPEATED && taken == 24 && m_axis_z_tvalid) begin
                m_axis_z_tvalid <= 1;
                taken <= 0;
            end
        end
endmodule
