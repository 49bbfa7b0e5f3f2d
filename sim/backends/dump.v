module dump_waves;
    initial begin
        $dumpfile("@file@");
        $dumpvars(0, @module@);
    end
endmodule
