"""Registers, delays and tables."""

import pytest

from convstream.hdl.registers import cleared_register, delay, enabled_register, look_up, register
from tests.hdl.blocks.bench import flags, limited, words


def test_register_is_a_cycle_late(bench):
    source, target = words(2, 5)
    bench.start(register(bench.aclk, source, target))
    bench.check_pipeline([source], [target], lambda value: [value], latency=1)


def test_enabled_register_holds(bench):
    (enable,), (source, target), held = flags(1), words(2, 5), 0
    bench.start(enabled_register(bench.aclk, enable, source, target))
    for _ in range(200):
        taken, value = bench.drive(enable, source)
        held = value if taken else held
        bench.edge()
        assert target == held


def test_cleared_register(bench):
    source, target = words(2, 5)
    source.next = 9
    bench.start(cleared_register(bench.aclk, bench.aresetn, source, target))
    assert target == 0
    bench.check_pipeline([source], [target], lambda value: [value], latency=1)


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("cycles", [1, 2, 5])
def test_delay(bench, cycles, reset):
    source, target = words(2, 5)
    bench.start(delay(bench.aclk, bench.aresetn, source, target, cycles=cycles, reset=reset))
    bench.check_pipeline([source], [target], lambda value: [value], latency=cycles)


@pytest.mark.parametrize("reset", [False, True])
def test_a_reset_clears_the_stages_that_it_reaches(bench, reset):
    source, target = words(2, 5)
    bench.start(delay(bench.aclk, bench.aresetn, source, target, cycles=4, reset=reset))
    source.next = 9
    bench.edge(4)
    bench.aresetn.next = 0
    bench.edge()
    assert target == (0 if reset else 9)


def test_look_up(bench):
    entries = (3, 0, 7, 7, 1)
    (index,), (value,) = limited(1, len(entries)), words(1, 3)
    bench.start(look_up(index, value, entries=entries))
    bench.check_pipeline([index], [value], lambda index: [entries[index]], latency=0)
