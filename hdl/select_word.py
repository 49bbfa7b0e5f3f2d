"""Selection of one word among many, four at a time, with a register after each stage."""

from myhdl import Signal, always, always_comb, block, intbv

from convstream.fixedpoint.dataflow.schedule.latency import select_latency
from convstream.hdl.registers import delay, like, named


@block
def choose_of_four(aclk, index, words, chosen):
    """Registered: the word that `index`, of two bits, names; the last one where it is missing.

    Parameters
    ----------
    aclk : bool, in
    index : intbv of 2 bits, in
    words : list of 1 to 4 intbv, in
    chosen : intbv as wide as a word, out
    """
    first, second, third, fourth = (words[min(position, len(words) - 1)] for position in range(4))

    @always(aclk.posedge)
    def choose():
        if index == 0:
            chosen.next = first
        elif index == 1:
            chosen.next = second
        elif index == 2:
            chosen.next = third
        else:
            chosen.next = fourth

    return choose


@block
def digit(index, low_bits, *, low):
    """Two bits of `index`, from bit `low` on; bits beyond it are zero.

    Parameters
    ----------
    index : intbv of more than `low` bits, in
    low_bits : intbv of 2 bits, out
    """
    high = min(low + 2, len(index))

    @always_comb
    def take():
        low_bits.next = index[high:low]

    return take


@block
def select_word(aclk, aresetn, words, index, chosen):
    """``chosen = words[index]``, `select_latency` cycles (at least one) later.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    words : list of at least two intbv, in
    index : intbv below ``len(words)``, in
    chosen : intbv as wide as a word, out
    """
    if len(words) < 2:
        raise ValueError(f"words must be at least 2, not {len(words)}")
    instances = []
    stages = select_latency(len(words))
    present = words
    for stage in range(stages):
        groups = [present[position : position + 4] for position in range(0, len(present), 4)]
        following = [chosen] if stage == stages - 1 else [like(chosen) for _ in groups]
        low_bits, later = (Signal(intbv(0)[2:]) for _ in range(2))
        instances += named(**{f"index_{stage}": digit(index, low_bits, low=2 * stage)})
        if stage > 0:
            instances += named(**{f"index_{stage}_delay": delay(aclk, aresetn, low_bits, later, cycles=stage)})
        for position, (group, target) in enumerate(zip(groups, following, strict=True)):
            instance = choose_of_four(aclk, later if stage else low_bits, group, target)
            instance.name = f"stage_{stage}_word_{position}"
            instances.append(instance)
        present = following
    return instances
