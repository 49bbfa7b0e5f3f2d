"""Lead: how far one input stream of a core may run ahead of the others."""

from typing import NamedTuple

from convstream.fixedpoint.dataflow.schedule.gradient_plan import GradientPlan
from convstream.fixedpoint.dataflow.schedule.plan import Plan
from convstream.fixedpoint.dataflow.schedule.ring import Ring
from convstream.fixedpoint.layer import Layer


class Lead(NamedTuple):
    """What a core takes of `stream`, from the first beat after a reset on, while no beat of `other` comes."""

    stream: str
    other: str
    rows: int
    beats: int


def leads(layer: Layer, pass_name: str) -> list[Lead]:
    """The leads of the core of a pass: forward, input_gradient or weight_gradient.

    A sender that exceeds one of them before it sends the other stream waits for ever.
    """
    if pass_name != "weight_gradient":
        plan = Plan(layer, gradient=pass_name == "input_gradient")
        return [_lead(plan.source, "weights", plan.ring)]
    plan = GradientPlan(layer)
    return [_lead("x", "dz", plan.window.ring), _lead("dz", "x", plan.gradient_ring)]


def _lead(stream: str, other: str, ring: Ring) -> Lead:
    return Lead(stream, other, ring.rows_ahead, ring.rows_ahead * ring.row_beats)
