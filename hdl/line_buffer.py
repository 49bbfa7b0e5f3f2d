"""Line buffer: a ring of rows of one stream in block RAM, of which a whole window is read at once.

A read takes `READ_LATENCY` cycles, whatever the window::

    cycle   0 1             2             3         4
            slot            address    -> memory -> register    -> words
            ring row     -> of each bank  read      after memory
            wrapped
"""

from myhdl import Signal, always, always_comb, block, intbv, modbv

from convstream.fixedpoint.dataflow.schedule.latency import RELEASE_LATENCY
from convstream.hdl.line_writer import BankWrite, line_writer
from convstream.hdl.memory import memory
from convstream.hdl.registers import delay, like, look_up, named, register


@block
def wrap_ring(aclk, row, wrapped, *, ring_rows):
    """Registered: `row` modulo `ring_rows`, for rows below twice that.

    Parameters
    ----------
    aclk : bool, in
    row : intbv below twice `ring_rows`, in
    wrapped : intbv below `ring_rows`, out
    """

    @always(aclk.posedge)
    def wrap():
        if row >= ring_rows:
            wrapped.next = row - ring_rows
        else:
            wrapped.next = row

    return wrap


@block
def step_past(aclk, column, first_bank, stepped, *, bank, groups):
    """Registered: `column`, one pixel further in the banks that come before the window's first one.

    Parameters
    ----------
    aclk : bool, in
    column : modbv as wide as an address, in
    first_bank : intbv below the number of bank columns, in
    stepped : modbv as wide as an address, out
    """

    @always(aclk.posedge)
    def step():
        if bank < first_bank:
            stepped.next = column + groups
        else:
            stepped.next = column

    return step


@block
def bank_address(aclk, row_base, column, address):
    """Registered: the word of one bank that a slot reads.

    Parameters
    ----------
    aclk : bool, in
    row_base : intbv below the depth of a bank, in
    column : modbv as wide as an address, in
    address : modbv as wide as an address, out
    """

    @always(aclk.posedge)
    def add():
        address.next = row_base + column

    return add


@block
def bank(aclk, write, address, word, *, row_bank, column_bank, depth):
    """One memory of the ring and the register after it.

    Parameters
    ----------
    aclk : bool, in
    write : BankWrite, in
    address : modbv that reaches `depth` words, in
    word : intbv as wide as `write.word`, out
    """
    mine = Signal(bool(0))
    read_word = like(word)

    @always_comb
    def select():
        mine.next = write.enable and write.row_bank == row_bank and write.column_bank == column_bank

    parts = named(
        bank=memory(aclk, mine, write.address, write.word, address, read_word, depth=depth),
        output=register(aclk, read_word, word),
    )
    return select, parts


@block
def line_buffer(aclk, aresetn, write, read_ring, column, first_bank, ring_row, words, *, ring):
    """Keep what a `line_writer` writes, and read a window a cycle.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    write : BankWrite, in
    read_ring : intbv below twice `ring.ring_rows`, in
        Ring row of the window's first row; may be beyond the ring by less than its size.
    column : modbv of `ring.address_bits`, in
        Address of the window's first column within its row.
    first_bank : intbv below `ring.column_banks` (None with one bank column), in
        Bank column of the window's first column.
    ring_row : intbv below `ring.ring_rows`, out
        `read_ring` within the ring, one cycle later.
    words : list of lists of intbv of `ring.word_bits`, out
        ``words[bank row][bank column]``, `READ_LATENCY` cycles later.
    """
    if ring.ring_rows % ring.row_banks:
        raise ValueError(f"ring_rows must be a multiple of {ring.row_banks} row banks, not {ring.ring_rows}")
    instances = [named(wrap=wrap_ring(aclk, read_ring, ring_row, ring_rows=ring.ring_rows))]

    # cycle 1: the column part of the address, per bank column
    column_parts = [Signal(modbv(0)[ring.address_bits :]) for _ in range(ring.column_banks)]
    for index, part in enumerate(column_parts):
        if ring.column_banks > 1:
            instance = step_past(aclk, column, first_bank, part, bank=index, groups=ring.groups)
        else:
            instance = register(aclk, column, part)
        instance.name = f"column_part_{index}"
        instances.append(instance)

    # cycle 2: the row part, per bank row, and their sum
    for row in range(ring.row_banks):
        row_base = Signal(intbv(0, min=0, max=max(2, ring.bank_depth)))
        lines = tuple(ring.line_address(first % ring.ring_rows, row) for first in range(max(2, ring.ring_rows)))
        find = look_up(ring_row, row_base, entries=lines)
        find.name = f"row_base_{row}"
        instances.append(find)
        for index in range(ring.column_banks):
            address = Signal(modbv(0)[ring.address_bits :])
            add = bank_address(aclk, row_base, column_parts[index], address)
            add.name = f"address_{row}_{index}"
            store = bank(
                aclk, write, address, words[row][index], row_bank=row, column_bank=index, depth=ring.bank_depth
            )
            store.name = f"bank_{row}_{index}"
            instances += [add, store]
    return instances


@block
def ring_of_rows(
    aclk, aresetn, s_axis, release, read_ring, column, first_bank, ring_row, words, arrivals, *, ring, by_pixel
):  # fmt: skip
    """A line buffer together with its writer; rows are given back by `release`, as a slot's other fields are read.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    s_axis : AxiStream, in
    release : intbv that holds the rows of one release, in
    read_ring : intbv below twice `ring.ring_rows`, in
    column : modbv of `ring.address_bits`, in
    first_bank : intbv below `ring.column_banks`, in
    ring_row : intbv below `ring.ring_rows`, out
    words : list of lists of intbv of `ring.word_bits`, out
    arrivals : Arrivals, out
    """
    write = BankWrite(ring)
    released = like(release)
    return named(
        release=delay(aclk, aresetn, release, released, cycles=RELEASE_LATENCY, reset=True),
        writer=line_writer(aclk, aresetn, s_axis, released, None, write, arrivals, ring=ring, by_pixel=by_pixel),
        lines=line_buffer(aclk, aresetn, write, read_ring, column, first_bank, ring_row, words, ring=ring),
    )
