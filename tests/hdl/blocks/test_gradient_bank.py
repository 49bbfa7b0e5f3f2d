"""Accumulators: the sums of runs are added to their words; a word is cleared in the bank that is asked for."""

import pytest

from convstream.fixedpoint.dataflow.schedule.gradient_plan import GradientPlan
from convstream.hdl.gradient_bank import gradient_bank
from tests.hdl.blocks.bench import flags, lanes_of, limited, signed, small_layer, words


@pytest.mark.parametrize("lanes", [1, 3])
def test_runs_and_clearing(bench, lanes):
    plan, bank = GradientPlan(small_layer(channels=(lanes, 2), lanes=(lanes, 1, 1))), 2
    form, depth = plan.layer.accumulators["dw"], plan.accumulator_depth
    sources, (gradient,) = signed(lanes, 4), signed(1, 4)
    first, update, clearing, clear = flags(4)
    bank_index, read_address, write_address = limited(3, max(4, depth))
    (word,) = words(1, lanes * form.width)
    bench.start(
        gradient_bank(
            bench.aclk, sources, gradient, first, update, clearing, clear, bank_index, read_address, write_address,
            word, plan=plan, bank=bank,
        )
    )  # fmt: skip

    def read(address: int) -> list[int]:
        read_address.next = address
        bench.edge(2)
        return lanes_of(int(word), lanes, form.width)

    def clear_word(address: int, chosen: int):
        clearing.next, write_address.next = True, address
        bench.edge()
        clearing.next, clear.next, bank_index.next = False, True, chosen
        bench.edge()
        clear.next = False

    for address in range(depth):
        clear_word(address, bank)
        assert read(address) == [0] * lanes
    held, room = {address: [0] * lanes for address in range(depth)}, plan.batch_rows * 5
    products = dict.fromkeys(held, 0)
    for _ in range(80):
        address, run = bench.pick.randrange(depth), bench.pick.randrange(1, 5)
        if products[address] + run > room:
            continue
        products[address] += run
        # the operands of a run begin in cycle 0, its products in cycle 2; in cycle `run` + 2 its sum meets the old word
        for cycle in range(run + 4):
            values, (other,) = bench.drive(*sources), bench.drive(gradient)
            if cycle < run:
                held[address] = [old + value * other for old, value in zip(held[address], values, strict=True)]
            first.next = not 2 < cycle < run + 2
            read_address.next = address if cycle == run else 0
            update.next, write_address.next = cycle == run + 3, address if cycle == run + 3 else 0
            bench.edge()
        update.next = False
        assert read(address) == held[address]
        if bench.chance(0.3):
            chosen = bench.pick.randrange(4)
            clear_word(address, chosen)
            if chosen == bank:
                held[address], products[address] = [0] * lanes, 0
            assert read(address) == held[address]
