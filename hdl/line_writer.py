"""The writing side of a line buffer: takes a source stream and deals its beats to the banks of the ring.

Rows arrive in raster order for frame after frame, and go to consecutive rows of a ring; nothing marks a frame in
the ring, so the next frame's rows follow at once.  With several banks, row r of the ring lies in bank row
``r % row_banks``, and column c in bank column ``c % column_banks``, so that every window of neighbours has one
word in each bank::

    3 x 3 banks, ring rows 0..5      0 1 2 0 1 2 ..  <- bank column of columns 0 1 2 3 4 5 ..
                                     bank row of ring rows 0 1 2 3 4 5: 0 1 2 0 1 2
"""

from myhdl import Signal, always, always_comb, always_seq, block, intbv

from convstream.hdl.frame_synchronizer import frame_synchronizer
from convstream.hdl.registers import look_up, named


class BankWrite:
    """One write, broadcast to all banks; the one that `row_bank` and `column_bank` name stores it."""

    def __init__(self, ring):
        self.enable = Signal(bool(0))
        self.row_bank = Signal(intbv(0, min=0, max=max(2, ring.row_banks)))
        self.column_bank = Signal(intbv(0, min=0, max=max(2, ring.column_banks)))
        self.address = Signal(intbv(0, min=0, max=max(2, ring.bank_depth)))
        self.word = Signal(intbv(0)[ring.word_bits :])


class Arrivals:
    """What a writer tells of its stream; every signal is registered."""

    def __init__(self, ring):
        self.row = Signal(bool(0))  # pulses when a whole row is written
        self.columns = Signal(intbv(0, min=0, max=ring.columns + 1))  # pixels written of the row that arrives
        self.frame_begun = Signal(bool(0))  # some of a frame is written, and some is not
        self.dropping = Signal(bool(0))  # beats are dropped until a `tlast`
        self.frame_error = Signal(bool(0))  # pulses in the cycle after a beat whose `tlast` was early or missing


@block
def line_writer(aclk, aresetn, s_axis, released, held, write, arrivals, *, ring, by_pixel):
    """Accept beats while the ring has a free row.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    s_axis : AxiStream, in
        The source, one channel group of one pixel a beat.
    released : intbv that holds the rows of one release, in
        Rows that the readers gave back in this cycle.
    held : bool (or None), in
        No beat may be taken, although there is a row for it.
    write : BankWrite, out
        Registered: two cycles from the beat to the memory.
    arrivals : Arrivals, out
    by_pixel : bool
        Count the pixels of the row that arrives, in `arrivals.columns`.
    """
    word_bits = len(write.word)
    last_group = ring.groups - 1
    last_column = ring.columns - 1
    last_row = ring.rows - 1
    ring_rows, column_banks, groups = ring.ring_rows, ring.column_banks, ring.groups

    group = Signal(intbv(0, min=0, max=max(2, groups)))
    column = Signal(intbv(0, min=0, max=max(2, last_column + 1)))
    row = Signal(intbv(0, min=0, max=max(2, last_row + 1)))
    ring_row = Signal(intbv(0, min=0, max=max(2, ring_rows)))
    column_bank = Signal(intbv(0, min=0, max=max(2, column_banks)))
    column_base = Signal(intbv(0, min=0, max=ring.row_pitch + groups))
    free_rows = Signal(intbv(ring.rows_ahead, min=0, max=ring.most_free_rows + 1))
    row_base = Signal(intbv(0, min=0, max=max(2, ring.bank_depth)))
    row_bank = Signal(intbv(0, min=0, max=max(2, ring.row_banks)))
    room, step, completing, pixel_done, row_done, frame_done = (Signal(bool(0)) for _ in range(6))

    bases = tuple(index // ring.row_banks * ring.row_pitch for index in range(max(2, ring_rows)))
    banks = tuple(index % ring.row_banks for index in range(max(2, ring_rows)))
    tables = named(
        base=look_up(ring_row, row_base, entries=bases),
        bank=look_up(ring_row, row_bank, entries=banks),
    )
    synchronizer = named(frames=frame_synchronizer(
        aclk, aresetn, s_axis, room, frame_done, step, completing, arrivals.dropping, arrivals.frame_error
    ))  # fmt: skip

    @always_comb
    def find_room():
        room.next = free_rows != 0

    @always_comb
    def find_room_unless_held():
        room.next = free_rows != 0 and not held

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
        if step:
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
        if step and row_done:
            free_rows.next = free_rows + released - 1
        else:
            free_rows.next = free_rows + released

    @always_seq(aclk.posedge, reset=aresetn)
    def announce_rows():
        write.enable.next = step
        arrivals.row.next = step and row_done

    @always_seq(aclk.posedge, reset=aresetn)
    def announce_frames():
        if step:
            arrivals.frame_begun.next = not frame_done

    @always_seq(aclk.posedge, reset=aresetn)
    def announce_columns():
        if step:
            if row_done:
                arrivals.columns.next = 0
            elif pixel_done:
                arrivals.columns.next = column + 1

    @always(aclk.posedge)
    def send():
        write.row_bank.next = row_bank
        write.column_bank.next = column_bank
        write.address.next = row_base + column_base + group
        if completing:
            write.word.next = 0
        else:
            write.word.next = s_axis.tdata[word_bits:]

    find = find_room if held is None else find_room_unless_held
    announce = [announce_rows, announce_frames] + ([announce_columns] if by_pixel else [])
    return (
        tables, synchronizer, find, detect_pixel_end, detect_row_end, detect_frame_end, count, account, announce, send,
    )  # fmt: skip
