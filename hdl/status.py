"""Status: what a core tells of itself beside its streams, so that software knows why nothing comes.

All of it is registered, and so comes a cycle after what it tells of.
"""

from myhdl import Signal, always_comb, always_seq, block


@block
def merge_errors(aclk, aresetn, one, other, frame_error):
    """`frame_error` pulses a cycle after an input's: two cycles after the beat whose `tlast` was out of place.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    one, other : bool, in
    frame_error : bool, out
    """

    @always_seq(aclk.posedge, reset=aresetn)
    def merge():
        frame_error.next = one or other

    return merge


@block
def engine_status(
    aclk, aresetn, arrivals, at_frame_start, arrived, rows_wait, position_valid, weights_ready, queue_empty, sending,
    idle, waits_for_weights, waits_for_source,
):  # fmt: skip
    """Status of the engine of forward and input gradient.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    arrivals : Arrivals, in
    at_frame_start, arrived, rows_wait : bool, in
        See `positions`.
    position_valid : bool, in
        Some position is being computed.
    weights_ready : bool, in
    queue_empty, sending : bool, in
        No result is on its way to the sender, or in it.
    idle : bool, out
        Nothing of any frame is in the core.
    waits_for_weights, waits_for_source : bool, out
        The multipliers stand still for want of a set of weights, or of beats of the source.
    """

    @always_seq(aclk.posedge, reset=aresetn)
    def tell():
        idle.next = (
            at_frame_start and queue_empty
            and not (arrivals.frame_begun or arrivals.dropping or rows_wait or position_valid or sending)
        )  # fmt: skip

    @always_seq(aclk.posedge, reset=aresetn)
    def tell_wants():
        waits_for_source.next = not position_valid and not arrived
        waits_for_weights.next = not position_valid and arrived and at_frame_start and not weights_ready

    return tell, tell_wants


@block
def gradient_status(
    aclk, aresetn, source, gradient, at_batch_start, source_waits, gradient_waits, row_valid, draining, pending,
    queues_empty, sending, source_missing, gradient_missing, idle, waits_for_x, waits_for_dz,
):  # fmt: skip
    """Status of the weight gradient core.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    source, gradient : Arrivals, in
        Of x and dz.
    at_batch_start, source_waits, gradient_waits : bool, in
        See `gradient_rows`.
    row_valid, draining : bool, in
        A row of outputs is being worked on; the accumulators are being cleared.
    pending, queues_empty, sending : bool, in
        Sums of dz are there to be sent; neither queue holds anything; dw or db is on offer.
    source_missing, gradient_missing : bool, in
        The next row of outputs has no row of x, or of dz.
    idle : bool, out
        Nothing of any batch is in the core.
    waits_for_x, waits_for_dz : bool, out
        The multipliers stand still for want of beats.
    """
    waiting = Signal(bool(0))

    @always_comb
    def look():
        waiting.next = not (row_valid or draining)

    @always_seq(aclk.posedge, reset=aresetn)
    def tell():
        idle.next = (
            waiting and at_batch_start and queues_empty
            and not (source.frame_begun or source.dropping or source_waits)
            and not (gradient.frame_begun or gradient.dropping or gradient_waits)
            and not (pending or sending)
        )  # fmt: skip

    @always_seq(aclk.posedge, reset=aresetn)
    def tell_wants():
        waits_for_x.next = waiting and source_missing
        waits_for_dz.next = waiting and gradient_missing

    return look, tell, tell_wants
