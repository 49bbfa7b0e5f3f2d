"""The writing side of a line buffer: takes a source stream and deals its beats to the banks of the ring.

Rows arrive in raster order for frame after frame, and go to consecutive rows of a ring; nothing marks a frame in
the ring, so the next frame's rows follow at once.  With several banks, row r of the ring lies in bank row
``r % row_banks``, and column c in bank column ``c % column_banks``, so that every window of neighbours has one
word in each bank::

    3 x 3 banks, ring rows 0..5      0 1 2 0 1 2 ..  <- bank column of columns 0 1 2 3 4 5 ..
                                     bank row of ring rows 0 1 2 3 4 5: 0 1 2 0 1 2
"""

from myhdl import Signal, always, always_comb, always_seq, block, intbv

from hdl.registers import look_up, named


class BankWrite:
    """One write, broadcast to all banks; the one that `row_bank` and `column_bank` name stores it."""

    def __init__(self, ring):
        self.enable = Signal(bool(0))
        self.row_bank = Signal(intbv(0, min=0, max=max(2, ring.row_banks)))
        self.column_bank = Signal(intbv(0, min=0, max=max(2, ring.column_banks)))
        self.address = Signal(intbv(0, min=0, max=max(2, ring.bank_depth)))
        self.word = Signal(intbv(0)[ring.word_bits :])


@block
def line_writer(aclk, aresetn, s_axis, release, write, row_arrived, columns_arrived, frame_error, *, ring):
    """Accept beats while the ring has a free row.

    Parameters
    ----------
    s_axis : AxiStream
        The source, one channel group of one pixel a beat.
    release : intbv
        Rows that the readers gave back in this cycle.
    write : BankWrite, out
        Registered: two cycles from the beat to the memory.
    row_arrived : bool, out
        Pulses when a whole row is written.
    columns_arrived : intbv, out, or None
        Pixels written of the row that is arriving.
    frame_error : bool, out
        Sticky: some frame's `tlast` was early, late or missing.
    """
    word_bits = len(write.word)
    last_group = ring.groups - 1
    last_column = ring.columns - 1
    last_row = ring.rows - 1
    ring_rows, column_banks, groups, spare_rows = ring.ring_rows, ring.column_banks, ring.groups, ring.spare_rows

    group = Signal(intbv(0, min=0, max=max(2, groups)))
    column = Signal(intbv(0, min=0, max=max(2, last_column + 1)))
    row = Signal(intbv(0, min=0, max=max(2, last_row + 1)))
    ring_row = Signal(intbv(0, min=0, max=max(2, ring_rows)))
    column_bank = Signal(intbv(0, min=0, max=max(2, column_banks)))
    column_base = Signal(intbv(0, min=0, max=ring.row_pitch + groups))
    free_rows = Signal(intbv(ring_rows + spare_rows, min=0, max=ring.most_free_rows + 1))
    row_base = Signal(intbv(0, min=0, max=max(2, ring.bank_depth)))
    row_bank = Signal(intbv(0, min=0, max=max(2, ring.row_banks)))
    accept, pixel_done, row_done, frame_done = (Signal(bool(0)) for _ in range(4))

    bases = tuple(index // ring.row_banks * ring.row_pitch for index in range(max(2, ring_rows)))
    banks = tuple(index % ring.row_banks for index in range(max(2, ring_rows)))
    tables = named(
        base=look_up(ring_row, row_base, entries=bases), bank=look_up(ring_row, row_bank, entries=banks)
    )

    @always_comb
    def offer():
        s_axis.tready.next = free_rows != 0

    @always_comb
    def handshake():
        accept.next = s_axis.tvalid and free_rows != 0

    @always_comb
    def detect_pixel_end():
        pixel_done.next = group == last_group

    @always_comb
    def detect_row_end():
        row_done.next = pixel_done and column == last_column

    @always_comb
    def detect_frame_end():
        frame_done.next = row_done and row == last_row

    @always_seq(aclk.posedge, reset=aresetn)
    def count():
        if accept:
            if not pixel_done:
                group.next = group + 1
            else:
                group.next = 0
                if row_done:
                    column.next = 0
                    column_bank.next = 0
                    column_base.next = 0
                else:
                    column.next = column + 1
                    if column_bank == column_banks - 1:
                        column_bank.next = 0
                        column_base.next = column_base + groups
                    else:
                        column_bank.next = column_bank + 1
            if row_done:
                if ring_row == ring_rows - 1:
                    ring_row.next = 0
                else:
                    ring_row.next = ring_row + 1
                if frame_done:
                    row.next = 0
                else:
                    row.next = row + 1

    @always_seq(aclk.posedge, reset=aresetn)
    def account():
        if accept and row_done:
            free_rows.next = free_rows + release - 1
        else:
            free_rows.next = free_rows + release

    @always_seq(aclk.posedge, reset=aresetn)
    def judge():
        if accept and s_axis.tlast != frame_done:
            frame_error.next = True

    @always_seq(aclk.posedge, reset=aresetn)
    def announce_rows():
        write.enable.next = accept
        row_arrived.next = accept and row_done

    @always_seq(aclk.posedge, reset=aresetn)
    def announce_columns():
        if accept:
            if row_done:
                columns_arrived.next = 0
            elif pixel_done:
                columns_arrived.next = column + 1

    @always(aclk.posedge)
    def send():
        write.row_bank.next = row_bank
        write.column_bank.next = column_bank
        write.address.next = row_base + column_base + group
        write.word.next = s_axis.tdata[word_bits:]

    column_count = [] if columns_arrived is None else [announce_columns]
    return (
        tables, offer, handshake, detect_pixel_end, detect_row_end, detect_frame_end, count, account,
        judge, announce_rows, column_count, send,
    )  # fmt: skip
