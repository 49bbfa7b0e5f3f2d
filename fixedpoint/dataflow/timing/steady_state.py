"""Steady state: steps that depend on nothing but the state that they find, so that they repeat once a state does.

::

    state   A    B    C    D    C'   D'   ...        C' is C: from here on, C and D for ever
    step      0    1    2    3    4    5
"""

from collections.abc import Callable, Hashable
from fractions import Fraction
from typing import Generic, NamedTuple, TypeVar

State = TypeVar("State", bound=Hashable)
Event = TypeVar("Event")


class Step(NamedTuple, Generic[State, Event]):
    """One step: the cycle at which it starts, the state that it finds, and what happens, counted from its start."""

    start: int
    state: State
    event: Event


class SteadyState(Generic[State, Event]):
    """All steps from `state` on; `step` gives the cycles that a step takes, what happens in it and the next state."""

    def __init__(self, step: Callable[[State], tuple[int, Event, State]], state: State):
        self._step = step
        self._next, self._start = state, 0
        self._steps: list[Step] = []
        self._seen: dict[State, int] = {}

    def at(self, number: int) -> Step:
        """Step `number`, from 0 on."""
        while number >= len(self._steps) and not self._repeats:
            self._advance()
        if number < len(self._steps):
            return self._steps[number]
        first = self._seen[self._next]
        rounds, place = divmod(number - first, len(self._steps) - first)
        step = self._steps[first + place]
        return step._replace(start=step.start + rounds * (self._start - self._steps[first].start))

    def period(self) -> Fraction:
        """Cycles of a step in the long run."""
        while not self._repeats:
            self._advance()
        first = self._seen[self._next]
        return Fraction(self._start - self._steps[first].start, len(self._steps) - first)

    @property
    def _repeats(self) -> bool:
        return self._next in self._seen

    def _advance(self) -> None:
        self._seen[self._next] = len(self._steps)
        cycles, event, state = self._step(self._next)
        self._steps.append(Step(self._start, self._next, event))
        self._next, self._start = state, self._start + cycles
