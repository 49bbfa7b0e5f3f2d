"""Positions: which pixel of the result is next, and whether its sources have arrived.

Walks the row and column programs of a plan, one position whenever the last one was taken, and holds each
position back until the line buffer has what it needs::

                   +--------+                    +----------+
    row program -->| next   |  move, when        | position |--> slots
    col program -->| position  arrived and free  | register |<-- taken
                   +--------+                    +----------+
"""

from myhdl import Signal, always, always_comb, always_seq, block, intbv, modbv

from convstream.hdl.registers import enabled_register, like, look_up, named
from convstream.hdl.walk import record_index, walk


class Position:
    """One pixel of the result, as the slots that compute it need to know it."""

    def __init__(self, plan):
        rows, columns = plan.row_records, plan.column_records
        release_limit = max(record.release_step for record in rows) + 1
        self.valid = Signal(bool(0))
        self.ring = Signal(intbv(0, min=0, max=max(2, plan.ring.ring_rows)))  # ring row of the window's first row
        self.column = Signal(modbv(0)[plan.ring.address_bits :])  # line buffer address of its first column
        self.bank = Signal(intbv(0, min=0, max=max(2, plan.ring.column_banks)))  # bank of its first column
        self.last_tap_row = Signal(intbv(0, min=0, max=max(2, max(r.last_tap_row for r in rows) + 1)))
        self.last_slot = Signal(intbv(0, min=0, max=max(2, max(r.last_slot for r in columns) + 1)))
        self.weight = Signal(intbv(0, min=0, max=max(2, plan.weight_depth)))  # address of its first weight
        self.row_mask = Signal(intbv(0)[plan.tap_rows :])
        self.column_mask = Signal(intbv(0)[plan.tap_columns :])
        self.release = Signal(intbv(0, min=0, max=max(2, release_limit)))  # rows free once it is done
        self.frame_end = Signal(bool(0))


@block
def hold_field(aclk, index, move, held, *, entries):
    """Registered: one more field of the current record, for those plans that need it.

    Parameters
    ----------
    aclk : bool, in
    index : intbv below the number of entries, in
    move : bool, in
    held : intbv that holds every entry, out
    """
    found = like(held)
    return look_up(index, found, entries=entries), enabled_register(aclk, move, found, held)


@block
def find_tapless(row_index, column_index, tapless, *, row_masks, column_masks):
    """Whether the result at a row and a column has no tap with a source, by the masks of their records.

    Parameters
    ----------
    row_index, column_index : intbv that counts the records, in
    tapless : bool, out
    """
    row_tapless, column_tapless = (Signal(bool(0)) for _ in range(2))
    tables = named(
        row=look_up(row_index, row_tapless, entries=tuple(int(mask == 0) for mask in row_masks)),
        column=look_up(column_index, column_tapless, entries=tuple(int(mask == 0) for mask in column_masks)),
    )

    @always_comb
    def combine():
        tapless.next = row_tapless or column_tapless

    return tables, combine


@block
def zero_if(condition, source, target):
    """`target` is `source`, or 0 where the condition holds.

    Parameters
    ----------
    condition : bool, in
    source : intbv, in
    target : intbv as wide as `source`, out
    """

    @always_comb
    def choose():
        if condition:
            target.next = 0
        else:
            target.next = source

    return choose


@block
def positions(
    aclk, aresetn, arrivals, weights_ready, taken, at_frame_start, arrived, rows_wait, position, *, plan
):  # fmt: skip
    """Offer the positions of frame after frame in raster order.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    arrivals : Arrivals, in
        Of the source.
    weights_ready : bool, in
        A frame may begin.
    taken : bool, in
        The present position is done with; the next may replace it at the clock edge.
    at_frame_start : bool, out
        The next position is the first of a frame.
    arrived : bool, out
        The sources of the next position have come.
    rows_wait : bool, out
        At a frame's start: rows of that frame, or the last rows of the one before it, are somewhere on their way.
    position : Position, out
    """
    ring_rows = plan.ring.ring_rows
    row_program, column_program = plan.row_program, plan.column_program
    most_needed = max(record.needed_step for record in plan.row_records)

    row_index, column_index = record_index(row_program), record_index(column_program)
    row_at_end, column_at_end = Signal(bool(0)), Signal(bool(0))
    move, row_move = Signal(bool(0)), Signal(bool(0))

    # the records' fields, looked up by the current index
    last_tap_row, last_slot = like(position.last_tap_row), like(position.last_slot)
    ends = (like(last_tap_row), like(last_slot)) if plan.has_tapless else (last_tap_row, last_slot)
    row_weight, column_weight = like(position.weight), like(position.weight)
    ring_step, address_step = like(position.ring), like(position.column)
    release_step = Signal(intbv(0)[len(position.release) :])
    rows_needed_step = Signal(intbv(0, min=0, max=most_needed + 1))
    needed_step = Signal(modbv(0, min=0, max=plan.column_modulus))
    fields = []
    for index, program, targets in (
        (row_index, row_program, {
            "last_tap_row": ends[0], "weight_offset": row_weight, "ring_step": ring_step,
            "needed_step": rows_needed_step, "release_step": release_step,
        }),
        (column_index, column_program, {
            "last_slot": ends[1], "weight_offset": column_weight, "address_step": address_step,
            "needed_step": needed_step,
        }),
    ):  # fmt: skip
        for name, target in targets.items():
            instance = look_up(index, target, entries=program.table(name))
            instance.name = f"{'row' if index is row_index else 'column'}_{name}"
            fields.append(instance)

    if plan.has_tapless:  # a result without taps takes a single slot
        tapless = Signal(bool(0))
        fields += named(
            tapless=find_tapless(row_index, column_index, tapless, row_masks=row_program.table("mask"),
                                 column_masks=column_program.table("mask")),
            last_tap_row=zero_if(tapless, ends[0], last_tap_row),
            last_slot=zero_if(tapless, ends[1], last_slot),
        )  # fmt: skip

    walks = named(
        rows=walk(aclk, aresetn, row_move, row_index, row_at_end, program=row_program),
        columns=walk(aclk, aresetn, move, column_index, column_at_end, program=column_program),
    )

    # Where the next position is: its ring row, its first column, and what it needs.  `lead` counts the complete
    # rows beyond the last needed one: above zero that row is complete, at zero it is the one that is arriving.
    ring = Signal(intbv(plan.first_ring_row, min=0, max=max(2, ring_rows)))
    ring_sum = Signal(intbv(0, min=0, max=2 * ring_rows))
    column = Signal(modbv(plan.first_column_address)[plan.ring.address_bits :])
    needed = Signal(modbv(plan.columns.needed[0], min=0, max=plan.column_modulus))
    first_lead = 1 - plan.rows.needed[0]
    lead_limit = 2 * (ring_rows + most_needed) + 2
    lead = Signal(intbv(first_lead, min=-lead_limit, max=lead_limit))
    ready = Signal(bool(0))

    @always_comb
    def check_arrival():
        arrived.next = lead > 0 or (lead == 0 and arrivals.columns >= needed)

    @always_comb
    def check_rows():
        rows_wait.next = arrivals.row or lead != first_lead

    @always_comb
    def check_start():
        ready.next = arrived and (weights_ready or not at_frame_start)

    @always_comb
    def decide():
        move.next = ready and (taken or not position.valid)

    @always_comb
    def decide_row():
        row_move.next = ready and (taken or not position.valid) and column_at_end

    @always_comb
    def turn_ring():
        ring_sum.next = ring + ring_step

    @always_seq(aclk.posedge, reset=aresetn)
    def advance():
        if move:
            column.next = column + address_step
            needed.next = needed + needed_step
            at_frame_start.next = column_at_end and row_at_end
        if row_move:
            if ring_sum >= ring_rows:
                ring.next = ring_sum - ring_rows
            else:
                ring.next = ring_sum

    @always_seq(aclk.posedge, reset=aresetn)
    def follow_arrivals():
        if row_move and arrivals.row:
            lead.next = lead - rows_needed_step + 1
        elif row_move:
            lead.next = lead - rows_needed_step
        elif arrivals.row:
            lead.next = lead + 1

    @always_seq(aclk.posedge, reset=aresetn)
    def hold():
        if move:
            position.valid.next = True
        elif taken:
            position.valid.next = False

    @always(aclk.posedge)
    def describe():
        if move:
            position.ring.next = ring
            position.column.next = column
            position.last_tap_row.next = last_tap_row
            position.last_slot.next = last_slot
            position.weight.next = row_weight + column_weight
            position.frame_end.next = column_at_end and row_at_end
            if column_at_end:
                position.release.next = release_step
            else:
                position.release.next = 0

    window = []
    if plan.masked:
        window += named(
            row_mask=hold_field(aclk, row_index, move, position.row_mask, entries=row_program.table("mask")),
            column_mask=hold_field(
                aclk, column_index, move, position.column_mask, entries=column_program.table("mask")
            ),
        )
    if plan.ring.column_banks > 1:
        window += named(
            bank=hold_field(aclk, column_index, move, position.bank, entries=column_program.table("bank"))
        )

    return (
        fields, window, walks, check_arrival, check_rows, check_start, decide, decide_row,
        turn_ring, advance, follow_arrivals, hold, describe,
    )  # fmt: skip
