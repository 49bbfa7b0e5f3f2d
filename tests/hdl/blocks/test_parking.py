"""The pipeline counts as empty after a power of two of quiet cycles."""

import pytest

from convstream.hdl.parking import parking
from tests.hdl.blocks.bench import flags


@pytest.mark.parametrize(("cycles", "needed"), [(1, 1), (2, 2), (5, 8), (8, 8), (13, 16)])
def test_parked_after_quiet_cycles(bench, cycles, needed):
    busy, at_frame_start, parked = flags(3)
    bench.start(parking(bench.aclk, bench.aresetn, busy, at_frame_start, parked, cycles=cycles))
    quiet, parkings = 0, 0
    for _ in range(600):
        is_quiet = bench.chance(0.9)
        busy.next, at_frame_start.next = (0, 1) if is_quiet else bench.pick.choice([(0, 0), (1, 0), (1, 1)])
        bench.settle()
        assert parked == (is_quiet and quiet >= needed)
        parkings += parked
        quiet = quiet + 1 if is_quiet else 0
        bench.edge()
    assert parkings
