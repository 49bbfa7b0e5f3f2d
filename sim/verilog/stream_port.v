    wire [@high@:0] @port@_tdata;
    wire @port@_tvalid, @port@_tready, @port@_tlast, @stream@_wrong_file;
    wire [31:0] @stream@_transferred;
    wire [31:0] @stream@_errors;
    @helpers@@side@ #(
        .STREAM(@number@), .NAME("@port@"), .FILE("@file@"), .BITS(@bits@), .BEATS(@beats@), .FRAME(@frame@)
    ) @stream@_@side@ (
        .aclk(aclk), .aresetn(@reset@), .seed(seed), .stall(@stall@), .cycle(cycle[31:0]),
        .tdata(@port@_tdata), .tvalid(@port@_tvalid), .tready(@port@_tready), .tlast(@port@_tlast),
        .transferred(@stream@_transferred), .errors(@stream@_errors), .wrong_file(@stream@_wrong_file)
    );
