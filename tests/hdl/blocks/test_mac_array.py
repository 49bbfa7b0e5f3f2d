"""Products, their tree of adders, and what accumulates the sums."""

import pytest
from myhdl import Signal, intbv

from convstream.fixedpoint.dataflow.schedule.latency import MULTIPLY_LATENCY, tree_levels
from convstream.hdl.mac_array import (
    accumulate,
    accumulate_from_zero,
    adder_tree,
    dot_product,
    multiply,
    product_of,
)
from tests.hdl.blocks.bench import flags, signed


def test_product(bench):
    (a,), (b,) = signed(1, 4), signed(1, 3)
    product = product_of(a, b)
    bench.start(multiply(bench.aclk, a, b, product))
    bench.check_pipeline([a, b], [product], lambda a, b: [a * b], MULTIPLY_LATENCY)


@pytest.mark.parametrize("count", [2, 3, 5, 8, 9])
def test_tree(bench, count):
    terms, total = signed(count, 3), Signal(intbv(0, min=-4 * count, max=3 * count + 1))
    bench.start(adder_tree(bench.aclk, terms, total))
    bench.check_pipeline(terms, [total], lambda *terms: [sum(terms)], tree_levels(count))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_dot_product(bench, count):
    a, b = signed(count, 3), signed(count, 4)
    total = Signal(intbv(0, min=-28 * count, max=32 * count + 1))
    bench.start(dot_product(bench.aclk, a, b, total))
    bench.check_pipeline(
        [*a, *b], [total], lambda *both: [sum(map(int.__mul__, both[:count], both[count:]))],
        MULTIPLY_LATENCY + tree_levels(count),
    )  # fmt: skip


@pytest.mark.parametrize("biased", [False, True])
def test_accumulator(bench, biased):
    (total, start), (accumulator,), (first,) = signed(2, 4), signed(1, 12), flags(1)
    if biased:
        bench.start(accumulate(bench.aclk, total, first, start, accumulator))
    else:
        bench.start(accumulate_from_zero(bench.aclk, total, first, accumulator))
    first.next = True
    bench.edge()
    held = int(accumulator)

    def follow(total, start, first):
        nonlocal held
        held = total + (start if biased else 0) if first else held + total
        return [held]

    bench.check_pipeline([total, start, first], [accumulator], follow, latency=1)
