"""Each result begins with the biases of its group of filters."""

from itertools import product

import pytest

from convstream.fixedpoint.dataflow.schedule.latency import BIAS_LATENCY
from convstream.fixedpoint.dataflow.schedule.plan import Plan
from convstream.hdl.bias_memory import bias_memory
from convstream.hdl.weight_loader import WeightWrite
from tests.hdl.blocks.bench import flags, lanes_of, numbers, signed, small_layer


@pytest.mark.parametrize("weight_sets", [1, 2])
@pytest.mark.parametrize("filters", [2, 6])
def test_biases(bench, filters, weight_sets):
    layer = small_layer(channels=(1, filters), lanes=(1, 2, 1), weight_sets=weight_sets)
    plan, width = Plan(layer), layer.formats.bias.width
    write, (second, result_done) = WeightWrite(plan, 8), flags(2)
    starts = signed(2, width + layer.bias_shift)
    bench.start(bias_memory(bench.aclk, bench.aresetn, write, second, result_done, starts, plan=plan))
    kept = {}
    write.bias.next = True
    for set_number, group, lane in product(range(weight_sets), range(plan.out_groups), range(2)):
        write.group.next, write.lane.next, write.second_set.next = group, lane, set_number
        kept[set_number, group, lane] = lanes_of(bench.drive(write.word)[0], 1, width)[0] << layer.bias_shift
        bench.edge()
    write.bias.next = False
    second.next = weight_sets - 1
    groups = [0]
    for _ in range(100):
        (done,) = bench.drive(result_done)
        bench.edge()
        if len(groups) >= BIAS_LATENCY:
            assert numbers(starts) == [kept[weight_sets - 1, groups[-BIAS_LATENCY], lane] for lane in range(2)]
        groups.append((groups[-1] + done) % plan.out_groups)
