// The specification of requantize, for all accumulators and draws: divide by 2**SHIFT, round, then limit.
//
// MODE 0 floor, 1 toward_zero, 2 half_up, 3 half_away, 4 half_even, 5 stochastic; WRAP 0 saturate, 1 wrap.
localparam WIDE = ACCUMULATOR + 8;
localparam signed [WIDE-1:0] ONE = 1;
localparam signed [WIDE-1:0] STEP = ONE <<< (SHIFT > 0 ? SHIFT : 0);
localparam signed [WIDE-1:0] HIGHEST = (ONE <<< (RESULT - 1)) - ONE;
localparam signed [WIDE-1:0] LOWEST = -HIGHEST - ONE;

reg signed [ACCUMULATOR-1:0] f_value [0:2];
reg signed [WIDE-1:0]        f_draw [0:2];
wire signed [WIDE-1:0] value = f_value[2];
wire signed [WIDE-1:0] kept = value >>> (SHIFT > 0 ? SHIFT : 0);       // rounded down
wire signed [WIDE-1:0] rest = value - (kept <<< (SHIFT > 0 ? SHIFT : 0));
wire exact = rest == 0;
wire above = 2 * rest > STEP;
wire tie = SHIFT > 0 && 2 * rest == STEP;
wire up = MODE == 0 ? 1'b0
        : MODE == 1 ? !exact && value < 0
        : MODE == 2 ? above || tie
        : MODE == 3 ? above || tie && value >= 0
        : MODE == 4 ? above || tie && kept[0]
        : rest + f_draw[2] >= STEP;
wire signed [WIDE-1:0] rounded_value = SHIFT >= 0 ? kept + (up ? ONE : 0) : value <<< (SHIFT < 0 ? -SHIFT : 0);
wire signed [WIDE-1:0] limited = WRAP ? rounded_value
                               : rounded_value > HIGHEST ? HIGHEST : rounded_value < LOWEST ? LOWEST : rounded_value;

always @(posedge aclk) begin
    f_value[0] <= accumulator;
    f_value[1] <= f_value[0];
    f_value[2] <= f_value[1];
    f_draw[0] <= DRAW;
    f_draw[1] <= f_draw[0];
    f_draw[2] <= f_draw[1];
end

always @(posedge aclk) if (f_ready) assert (result == limited[RESULT-1:0]);
always @(posedge aclk) if (f_ready) cover (result == limited[RESULT-1:0] && rounded_value != limited);
