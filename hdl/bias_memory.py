"""Bias memory: one bank for each filter lane, stepping from group to group as results begin."""

from myhdl import Signal, always_comb, always_seq, block, intbv

from convstream.hdl.memory import memory
from convstream.hdl.registers import like, named
from convstream.hdl.weight_memory import address_two_sets


@block
def bias_bank(aclk, write, write_address, address, start, *, lane, form, shift, depth):
    """The biases of one filter lane, each shifted left to the accumulator's fraction.

    Parameters
    ----------
    aclk : bool, in
    write : WeightWrite, in
    write_address, address : intbv below `depth`, in
    start : signed intbv of `form.width` + `shift` bits, out
    """
    if shift < 0:
        raise ValueError(f"shift must be at least 0, not {shift}")
    width = form.width
    mine = Signal(bool(0))
    word, read_word = (Signal(intbv(0)[width:]) for _ in range(2))
    bias = Signal(intbv(0, min=form.lowest, max=form.highest + 1))

    @always_comb
    def select():
        mine.next = write.bias and write.lane == lane

    @always_comb
    def trim():
        word.next = write.word[width:]

    @always_comb
    def read():
        bias.next = read_word.signed()

    @always_comb
    def align():
        start.next = bias << shift

    store = named(bank=memory(aclk, mine, write_address, word, address, read_word, depth=depth))
    return select, trim, store, read, align


@block
def bias_memory(aclk, aresetn, write, second_in_use, result_done, starts, *, plan):
    """Give each result the biases of its filters.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    write : WeightWrite, in
    second_in_use : bool, in
        See `weight_memory`.
    result_done : bool, in
        The slot at this stage is the last of its result; the next slot belongs to the next group of filters.
    starts : list of signed intbv as wide as an aligned bias, out
        Aligned bias of each filter lane, `BIAS_LATENCY` cycles after the stage that `result_done` belongs to.
    """
    last_group = plan.out_groups - 1
    group, address = like(write.group), like(write.group)

    @always_seq(aclk.posedge, reset=aresetn)
    def step():
        address.next = group
        if result_done:
            if group == last_group:
                group.next = 0
            else:
                group.next = group + 1

    instances = [step]
    write_address, read_address = write.group, address
    if plan.layer.weight_sets > 1:
        write_address, read_address = (Signal(intbv(0)[len(part) + 1 :]) for part in (write.group, address))
        two_sets = address_two_sets(write, second_in_use, write.group, address, write_address, read_address)
        instances.append(*named(two_sets=two_sets))
    for lane, start in enumerate(starts):
        bank = bias_bank(
            aclk, write, write_address, read_address, start, lane=lane, form=plan.layer.formats.bias,
            shift=plan.layer.bias_shift, depth=plan.memory_depth(plan.out_groups),
        )  # fmt: skip
        bank.name = f"bank_{lane}"
        instances.append(bank)
    return instances
