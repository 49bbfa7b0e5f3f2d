"""Requantize: one rounding and one overflow rule per result, from the accumulator's format to the result's.

A right shift rounds by adding an increment below the point first; the mode decides the increment::

    floor       nothing                 half_up     half
    toward_zero 2**shift - 1 if < 0     half_away   half, less 1 if < 0
    stochastic  a draw of shift bits    half_even   half, less 1 if the kept part is even

    cycle   0              1          2                       3
            accumulator -> rounded -> scaled, and whether  -> result
                                      it is out of range
"""

from myhdl import Constant, Signal, always, always_comb, block, intbv

from convstream.fixedpoint.formats import Overflow, Rounding
from convstream.fixedpoint.stochastic import initial_state
from convstream.hdl.draw import draw_bits
from convstream.hdl.registers import like, named, register


@block
def choose_increment(value, increment, *, shift):
    """What rounding toward zero adds to `value` before its last `shift` bits are dropped.

    Parameters
    ----------
    value : signed intbv of more than `shift` bits, in
    increment : intbv of `shift` bits, out
    """
    whole = 1 << shift

    @always_comb
    def choose():
        if value < 0:
            increment.next = whole - 1
        else:
            increment.next = 0

    return choose


@block
def tie_up(value, up, *, rounding, shift):
    """Whether a `value` that lies halfway between two results is rounded to the upper one.

    Parameters
    ----------
    value : signed intbv of more than `shift` bits, in
    up : bool, out
    """

    @always_comb
    def half_even():
        up.next = value[shift]

    @always_comb
    def half_away():
        up.next = value >= 0

    return {Rounding.HALF_EVEN: half_even, Rounding.HALF_AWAY: half_away}[rounding]


@block
def add_increment(aclk, value, increment, rounded):
    """Registered full-width sum.

    Parameters
    ----------
    aclk : bool, in
    value : signed intbv, in
    increment : intbv narrower than `value`, in
    rounded : signed intbv that holds every sum, out
    """

    @always(aclk.posedge)
    def add():
        rounded.next = value + increment

    return add


@block
def add_and_carry(aclk, value, increment, carry, rounded):
    """Registered full-width sum, and one more with `carry`.

    Parameters
    ----------
    aclk : bool, in
    value : signed intbv, in
    increment : intbv, in
    carry : bool, in
    rounded : signed intbv of the whole sum, a cycle later, out
    """
    total = like(rounded)

    @always_comb
    def add():
        total.next = value + increment

    @always(aclk.posedge)
    def finish():
        rounded.next = total + carry

    return add, finish


@block
def extend(source, target):
    """The same number in a wider signal.

    Parameters
    ----------
    source : signed intbv, in
    target : signed intbv at least as wide, out
    """

    @always_comb
    def copy():
        target.next = source

    return copy


@block
def round_value(aclk, value, draw, rounded, *, rounding, shift):
    """Registered: `value` plus the increment of its rounding mode.

    Parameters
    ----------
    aclk : bool, in
    value : signed intbv of more than `shift` bits, in
    draw : intbv of `shift` bits (or None), in
    rounded : signed intbv that holds every sum, out
    """
    if shift <= 0 or rounding is Rounding.FLOOR:
        return register(aclk, value, rounded)
    if rounding is Rounding.STOCHASTIC:
        return add_increment(aclk, value, draw, rounded)
    if rounding is Rounding.TOWARD_ZERO:
        increment = Signal(intbv(0)[shift:])
        choose = choose_increment(value, increment, shift=shift)
        return named(increment=choose, sum=add_increment(aclk, value, increment, rounded))
    half = 1 << (shift - 1)
    if rounding is Rounding.HALF_UP:
        return add_increment(aclk, value, Constant(intbv(half)[shift:]), rounded)
    up = Signal(bool(0))
    return named(
        up=tie_up(value, up, rounding=rounding, shift=shift),
        sum=add_and_carry(aclk, value, Constant(intbv(half - 1)[shift:]), up, rounded),
    )


@block
def scale(aclk, rounded, scaled, *, shift):
    """Registered: drop `shift` bits, or add as many zeros where `shift` is negative.

    Parameters
    ----------
    aclk : bool, in
    rounded : signed intbv, in
    scaled : signed intbv that holds every shifted value, out
    """
    left = -shift

    @always(aclk.posedge)
    def shift_right():
        scaled.next = rounded >> shift

    @always(aclk.posedge)
    def shift_left():
        scaled.next = rounded << left

    return shift_right if shift >= 0 else shift_left


@block
def limit(aclk, scaled, result, *, overflow):
    """Registered: `scaled` as a word of the result's width, saturated or wrapped.

    Parameters
    ----------
    aclk : bool, in
    scaled : signed intbv at least as wide as `result`, in
    result : intbv of the result's width, out
    """
    width = len(result)
    sign = width - 1
    lowest_word, highest_word = 1 << sign, (1 << sign) - 1
    beyond = Signal(intbv(0, min=min(-1, scaled.min >> sign), max=((scaled.max - 1) >> sign) + 2))

    @always_comb
    def drop_kept_bits():
        beyond.next = scaled >> sign

    @always(aclk.posedge)
    def saturate():
        if beyond == 0 or beyond == -1:
            result.next = scaled[width:]
        elif scaled < 0:
            result.next = lowest_word
        else:
            result.next = highest_word

    @always(aclk.posedge)
    def wrap():
        result.next = scaled[width:]

    if overflow is Overflow.WRAP:
        return wrap
    return drop_kept_bits, saturate


@block
def requantize(aclk, accumulator, draw, result, *, shift, rounding, overflow):
    """Turn one accumulator into one result word.

    Parameters
    ----------
    aclk : bool, in
    accumulator : signed intbv, in
    draw : intbv of `shift` bits (or None), in
        Read in cycle 0, in stochastic rounding only.
    result : intbv of the result's width, out
        The word's bits, `REQUANTIZE_LATENCY` cycles later.
    shift : int
        Fraction bits to drop; negative to append zeros.
    rounding, overflow : Rounding, Overflow
    """
    if rounding is Rounding.STOCHASTIC and shift > 0 and (draw is None or len(draw) != shift):
        raise ValueError(f"draw must be {shift} bits, not {'None' if draw is None else len(draw)}")
    # wide enough that the bit above the dropped ones exists
    reach = max(len(accumulator) - 1, shift + 1)
    value = Signal(intbv(0, min=-(1 << reach), max=1 << reach))
    rounded = Signal(intbv(0, min=value.min, max=value.max + (1 << max(shift, 0))))
    lowest, highest = rounded.min, rounded.max - 1
    if shift >= 0:
        lowest, highest = lowest >> shift, highest >> shift
    else:
        lowest, highest = lowest << -shift, highest << -shift
    word_limit = 1 << (len(result) - 1)
    scaled = Signal(intbv(0, min=min(lowest, -word_limit), max=max(highest + 1, word_limit)))

    return named(
        extended=extend(accumulator, value),
        round=round_value(aclk, value, draw, rounded, rounding=rounding, shift=shift),
        scale=scale(aclk, rounded, scaled, shift=shift),
        limit=limit(aclk, scaled, result, overflow=overflow),
    )


@block
def requantize_lane(aclk, aresetn, accumulator, valid, word, *, layer, tensor, lane):
    """`requantize` one lane of a result stream by the layer's rules; each `valid` accumulator takes its own draw.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    accumulator : signed intbv as wide as an accumulator of `tensor`, in
    valid : bool, in
    word : intbv of the result's width, out
    layer : Layer
    tensor : str
        The result: z, dx, dw or db.
    lane : int
        Of its beats: lanes draw from generators of their own.
    """
    formats = layer.formats
    shift = layer.accumulators[tensor].fraction - formats.of(tensor).fraction
    draw, instances = None, []
    if formats.rounding is Rounding.STOCHASTIC and shift > 0:
        draw = Signal(intbv(0)[shift:])
        state = initial_state(formats.rounding_seed, tensor, lane)
        instances += named(draw=draw_bits(aclk, aresetn, valid, draw, initial_state=state))
    rounding, overflow = formats.rounding, formats.overflow
    instances += named(
        requantize=requantize(aclk, accumulator, draw, word, shift=shift, rounding=rounding, overflow=overflow)
    )
    return instances
