"""Every accumulator once, in the order of the weight stream: cleared after a reset, sent after a batch."""

import pytest

from convstream.fixedpoint.dataflow.schedule.gradient_plan import GradientPlan
from convstream.hdl.drain import drain
from convstream.hdl.weight_order import WeightPlace
from tests.hdl.blocks.bench import flags, small_layer
from tests.hdl.blocks.test_weight_order import places


@pytest.mark.parametrize("kernel_lanes", [1, 3, 9])
def test_batches(bench, kernel_lanes):
    plan, wait_cycles = GradientPlan(small_layer(channels=(4, 2), lanes=(2, 1, kernel_lanes))), 5
    place, order = WeightPlace(plan.window), places(plan.window)
    batch_done, room, draining, step, sent = flags(5)
    bench.start(
        drain(
            bench.aclk, bench.aresetn, batch_done, room, draining, place, step, sent, plan=plan,
            wait_cycles=wait_cycles,
        )
    )  # fmt: skip
    for batch in range(3):  # the first is the clearing after reset
        if batch:
            batch_done.next = True
            bench.edge()
            batch_done.next = False
        steps, cycles, first = [], 0, None
        while True:
            room.next = bench.chance(0.6)
            bench.settle()
            if not draining:
                break
            assert step == (sent if batch else step)
            assert not (sent and not (batch and room))
            if step:
                first = cycles if first is None else first
                steps.append((place.lane, place.group, place.tap_row, place.tap_column, place.address))
                steps[-1] = tuple(map(int, steps[-1]))
                assert place.end == (len(steps) == len(order))
            cycles += 1
            bench.edge()
        assert steps == order
        assert not batch or first >= wait_cycles
        bench.edge(3)
        assert not draining
