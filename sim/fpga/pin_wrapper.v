module @wrapper@ (input aclk, input aresetn, input scan_in, output reg scan_out);

reg core_aresetn;
reg [@inputs@-1:0] inputs;
wire [@outputs@-1:0] outputs;
reg [@outputs@-1:0] captured, folded;

always @(posedge aclk) begin
    core_aresetn <= aresetn;
    inputs <= {inputs, scan_in};
    captured <= outputs;
    folded <= {folded, 1'b0} ^ captured;
    scan_out <= folded[@outputs@-1];
end

@module@ core (
    .aclk(aclk),
    .aresetn(core_aresetn),
@connections@
);

endmodule
