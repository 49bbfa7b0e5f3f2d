"""Rows of the weight gradient: which row of outputs is next, and whether its rows of x and dz have arrived."""

from myhdl import Signal, always, always_comb, always_seq, block, intbv

from convstream.fixedpoint.dataflow.schedule.latency import UPDATE_CYCLES
from convstream.hdl.positions import hold_field
from convstream.hdl.registers import like, look_up, named
from convstream.hdl.walk import record_index, walk


class GradientRow:
    """One row of outputs, as the runs through it need to know it."""

    def __init__(self, plan):
        rows = plan.window.row_records
        release_limit = max(record.release_step for record in rows) + 1
        self.valid = Signal(bool(0))
        self.ring = Signal(intbv(0, min=0, max=plan.window.ring.ring_rows))  # ring row of x that its window begins in
        self.gradient_ring = Signal(intbv(0, min=0, max=plan.gradient_ring.ring_rows))  # ring row of dz
        self.last_tap_row = Signal(intbv(0, min=0, max=max(2, max(r.last_tap_row for r in rows) + 1)))
        self.offset = Signal(intbv(0, min=0, max=max(2, plan.accumulator_depth)))  # of its first row of taps
        self.row_mask = Signal(intbv(0)[plan.window.tap_rows :])
        self.release = Signal(intbv(0, min=0, max=max(2, release_limit)))  # rows of x free once it is done
        self.batch_end = Signal(bool(0))


@block
def hold_apart(aclk, aresetn, taken, apart):
    """`apart`: the last row has been done with long enough for its accumulators to be read again.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    taken : bool, in
    apart : bool, out
    """
    waited = Signal(intbv(0, min=0, max=UPDATE_CYCLES))

    @always_seq(aclk.posedge, reset=aresetn)
    def count():
        if taken:
            waited.next = UPDATE_CYCLES - 1
        elif waited != 0:
            waited.next = waited - 1

    @always_comb
    def tell():
        apart.next = waited == 0 and not taken

    return count, tell


@block
def gradient_rows(
    aclk, aresetn, source_arrived, gradient_arrived, draining, taken, at_batch_start, source_waits, gradient_waits,
    source_missing, gradient_missing, row, *, plan,
):  # fmt: skip
    """Offer the rows of outputs, batch after batch.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    source_arrived, gradient_arrived : bool, in
        Pulse when a whole row of x, or dz, has been written.
    draining : bool, in
        The accumulators are being sent: no row may begin.
    taken : bool, in
        The present row is done with; the next may replace it at the clock edge.
    at_batch_start : bool, out
        The next row is the first of a batch.
    source_waits, gradient_waits : bool, out
        At a batch's start: rows of that batch, or the last rows of x of the one before it, are somewhere on their way.
    source_missing, gradient_missing : bool, out
        The next row of outputs has no row of x, or of dz.
    row : GradientRow, out
    """
    window = plan.window
    ring_rows, gradient_ring_rows = window.ring.ring_rows, plan.gradient_ring.ring_rows
    last_frame = plan.layer.geometry.batch - 1
    program = window.row_program
    most_needed = max(record.needed_step for record in window.row_records)

    index = record_index(program)
    at_end, move, ready, apart = (Signal(bool(0)) for _ in range(4))
    last_tap_row, offset, ring_step = like(row.last_tap_row), like(row.offset), like(row.ring)
    release_step = like(row.release)
    needed_step = Signal(intbv(0, min=0, max=most_needed + 1))
    instances = [named(walk=walk(aclk, aresetn, move, index, at_end, program=program))]
    for name, target in {
        "last_tap_row": last_tap_row, "weight_offset": offset, "ring_step": ring_step, "release_step": release_step,
        "needed_step": needed_step,
    }.items():  # fmt: skip
        instance = look_up(index, target, entries=program.table(name))
        instance.name = f"row_{name}"
        instances.append(instance)
    if window.masked:
        instances += named(row_mask=hold_field(aclk, index, move, row.row_mask, entries=program.table("mask")))
    if plan.row_gap:
        instances += named(apart=hold_apart(aclk, aresetn, taken, apart))

    ring = Signal(intbv(window.first_ring_row, min=0, max=ring_rows))
    ring_sum = Signal(intbv(0, min=0, max=2 * ring_rows))
    gradient_ring = like(row.gradient_ring)
    frame = Signal(intbv(0, min=0, max=max(2, last_frame + 1)))
    lead_limit = 2 * (ring_rows + most_needed) + 2
    first_lead = 1 - window.rows.needed[0]
    lead = Signal(intbv(first_lead, min=-lead_limit, max=lead_limit))  # see `positions`
    waiting = Signal(intbv(0, min=0, max=gradient_ring_rows + 1))  # rows of dz that are complete

    @always_comb
    def find_missing():
        source_missing.next = lead <= 0
        gradient_missing.next = waiting == 0

    @always_comb
    def find_waiting():
        source_waits.next = source_arrived or lead != first_lead
        gradient_waits.next = gradient_arrived or waiting != 0

    @always_comb
    def check():
        ready.next = not (source_missing or gradient_missing or draining)

    @always_comb
    def check_apart():
        ready.next = apart and not (source_missing or gradient_missing or draining)

    @always_comb
    def decide():
        move.next = ready and (not row.valid or (taken and not row.batch_end))

    @always_comb
    def turn_ring():
        ring_sum.next = ring + ring_step

    @always_seq(aclk.posedge, reset=aresetn)
    def advance():
        if move:
            if ring_sum >= ring_rows:
                ring.next = ring_sum - ring_rows
            else:
                ring.next = ring_sum
            if gradient_ring == gradient_ring_rows - 1:
                gradient_ring.next = 0
            else:
                gradient_ring.next = gradient_ring + 1
            at_batch_start.next = at_end and frame == last_frame
            if at_end:
                if frame == last_frame:
                    frame.next = 0
                else:
                    frame.next = frame + 1

    @always_seq(aclk.posedge, reset=aresetn)
    def follow_source():
        if move and source_arrived:
            lead.next = lead - needed_step + 1
        elif move:
            lead.next = lead - needed_step
        elif source_arrived:
            lead.next = lead + 1

    @always_seq(aclk.posedge, reset=aresetn)
    def follow_gradient():
        if gradient_arrived and not move:
            waiting.next = waiting + 1
        elif move and not gradient_arrived:
            waiting.next = waiting - 1

    @always_seq(aclk.posedge, reset=aresetn)
    def hold():
        if move:
            row.valid.next = True
        elif taken:
            row.valid.next = False

    @always(aclk.posedge)
    def describe():
        if move:
            row.ring.next = ring
            row.gradient_ring.next = gradient_ring
            row.last_tap_row.next = last_tap_row
            row.offset.next = offset
            row.release.next = release_step
            row.batch_end.next = at_end and frame == last_frame

    check_row = check_apart if plan.row_gap else check
    return (
        instances, find_missing, find_waiting, check_row, decide, turn_ring, advance, follow_source, follow_gradient,
        hold, describe,
    )  # fmt: skip
