// Properties of result_queue, with a depth of four words.
localparam F_DEPTH = 4;
wire [2:0] f_begun = begun - removed;      // results on their way or in the queue
wire [2:0] f_queued = written - removed;   // words in the queue
reg        f_picked;                       // some word is watched: it is in the queue,
reg  [2:0] f_before;                       // behind so many others,
reg  [3:0] f_word;                         // and it is this one
(* anyseq *) reg f_pick;

always @(*) begin
    assume (!issued || room);
    assume (!write || begun != written);
    assume (!remove || available);
end

always @(posedge aclk)
    if (!aresetn) f_picked <= 0;
    else if (!f_picked && f_pick && write) begin
        f_picked <= 1;
        f_before <= f_queued - remove;
        f_word <= word;
    end else if (f_picked && remove) begin
        if (f_before == 0) f_picked <= 0;
        f_before <= f_before - 1;
    end

wire [2:0] f_place = removed + f_before;

always @(*) if (f_ready) begin
    assert (f_queued <= f_begun && f_begun <= F_DEPTH);
    assert (room == (f_begun != F_DEPTH));
    assert (available == (f_queued != 0));
    assert (empty == (f_begun == 0));
    if (f_picked) begin
        assert (f_before < f_queued);
        assert (words[f_place[1:0]] == f_word);
        if (f_before == 0) assert (head == f_word);
    end
end

always @(posedge aclk) if (f_ready) cover (f_queued == F_DEPTH && f_picked && f_before == 3);
