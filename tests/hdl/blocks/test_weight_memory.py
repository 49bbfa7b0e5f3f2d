"""Weights of any address, of the set in use."""

from itertools import product

import pytest

from convstream.fixedpoint.dataflow.schedule.latency import operand_latency
from convstream.fixedpoint.dataflow.schedule.plan import Plan
from convstream.hdl.positions import Position
from convstream.hdl.slots import Slot
from convstream.hdl.weight_loader import WeightWrite
from convstream.hdl.weight_memory import weight_memory
from tests.hdl.blocks.bench import flags, lanes_of, numbers, signed, small_layer


@pytest.mark.parametrize("weight_sets", [1, 2])
@pytest.mark.parametrize("kernel_lanes", [1, 3, 9])
def test_weights(bench, kernel_lanes, weight_sets):
    layer = small_layer(channels=(2, 4), lanes=(2, 2, kernel_lanes), weight_sets=weight_sets)
    plan = Plan(layer)
    width, taps = layer.formats.weights.width, range(kernel_lanes)
    write, slot, (second,) = WeightWrite(plan, 8), Slot(plan, Position(plan)), flags(1)
    weights = [[signed(2, width) for _ in taps] for _ in range(2)]
    bench.start(weight_memory(bench.aclk, bench.aresetn, write, second, slot, weights, plan=plan))
    kept = {}
    write.weight.next = True
    for set_number, lane, tap, address in product(range(weight_sets), range(2), taps, range(plan.weight_depth)):
        write.tap_row.next, write.tap_column.next = divmod(tap, plan.tap_columns)
        write.lane.next, write.address.next, write.second_set.next = lane, address, set_number
        (kept[set_number, lane, tap, address],) = bench.drive(write.word)
        bench.edge()
    write.weight.next = False
    for set_number in range(weight_sets):
        second.next = set_number
        addresses = []
        for _ in range(40):
            addresses.append(bench.pick.randrange(plan.weight_depth))
            slot.weight_offset.next = offset = bench.pick.randrange(addresses[-1] + 1)
            slot.weight_base.next = addresses[-1] - offset
            bench.edge()
            if len(addresses) >= operand_latency(plan):
                for lane, tap in product(range(2), taps):
                    word = kept[set_number, lane, tap, addresses[-operand_latency(plan)]]
                    assert numbers(weights[lane][tap]) == lanes_of(word, 2, width)
