    wire @stream@_playing;
    reg  [31:0] @stream@_stall;
    initial if (!$value$plusargs("stall_@stream@=%d", @stream@_stall)) @stream@_stall = 32'd0;
