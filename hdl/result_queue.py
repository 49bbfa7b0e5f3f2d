"""Result queue: takes results whenever they come, and keeps them until they can be sent.

The pipeline in front of it never stops; instead a result begins only while the queue has a place left for it::

    slots --- issues a result ---> places - 1 ... pipeline ... queue --> sender
      ^                                                          |
      +------------------------- places + 1 ---------------------+
"""

from myhdl import Signal, always, always_comb, always_seq, block, intbv


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
def result_queue(aclk, aresetn, write, word, available, head, remove, *, depth):
    """A queue of `depth` words in distributed memory.

    Parameters
    ----------
    write : bool
        `word` is to be taken; there is always a place.
    available : bool, out
        `head` is the oldest word of the queue.
    remove : bool
        `head` is taken in this cycle.
    """
    words = [Signal(intbv(0)[len(word) :]) for _ in range(depth)]
    write_index, read_index = (Signal(intbv(0, min=0, max=depth)) for _ in range(2))
    count = Signal(intbv(0, min=0, max=depth + 1))

    @always_comb
    def tell():
        available.next = count != 0

    @always(aclk.posedge)
    def store():
        if write:
            words[write_index].next = word

    @always_comb
    def read():
        head.next = words[read_index]

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

    @always_seq(aclk.posedge, reset=aresetn)
    def follow():
        if write and not remove:
            count.next = count + 1
        elif remove and not write:
            count.next = count - 1

    return tell, store, read, move, follow
