    assign @stream@_playing = playing@gate@;
    @helpers@recorder #(.FILE("@file@"), .BITS(@bits@)) @stream@_recorder (
        .aclk(aclk), .aresetn(aresetn), .cycle(cycle), .closing(closing), .done(done),
        .tdata(@data@), .tvalid(@port@_tvalid), .tready(@port@_tready), .tlast(@port@_tlast)
    );
