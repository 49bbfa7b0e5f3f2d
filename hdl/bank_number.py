"""The number of an accumulator bank, where a core multiplies several taps at once and so has a bank for each."""

from myhdl import always, always_comb, block

from convstream.hdl.registers import like, named, register


@block
def bank_number(aclk, place, bank, *, lanes, tap_rows, tap_columns):
    """`bank` is lane * tap_rows * tap_columns + tap_row * tap_columns + tap_column of `place`, a cycle later.

    By tables, since Yosys makes a DSP multiplier of a counter times a constant.

    Parameters
    ----------
    aclk : bool, in
    place : WeightPlace, in
    bank : intbv below lanes * tap_rows * tap_columns, out
    """
    banks = lanes * tap_rows * tap_columns
    if min(lanes, tap_rows, tap_columns) < 1 or banks > bank.max:
        factors = f"{lanes} * {tap_rows} * {tap_columns}"
        raise ValueError(f"lanes * tap_rows * tap_columns must be 1 to {bank.max}, not {factors}")
    lane_bank, row_bank, column = like(bank), like(bank), like(place.tap_column)
    lane_table = tuple(lane * tap_rows * tap_columns for lane in range(lanes))
    row_table = tuple(row * tap_columns for row in range(tap_rows))
    registers = named(hold_column=register(aclk, place.tap_column, column))

    @always(aclk.posedge)
    def look_up_lane():
        lane_bank.next = lane_table[int(place.lane)]

    @always(aclk.posedge)
    def look_up_row():
        row_bank.next = row_table[int(place.tap_row)]

    @always_comb
    def add():
        bank.next = lane_bank + row_bank + column

    return look_up_lane, look_up_row, registers, add
