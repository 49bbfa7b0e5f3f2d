r"""Weight loader: takes sets of weights and biases from their stream, between two frames.

A set is taken only while `loading`, and no frame begins then.  `loading` begins in a cycle in which no frame can begin
either, since a set has been seen `waiting`; so no frame ever meets two sets::

    aclk       _/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_
    tvalid     _/‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾\______
    waiting    _____/‾‾‾‾‾‾‾\________________      while it is high, or `loading`, no frame begins
    parked     ‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾      nothing of a frame is on its way
    loading    _________/‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾\__      until a beat with tlast
    tready     _________/‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾\__
"""

from myhdl import Signal, always, always_comb, always_seq, block, intbv

from convstream.hdl.registers import like, named
from convstream.hdl.weight_order import WeightPlace, weight_order


class WeightWrite:
    """One write, broadcast to all banks of weights or biases."""

    def __init__(self, plan, beat_bits):
        place = WeightPlace(plan)
        self.weight = Signal(bool(0))  # a word of weights
        self.bias = Signal(bool(0))  # a bias
        self.lane = like(place.lane)
        self.tap_row = like(place.tap_row)
        self.tap_column = like(place.tap_column)
        self.address = like(place.address)
        self.group = like(place.group)
        self.word = Signal(intbv(0)[beat_bits:])
        self.second_set = Signal(bool(0))  # with room for two sets: it belongs to the second


@block
def weight_loader(aclk, aresetn, s_axis, parked, ready, loaded, second_in_use, write, frame_error, *, plan):
    """Take a set of weights whenever one is offered while the core is `parked` between two frames.

    A set that is too short, or goes on after its last bias, is no set.  With room for two sets the loaded one is then
    still there; else the loader waits for another one.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    s_axis : AxiStream, in
        The weight stream.
    parked : bool, in
        No slot is on its way, and the next position is the first of a frame.
    ready : bool, out
        A set is loaded and no other one is offered: a frame may begin.
    loaded : bool, out
        A whole set is in the memories, and none on its way to them.
    second_in_use : bool, out
        With room for two sets: the loaded one is the second.
    write : WeightWrite, out
        Registered.
    frame_error : bool, out
        Pulses in the cycle after a beat whose `tlast` was early or missing.
    """
    place = WeightPlace(plan)
    loading, whole, waiting, bias, beyond, accept, set_end = (Signal(bool(0)) for _ in range(7))

    order = named(order=weight_order(aclk, loading, accept, bias, place, plan=plan))

    @always_comb
    def offer():
        s_axis.tready.next = loading

    @always_comb
    def handshake():
        accept.next = s_axis.tvalid and loading

    @always_comb
    def detect_end():
        set_end.next = bias and place.end and not beyond

    @always_comb
    def show():
        loaded.next = whole and not loading

    @always_comb
    def allow():
        ready.next = whole and not loading and not waiting

    @always_seq(aclk.posedge, reset=aresetn)
    def follow():
        waiting.next = s_axis.tvalid and not loading
        if accept and s_axis.tlast:
            loading.next = False
            whole.next = set_end
        elif waiting and parked:
            loading.next = True

    @always_seq(aclk.posedge, reset=aresetn)
    def follow_two_sets():
        waiting.next = s_axis.tvalid and not loading
        if accept and s_axis.tlast:
            loading.next = False
            if set_end:
                whole.next = True
                second_in_use.next = not second_in_use
        elif waiting and parked:
            loading.next = True

    @always(aclk.posedge)
    def choose_set():
        write.second_set.next = not second_in_use

    @always(aclk.posedge)
    def pass_weights():
        if not loading:
            bias.next = False
            beyond.next = False
        elif accept and place.end:
            bias.next = True
            beyond.next = bias

    @always_seq(aclk.posedge, reset=aresetn)
    def judge():
        frame_error.next = accept and not beyond and s_axis.tlast != set_end

    @always_seq(aclk.posedge, reset=aresetn)
    def enable_weight():
        write.weight.next = accept and not bias

    @always_seq(aclk.posedge, reset=aresetn)
    def enable_bias():
        write.bias.next = accept and bias and not beyond
        write.group.next = place.group

    @always(aclk.posedge)
    def send():
        write.lane.next = place.lane
        write.tap_row.next = place.tap_row
        write.tap_column.next = place.tap_column
        write.address.next = place.address
        write.word.next = s_axis.tdata

    sets = [follow] if plan.layer.weight_sets == 1 else [follow_two_sets, choose_set]
    bias_writes = [] if plan.gradient else [enable_bias]
    return order, offer, handshake, detect_end, show, allow, sets, pass_weights, judge, enable_weight, bias_writes, send
