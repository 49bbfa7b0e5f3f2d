"""Exploration: the choices of lanes of a layer on a target, held against what a user allows and wants."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from convstream.fixedpoint.dataflow.choices import Choice, choose, legal_lanes, pareto_set
from convstream.fixedpoint.layer import Lanes, Layer
from convstream.sim.fpga.targets import Target


@dataclass(frozen=True, eq=False)
class Candidate:
    """A choice, and the DSP multipliers that its products take on the target."""

    choice: Choice
    dsps: int


@dataclass(frozen=True)
class Rules:
    """What a candidate has to keep to; None is no rule.

    Without a clock no rate is known, and none is asked for.
    """

    budget_dsps: int | None = None
    target_fps: float | None = None
    clock_mhz: float | None = None

    def fits(self, candidate: Candidate) -> bool:
        return self.budget_dsps is None or candidate.dsps <= self.budget_dsps

    def reaches(self, candidate: Candidate, clock_mhz: float | None) -> bool:
        if self.target_fps is None or clock_mhz is None:
            return True
        return candidate.choice.images_per_second(clock_mhz * 1e6) >= self.target_fps

    def allows(self, candidate: Candidate) -> bool:
        return self.fits(candidate) and self.reaches(candidate, self.clock_mhz)


def candidates(layer: Layer, pass_names: Sequence[str], target: Target) -> Iterator[Candidate]:
    """Every legal choice of lanes, as cores of some passes, keys of `PASSES`."""
    for lanes in legal_lanes(layer.geometry):
        choice = choose(layer, lanes, pass_names)
        yield Candidate(choice, sum(target.dsps(choice.layer, name) for name in pass_names))


def best_of(found: Sequence[Candidate], rules: Rules, by_memory: bool = False) -> list[Candidate]:
    """The Pareto set of those that the rules allow, the fewest multipliers first.

    The rules exclude whatever is larger, or slower, than they say: what would beat an allowed candidate is allowed.
    """
    of_choice = {id(candidate.choice): candidate for candidate in found if rules.allows(candidate)}
    best = pareto_set([candidate.choice for candidate in of_choice.values()], by_memory)
    return [of_choice[id(choice)] for choice in best]


def recommend(
    best: Sequence[Candidate], rules: Rules, clocks_mhz: Sequence[float | None] | None = None
) -> Candidate | None:
    """The smallest candidate that reaches the rate that is wanted; if none is, the fastest within the budget.

    Parameters
    ----------
    best : the fewest multipliers first.
    clocks_mhz : of each, if it was measured; it runs at the slower of this and the clock that the rules give.
    """
    clocks = [_slower(rules.clock_mhz, clock) for clock in clocks_mhz or [None] * len(best)]
    rated = list(zip(best, clocks, strict=True))
    if rules.target_fps is not None:
        return next((candidate for candidate, clock in rated if rules.reaches(candidate, clock)), None)
    if rules.budget_dsps is None or not rated:
        return None
    return max(rated, key=lambda pair: Fraction(pair[1] or 1) / pair[0].choice.cycles)[0]


def spread(best: Sequence[Candidate], most: int) -> list[Candidate]:
    """At most so many of them, evenly spread from the first to the last."""
    if len(best) <= most:
        return list(best)
    return [best[index * (len(best) - 1) // max(1, most - 1)] for index in range(most)]


def why_none(found: Sequence[Candidate], rules: Rules) -> str:
    """Which rule excludes all candidates, and the nearest ones."""
    within = [candidate for candidate in found if rules.fits(candidate)]
    if not within:
        smallest = min(found, key=lambda candidate: (candidate.dsps, candidate.choice.costs))
        named = describe_lanes(smallest.choice.lanes)
        return f"no choice takes at most {_dsps(rules.budget_dsps)}: the smallest, {named}, takes {smallest.dsps:,}"
    fastest = min(within, key=lambda candidate: (candidate.choice.cycles, candidate.choice.costs))
    rate = f"{fastest.choice.images_per_second(rules.clock_mhz * 1e6):,.1f}"
    wanted = f"{rules.target_fps:,.12g} images/s at {rules.clock_mhz:g} MHz"
    if len(within) == len(found):
        return f"no choice reaches {wanted}: the fastest, {describe_lanes(fastest.choice.lanes)}, reaches {rate}"
    reason = (f"no choice of at most {_dsps(rules.budget_dsps)} reaches {wanted}: the fastest of them, "
              f"{describe_lanes(fastest.choice.lanes)}, reaches {rate}")  # fmt: skip
    fast = [candidate for candidate in found if rules.reaches(candidate, rules.clock_mhz)]
    if not fast:
        return f"{reason}, and no other reaches it"
    nearest = min(fast, key=lambda candidate: (candidate.dsps, candidate.choice.costs))
    return f"{reason}; the smallest that is fast enough, {describe_lanes(nearest.choice.lanes)}, takes {nearest.dsps:,}"


def describe_lanes(lanes: Lanes) -> str:
    """Such as ``in_lanes 4, out_lanes 8, kernel_lanes 1``."""
    return ", ".join(f"{name} {value}" for name, value in vars(lanes).items())


def _dsps(count: int) -> str:
    return f"{count:,} DSP multiplier{'s' * (count != 1)}"


def _slower(*clocks: float | None) -> float | None:
    return min((clock for clock in clocks if clock is not None), default=None)
