from itertools import groupby, islice

import pytest

from convstream.sim.bench.stalls import HIGHEST_STALL, stalls


@pytest.mark.parametrize("level", [0.0, 0.3, 0.5, HIGHEST_STALL])
def test_the_share_of_stalled_cycles_is_the_level(level):
    # 200,000 cycles hold about 30,000 decisions, weighted by durations of 1 to 40 cycles: a standard error below 0.012
    share = sum(islice(stalls(level, "1"), 200_000)) / 200_000
    assert share == pytest.approx(level, abs=0.04)


def test_no_level_never_stalls():
    assert not any(islice(stalls(0.0, "1"), 10_000))


def test_pauses_are_mostly_short_and_now_and_then_long():
    pauses = [len(list(group)) for stalled, group in groupby(islice(stalls(0.3, "1"), 50_000)) if stalled]
    assert min(pauses) == 1
    assert max(pauses) >= 40


def test_the_seed_decides():
    first, again, other = (list(islice(stalls(0.5, seed), 100)) for seed in ("1 x", "1 x", "1 z"))
    assert first == again != other
