module sample(input wire aclk, output reg frame_error);
    always @(posedge aclk) frame_error <= !frame_error;
endmodule
