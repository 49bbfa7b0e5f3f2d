"""Random draws of stochastic rounding: the generator of `fixedpoint.stochastic`, one for each lane.

::

    x ^= x << 13;  x ^= x >> 7;  x ^= x << 17     (64 bits), once per result; the draw is the top bits of x
"""

from myhdl import Signal, always, always_comb, block, modbv

from convstream.hdl.registers import like, named


@block
def xorshift(state, following):
    """One step of the generator.

    Parameters
    ----------
    state : modbv of 64 bits, in
    following : modbv of 64 bits, out
    """
    first, second = like(state), like(state)

    @always_comb
    def shift_left_13():
        first.next = state ^ (state << 13)

    @always_comb
    def shift_right_7():
        second.next = first ^ (first >> 7)

    @always_comb
    def shift_left_17():
        following.next = second ^ (second << 17)

    return shift_left_13, shift_right_7, shift_left_17


@block
def draw_bits(aclk, aresetn, taken, draw, *, initial_state):
    """`draw` shows the present draw; the next one follows each cycle in which `taken` is high.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    taken : bool, in
    draw : intbv of 1 to 64 bits, out
    """
    if not 0 < initial_state < 1 << 64:
        raise ValueError(f"initial_state must be 64 bits and not 0, not {initial_state}")
    if len(draw) > 64:
        raise ValueError(f"draw must be at most 64 bits, not {len(draw)}")
    state, following = (Signal(modbv(0)[64:]) for _ in range(2))  # what is shifted beyond 64 bits is gone
    low = 64 - len(draw)
    # three parts, since Verilog takes an unsized constant for 32 bits
    initial = tuple((initial_state >> shift) & ((1 << 22) - 1) for shift in (0, 22, 44))
    low_part, middle_part, high_part = initial

    step = named(step=xorshift(state, following))

    @always(aclk.posedge)
    def advance():
        if aresetn == 0:
            state.next[22:0] = low_part
            state.next[44:22] = middle_part
            state.next[64:44] = high_part
        elif taken:
            state.next = following

    @always_comb
    def show():
        draw.next = state[64:low]

    return step, advance, show
