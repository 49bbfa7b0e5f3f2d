"""Choices of lanes: what every legal one would give, and which of them no other one beats.

A choice is better the fewer multipliers it takes and the fewer cycles an image takes.  None is the best: more
multipliers buy fewer cycles.  The Pareto set holds the choices that are worth a look::

    cycles |  x   .              x  in the Pareto set
           |       x    .        .  another one is at least as good in everything, and better in something
           |          x     x
           +-------------------- multipliers

Bits of memory decide between choices that are equal in both.  As a third cost of the same rank (`by_memory`) they leave
nearly every choice of a weight gradient in the set, which trade a thousandth of the one for a thousandth of the other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import product

from convstream.fixedpoint.dataflow.estimate import Estimate, estimate
from convstream.fixedpoint.layer import MOST_MULTIPLIERS, Lanes, Layer
from convstream.reference.geometry import Geometry


@dataclass(frozen=True)
class Choice:
    """Cores with the same lanes, side by side: their multipliers and memories add up.

    They work one after the other: the cycles of an image add up, too.
    """

    layer: Layer
    cores: tuple[Estimate, ...]

    @property
    def lanes(self) -> Lanes:
        return self.layer.lanes

    @cached_property
    def multipliers(self) -> int:
        return sum(core.multipliers for core in self.cores)

    @cached_property
    def cycles(self) -> Fraction:
        """Of an image, in the long run; of the weight gradient an image's share of its batch."""
        return sum((core.period / core.images for core in self.cores), Fraction(0))

    @cached_property
    def memory_bits(self) -> int:
        return sum(core.memory_bits for core in self.cores)

    @property
    def efficiency(self) -> float:
        """Share of what lanes and streams allow: the bounds of an image by its cycles."""
        return float(sum(Fraction(core.bound.cycles, core.images) for core in self.cores) / self.cycles)

    @property
    def useful(self) -> float:
        """Share of a core's multiplier cycles, while it works, in which a weight meets a pixel that is not padding."""
        products = sum(Fraction(core.useful_products, core.images) for core in self.cores)
        return float(products / sum(core.multipliers * core.period / core.images for core in self.cores))

    @property
    def costs(self) -> tuple[int, Fraction, int]:
        """What is better the less of it there is, the dearest first: multipliers, cycles, bits of memory."""
        return self.multipliers, self.cycles, self.memory_bits

    def images_per_second(self, clock_hz: float) -> float:
        return float(clock_hz / self.cycles)


def legal_lanes(geometry: Geometry) -> list[Lanes]:
    """Every choice of lanes that a layer of this geometry may have."""
    taps = sorted({1, geometry.rows.kernel, geometry.rows.kernel * geometry.columns.kernel})
    ins, outs = _divisors(geometry.in_channels), _divisors(geometry.out_channels)
    choices = (Lanes(*lanes) for lanes in product(ins, outs, taps))
    return [lanes for lanes in choices if lanes.multipliers <= MOST_MULTIPLIERS]


def choose(layer: Layer, lanes: Lanes, pass_names: Sequence[str]) -> Choice:
    """The layer with these lanes, as cores of some passes: forward, input_gradient, weight_gradient."""
    changed = replace(layer, lanes=lanes)
    return Choice(changed, tuple(estimate(changed, name) for name in pass_names))


def pareto_set(choices: Iterable[Choice], by_memory: bool = False) -> list[Choice]:
    """The choices that no other one beats, the fewest multipliers first; of equals, all.

    A choice beats another one if no cost of it is higher, and one is lower.  Costs are multipliers and cycles, and
    bits of memory where both are equal; with `by_memory` everywhere.
    """
    best: list[Choice] = []
    for choice in sorted(choices, key=lambda choice: choice.costs):  # whoever beats a choice comes before it
        if not any(_beats(other.costs, choice.costs, by_memory) for other in best):
            best.append(choice)
    return best


def _beats(costs: Sequence, others: Sequence, by_memory: bool) -> bool:
    """Whether `costs`, which come before `others` or are the same, beat them."""
    if not by_memory and costs[:2] != others[:2]:
        return costs[1] <= others[1]
    return costs != others and all(cost <= other for cost, other in zip(costs, others, strict=True))


def _divisors(extent: int) -> list[int]:
    return [value for value in range(1, extent + 1) if extent % value == 0]
