"""Weight loader: counts through the weight stream and says where each beat belongs.

Beats come for filter, for kernel row, for kernel column, for channel group, then one bias a filter.  Weight memory
has one bank for each (filter lane, parallel tap); the address within the bank is the sum of one offset for each of
the loops, so that forward and input gradient differ in four strides and in the order of taps only::

    address = out_group * s0 + tap_row_offset[row] + tap_column_offset[column] + in_group * s1
"""

from myhdl import Signal, always_comb, always_seq, block, intbv

from hdl.registers import like, look_up


class WeightWrite:
    """One write, broadcast to all banks of weights or biases."""

    def __init__(self, plan, beat_bits):
        lanes, tap_rows, tap_columns = plan.layer.lanes.out_lanes, plan.tap_rows, plan.tap_columns
        self.weight = Signal(bool(0))  # a word of weights
        self.bias = Signal(bool(0))  # a bias
        self.lane = Signal(intbv(0, min=0, max=max(2, lanes)))
        self.tap_row = Signal(intbv(0, min=0, max=max(2, tap_rows)))
        self.tap_column = Signal(intbv(0, min=0, max=max(2, tap_columns)))
        self.address = Signal(intbv(0, min=0, max=max(2, plan.weight_depth)))
        self.group = Signal(intbv(0, min=0, max=max(2, plan.out_groups)))
        self.word = Signal(intbv(0)[beat_bits:])


@block
def weight_loader(aclk, aresetn, s_axis, parked, ready, write, frame_error, *, plan):
    """Take a set of weights whenever one is offered while the core is `parked` between two frames.

    Parameters
    ----------
    s_axis : AxiStream
        The weight stream.
    parked : bool
        No slot is on its way, and the next position is the first of a frame.
    ready : bool, out
        A set is loaded and no other one is offered: a frame may begin.
    write : WeightWrite, out
        Registered.
    frame_error : bool, out
        Sticky: some set's `tlast` was early, late or missing.
    """
    walk_rows, walk_columns = plan.rows, plan.columns
    kernel_rows, kernel_columns = walk_rows.axis.kernel, walk_columns.axis.kernel
    in_groups, out_groups, lanes = plan.in_groups, plan.out_groups, plan.layer.lanes.out_lanes
    in_stride, out_stride = (plan.group_stride, 1) if plan.gradient else (1, plan.group_stride)

    def table(count, entry):
        return tuple(entry(tap % count) for tap in range(max(2, count)))

    in_group = Signal(intbv(0, min=0, max=max(2, in_groups)))
    column = Signal(intbv(0, min=0, max=max(2, kernel_columns)))
    row = Signal(intbv(0, min=0, max=max(2, kernel_rows)))
    lane = like(write.lane)
    out_group = like(write.group)
    in_offset, out_offset = (Signal(intbv(0, min=0, max=plan.weight_depth + 1)) for _ in range(2))
    row_offset, column_offset = like(write.address), like(write.address)
    row_bank, column_bank = like(write.tap_row), like(write.tap_column)
    biases, loading, loaded, waiting = (Signal(bool(0)) for _ in range(4))
    accept, pixel_done, row_done, lane_done, filter_done, all_done, set_done = (Signal(bool(0)) for _ in range(7))

    find_row = look_up(row, row_offset, entries=table(kernel_rows, plan.tap_row_offset))
    find_column = look_up(column, column_offset, entries=table(kernel_columns, plan.tap_column_offset))
    find_row_bank = look_up(row, row_bank, entries=table(kernel_rows, plan.tap_row_bank))
    find_column_bank = look_up(column, column_bank, entries=table(kernel_columns, plan.tap_column_bank))

    @always_comb
    def offer():
        s_axis.tready.next = parked or loading

    @always_comb
    def handshake():
        accept.next = s_axis.tvalid and (parked or loading)

    @always_comb
    def allow():
        ready.next = loaded and not waiting and not loading

    @always_comb
    def detect_pixel_end():
        pixel_done.next = in_group == in_groups - 1 or biases

    @always_comb
    def detect_row_end():
        row_done.next = pixel_done and (column == kernel_columns - 1 or biases)

    @always_comb
    def detect_filter_end():
        filter_done.next = row_done and (row == kernel_rows - 1 or biases)

    @always_comb
    def detect_lane_end():
        lane_done.next = lane == lanes - 1

    @always_comb
    def detect_end():
        all_done.next = filter_done and lane_done and out_group == out_groups - 1

    @always_comb
    def detect_set_end():
        set_done.next = all_done and biases

    @always_seq(aclk.posedge, reset=aresetn)
    def count():
        if accept:
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

    @always_seq(aclk.posedge, reset=aresetn)
    def count_filters():
        if accept and filter_done:
            if not lane_done:
                lane.next = lane + 1
            else:
                lane.next = 0
                if all_done:
                    out_group.next = 0
                    out_offset.next = 0
                    biases.next = not biases
                else:
                    out_group.next = out_group + 1
                    out_offset.next = out_offset + out_stride

    @always_seq(aclk.posedge, reset=aresetn)
    def follow():
        waiting.next = s_axis.tvalid and not loading
        if accept:
            loading.next = not set_done
            loaded.next = set_done

    @always_seq(aclk.posedge, reset=aresetn)
    def judge():
        if accept and s_axis.tlast != set_done:
            frame_error.next = True

    @always_seq(aclk.posedge, reset=aresetn)
    def enable_weight():
        write.weight.next = accept and not biases

    @always_seq(aclk.posedge, reset=aresetn)
    def enable_bias():
        write.bias.next = accept and biases
        write.group.next = out_group

    @always_seq(aclk.posedge, reset=None)
    def send():
        write.lane.next = lane
        write.tap_row.next = row_bank
        write.tap_column.next = column_bank
        write.address.next = out_offset + row_offset + column_offset + in_offset
        write.word.next = s_axis.tdata

    bias_writes = [] if plan.gradient else [enable_bias]
    return (
        find_row, find_column, find_row_bank, find_column_bank, offer, handshake, allow, detect_pixel_end,
        detect_row_end, detect_filter_end, detect_lane_end, detect_end, detect_set_end, count, count_filters, follow,
        judge, enable_weight, bias_writes, send,
    )  # fmt: skip
