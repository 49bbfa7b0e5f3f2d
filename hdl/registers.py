"""Pipeline registers and small look-up tables: the glue between the stages of a core."""

from myhdl import Signal, always, always_comb, always_seq, block


def named(**instances):
    """The block instances as a tuple, each under the name that its signals will carry in Verilog."""
    for name, instance in instances.items():
        instance.name = name
    return tuple(instances.values())


def like(signal):
    """A new signal of the same type, range and initial value."""
    return Signal(signal.val)


@block
def register(aclk, source, target):
    """`target` is `source` one cycle later.

    Parameters
    ----------
    aclk : bool, in
    source : any signal, in
    target : like `source`, out
    """

    @always(aclk.posedge)
    def store():
        target.next = source

    return store


@block
def enabled_register(aclk, enable, source, target):
    """`target` takes `source` in every cycle in which `enable` is high.

    Parameters
    ----------
    aclk, enable : bool, in
    source : any signal, in
    target : like `source`, out
    """

    @always(aclk.posedge)
    def store():
        if enable:
            target.next = source

    return store


@block
def cleared_register(aclk, aresetn, source, target):
    """`target` is `source` one cycle later, and its initial value during reset.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    source : any signal, in
    target : like `source`, out
    """

    @always_seq(aclk.posedge, reset=aresetn)
    def store():
        target.next = source

    return store


@block
def delay(aclk, aresetn, source, target, *, cycles, reset=False):
    """`target` is `source`, `cycles` (at least 1) later; with `reset` the stages are cleared during reset.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    source : any signal, in
    target : like `source`, out
    """
    if cycles < 1:
        raise ValueError(f"cycles must be at least 1, not {cycles}")
    stages = [source] + [like(source) for _ in range(cycles - 1)] + [target]
    instances = []
    for index in range(cycles):
        stage, following = stages[index], stages[index + 1]
        instance = cleared_register(aclk, aresetn, stage, following) if reset else register(aclk, stage, following)
        instance.name = f"stage_{index + 1}"
        instances.append(instance)
    return instances


@block
def look_up(index, value, *, entries):
    """`value` is entry `index` of a table of Python integers.

    Parameters
    ----------
    index : intbv that numbers the entries, in
    value : intbv that holds every entry, out
    """
    lowest, limit = value.min or 0, value.max or 2  # a bool has none
    if not entries or not lowest <= min(entries) <= max(entries) < limit:
        raise ValueError(f"entries must be at least one number from {lowest} to {limit - 1}, not {entries}")

    @always_comb
    def read():
        value.next = entries[int(index)]

    return read
