"""The order of the weight stream, as counters: which beat comes next, and where it belongs.

Beats come for filter, for kernel row, for kernel column, for channel group, then one bias a filter; the weight
gradient leaves in the same order.  Weight memory has one bank for each (filter lane, parallel tap); the address
within a bank is the sum of one offset for each of the loops, so that forward and input gradient differ in two
strides and in the order of taps only::

    address = out_group * out_stride + tap_row_offset[row] + tap_column_offset[column] + in_group * in_stride
"""

from myhdl import Signal, always, always_comb, block, intbv

from hdl.registers import look_up, named


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
    running : bool
        While it is low the first filter is shown.
    lane, group : intbv, out
        The filter is number ``group * lanes + lane``.
    lane_done, last : bool, out
        It is the last one of its group, the last of all.
    """

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
def weight_order(aclk, running, advance, bias, place, *, plan):
    """Go to the next beat in every cycle in which `advance` is high; after the last one, begin again.

    Parameters
    ----------
    running : bool
        While it is low, as it must be in reset, the first beat is shown.
    bias : bool
        The beats are biases, one for each filter.
    place : WeightPlace, out
    """
    kernel_rows, kernel_columns = plan.rows.axis.kernel, plan.columns.axis.kernel
    in_groups, out_groups, lanes = plan.in_groups, plan.out_groups, plan.layer.lanes.out_lanes
    in_stride, out_stride = (plan.group_stride, 1) if plan.gradient else (1, plan.group_stride)
    offset_limit = plan.weight_depth + 1

    in_group = Signal(intbv(0, min=0, max=max(2, in_groups)))
    row = Signal(intbv(0, min=0, max=max(2, kernel_rows)))
    column = Signal(intbv(0, min=0, max=max(2, kernel_columns)))
    in_offset, out_offset, row_offset, column_offset = (Signal(intbv(0, min=0, max=offset_limit)) for _ in range(4))
    pixel_done, row_done, filter_done, lane_done, next_filter, last_filter = (Signal(bool(0)) for _ in range(6))

    rows, columns = range(kernel_rows), range(kernel_columns)
    parts = named(
        row_offset=look_up(row, row_offset, entries=tuple(plan.tap_row_offset(tap) for tap in rows)),
        column_offset=look_up(column, column_offset, entries=tuple(plan.tap_column_offset(tap) for tap in columns)),
        tap_row=look_up(row, place.tap_row, entries=tuple(plan.tap_row_bank(tap) for tap in rows)),
        tap_column=look_up(column, place.tap_column, entries=tuple(plan.tap_column_bank(tap) for tap in columns)),
        filters=filter_order(
            aclk, running, next_filter, place.lane, place.group, lane_done, last_filter, lanes=lanes, groups=out_groups
        ),
    )

    @always_comb
    def locate():
        place.address.next = out_offset + row_offset + column_offset + in_offset

    @always_comb
    def detect_pixel_end():
        pixel_done.next = in_group == in_groups - 1 or bias

    @always_comb
    def detect_row_end():
        row_done.next = pixel_done and (column == kernel_columns - 1 or bias)

    @always_comb
    def detect_filter_end():
        filter_done.next = row_done and (row == kernel_rows - 1 or bias)

    @always_comb
    def leave_filter():
        next_filter.next = advance and filter_done

    @always_comb
    def detect_end():
        place.end.next = filter_done and last_filter

    @always(aclk.posedge)
    def count():
        if not running:
            in_group.next = 0
            in_offset.next = 0
            column.next = 0
            row.next = 0
        elif advance:
            if not pixel_done:
                in_group.next = in_group + 1
                in_offset.next = in_offset + in_stride
            else:
                in_group.next = 0
                in_offset.next = 0
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
        parts, locate, detect_pixel_end, detect_row_end, detect_filter_end, leave_filter, detect_end, count,
        offset_filters,
    )  # fmt: skip
