"""Result queue: takes results whenever they come, and keeps them until they can be sent.

The pipeline in front of it never stops; instead a result begins only while the queue has room for it.  Three counts,
each modulo twice the depth, say where the results are::

    slots -- issued -> pipeline -- write --> words -- remove --> sender
             begun                 written            removed
             |<------- at most `depth` ----------------->|
"""

from myhdl import Signal, always, always_comb, always_seq, block, intbv, modbv


@block
def result_queue(aclk, aresetn, issued, room, write, word, available, head, remove, empty, *, depth):
    """A queue of `depth` words, a power of two, in distributed memory.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    issued : bool, in
        A result begins; it will be written, and there is room for it.
    room : bool, out
        Another result may begin.
    write : bool, in
        `word` is to be taken.
    word : intbv as wide as a word, in
    available : bool, out
        `head` is the oldest word of the queue.
    head : intbv as wide as a word, out
    remove : bool, in
        `head` is taken in this cycle.
    empty : bool, out
        All results that began have been removed.
    """
    if depth < 2 or depth & (depth - 1):
        raise ValueError(f"depth must be a power of two, at least 2, not {depth}")
    words = [Signal(intbv(0)[len(word) :]) for _ in range(depth)]
    top = (depth - 1).bit_length()
    begun, written, removed = (Signal(modbv(0)[top + 1 :]) for _ in range(3))
    write_index, read_index = (Signal(intbv(0)[top:]) for _ in range(2))

    @always_comb
    def compare():
        room.next = begun[top] == removed[top] or begun[top:] != removed[top:]
        available.next = written != removed
        empty.next = begun == removed

    @always_comb
    def locate():
        write_index.next = written[top:]
        read_index.next = removed[top:]

    @always(aclk.posedge)
    def store():
        if write:
            words[write_index].next = word

    @always_comb
    def read():
        head.next = words[read_index]

    @always_seq(aclk.posedge, reset=aresetn)
    def count():
        if issued:
            begun.next = begun + 1
        if write:
            written.next = written + 1
        if remove:
            removed.next = removed + 1

    return compare, locate, store, read, count
