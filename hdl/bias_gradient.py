"""Bias gradient: sums dz along its stream, one accumulator for each filter, and sends the sums of each batch.

Two sets of sums take turns, so that the next batch may arrive while one is sent; a third batch is held back::

    dz       |  batch 0  |  batch 1  |..held..|  batch 2  |
    set 0    |   sums    |..waits, sent|      |   sums
    set 1                |   sums    |..waits       , sent|
"""

from myhdl import Signal, always, always_comb, always_seq, block, intbv

from convstream.hdl.registers import named
from convstream.hdl.weight_order import filter_order
from convstream.hdl.window import take_lane


@block
def bias_sum(aclk, write, element, first, index, shown_index, word, *, form):
    """Sums of one filter lane.

    Parameters
    ----------
    aclk : bool, in
    write : bool, in
        `element` is to be added to the sum at `index`, or to start it where `first` is high.
    element : signed intbv as wide as dz, in
    first : bool, in
    index : intbv below the number of sums, in
    shown_index : intbv below the number of sums, in
    word : intbv of `form.width` bits, out
        Registered: the bits of the sum at `shown_index`.
    form : Format
        Of the sums.
    """
    width = form.width
    sums = [Signal(intbv(0, min=form.lowest, max=form.highest + 1)) for _ in range(index.max)]
    old, new, shown = (Signal(intbv(0, min=form.lowest, max=form.highest + 1)) for _ in range(3))

    @always_comb
    def read():
        old.next = sums[index]

    @always_comb
    def add():
        if first:
            new.next = element
        else:
            new.next = old + element

    @always(aclk.posedge)
    def store():
        if write:
            sums[index].next = new

    @always(aclk.posedge)
    def show():
        shown.next = sums[shown_index]

    @always_comb
    def take_bits():
        word.next = shown[width:]

    return read, add, store, show, take_bits


@block
def bias_gradient(aclk, aresetn, write, row_arrived, held, room, step, lane, last, words, pending, *, plan):
    """Sum every filter over the batch, as dz is written to its line buffer; send a batch as soon as it is summed.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    write : BankWrite, in
        The beats of dz.
    row_arrived : bool, in
        With the last beat of each row.
    held : bool, out
        Both sets hold sums that have not been sent: no further beat of dz may be taken.
    room : bool, in
        Another result may be sent.
    step : bool, out
        The sum of filter lane `lane` is to be sent, from `words`, `BIAS_READ_LATENCY` cycles later.
    lane : intbv below `out_lanes`, out
    last : bool, out
        It is the last one of its batch.
    words : list of intbv as wide as a sum, out
        Registered: the bits of the sums of one group of filters, one for each filter lane.
    pending : bool, out
        Some sum is there to be sent.
    """
    groups, lanes, width = plan.window.out_groups, len(words), plan.gradient_ring.form.width
    last_group, last_row = groups - 1, plan.batch_rows - 1
    group = Signal(intbv(0, min=0, max=max(2, groups)))
    row = Signal(intbv(0, min=0, max=max(2, last_row + 1)))
    index, shown_index = (Signal(intbv(0, min=0, max=2 * groups)) for _ in range(2))
    first = Signal(bool(1))  # the pixel is the first of its batch
    upper, shown_upper = Signal(bool(0)), Signal(bool(0))  # which set of sums
    shown_group = Signal(intbv(0, min=0, max=max(2, groups)))
    unsent = Signal(intbv(0, min=0, max=3))  # batches that are summed
    summed, sent, lane_done = (Signal(bool(0)) for _ in range(3))
    form = plan.gradient_ring.form
    elements = [Signal(intbv(0, min=form.lowest, max=form.highest + 1)) for _ in words]

    instances = named(
        order=filter_order(aclk, pending, step, lane, shown_group, lane_done, last, lanes=lanes, groups=groups)
    )

    @always_comb
    def locate():
        if upper:
            index.next = group + groups
        else:
            index.next = group

    @always_comb
    def locate_shown():
        if shown_upper:
            shown_index.next = shown_group + groups
        else:
            shown_index.next = shown_group

    @always_comb
    def detect_batch_end():
        summed.next = row_arrived and row == last_row

    @always_comb
    def hold():
        held.next = unsent == 2 or (unsent == 1 and row_arrived and row == last_row)

    @always_comb
    def offer():
        pending.next = unsent != 0

    @always_comb
    def decide():
        step.next = unsent != 0 and room

    @always_comb
    def detect_sent():
        sent.next = unsent != 0 and room and last

    @always_seq(aclk.posedge, reset=aresetn)
    def count():
        if write.enable:
            if group == last_group:
                group.next = 0
                first.next = summed
            else:
                group.next = group + 1
            if row_arrived:
                if row == last_row:
                    row.next = 0
                    upper.next = not upper
                else:
                    row.next = row + 1

    @always_seq(aclk.posedge, reset=aresetn)
    def turn():
        if sent:
            shown_upper.next = not shown_upper
        if summed and not sent:
            unsent.next = unsent + 1
        elif sent and not summed:
            unsent.next = unsent - 1

    for number, word in enumerate(words):
        split = take_lane(write.word, elements[number], low=number * width, high=(number + 1) * width)
        split.name = f"element_{number}"
        accumulate = bias_sum(
            aclk, write.enable, elements[number], first, index, shown_index, word, form=plan.layer.accumulators["db"]
        )
        accumulate.name = f"sum_{number}"
        instances += (split, accumulate)
    return instances, locate, locate_shown, detect_batch_end, hold, offer, decide, detect_sent, count, turn
