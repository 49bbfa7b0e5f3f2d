"""Weight memory: one bank for each filter lane and parallel tap, all read at the same address.

A word holds the weights of one filter and one tap for one group of input channels, as they come in the stream.
Forward sums along the word, the input gradient across the filters' words: the same words serve both.

::

    cycle   1         2 ..       L-1       L
            address -> (waits) -> memory -> register after memory, which the operands are slices of
"""

from myhdl import Signal, always, always_comb, block, concat, intbv

from convstream.fixedpoint.dataflow.schedule.latency import operand_latency
from convstream.hdl.memory import memory
from convstream.hdl.registers import delay, like, named, register
from convstream.hdl.window import split_word


@block
def weight_address(aclk, base, offset, address):
    """Registered sum of the two parts of a slot's weight address.

    Parameters
    ----------
    aclk : bool, in
    base, offset : intbv below `plan.weight_depth`, in
    address : intbv below `plan.weight_depth`, out
    """

    @always(aclk.posedge)
    def add():
        address.next = base + offset

    return add


@block
def address_two_sets(write, second_in_use, write_address, read_address, whole_write_address, whole_read_address):
    """Addresses of a memory that holds two sets, one behind the other.

    Parameters
    ----------
    write : WeightWrite, in
    second_in_use : bool, in
    write_address, read_address : intbv as wide as an address within a set, in
    whole_write_address, whole_read_address : intbv of one bit more, out
    """

    @always_comb
    def join_write():
        whole_write_address.next = concat(write.second_set, write_address)

    @always_comb
    def join_read():
        whole_read_address.next = concat(second_in_use, read_address)

    return join_write, join_read


@block
def weight_bank(aclk, write, write_address, address, word, *, lane, tap_row, tap_column, depth):
    """The weights of one filter lane and parallel tap, and the register after their memory.

    Parameters
    ----------
    aclk : bool, in
    write : WeightWrite, in
    write_address, address : intbv below `depth`, in
    word : intbv of the weights of one filter and tap, out
    """
    bits = len(word)
    mine = Signal(bool(0))
    part, read_word = like(word), like(word)

    @always_comb
    def select():
        mine.next = write.weight and write.lane == lane and write.tap_row == tap_row and write.tap_column == tap_column

    @always_comb
    def trim():
        part.next = write.word[bits:]

    parts = named(
        bank=memory(aclk, mine, write_address, part, address, read_word, depth=depth),
        output=register(aclk, read_word, word),
    )
    return select, trim, parts


@block
def weight_memory(aclk, aresetn, write, second_in_use, slot, weights, *, plan):
    """Give each slot its weights.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    write : WeightWrite, in
    second_in_use : bool, in
        Slots read the second set; it does not change while one is on its way.
    slot : Slot, in
    weights : list of lists of lists of signed intbv as wide as a weight, out
        ``weights[filter lane][tap lane][channel lane]``, `operand_latency` cycles after the slot.
    """
    lanes, width = plan.layer.lanes, plan.layer.formats.weights.width
    summed, address = like(slot.weight_offset), like(slot.weight_offset)
    instances = [
        named(
            address=weight_address(aclk, slot.weight_base, slot.weight_offset, summed),
            address_delay=delay(aclk, aresetn, summed, address, cycles=operand_latency(plan) - 3),
        )
    ]
    write_address, read_address = write.address, address
    if plan.layer.weight_sets > 1:
        write_address, read_address = (Signal(intbv(0)[len(part) + 1 :]) for part in (write.address, address))
        two_sets = address_two_sets(write, second_in_use, write.address, address, write_address, read_address)
        instances.append(*named(two_sets=two_sets))
    for lane in range(lanes.out_lanes):
        for tap in range(lanes.kernel_lanes):
            tap_row, tap_column = divmod(tap, plan.tap_columns)
            word = Signal(intbv(0)[lanes.in_lanes * width :])
            bank = weight_bank(
                aclk, write, write_address, read_address, word, lane=lane, tap_row=tap_row, tap_column=tap_column,
                depth=plan.memory_depth(plan.weight_depth),
            )  # fmt: skip
            bank.name = f"bank_{lane}_{tap}"
            split = split_word(word, weights[lane][tap], width=width)
            split.name = f"word_{lane}_{tap}"
            instances += [bank, split]
    return instances
