"""Sums of dz over a batch for each filter; the next batch comes in while one is sent."""

import pytest

from convstream.fixedpoint.dataflow.schedule.gradient_plan import GradientPlan
from convstream.hdl.bias_gradient import bias_gradient
from convstream.hdl.line_writer import BankWrite
from tests.hdl.blocks.bench import flags, lanes_of, limited, small_layer, words


@pytest.mark.parametrize("send_share", [0.05, 0.9])
@pytest.mark.parametrize(("filters", "lanes"), [(1, 1), (4, 2), (3, 3)])
def test_batches(bench, filters, lanes, send_share):
    plan = GradientPlan(small_layer((2, 3), (1, filters), batch=2, lanes=(1, lanes, 1)))
    ring, form = plan.gradient_ring, plan.layer.accumulators["db"]
    write, sums = BankWrite(ring), words(lanes, form.width)
    row_arrived, held, room, step, last, pending = flags(6)
    (lane,) = limited(1, max(2, lanes))
    bench.start(
        bias_gradient(
            bench.aclk, bench.aresetn, write, row_arrived, held, room, step, lane, last, sums, pending, plan=plan
        )
    )
    groups, per_row = ring.groups, ring.row_beats
    per_batch = plan.batch_rows * per_row
    number, totals, expected, seen, holds = 0, [0] * filters, [], [], 0
    for _ in range(1500):
        room.next = bench.chance(send_share)
        bench.settle()
        comes = not held and number < 5 * per_batch and bench.chance(0.9)
        holds += held
        assert pending or not step
        sent = (int(lane), bool(last)) if step else None
        bench.edge()
        if sent:
            seen.append((lanes_of(int(sums[sent[0]]), 1, form.width)[0], sent[1]))
        write.enable.next, row_arrived.next = comes, comes and number % per_row == per_row - 1
        if comes:
            (word,) = bench.drive(write.word)
            for filter_lane, element in enumerate(lanes_of(word, lanes, ring.form.width)):
                totals[number % groups * lanes + filter_lane] += element
            number += 1
            if number % per_batch == 0:
                expected += [(total, index == filters - 1) for index, total in enumerate(totals)]
                totals = [0] * filters
    assert seen == expected[: len(seen)]
    assert len(seen) >= 2 * filters
    assert bool(holds) == (send_share < 0.5)
