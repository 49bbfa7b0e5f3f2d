"""MAC array: multiply all lanes at once, sum them in a tree, and accumulate the sums of a result's slots.

::

    cycle   0           1                 2           3 .. 2+levels       3+levels
            operands -> beside each    -> products -> tree of adders   -> accumulator
                        multiplier                    (one level a cycle)

An operand goes to many multipliers, all over the device.  The register that it has beside each of them gives it a
whole cycle for the way.
"""

from myhdl import Signal, always, block, intbv

from convstream.hdl.registers import like, named, register


def product_of(a, b):
    """A signal for the product of two signed signals."""
    return Signal(intbv(0, min=min(a.min * (b.max - 1), (a.max - 1) * b.min), max=a.min * b.min + 1))


def sum_of(terms):
    """A signal for the sum of signed signals."""
    return Signal(intbv(0, min=sum(term.min for term in terms), max=sum(term.max - 1 for term in terms) + 1))


def _check_range(target, full):
    if target.min > full.min or target.max < full.max:
        raise ValueError(f"{target.min} to {target.max - 1} must hold every number from {full.min} to {full.max - 1}")


@block
def multiply(aclk, source, weight, product):
    """Full-width product, `MULTIPLY_LATENCY` cycles later.

    Parameters
    ----------
    aclk : bool, in
    source, weight : signed intbv, in
    product : signed intbv that holds every product, out
    """
    _check_range(product, product_of(source, weight))
    near_source, near_weight = like(source), like(weight)

    @always(aclk.posedge)
    def bring_near():
        near_source.next = source
        near_weight.next = weight

    @always(aclk.posedge)
    def multiply_operands():
        product.next = near_source * near_weight

    return bring_near, multiply_operands


@block
def add(aclk, a, b, total):
    """Registered, full-width sum.

    Parameters
    ----------
    aclk : bool, in
    a, b : signed intbv, in
    total : signed intbv that holds every sum, out
    """
    _check_range(total, sum_of([a, b]))

    @always(aclk.posedge)
    def add_pair():
        total.next = a + b

    return add_pair


@block
def adder_tree(aclk, terms, total):
    """Sum of all terms, one level of pairs a cycle; `total` must hold the worst case.

    Parameters
    ----------
    aclk : bool, in
    terms : list of at least two signed intbv, in
    total : signed intbv that holds every sum, out
    """
    if len(terms) < 2:
        raise ValueError(f"terms must be at least 2, not {len(terms)}")
    _check_range(total, sum_of(terms))
    instances = []
    level = 0
    while len(terms) > 1:
        level += 1
        sums = []
        for index in range(0, len(terms), 2):
            pair = terms[index : index + 2]
            target = total if len(terms) <= 2 else sum_of(pair)
            instance = add(aclk, *pair, target) if len(pair) == 2 else register(aclk, *pair, target)
            instance.name = f"level_{level}_{index // 2}"
            instances.append(instance)
            sums.append(target)
        terms = sums
    return instances


@block
def accumulate(aclk, total, first, start, accumulator):
    """Add `total` to `start` in the first slot of a result, else to what there is.

    Parameters
    ----------
    aclk : bool, in
    total : signed intbv, in
    first : bool, in
    start : signed intbv as wide as an aligned bias, in
    accumulator : signed intbv that holds the worst case, out
    """

    @always(aclk.posedge)
    def accumulate_sum():
        if first:
            accumulator.next = start + total
        else:
            accumulator.next = accumulator + total

    return accumulate_sum


@block
def accumulate_from_zero(aclk, total, first, accumulator):
    """Like `accumulate`, where nothing is added to the products.

    Parameters
    ----------
    aclk : bool, in
    total : signed intbv, in
    first : bool, in
    accumulator : signed intbv that holds the worst case, out
    """

    @always(aclk.posedge)
    def accumulate_sum():
        if first:
            accumulator.next = total
        else:
            accumulator.next = accumulator + total

    return accumulate_sum


@block
def dot_product(aclk, operands, weights, total):
    """Sum of the products of two equally long lists of signed signals, `MULTIPLY_LATENCY + tree_levels` later.

    Parameters
    ----------
    aclk : bool, in
    operands, weights : list of signed intbv, in
    total : signed intbv that holds every sum of products, out
    """
    if not operands:
        raise ValueError("operands must be at least 1, not 0")
    instances, products = [], []
    for index, (operand, weight) in enumerate(zip(operands, weights, strict=True)):
        product = product_of(operand, weight) if len(operands) > 1 else total
        instance = multiply(aclk, operand, weight, product)
        instance.name = f"multiply_{index}"
        instances.append(instance)
        products.append(product)
    if len(products) > 1:
        instances += named(tree=adder_tree(aclk, products, total))
    return instances
