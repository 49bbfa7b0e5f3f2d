"""One memory with a write port and a read port, in the form that synthesis maps to block RAM."""

from myhdl import Signal, always, block, intbv


@block
def memory(aclk, write, write_address, write_data, read_address, read_data, *, depth):
    """`depth` words; `read_data` shows the word at `read_address` one cycle later.

    There is no reset and no bypass: a word read in the cycle in which it is written is undefined.

    Parameters
    ----------
    aclk, write : bool, in
    write_address : intbv below `depth`, in
    write_data : intbv as wide as a word, in
    read_address : intbv below `depth`, in
    read_data : intbv as wide as a word, out
    """
    if depth < 1:
        raise ValueError(f"depth must be at least 1, not {depth}")
    words = [Signal(intbv(0)[len(write_data) :]) for _ in range(depth)]

    @always(aclk.posedge)
    def access():
        if write:
            words[write_address].next = write_data
        read_data.next = words[read_address]

    return access
