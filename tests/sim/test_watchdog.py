import pytest

from convstream.sim.watchdog import cycle_limit
from tests.sim.stand_ins import FORWARD


@pytest.mark.parametrize("stall", [0, 0.5, 0.95])
def test_the_limit_leaves_twice_the_cycles_of_a_core_that_does_one_thing_at_a_time(stall):
    # 2 images of 12 pixels, 2 x 2 products a pixel, all lanes: a slot a pixel
    limit = cycle_limit(FORWARD, batches=3, beats=100).cycles(stall)
    assert limit >= 2 * (3 * 24 + 100 / (1 - stall))
    assert limit <= 10 * (3 * 24 + 100 / (1 - stall)) + 1000 / (1 - stall)


def test_lanes_along_the_kernel_are_not_counted_on():
    # the phases of an input gradient may leave most of them idle
    assert cycle_limit(FORWARD, 1, 0).fixed == 1000 + 2 * 24
