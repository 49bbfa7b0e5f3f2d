"""Accumulators of the weight gradient: one bank of memory for each (filter lane, parallel tap).

A run is summed in a register next to each multiplier; at its end the sum is added to the accumulator's word::

    cycle   L-1         L           L+1        L+2           L+3        L+4
            operands -> beside   -> product -> sum of run -> new word -> memory
                        multiplier
                        address  -> memory  -> old word  --^
"""

from myhdl import ConcatSignal, Signal, always, always_comb, block, intbv

from convstream.hdl.mac_array import accumulate_from_zero, multiply, product_of
from convstream.hdl.memory import memory
from convstream.hdl.registers import like, named, register
from convstream.hdl.window import split_word


@block
def update_or_clear(aclk, old, total, clearing, new):
    """Registered: the accumulator after a run, or zero.

    Parameters
    ----------
    aclk : bool, in
    old : signed intbv as wide as an accumulator, in
    total : signed intbv as wide as the sum of a run, in
    clearing : bool, in
    new : signed intbv as wide as an accumulator, out
    """

    @always(aclk.posedge)
    def update():
        if clearing:
            new.next = 0
        else:
            new.next = old + total

    return update


@block
def gradient_lane(aclk, source, gradient, first, old, clearing, word, *, longest_run):
    """One multiplier: the sum of its run, added to the accumulator.

    Parameters
    ----------
    aclk : bool, in
    source : signed intbv as wide as x, in
    gradient : signed intbv as wide as dz, in
    first : bool, in
        The product in its register is the first of a run.
    old : signed intbv as wide as an accumulator, in
        The accumulator before the run.
    clearing : bool, in
        The accumulator becomes zero.
    word : intbv as wide as an accumulator, out
        The bits of the accumulator after it.
    """
    product = product_of(source, gradient)
    total = Signal(intbv(0, min=longest_run * product.min, max=longest_run * (product.max - 1) + 1))
    new = like(old)
    width = len(word)

    @always_comb
    def show():
        word.next = new[width:]

    parts = named(
        multiply=multiply(aclk, source, gradient, product),
        run=accumulate_from_zero(aclk, product, first, total),
        update=update_or_clear(aclk, old, total, clearing, new),
    )
    return parts, show


@block
def gradient_bank(
    aclk, sources, gradient, first, update, clearing, clear, bank_index, read_address, write_address, word, *,
    plan, bank,
):  # fmt: skip
    """Accumulators of one filter lane and parallel tap, for all lanes of input channels.

    Parameters
    ----------
    aclk : bool, in
    sources : list of signed intbv as wide as x, in
        Window elements of the tap, one for each channel lane.
    gradient : signed intbv as wide as dz, in
        dz of the filter lane.
    first : bool, in
        See `gradient_lane`.
    update : bool, in
        The sums of a run are to be written.
    clearing : bool, in
        One cycle before `clear`.
    clear : bool, in
        The word is to be cleared in the bank `bank_index`.
    bank_index : intbv below the number of banks, in
    read_address, write_address : intbv below `plan.accumulator_depth`, in
    word : intbv of an accumulator for each lane, out
        What was read, two cycles after its address.
    """
    if not 0 <= bank < bank_index.max:
        raise ValueError(f"bank must be 0 to {bank_index.max - 1}, not {bank}")
    form = plan.layer.accumulators["dw"]
    longest_run = max(record.last_slot + 1 for record in plan.run_records)
    read_word = like(word)
    olds = [Signal(intbv(0, min=form.lowest, max=form.highest + 1)) for _ in sources]
    news = [Signal(intbv(0)[form.width :]) for _ in sources]
    write = Signal(bool(0))

    @always_comb
    def select():
        write.next = update or (clear and bank_index == bank)

    instances = [*named(old=split_word(word, olds, width=form.width))]
    for lane, source in enumerate(sources):
        instance = gradient_lane(
            aclk, source, gradient, first, olds[lane], clearing, news[lane], longest_run=longest_run
        )
        instance.name = f"lane_{lane}"
        instances.append(instance)
    write_word = ConcatSignal(*reversed(news)) if len(news) > 1 else news[0]
    instances += named(
        bank=memory(aclk, write, write_address, write_word, read_address, read_word, depth=plan.accumulator_depth),
        output=register(aclk, read_word, word),
    )
    return instances, select
