"""Runs: the multiply cycles of one row of outputs, one after the other without a gap.

See `gradient_plan` for the order of the loops.
"""

from myhdl import Signal, always, always_comb, always_seq, block, intbv, modbv

from convstream.hdl.registers import like, look_up, named, register
from convstream.hdl.walk import record_index, walk


class GradientSlot:
    """One multiply cycle of the weight gradient on its way down the pipeline."""

    def __init__(self, plan, row):
        window, gradient_ring = plan.window, plan.gradient_ring
        self.first = Signal(bool(0))  # of its run
        self.last = Signal(bool(0))  # of its run, and valid
        self.ring = Signal(intbv(0, min=0, max=window.ring.ring_rows + window.rows.window))
        self.column = Signal(modbv(0)[window.ring.address_bits :])
        self.bank = Signal(intbv(0, min=0, max=max(2, window.ring.column_banks)))
        self.row_mask = like(row.row_mask)
        self.column_mask = Signal(intbv(0)[window.tap_columns :])
        self.release = like(row.release)
        self.gradient_ring = like(row.gradient_ring)
        self.gradient_column = Signal(modbv(0)[gradient_ring.address_bits :])
        self.gradient_release = Signal(intbv(0, min=0, max=2))
        # the accumulator's address is the sum of two parts
        self.accumulator_base = Signal(intbv(0, min=0, max=max(2, plan.accumulator_depth)))
        self.accumulator_offset = Signal(intbv(0, min=0, max=max(2, plan.accumulator_depth)))


@block
def window_columns(aclk, aresetn, issue, start, slot, *, plan):
    """The walk along a row of windows, where all columns of taps are multiplied at once.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    issue : bool, in
    start : modbv as wide as an address of x, out
    slot : GradientSlot (its bank and column mask), out
    """
    window = plan.window
    program = window.column_program
    index = record_index(program)
    address_step = like(start)

    @always_seq(aclk.posedge, reset=aresetn)
    def advance():
        if issue:
            start.next = start + address_step

    bank, mask = like(slot.bank), like(slot.column_mask)
    parts = named(
        walk=walk(aclk, aresetn, issue, index, None, program=program),
        address_step=look_up(index, address_step, entries=program.table("address_step")),
        bank=look_up(index, bank, entries=program.table("bank")),
        mask=look_up(index, mask, entries=program.table("mask")),
        bank_register=register(aclk, bank, slot.bank),
        mask_register=register(aclk, mask, slot.column_mask),
    )
    return parts, advance


@block
def tap_columns(aclk, column, start, slot, *, plan):
    """Where the runs of each serial column of taps begin.

    Parameters
    ----------
    aclk : bool, in
    column : intbv below the number of runs, in
    start : modbv as wide as an address of x, out
    slot : GradientSlot (its column mask), out
    """
    records = plan.run_records
    instances = [*named(start=look_up(column, start, entries=tuple(record.source_start for record in records)))]
    if plan.window.masked:
        mask = like(slot.column_mask)
        instances += named(
            mask=look_up(column, mask, entries=tuple(record.mask for record in records)),
            mask_register=register(aclk, mask, slot.column_mask),
        )
    return instances


@block
def runs(aclk, aresetn, row, taken, slot, *, plan):
    """Issue the slots of each row.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    row : GradientRow, in
        What to work on now.
    taken : bool, out
        The row's last slot is issued in this cycle.
    slot : GradientSlot, out
        Registered.
    """
    window, records = plan.window, plan.run_records
    last_in_group, last_out_group = window.in_groups - 1, window.out_groups - 1
    last_column = len(records) - 1
    source_step, gradient_step = plan.source_step, window.out_groups
    tap_row_stride, group_stride = window.tap_row_stride, window.group_stride

    pixel = Signal(intbv(0, min=0, max=max(2, max(record.last_slot for record in records) + 1)))
    last_pixel = like(pixel)
    in_group = Signal(intbv(0, min=0, max=max(2, window.in_groups)))
    column = Signal(intbv(0, min=0, max=max(2, len(records))))
    tap_row = like(row.last_tap_row)
    out_group = Signal(intbv(0, min=0, max=max(2, window.out_groups)))
    source_offset, source_start = like(slot.column), Signal(modbv(0)[window.ring.address_bits :])
    gradient_offset, gradient_start = like(slot.gradient_column), like(slot.gradient_column)
    offset, group_offset = like(slot.accumulator_base), like(slot.accumulator_base)
    next_group_offset = Signal(intbv(0, min=0, max=plan.accumulator_depth + group_stride))
    tap_offset = like(slot.accumulator_offset)
    run_done, pixels_done, columns_done, taps_done, row_done = (Signal(bool(0)) for _ in range(5))
    at_run_start = Signal(bool(1))

    instances = [
        *named(
            last_pixel=look_up(column, last_pixel, entries=tuple(record.last_slot for record in records)),
            gradient_start=look_up(column, gradient_start, entries=tuple(record.gradient_start for record in records)),
            tap_offset=look_up(column, tap_offset, entries=tuple(record.accumulator_offset for record in records)),
        )
    ]
    if window.columns.parallel:
        source_start = Signal(modbv(window.first_column_address)[window.ring.address_bits :])
        instances += named(columns=window_columns(aclk, aresetn, row.valid, source_start, slot, plan=plan))
    else:
        instances += named(columns=tap_columns(aclk, column, source_start, slot, plan=plan))
    if window.masked:
        instances += named(row_mask=register(aclk, row.row_mask, slot.row_mask))

    @always_comb
    def detect_run_end():
        run_done.next = pixel == last_pixel

    @always_comb
    def detect_groups_end():
        pixels_done.next = run_done and in_group == last_in_group

    @always_comb
    def detect_columns_end():
        columns_done.next = pixels_done and column == last_column

    @always_comb
    def detect_taps_end():
        taps_done.next = columns_done and tap_row == row.last_tap_row

    @always_comb
    def detect_row_end():
        row_done.next = taps_done and out_group == last_out_group

    @always_comb
    def take():
        taken.next = row.valid and row_done

    @always_comb
    def offset_next_group():
        next_group_offset.next = group_offset + group_stride

    @always_seq(aclk.posedge, reset=aresetn)
    def count_pixels():
        if row.valid:
            at_run_start.next = run_done
            if not run_done:
                pixel.next = pixel + 1
                source_offset.next = source_offset + source_step
                gradient_offset.next = gradient_offset + gradient_step
            else:
                pixel.next = 0
                if pixels_done:
                    in_group.next = 0
                    source_offset.next = 0
                else:
                    in_group.next = in_group + 1
                    source_offset.next = in_group + 1
                if row_done:
                    gradient_offset.next = 0
                elif taps_done:
                    gradient_offset.next = out_group + 1
                else:
                    gradient_offset.next = out_group

    @always_seq(aclk.posedge, reset=aresetn)
    def count_taps():
        if row.valid and pixels_done:
            if not columns_done:
                column.next = column + 1
            else:
                column.next = 0
                if not taps_done:
                    tap_row.next = tap_row + 1
                    offset.next = offset + tap_row_stride
                else:
                    tap_row.next = 0
                    if row_done:
                        out_group.next = 0
                        group_offset.next = 0
                        offset.next = 0
                    else:
                        out_group.next = out_group + 1
                        group_offset.next = next_group_offset
                        offset.next = next_group_offset

    @always_seq(aclk.posedge, reset=aresetn)
    def send():
        slot.last.next = row.valid and run_done
        if taken:
            slot.release.next = row.release
        else:
            slot.release.next = 0
        slot.gradient_release.next = taken

    @always(aclk.posedge)
    def describe():
        slot.first.next = at_run_start
        slot.ring.next = row.ring + tap_row
        slot.column.next = source_start + source_offset
        slot.gradient_ring.next = row.gradient_ring
        slot.gradient_column.next = gradient_start + gradient_offset
        slot.accumulator_base.next = row.offset + offset
        slot.accumulator_offset.next = tap_offset + in_group

    return (
        instances, detect_run_end, detect_groups_end, detect_columns_end, detect_taps_end, detect_row_end, take,
        offset_next_group, count_pixels, count_taps, send, describe,
    )  # fmt: skip
