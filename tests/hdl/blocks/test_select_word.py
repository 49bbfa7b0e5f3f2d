"""One word of many."""

import pytest

from convstream.fixedpoint.dataflow.schedule.latency import select_latency
from convstream.hdl.select_word import select_word
from tests.hdl.blocks.bench import limited, words


@pytest.mark.parametrize("count", [2, 3, 4, 5, 16, 17, 33])
def test_selection(bench, count):
    choice, (chosen,), (index,) = words(count, 6), words(1, 6), limited(1, count)
    bench.start(select_word(bench.aclk, bench.aresetn, choice, index, chosen))
    bench.check_pipeline(
        [index, *choice], [chosen], lambda index, *choice: [choice[index]], latency=select_latency(count)
    )
