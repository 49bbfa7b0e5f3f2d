"""Window: the operands of a slot, from the words that its line buffer read.

With several banks, a window begins in any of them: it is turned back into the order of the taps.  Lanes whose tap
has no source (it lies on padding, or belongs to another phase) are masked to zero, so that memory need not hold
padding.  Both take one more cycle, which exists only where it is needed.
"""

from myhdl import Signal, always, always_comb, block, intbv

from convstream.fixedpoint.dataflow.schedule.latency import READ_LATENCY
from convstream.hdl.registers import delay, like, look_up, named
from convstream.hdl.rotate import rotate


@block
def turn_window(words, first_row, first_column, window):
    """``window[i][j] = words[(first_row + i) % rows][(first_column + j) % columns]``.

    Parameters
    ----------
    words : list of lists of intbv, in
    first_row, first_column : intbv below the number of rows or columns, in
    window : list of lists of intbv like `words`, out
    """
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


def _check_slice(word, low, high):
    if not 0 <= low < high <= len(word):
        raise ValueError(f"bits {low} to {high - 1} must lie within a word of {len(word)} bits")


@block
def take_lane(word, operand, *, low, high):
    """One signed element of a word.

    Parameters
    ----------
    word : intbv of at least `high` bits, in
    operand : signed intbv of `high` - `low` bits, out
    """
    _check_slice(word, low, high)

    @always_comb
    def take():
        operand.next = word[high:low].signed()

    return take


@block
def take_masked_lane(aclk, word, row_mask, column_mask, operand, *, low, high, row, column):
    """Registered: one signed element of a word, or zero where the tap has no source.

    Parameters
    ----------
    aclk : bool, in
    word : intbv of at least `high` bits, in
    row_mask : intbv of more than `row` bits, in
    column_mask : intbv of more than `column` bits, in
    operand : signed intbv of `high` - `low` bits, out
    """
    _check_slice(word, low, high)

    @always(aclk.posedge)
    def take():
        if row_mask[row] and column_mask[column]:
            operand.next = word[high:low].signed()
        else:
            operand.next = 0

    return take


@block
def split_word(word, operands, *, width):
    """All lanes of one word.

    Parameters
    ----------
    word : intbv of `width` bits for each lane, in
    operands : list of signed intbv of `width` bits, out
    """
    instances = []
    for lane, operand in enumerate(operands):
        instance = take_lane(word, operand, low=lane * width, high=(lane + 1) * width)
        instance.name = f"lane_{lane}"
        instances.append(instance)
    return instances


@block
def mask_window(aclk, aresetn, slot, ring_row, words, operands, *, plan):
    """Registered: all lanes of all taps, turned to their order and masked.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    slot : Slot, in
    ring_row : intbv below `plan.ring.ring_rows`, in
    words : list of lists of intbv of `plan.ring.word_bits`, in
    operands : list of lists of signed intbv as wide as the source, out
    """
    ring, width = plan.ring, plan.ring.form.width
    rows, columns = ring.row_banks, ring.column_banks
    row_mask, column_mask = like(slot.row_mask), like(slot.column_mask)
    instances = [
        named(
            row_mask=delay(aclk, aresetn, slot.row_mask, row_mask, cycles=READ_LATENCY),
            column_mask=delay(aclk, aresetn, slot.column_mask, column_mask, cycles=READ_LATENCY),
        )
    ]
    first_row, turn = (Signal(intbv(0, min=0, max=max(2, rows))) for _ in range(2))
    first_column = like(slot.bank)
    if rows > 1:
        turns = tuple(row % rows for row in range(ring.ring_rows))
        instances += named(
            turn=look_up(ring_row, turn, entries=turns),
            first_row=delay(aclk, aresetn, turn, first_row, cycles=READ_LATENCY - 1),
        )
    if columns > 1:
        instances += named(first_column=delay(aclk, aresetn, slot.bank, first_column, cycles=READ_LATENCY))
    window = words
    if rows * columns > 1:
        window = [[like(word) for word in line] for line in words]
        instances += named(turned=turn_window(words, first_row, first_column, window))

    for tap_row in range(plan.tap_rows):
        for tap_column in range(plan.tap_columns):
            word = window[plan.lane_row(tap_row)][plan.lane_column(tap_column)]
            for lane, operand in enumerate(operands[tap_row * plan.tap_columns + tap_column]):
                instance = take_masked_lane(
                    aclk, word, row_mask, column_mask, operand,
                    low=lane * width, high=(lane + 1) * width, row=tap_row, column=tap_column,
                )  # fmt: skip
                instance.name = f"tap_{tap_row}_{tap_column}_lane_{lane}"
                instances.append(instance)
    return instances


@block
def window(aclk, aresetn, slot, ring_row, words, operands, *, plan):
    """The operands of a slot.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    slot : Slot, in
        Its masks, and the bank column in which its window begins.
    ring_row : intbv below `plan.ring.ring_rows`, in
        Ring row of the window's first row, one cycle after the slot.
    words : list of lists of intbv of `plan.ring.word_bits`, in
        ``words[bank row][bank column]``, `READ_LATENCY` cycles after the slot.
    operands : list of lists of signed intbv as wide as the source, out
        ``operands[tap lane][channel lane]``, `operand_latency` cycles after the slot.
    """
    if plan.masked:
        return named(masked=mask_window(aclk, aresetn, slot, ring_row, words, operands, plan=plan))
    return named(word=split_word(words[0][0], operands[0], width=plan.ring.form.width))
