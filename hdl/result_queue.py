"""Result queue: takes results whenever they come, and offers them as an AXI4-Stream.

The pipeline in front of it never stops; instead a result begins only while the queue has a place left for it::

    slots --- issues a result ---> places - 1 ... pipeline ... queue -> output register -> m_axis
      ^                                                          |
      +------------------------- places + 1 ---------------------+
"""

from myhdl import Signal, always, always_comb, always_seq, block, concat, intbv


@block
def places(aclk, aresetn, issued, removed, room, *, depth):
    """`room` tells whether another result may begin: one place is taken when it does, and freed when it leaves."""
    free = Signal(intbv(depth, min=0, max=depth + 1))

    @always_seq(aclk.posedge, reset=aresetn)
    def count():
        if issued and not removed:
            free.next = free - 1
        elif removed and not issued:
            free.next = free + 1

    @always_comb
    def tell():
        room.next = free != 0

    return count, tell


@block
def result_queue(aclk, aresetn, write, word, last, removed, m_axis, *, depth):
    """Queue of `depth` words in distributed memory, and the output register.

    Parameters
    ----------
    write : bool
        `word` and `last` are to be taken; there is always a place.
    removed : bool, out
        A word left the queue for the output register.
    m_axis : AxiStream
        `word`, padded with zeros at the top, and `last` as `tlast`.
    """
    word_bits = len(word)
    entry_bits = word_bits + 1
    words = [Signal(intbv(0)[entry_bits:]) for _ in range(depth)]
    entry = Signal(intbv(0)[entry_bits:])
    write_index, read_index = (Signal(intbv(0, min=0, max=depth)) for _ in range(2))
    count = Signal(intbv(0, min=0, max=depth + 1))
    remove = Signal(bool(0))
    valid = Signal(bool(0))

    @always_comb
    def decide():
        remove.next = count != 0 and (m_axis.tready or not valid)

    @always_comb
    def report():
        removed.next = remove
        m_axis.tvalid.next = valid

    @always(aclk.posedge)
    def store():
        if write:
            words[write_index].next = concat(last, word)

    @always_comb
    def read():
        entry.next = words[read_index]

    @always_seq(aclk.posedge, reset=aresetn)
    def move():
        if write:
            if write_index == depth - 1:
                write_index.next = 0
            else:
                write_index.next = write_index + 1
        if remove:
            if read_index == depth - 1:
                read_index.next = 0
            else:
                read_index.next = read_index + 1
        if write and not remove:
            count.next = count + 1
        elif remove and not write:
            count.next = count - 1

    @always_seq(aclk.posedge, reset=aresetn)
    def hold():
        if remove:
            valid.next = True
        elif m_axis.tready:
            valid.next = False

    @always_seq(aclk.posedge, reset=None)
    def describe():
        if remove:
            m_axis.tdata.next = entry[word_bits:]
            m_axis.tlast.next = entry[word_bits]

    return decide, report, store, read, move, hold, describe
