"""Exploration: rules and what they leave, what is recommended, and what is said if nothing is left."""

from fractions import Fraction
from pathlib import Path

import pytest

from convstream.layer_file import read_layer_file
from convstream.sim.explore.exploration import Rules, best_of, candidates, recommend, spread, why_none
from convstream.sim.fpga.targets import TARGETS

LAYER = read_layer_file(Path(__file__).parents[3] / "examples" / "layers" / "remainder_3x3_s2.toml").layer
FOUND = list(candidates(LAYER, ["forward"], TARGETS["ecp5"]))
MHZ = 1e6


def smallest_reaching(fps, clock_mhz):
    fast = [c for c in FOUND if c.choice.images_per_second(clock_mhz * MHZ) >= fps]
    return min(fast, key=lambda candidate: candidate.choice.costs)


def test_rules_leave_the_part_of_the_set_that_keeps_to_them():
    everything = best_of(FOUND, Rules())
    middle = everything[len(everything) // 2]
    fps = middle.choice.images_per_second(100 * MHZ)
    assert best_of(FOUND, Rules(budget_dsps=middle.dsps)) == everything[: len(everything) // 2 + 1]
    assert best_of(FOUND, Rules(target_fps=fps * 0.999, clock_mhz=100)) == everything[len(everything) // 2 :]
    assert best_of(FOUND, Rules(target_fps=fps)) == everything  # no clock, no rate


def test_the_smallest_that_is_fast_enough_is_recommended_else_the_fastest_within_the_budget():
    rules = Rules(target_fps=20_000, clock_mhz=100)
    assert recommend(best_of(FOUND, rules), rules) is smallest_reaching(20_000, 100)
    rules = Rules(budget_dsps=12)
    cycles = min(c.choice.cycles for c in FOUND if c.dsps <= 12)
    assert recommend(best_of(FOUND, rules), rules).choice.cycles == cycles
    assert recommend(best_of(FOUND, Rules()), Rules()) is None


def test_a_clock_that_was_measured_counts_where_it_is_slower():
    best = best_of(FOUND, Rules())
    fps = best[2].choice.images_per_second(100 * MHZ)
    fast, slow = [100.0] * len(best), [99.0] * len(best)
    assert recommend(best, Rules(target_fps=fps), fast) is best[2]
    assert recommend(best, Rules(target_fps=fps), slow) is best[3]
    assert recommend(best, Rules(target_fps=fps, clock_mhz=99.0), fast) is best[3]
    assert recommend(best[:2], Rules(target_fps=fps), fast[:2]) is None
    halved = [100.0, 1.0]
    assert recommend(best[:2], Rules(budget_dsps=99), halved) is best[0]


@pytest.mark.parametrize(("count", "most", "taken"), [(5, 8, [0, 1, 2, 3, 4]), (9, 3, [0, 4, 8]), (9, 1, [0])])
def test_the_few_that_are_measured_are_spread_from_first_to_last(count, most, taken):
    assert spread(range(count), most) == taken


def test_it_is_said_which_rule_excludes_all_and_what_is_nearest():
    fastest = max(c.choice.images_per_second(MHZ) for c in FOUND)
    message = why_none(FOUND, Rules(target_fps=2e9, clock_mhz=1))
    assert message.startswith("no choice reaches 2,000,000,000 images/s at 1 MHz: the fastest, in_lanes ")
    assert message.endswith(f"reaches {fastest:,.1f}")
    nearest = smallest_reaching(fastest / 2, 1)
    message = why_none(FOUND, Rules(2, fastest / 2, 1))
    assert message.startswith("no choice of at most 2 DSP multipliers reaches ")
    assert message.endswith(f"kernel_lanes {nearest.choice.lanes.kernel_lanes}, takes {nearest.dsps}")
    assert why_none(FOUND, Rules(1, 2e9, 1)).endswith(", and no other reaches it")
    message = why_none([c for c in FOUND if c.dsps > 1], Rules(budget_dsps=1))
    assert message.startswith("no choice takes at most 1 DSP multiplier: the smallest, in_lanes ")
    assert message.endswith("takes 2")


def test_cycles_are_those_of_an_image():
    (batch,) = (c for c in candidates(LAYER, ["weight_gradient"], TARGETS["ecp5"]) if c.choice.multipliers == 1)
    (core,) = batch.choice.cores
    assert LAYER.geometry.batch > 1
    assert batch.choice.cycles == Fraction(core.period, LAYER.geometry.batch)
