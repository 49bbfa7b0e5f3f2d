"""Bias gradient: sums dz along its stream, one accumulator for each filter.

Two sets of accumulators take turns, so that the next batch may arrive while one is sent.
"""

from myhdl import Signal, always, always_comb, always_seq, block, intbv

from hdl.window import take_lane


@block
def bias_sum(aclk, write, element, first, index, shown_index, word, *, form):
    """Sums of one filter lane.

    Parameters
    ----------
    write : bool
        `element` is to be added to the sum at `index`, or to start it where `first` is high.
    shown_index : intbv
    word : intbv, out
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
def bias_gradient(aclk, aresetn, write, row_arrived, done, shown_group, words, *, plan):
    """Sum every filter over the batch, as dz is written to its line buffer.

    Parameters
    ----------
    write : BankWrite
        The beats of dz.
    row_arrived : bool
        With the last beat of each row.
    done : bool
        The batch that was summed first has been sent.
    shown_group : intbv
        Group of filters to show, of the batch that is to be sent next.
    words : list of intbv, out
        Registered: the bits of that group's sums, one for each filter lane.
    """
    groups, width = plan.window.out_groups, plan.gradient_ring.form.width
    last_group, last_row = groups - 1, plan.batch_rows - 1
    group = Signal(intbv(0, min=0, max=max(2, groups)))
    row = Signal(intbv(0, min=0, max=max(2, last_row + 1)))
    index, shown_index = (Signal(intbv(0, min=0, max=2 * groups)) for _ in range(2))
    first = Signal(bool(1))  # the pixel is the first of its batch
    upper, shown_upper = Signal(bool(0)), Signal(bool(0))  # which set of sums
    form = plan.gradient_ring.form
    elements = [Signal(intbv(0, min=form.lowest, max=form.highest + 1)) for _ in words]

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

    @always_seq(aclk.posedge, reset=aresetn)
    def count():
        if write.enable:
            if group == last_group:
                group.next = 0
                first.next = row_arrived and row == last_row
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
        if done:
            shown_upper.next = not shown_upper

    instances = []
    for lane, word in enumerate(words):
        split = take_lane(write.word, elements[lane], low=lane * width, high=(lane + 1) * width)
        split.name = f"element_{lane}"
        accumulate = bias_sum(
            aclk, write.enable, elements[lane], first, index, shown_index, word, form=plan.layer.accumulators["db"]
        )
        accumulate.name = f"sum_{lane}"
        instances += [split, accumulate]
    return instances, locate, locate_shown, count, turn
