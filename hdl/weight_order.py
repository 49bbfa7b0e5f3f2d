"""The order of the weight stream, as counters: which beat comes next, and where it belongs.

Beats come for filter, for kernel row, for kernel column, for channel group, then one bias a filter; the weight
gradient leaves in the same order.  Weight memory has one bank for each (filter lane, parallel tap).  The forward pass
reads a bank in the order in which it comes; the input gradient meets the taps in another order::

    forward           address = out_group * out_stride + (0, 1, 2, .. within a filter, but for the taps that have banks)
    input gradient    address = out_group + tap_row_offset[row] + tap_column_offset[column] + in_group * in_stride
"""

from myhdl import Signal, always, always_comb, block, intbv

from convstream.hdl.registers import like, look_up, named


class WeightPlace:
    """Where the present beat of the weight stream belongs."""

    def __init__(self, plan):
        self.lane = Signal(intbv(0, min=0, max=max(2, plan.layer.lanes.out_lanes)))
        self.group = Signal(intbv(0, min=0, max=max(2, plan.out_groups)))  # of filters
        self.tap_row = Signal(intbv(0, min=0, max=max(2, plan.tap_rows)))
        self.tap_column = Signal(intbv(0, min=0, max=max(2, plan.tap_columns)))
        self.address = Signal(intbv(0, min=0, max=max(2, plan.weight_depth)))
        self.end = Signal(bool(0))  # it is the last beat of weights, or the last bias


@block
def filter_order(aclk, running, advance, lane, group, lane_done, last, *, lanes, groups):
    """Go from filter to filter, lane by lane, in every cycle in which `advance` is high; after the last, begin again.

    Parameters
    ----------
    aclk : bool, in
    running : bool, in
        While it is low the first filter is shown.
    advance : bool, in
    lane, group : intbv below `lanes` and below `groups`, out
        The filter is number ``group * lanes + lane``.
    lane_done, last : bool, out
        It is the last one of its group, the last of all.
    """
    if not (1 <= lanes <= lane.max and 1 <= groups <= group.max):
        raise ValueError(f"lanes must be 1 to {lane.max}, groups 1 to {group.max}, not {lanes} and {groups}")

    @always_comb
    def detect_lane_end():
        lane_done.next = lane == lanes - 1

    @always_comb
    def detect_last():
        last.next = lane == lanes - 1 and group == groups - 1

    @always(aclk.posedge)
    def count():
        if not running:
            lane.next = 0
            group.next = 0
        elif advance:
            if not lane_done:
                lane.next = lane + 1
            else:
                lane.next = 0
                if last:
                    group.next = 0
                else:
                    group.next = group + 1

    return detect_lane_end, detect_last, count


@block
def count_offset(aclk, running, advance, bank_done, offset):
    """`offset` within a filter: one more with each beat, up to the last one that its bank holds of it.

    Parameters
    ----------
    aclk, running, advance, bank_done : bool, in
    offset : intbv up to `plan.weight_depth`, out
    """

    @always(aclk.posedge)
    def count():
        if not running:
            offset.next = 0
        elif advance:
            if bank_done:
                offset.next = 0
            else:
                offset.next = offset + 1

    return count


@block
def tap_offset(aclk, running, advance, pixel_done, row, column, offset, *, plan):
    """`offset` within a filter, where taps are met in another order than that of the stream.

    Parameters
    ----------
    aclk, running, advance, pixel_done : bool, in
    row, column : intbv below the kernel's size, in
    offset : intbv up to `plan.weight_depth`, out
    """
    kernel_rows, kernel_columns, in_stride = plan.rows.axis.kernel, plan.columns.axis.kernel, plan.group_stride
    in_offset, row_offset, column_offset = (like(offset) for _ in range(3))
    tables = named(
        row=look_up(row, row_offset, entries=tuple(map(plan.tap_row_offset, range(kernel_rows)))),
        column=look_up(column, column_offset, entries=tuple(map(plan.tap_column_offset, range(kernel_columns)))),
    )

    @always_comb
    def add():
        offset.next = row_offset + column_offset + in_offset

    @always(aclk.posedge)
    def count():
        if not running:
            in_offset.next = 0
        elif advance:
            if pixel_done:
                in_offset.next = 0
            else:
                in_offset.next = in_offset + in_stride

    return tables, add, count


@block
def weight_order(aclk, running, advance, bias, place, *, plan):
    """Go to the next beat in every cycle in which `advance` is high; after the last one, begin again.

    Parameters
    ----------
    aclk : bool, in
    running : bool, in
        While it is low, as it must be in reset, the first beat is shown.
    advance : bool, in
    bias : bool, in
        The beats are biases, one for each filter.
    place : WeightPlace, out
    """
    kernel_rows, kernel_columns = plan.rows.axis.kernel, plan.columns.axis.kernel
    in_groups, out_groups, lanes = plan.in_groups, plan.out_groups, plan.layer.lanes.out_lanes
    out_stride = 1 if plan.gradient else plan.group_stride

    in_group = Signal(intbv(0, min=0, max=max(2, in_groups)))
    row = Signal(intbv(0, min=0, max=max(2, kernel_rows)))
    column = Signal(intbv(0, min=0, max=max(2, kernel_columns)))
    last_out_offset = (out_groups - 1) * out_stride
    offset = Signal(intbv(0, min=0, max=max(2, plan.weight_depth - last_out_offset)))
    out_offset = Signal(intbv(0, min=0, max=max(2, last_out_offset + 1)))
    pixel_done, row_done, filter_done, lane_done, next_filter, last_filter = (Signal(bool(0)) for _ in range(6))
    walking = Signal(bool(0))  # from weight to weight within a filter

    rows, columns = range(kernel_rows), range(kernel_columns)
    parts = named(
        tap_row=look_up(row, place.tap_row, entries=tuple(plan.tap_row_bank(tap) for tap in rows)),
        tap_column=look_up(column, place.tap_column, entries=tuple(plan.tap_column_bank(tap) for tap in columns)),
        filters=filter_order(
            aclk, running, next_filter, place.lane, place.group, lane_done, last_filter, lanes=lanes, groups=out_groups
        ),
    )

    if plan.gradient:
        parts += named(offset=tap_offset(aclk, walking, advance, pixel_done, row, column, offset, plan=plan))
    else:
        bank_done = pixel_done if plan.columns.parallel else row_done if plan.rows.parallel else filter_done
        parts += named(offset=count_offset(aclk, walking, advance, bank_done, offset))

    @always_comb
    def locate():
        place.address.next = out_offset + offset

    @always_comb
    def walk():
        walking.next = running and not bias

    @always_comb
    def detect_pixel_end():
        pixel_done.next = in_group == in_groups - 1

    @always_comb
    def detect_row_end():
        row_done.next = pixel_done and column == kernel_columns - 1

    @always_comb
    def detect_filter_end():
        filter_done.next = bias or (row_done and row == kernel_rows - 1)

    @always_comb
    def leave_filter():
        next_filter.next = advance and filter_done

    @always_comb
    def detect_end():
        place.end.next = filter_done and last_filter

    @always(aclk.posedge)
    def count():
        if not walking:
            in_group.next = 0
            column.next = 0
            row.next = 0
        elif advance:
            if not pixel_done:
                in_group.next = in_group + 1
            else:
                in_group.next = 0
                if not row_done:
                    column.next = column + 1
                else:
                    column.next = 0
                    if not filter_done:
                        row.next = row + 1
                    else:
                        row.next = 0

    @always(aclk.posedge)
    def offset_filters():
        if not running:
            out_offset.next = 0
        elif next_filter and lane_done:
            if last_filter:
                out_offset.next = 0
            else:
                out_offset.next = out_offset + out_stride

    return (
        parts, locate, walk, detect_pixel_end, detect_row_end, detect_filter_end, leave_filter, detect_end, count,
        offset_filters,
    )  # fmt: skip
