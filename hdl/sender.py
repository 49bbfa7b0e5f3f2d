"""Senders: what stands between the result queue and `m_axis`.

A result stream shows every pixel, but where the input gradient knows a pixel to be zero (no tap of its phase, or a
row that took no part in the forward pass) nothing was computed: those beats are filled in here, while the multipliers
already work on what comes next.
"""

from myhdl import Signal, always, always_comb, always_seq, block, intbv

from convstream.hdl.registers import look_up, named
from convstream.hdl.walk import record_index, walk


@block
def stream_register(aclk, aresetn, offered, word, last, taken, m_axis):
    """Registered AXI4-Stream output: holds its beat until the transfer.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    offered : bool, in
        `word` and `last` are there to be sent.
    word : intbv at most as wide as `tdata`, in
    last : bool, in
    taken : bool, out
        They are stored in this cycle.
    m_axis : AxiStream, out
    """
    valid = Signal(bool(0))

    @always_comb
    def decide():
        taken.next = offered and (m_axis.tready or not valid)

    @always_comb
    def show():
        m_axis.tvalid.next = valid

    @always_seq(aclk.posedge, reset=aresetn)
    def hold():
        if offered:
            valid.next = True
        elif m_axis.tready:
            valid.next = False

    @always(aclk.posedge)
    def store():
        if offered and (m_axis.tready or not valid):
            m_axis.tdata.next = word
            m_axis.tlast.next = last

    return decide, show, hold, store


@block
def send_results(aclk, aresetn, available, head, remove, m_axis):
    """Send the queue as it is; the top bit of `head` is the beat's `tlast`.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    available : bool, in
    head : intbv of a word and `tlast` above it, in
    remove : bool, out
    m_axis : AxiStream, out
    """
    if len(head) - 1 > len(m_axis.tdata):
        raise ValueError(f"a word must be at most {len(m_axis.tdata)} bits, as tdata is, not {len(head) - 1}")
    bits = len(head) - 1
    word = Signal(intbv(0)[bits:])
    last = Signal(bool(0))

    @always_comb
    def split():
        word.next = head[bits:]
        last.next = head[bits]

    register = named(beat=stream_register(aclk, aresetn, available, word, last, remove, m_axis))
    return split, register


@block
def send_with_gaps(aclk, aresetn, available, head, remove, sending, m_axis, *, plan):
    """Send the queue, and zeros for the pixels in between that were not computed.

    The zeros before a frame's first computed pixel wait for it, so that nothing is sent of a frame that has not come.
    `sending` is high from a frame's first beat on until its last one has been transferred.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    available : bool, in
    head : intbv of a word and a bit that is not looked at, in
    remove, sending : bool, out
    m_axis : AxiStream, out
    """
    last_group = plan.result_groups - 1
    bits = len(head) - 1
    row_program, column_program = plan.gap_program(plan.rows), plan.gap_program(plan.columns)
    row_index, column_index = record_index(row_program), record_index(column_program)
    row_computed, column_computed, row_at_end, column_at_end = (Signal(bool(0)) for _ in range(4))
    pixel_done, row_done, started, offered, computed, last, taken = (Signal(bool(0)) for _ in range(7))
    group = Signal(intbv(0, min=0, max=max(2, last_group + 1)))
    word = Signal(intbv(0)[bits:])

    parts = named(
        row_computed=look_up(row_index, row_computed, entries=row_program.table("computed")),
        column_computed=look_up(column_index, column_computed, entries=column_program.table("computed")),
        rows=walk(aclk, aresetn, row_done, row_index, row_at_end, program=row_program),
        columns=walk(aclk, aresetn, pixel_done, column_index, column_at_end, program=column_program),
        beat=stream_register(aclk, aresetn, offered, word, last, taken, m_axis),
    )

    @always_comb
    def choose():
        computed.next = row_computed and column_computed

    @always_comb
    def offer():
        offered.next = available or (started and not computed)

    @always_comb
    def show():
        if computed:
            word.next = head[bits:]
        else:
            word.next = 0

    @always_comb
    def take():
        remove.next = taken and computed

    @always_comb
    def tell():
        sending.next = started or m_axis.tvalid

    @always_comb
    def detect_pixel_end():
        pixel_done.next = taken and group == last_group

    @always_comb
    def detect_row_end():
        row_done.next = taken and group == last_group and column_at_end

    @always_comb
    def detect_frame_end():
        last.next = group == last_group and column_at_end and row_at_end

    @always_seq(aclk.posedge, reset=aresetn)
    def count():
        if taken:
            started.next = not last
            if group == last_group:
                group.next = 0
            else:
                group.next = group + 1

    return parts, choose, offer, show, take, tell, detect_pixel_end, detect_row_end, detect_frame_end, count
