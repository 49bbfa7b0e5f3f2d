// The specification of requantize, for all accumulators and draws: divide by 2**`SHIFT, round, then limit.
//
// `MODE 0 floor, 1 toward_zero, 2 half_up, 3 half_away, 4 half_even, 5 stochastic; `WRAP 0 saturate, 1 wrap.
localparam WIDE = `ACCUMULATOR + 8;
localparam signed [WIDE-1:0] ONE = 1;
localparam signed [WIDE-1:0] STEP = ONE <<< (`SHIFT > 0 ? `SHIFT : 0);
localparam signed [WIDE-1:0] HIGHEST = (ONE <<< (`RESULT - 1)) - ONE;
localparam signed [WIDE-1:0] LOWEST = -HIGHEST - ONE;

reg signed [`ACCUMULATOR-1:0] f_value [0:2];
reg signed [WIDE-1:0]        f_draw [0:2];
wire signed [WIDE-1:0] f_old = f_value[2];
wire signed [WIDE-1:0] f_kept = f_old >>> (`SHIFT > 0 ? `SHIFT : 0);       // rounded down
wire signed [WIDE-1:0] f_rest = f_old - (f_kept <<< (`SHIFT > 0 ? `SHIFT : 0));
wire f_exact = f_rest == 0;
wire f_above = 2 * f_rest > STEP;
wire f_tie = `SHIFT > 0 && 2 * f_rest == STEP;
wire f_up = `MODE == 0 ? 1'b0
        : `MODE == 1 ? !f_exact && f_old < 0
        : `MODE == 2 ? f_above || f_tie
        : `MODE == 3 ? f_above || f_tie && f_old >= 0
        : `MODE == 4 ? f_above || f_tie && f_kept[0]
        : f_rest + f_draw[2] >= STEP;
wire signed [WIDE-1:0] f_rounded_value = `SHIFT >= 0 ? f_kept + (f_up ? ONE : 0) : f_old <<< (`SHIFT < 0 ? -`SHIFT : 0);
wire signed [WIDE-1:0] f_limited = `WRAP ? f_rounded_value
                               : f_rounded_value > HIGHEST ? HIGHEST : f_rounded_value < LOWEST ? LOWEST : f_rounded_value;

always @(posedge aclk) begin
    f_value[0] <= accumulator;
    f_value[1] <= f_value[0];
    f_value[2] <= f_value[1];
    f_draw[0] <= `DRAW;
    f_draw[1] <= f_draw[0];
    f_draw[2] <= f_draw[1];
end

reg [1:0] f_filled = 0;  // values that the pipeline has taken
always @(posedge aclk) f_filled <= f_filled + (f_filled != 3);

always @(posedge aclk) if (f_filled == 3) assert (result == f_limited[`RESULT-1:0]);
always @(posedge aclk) if (f_filled == 3) cover (result == f_limited[`RESULT-1:0] && f_rounded_value != f_limited);
