"""Choices of lanes: against the layer's own rules, the estimates of single cores, and the definition of the set."""

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convstream.fixedpoint.dataflow.choices import choose, legal_lanes, pareto_set
from convstream.fixedpoint.dataflow.estimate import estimate
from convstream.fixedpoint.layer import Lanes, LayerError
from convstream.hdl.passes import PASSES
from convstream.layer_file import read_layer_file

LAYERS = Path(__file__).parents[3] / "examples" / "layers"


@dataclass(frozen=True)
class Costly:
    """As much of a choice as the set looks at."""

    costs: tuple[int, Fraction, int]


def layer(name):
    return read_layer_file(LAYERS / f"{name}.toml").layer


@pytest.mark.parametrize("name", ["remainder_3x3_s2", "stem_7x7_s2", "point_1x1", "corner_4x4_s3"])
def test_legal_lanes_are_those_that_the_layer_accepts(name):
    given, accepted = layer(name), []
    geometry = given.geometry
    ranges = (geometry.in_channels, geometry.out_channels, geometry.rows.kernel * geometry.columns.kernel)
    for lanes in product(*(range(1, extent + 2) for extent in ranges)):
        try:
            accepted.append(replace(given, lanes=Lanes(*lanes)).lanes)
        except LayerError:
            continue
    assert legal_lanes(geometry) == accepted


def test_a_layer_of_64_channels_and_filters_has_147_choices():
    geometry = replace(layer("middle_3x3").geometry, in_channels=64, out_channels=64)
    assert len(legal_lanes(geometry)) == len(set(legal_lanes(geometry))) == 7 * 7 * 3


def test_choices_keep_to_the_bound_of_multipliers():
    given = layer("middle_3x3")
    wide = replace(given, geometry=replace(given.geometry, in_channels=1024, out_channels=1024))
    choices = legal_lanes(wide.geometry)
    assert max(lanes.multipliers for lanes in choices) == 1 << 16
    assert all(replace(wide, lanes=lanes) for lanes in choices)


@pytest.mark.parametrize("name", ["middle_3x3", "down_3x3_s2"])
def test_one_core_costs_what_its_estimate_says(name):
    given = layer(name)
    for pass_name in PASSES:
        core = estimate(given, pass_name)
        choice = choose(given, given.lanes, [pass_name])
        assert choice.costs == (core.multipliers, core.period / core.images, core.memory_bits)
        assert choice.efficiency == pytest.approx(core.efficiency)
        assert choice.useful == pytest.approx(core.useful)
        assert choice.images_per_second(100e6) == pytest.approx(core.images_per_second(100e6))


def test_cores_side_by_side_add_up():
    given = layer("remainder_3x3_s2")
    lanes = Lanes(1, 3, 3)
    cores = [estimate(replace(given, lanes=lanes), name) for name in PASSES]
    choice = choose(given, lanes, list(PASSES))
    assert choice.multipliers == 27
    assert choice.cycles == sum(core.period / core.images for core in cores)
    assert choice.memory_bits == sum(core.memory_bits for core in cores)
    for share in ("efficiency", "useful"):
        worst, best = (pick(getattr(core, share) for core in cores) for pick in (min, max))
        assert worst <= getattr(choice, share) <= best


numbers = st.integers(0, 5)
costs = st.tuples(numbers, numbers.map(lambda n: Fraction(n, 3)), numbers)


@given(st.lists(costs.map(Costly), max_size=30), st.booleans())
def test_the_pareto_set_is_what_nothing_beats(choices, by_memory):
    def beats(one, other):
        if by_memory or one[:2] == other[:2]:
            return one != other and all(a <= b for a, b in zip(one, other, strict=True))
        return all(a <= b for a, b in zip(one[:2], other[:2], strict=True))

    unbeaten = [c for c in choices if not any(beats(other.costs, c.costs) for other in choices)]
    assert pareto_set(choices, by_memory) == sorted(unbeaten, key=lambda choice: choice.costs)
