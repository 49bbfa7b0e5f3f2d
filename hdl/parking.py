"""Parking: whether the pipeline of a core is empty between two frames, so that weights may be written."""

from myhdl import Signal, always_comb, always_seq, block, intbv


@block
def parking(aclk, aresetn, busy, at_frame_start, parked, *, cycles):
    """`parked`: the next frame has not begun, and every slot of the last one left the pipeline.

    That takes `cycles`; they are rounded up to a power of two, which is a single bit of the count.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    busy, at_frame_start : bool, in
    parked : bool, out
    """
    if cycles < 1:
        raise ValueError(f"cycles must be at least 1, not {cycles}")
    top = (cycles - 1).bit_length()
    quiet_cycles = Signal(intbv(0)[top + 1 :])

    @always_seq(aclk.posedge, reset=aresetn)
    def count():
        if busy or not at_frame_start:
            quiet_cycles.next = 0
        elif not quiet_cycles[top]:
            quiet_cycles.next = quiet_cycles + 1

    @always_comb
    def tell():
        parked.next = quiet_cycles[top] and at_frame_start and not busy

    return count, tell
