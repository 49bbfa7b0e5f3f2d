"""Line buffer: a ring of source rows in block RAM, read a window at a time.

One read takes a fixed number of cycles, whatever the window::

    cycle   1            2              3         4              5                  (6)
            ring row  -> address     -> memory -> register    -> (window turned  -> operands
            wrapped      of each bank   read      after memory    to tap order)

The last stage exists only where taps may have no source and are masked: that is, where several are multiplied at
once, or where a whole window may lie on padding.  With several banks, the window begins in any of them.
"""

from myhdl import Signal, always, always_comb, block, intbv, modbv

from hdl.line_writer import BankWrite, line_writer
from hdl.memory import memory
from hdl.registers import delay, like, look_up, register
from hdl.rotate import rotate


def operand_latency(plan) -> int:
    """Cycles from a slot to its operands."""
    return 5 if plan.masked else 4


#: Cycles from a slot until its rows may be given back: the earliest write then follows the last read.
RELEASE_LATENCY = 1


@block
def wrap_ring(aclk, row, wrapped, *, ring_rows):
    """Registered: `row` modulo `ring_rows`, for rows below twice that."""

    @always(aclk.posedge)
    def wrap():
        if row >= ring_rows:
            wrapped.next = row - ring_rows
        else:
            wrapped.next = row

    return wrap


@block
def step_past(aclk, column, first_bank, stepped, *, bank, groups):
    """Registered: `column`, one word group further in the banks that come before the window's first one."""

    @always(aclk.posedge)
    def step():
        if bank < first_bank:
            stepped.next = column + groups
        else:
            stepped.next = column

    return step


@block
def bank_address(aclk, row_base, column, address):
    """Registered: the word of one bank that a slot reads."""

    @always(aclk.posedge)
    def add():
        address.next = row_base + column

    return add


@block
def bank(aclk, write, address, word, *, row_bank, column_bank, depth):
    """One memory of the ring and the register after it."""
    mine = Signal(bool(0))
    read_word = like(word)

    @always_comb
    def select():
        mine.next = write.enable and write.row_bank == row_bank and write.column_bank == column_bank

    ring = memory(aclk, mine, write.address, write.word, address, read_word, depth=depth)
    keep = register(aclk, read_word, word)
    return select, ring, keep


@block
def tap_window(words, first_row, first_column, window):
    """``window[i][j] = words[(first_row + i) % rows][(first_column + j) % columns]``."""
    rows, columns = len(words), len(words[0])
    instances = []
    turned = words
    if rows > 1:
        turned = window if columns == 1 else [[like(word) for word in line] for line in words]
        for column in range(columns):
            source, target = ([line[column] for line in lines] for lines in (words, turned))
            instance = rotate(source, first_row, target)
            instance.name = f"column_{column}"
            instances.append(instance)
    if columns > 1:
        for row in range(rows):
            instance = rotate(turned[row], first_column, window[row])
            instance.name = f"row_{row}"
            instances.append(instance)
    return instances


@block
def take_lane(word, operand, *, low, high):
    """One signed element of a word."""

    @always_comb
    def take():
        operand.next = word[high:low].signed()

    return take


@block
def take_masked_lane(aclk, word, row_mask, column_mask, operand, *, low, high, row, column):
    """Registered: one signed element of a word, or zero where the tap has no source."""

    @always(aclk.posedge)
    def take():
        if row_mask[row] and column_mask[column]:
            operand.next = word[high:low].signed()
        else:
            operand.next = 0

    return take


@block
def split_word(word, operands, *, width):
    """All lanes of one word."""
    instances = []
    for lane, operand in enumerate(operands):
        instance = take_lane(word, operand, low=lane * width, high=(lane + 1) * width)
        instance.name = f"lane_{lane}"
        instances.append(instance)
    return instances


@block
def turn_and_mask(aclk, aresetn, slot, ring, words, operands, *, plan):
    """Bring the words of all banks into the order of the taps, and mask those that have no source."""
    width = plan.source_format.width
    rows, columns = plan.row_banks, plan.column_banks
    turn, first_row = (Signal(intbv(0, min=0, max=max(2, rows))) for _ in range(2))
    first_column, row_mask, column_mask = like(slot.bank), like(slot.row_mask), like(slot.column_mask)
    turns = tuple(index % rows for index in range(max(2, plan.ring_rows)))
    stage = operand_latency(plan) - 1
    instances = [
        delay(aclk, aresetn, slot.row_mask, row_mask, cycles=stage),
        delay(aclk, aresetn, slot.column_mask, column_mask, cycles=stage),
    ]
    window = words
    if rows > 1:
        instances += [
            look_up(ring, turn, entries=turns),
            delay(aclk, aresetn, turn, first_row, cycles=stage - 1),
        ]
    if columns > 1:
        instances.append(delay(aclk, aresetn, slot.bank, first_column, cycles=stage))
    if rows * columns > 1:
        window = [[like(word) for word in line] for line in words]
        instances.append(tap_window(words, first_row, first_column, window))

    for row in range(plan.tap_rows):
        for column in range(plan.tap_columns):
            word = window[plan.lane_row(row)][plan.lane_column(column)]
            for lane, operand in enumerate(operands[row * plan.tap_columns + column]):
                instance = take_masked_lane(
                    aclk, word, row_mask, column_mask, operand,
                    low=lane * width, high=(lane + 1) * width, row=row, column=column,
                )  # fmt: skip
                instance.name = f"tap_{row}_{column}_lane_{lane}"
                instances.append(instance)
    return instances


@block
def line_buffer(aclk, aresetn, s_axis, slot, row_arrived, columns_arrived, frame_error, operands, *, plan):
    """Keep the last rows of `s_axis` and give each slot its operands.

    Parameters
    ----------
    s_axis : AxiStream
        The source stream.
    slot : Slot
        What to read; also gives rows back to the ring.
    row_arrived, columns_arrived, frame_error : out
        See `line_writer`.
    operands : list of lists of intbv, out
        ``operands[tap lane][source lane]``, `operand_latency` cycles after the slot.
    """
    width = plan.source_format.width
    word_bits = plan.source_lanes * width
    rows, columns = plan.row_banks, plan.column_banks
    ring_rows = plan.ring_rows

    write = BankWrite(plan, word_bits)
    release = like(slot.release)
    hold_release = delay(aclk, aresetn, slot.release, release, cycles=RELEASE_LATENCY, reset=True)
    writer = line_writer(
        aclk, aresetn, s_axis, release, write, row_arrived, columns_arrived, frame_error, plan=plan
    )

    ring = Signal(intbv(0, min=0, max=max(2, ring_rows)))
    wrapper = wrap_ring(aclk, slot.ring, ring, ring_rows=ring_rows)
    instances = [hold_release, writer, wrapper]

    # cycle 1: the column part of the address, per bank column; cycle 2: the row part, per bank row, and their sum
    column_parts = [Signal(modbv(0)[plan.address_bits :]) for _ in range(columns)]
    for index, part in enumerate(column_parts):
        instance = step_past(aclk, slot.column, slot.bank, part, bank=index, groups=plan.source_groups)
        instance.name = f"column_part_{index}"
        instances.append(instance)

    words = [[Signal(intbv(0)[word_bits:]) for _ in range(columns)] for _ in range(rows)]
    for row in range(rows):
        row_base = Signal(intbv(0, min=0, max=max(2, plan.bank_depth)))
        # a window that begins at ring row `first` has its only row of this bank row `ahead` rows further down
        lines = [
            (first + (row - first) % rows) % ring_rows // rows * plan.row_pitch for first in range(max(2, ring_rows))
        ]
        find = look_up(ring, row_base, entries=tuple(lines))
        find.name = f"row_base_{row}"
        instances.append(find)
        for column in range(columns):
            address = Signal(modbv(0)[plan.address_bits :])
            add = bank_address(aclk, row_base, column_parts[column], address)
            add.name = f"address_{row}_{column}"
            store = bank(
                aclk, write, address, words[row][column], row_bank=row, column_bank=column, depth=plan.bank_depth
            )
            store.name = f"bank_{row}_{column}"
            instances += [add, store]

    if plan.masked:
        instances.append(turn_and_mask(aclk, aresetn, slot, ring, words, operands, plan=plan))
    else:
        instances.append(split_word(words[0][0], operands[0], width=width))
    return instances
