"""Steps through a `DescriptorTable`: which record is current, and whether it is the last one of the circle."""

from myhdl import Signal, always_comb, always_seq, block, intbv


def record_index(program):
    """A signal that can hold the index of any record of `program`."""
    return Signal(intbv(0, min=0, max=max(2, len(program.records))))


@block
def walk(aclk, aresetn, advance, index, at_end, *, program):
    """Move `index` to the next record in every cycle in which `advance` is high.

    `at_end`, unless None, is high while the record is the last one before the walk starts over.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    advance : bool, in
    index : intbv below the number of records, out
    at_end : bool (or None), out
    """
    count = len(program.records)
    if program.repeats < 1 or not 0 <= program.loop_start <= program.loop_stop < count <= index.max:
        raise ValueError(f"the loop must lie within the records and these within index, not {program}")
    last = len(program.records) - 1
    loop_start, loop_stop = program.loop_start, program.loop_stop
    last_round = program.repeats - 1
    loop_round = Signal(intbv(0, min=0, max=max(2, program.repeats)))
    looping = Signal(bool(0))

    @always_comb
    def decide():
        looping.next = index == loop_stop and loop_round != last_round

    @always_comb
    def detect_end():
        at_end.next = index == last and not looping

    @always_seq(aclk.posedge, reset=aresetn)
    def step():
        if advance:
            if index == loop_stop:
                if loop_round == last_round:
                    loop_round.next = 0
                else:
                    loop_round.next = loop_round + 1
            if looping:
                index.next = loop_start
            elif index == last:
                index.next = 0
            else:
                index.next = index + 1

    return (decide, step) if at_end is None else (decide, detect_end, step)
