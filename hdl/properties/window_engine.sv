// Properties of a whole forward or input gradient core: no weight is written while some slot may read it.
// LATENCY: cycles from a slot to its result.
reg [1:0] f_frames;  // frames that have begun, and whose last slot has not been issued
reg [5:0] f_since;   // cycles since the last slot, up to 40
wire      f_begin = engine_positions_move && engine_at_frame_start;
wire      f_last_slot = engine_slots_slot_valid && engine_slots_slot_frame_end;
wire      f_write = engine_weight_loader_write_weight || `WRITES_BIAS;

always @(posedge aclk)
    if (!aresetn) begin
        f_frames <= 0;
        f_since <= 40;
    end else begin
        f_frames <= f_frames + f_begin - f_last_slot;
        f_since <= engine_slots_slot_valid ? 0 : f_since + (f_since != 40);
    end

always @(*) if (f_ready) begin
    if (f_frames != 0) assert (!f_write);
    if (f_write) assert (f_since >= `LATENCY);
    if (f_begin) assert (!engine_weight_loader_loading);

    // what the proof by induction needs to know
    assert (f_frames == (!engine_at_frame_start || engine_positions_position_valid) + f_last_slot);
    if (engine_positions_position_valid) assert (engine_positions_position_frame_end == engine_at_frame_start);
    if (engine_weight_loader_loading || f_write) assert (f_frames == 0 && !engine_slots_slot_valid);
    if (engine_weight_loader_loading) assert (f_since >= `LATENCY);
    assert (f_since <= 40 && engine_parking_quiet_cycles <= `PARKING);
    assert (engine_parking_quiet_cycles <= f_since + 2);
    if (engine_parking_quiet_cycles != 0) assert (engine_at_frame_start || f_began);
end

reg f_began;
always @(posedge aclk) f_began <= aresetn && f_begin;

always @(posedge aclk) if (f_ready) cover (f_write && $past(f_since) < 40);
