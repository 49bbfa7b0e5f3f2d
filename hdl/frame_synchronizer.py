"""Frame synchronizer: makes whole frames of a stream, wherever its `tlast` stands.

A frame whose `tlast` is early is completed with zeros, and what follows a frame without `tlast` is dropped up to the
next `tlast`, so that what comes behind never sees half a frame and never loses its place
(`fixedpoint.dataflow.model.framing` is the model)::

    reset --> receiving --- tlast early ----------------> completing --- frame complete --> receiving
              receiving --- last beat without tlast ----> dropping ----- tlast -----------> receiving
"""

from myhdl import Signal, always_comb, always_seq, block


@block
def frame_synchronizer(aclk, aresetn, s_axis, room, frame_done, step, completing, dropping, frame_error):
    """Take the beats of a stream, and say which are to be written.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    s_axis : AxiStream, in
        `tready` is low in reset and in the cycle after it.
    room : bool, in
        A beat may be written.
    frame_done : bool, in
        The beat to be written next is the last one of its frame.
    step : bool, out
        A beat is written in this cycle: the one that is taken, or a zero while `completing`.
    completing, dropping : bool, out
    frame_error : bool, out
        Pulses in the cycle after a beat whose `tlast` was early or missing.
    """
    awake, wrong = (Signal(bool(0)) for _ in range(2))

    @always_comb
    def offer():
        s_axis.tready.next = awake and not completing and (room or dropping)

    @always_comb
    def decide():
        step.next = awake and room and not dropping and (s_axis.tvalid or completing)

    @always_comb
    def judge():
        wrong.next = step and not completing and s_axis.tlast != frame_done

    @always_seq(aclk.posedge, reset=aresetn)
    def follow():
        awake.next = True
        frame_error.next = wrong
        if completing:
            completing.next = not (room and frame_done)
        else:
            completing.next = wrong and s_axis.tlast
        if dropping:
            dropping.next = not (s_axis.tvalid and s_axis.tlast)
        else:
            dropping.next = wrong and frame_done

    return offer, decide, judge, follow
