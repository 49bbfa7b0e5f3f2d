"""Slots: the multiply cycles of one position, one after the other without a gap.

For every group of results, every serial row of taps and every (tap, source group) of that row, one slot goes
down the pipeline.  Within a row of taps, source words and weights both lie at ascending addresses::

    for group of results:                   weight offset += group stride
        for row of taps:                    ring row += 1, weight offset += row stride
            for slot in tap columns x source groups:
                                            source address += 1, weight address += 1
"""

from myhdl import Signal, always, always_comb, always_seq, block, intbv, modbv

from convstream.hdl.registers import like, named, register


class Slot:
    """One multiply cycle on its way down the pipeline."""

    def __init__(self, plan, position):
        self.valid = Signal(bool(0))
        self.first = Signal(bool(0))  # of its result
        self.last = Signal(bool(0))  # of its result
        self.frame_end = Signal(bool(0))  # last of its frame
        self.ring = Signal(intbv(0, min=0, max=plan.ring.ring_rows + plan.rows.window))
        self.column = Signal(modbv(0)[plan.ring.address_bits :])
        self.bank = like(position.bank)
        self.row_mask = like(position.row_mask)
        self.column_mask = like(position.column_mask)
        self.weight_base = like(position.weight)
        self.weight_offset = Signal(intbv(0, min=0, max=max(2, plan.weight_depth)))
        self.release = like(position.release)


@block
def slots(aclk, aresetn, position, taken, room, issued, slot, *, plan):
    """Issue the slots of each position.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    position : Position, in
        What to compute now.
    taken : bool, out
        The position's last slot is issued in this cycle.
    room : bool, in
        A result may begin; without it the slots wait, but only between two results.
    issued : bool, out
        A result begins in this cycle.
    slot : Slot, out
        Registered.
    """
    tap_row_stride, group_stride = plan.tap_row_stride, plan.group_stride
    last_group = plan.result_groups - 1

    step = like(position.last_slot)
    tap_row = like(position.last_tap_row)
    group = Signal(intbv(0, min=0, max=max(2, plan.result_groups)))
    offset, group_offset = like(slot.weight_offset), like(slot.weight_offset)
    next_group_offset = Signal(intbv(0, min=0, max=plan.weight_depth + group_stride))

    at_result_start = Signal(bool(1))
    row_done, result_done, position_done, issue = (Signal(bool(0)) for _ in range(4))

    @always_comb
    def decide():
        issue.next = position.valid and (room or not at_result_start)

    @always_comb
    def begin():
        issued.next = position.valid and room and at_result_start

    @always_comb
    def detect_row_end():
        row_done.next = step == position.last_slot

    @always_comb
    def detect_result_end():
        result_done.next = row_done and tap_row == position.last_tap_row

    @always_comb
    def detect_position_end():
        position_done.next = result_done and group == last_group

    @always_comb
    def take():
        taken.next = issue and position_done

    @always_comb
    def offset_next_group():
        next_group_offset.next = group_offset + group_stride

    @always_seq(aclk.posedge, reset=aresetn)
    def count():
        if issue:
            at_result_start.next = result_done
            if not row_done:
                step.next = step + 1
            else:
                step.next = 0
                if not result_done:
                    tap_row.next = tap_row + 1
                    offset.next = offset + tap_row_stride
                else:
                    tap_row.next = 0
                    if not position_done:
                        group.next = group + 1
                        group_offset.next = next_group_offset
                        offset.next = next_group_offset
                    else:
                        group.next = 0
                        group_offset.next = 0
                        offset.next = 0

    @always_seq(aclk.posedge, reset=aresetn)
    def send():
        slot.valid.next = issue
        if taken:
            slot.release.next = position.release
        else:
            slot.release.next = 0

    @always(aclk.posedge)
    def describe():
        slot.first.next = at_result_start
        slot.last.next = result_done
        slot.frame_end.next = position.frame_end and position_done
        slot.ring.next = position.ring + tap_row
        slot.column.next = position.column + step
        slot.weight_base.next = position.weight + step
        slot.weight_offset.next = offset

    window = []
    if plan.masked:
        window += named(
            row_mask=register(aclk, position.row_mask, slot.row_mask),
            column_mask=register(aclk, position.column_mask, slot.column_mask),
        )
    if plan.ring.column_banks > 1:
        window += named(bank=register(aclk, position.bank, slot.bank))

    return (
        window, decide, begin, detect_row_end, detect_result_end, detect_position_end, take, offset_next_group, count,
        send, describe,
    )  # fmt: skip
