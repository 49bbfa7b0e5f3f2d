"""Weight loader: takes sets of weights and biases from their stream, between two frames."""

from myhdl import Signal, always, always_comb, always_seq, block, intbv

from hdl.registers import like, named
from hdl.weight_order import WeightPlace, weight_order


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


@block
def weight_loader(aclk, aresetn, s_axis, parked, ready, write, frame_error, *, plan):
    """Take a set of weights whenever one is offered while the core is `parked` between two frames.

    Parameters
    ----------
    s_axis : AxiStream
        The weight stream.
    parked : bool
        No slot is on its way, and the next position is the first of a frame.
    ready : bool, out
        A set is loaded and no other one is offered: a frame may begin.
    write : WeightWrite, out
        Registered.
    frame_error : bool, out
        Sticky: some set's `tlast` was early, late or missing.
    """
    place = WeightPlace(plan)
    loading, loaded, waiting, accept, set_end = (Signal(bool(0)) for _ in range(5))

    order = named(order=weight_order(aclk, aresetn, accept, place, plan=plan))

    @always_comb
    def offer():
        s_axis.tready.next = parked or loading

    @always_comb
    def handshake():
        accept.next = s_axis.tvalid and (parked or loading)

    @always_comb
    def detect_end():
        set_end.next = place.bias and place.end

    @always_comb
    def allow():
        ready.next = loaded and not waiting and not loading

    @always_seq(aclk.posedge, reset=aresetn)
    def follow():
        waiting.next = s_axis.tvalid and not loading
        if accept:
            loading.next = not set_end
            loaded.next = set_end

    @always_seq(aclk.posedge, reset=aresetn)
    def judge():
        if accept and s_axis.tlast != set_end:
            frame_error.next = True

    @always_seq(aclk.posedge, reset=aresetn)
    def enable_weight():
        write.weight.next = accept and not place.bias

    @always_seq(aclk.posedge, reset=aresetn)
    def enable_bias():
        write.bias.next = accept and place.bias
        write.group.next = place.group

    @always(aclk.posedge)
    def send():
        write.lane.next = place.lane
        write.tap_row.next = place.tap_row
        write.tap_column.next = place.tap_column
        write.address.next = place.address
        write.word.next = s_axis.tdata

    bias_writes = [] if plan.gradient else [enable_bias]
    return order, offer, handshake, detect_end, allow, follow, judge, enable_weight, bias_writes, send
