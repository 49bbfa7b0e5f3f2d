"""Measurements: kept one by one, found again by all that they depend on, and refused where the set-up differs."""

import json
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from convstream.fixedpoint.layer import Lanes, Layer
from convstream.layer_file import read_layer_file
from convstream.sim.errors import CheckFailed
from convstream.sim.explore import measure
from convstream.sim.explore.measure import Measurement, Outcome, SimulatedCore, SynthesizedCore, measuring, program
from convstream.sim.fpga.targets import TARGETS

LAYER = read_layer_file(Path(__file__).parents[3] / "examples" / "layers" / "remainder_3x3_s2.toml").layer


@dataclass(frozen=True, eq=False)
class Weighed(Measurement):
    """A stand-in that counts how often it was taken."""

    taken: list
    what: str
    failure: str | None = None
    kind = "weight"
    layer: Layer = LAYER
    pass_name: str = "forward"

    def ingredients(self):
        return [self.what]

    def take(self, build_root):
        self.taken.append(self.what)
        if self.failure:
            raise CheckFailed(self.failure)
        return {"grams": len(self.what)}


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    @contextmanager
    def here(scheduler=None):
        yield lambda function, jobs: ((job, function(job)) for job in jobs)

    monkeypatch.setattr(measure, "workers", here)


def outcomes(measurements, root):
    with measuring(measurements, build_root=root) as found:
        return [(measurement.what, outcome) for measurement, outcome in found]


def test_what_was_measured_is_kept_and_comes_first(tmp_path):
    taken = []
    first, second = Weighed(taken, "pear"), Weighed(taken, "apple")
    assert outcomes([first], tmp_path) == [("pear", Outcome({"grams": 4}, None))]
    assert outcomes([second, first], tmp_path) == [("pear", Outcome({"grams": 4}, None)),
                                                   ("apple", Outcome({"grams": 5}, None))]  # fmt: skip
    outcomes([first, second], tmp_path)
    assert taken == ["pear", "apple"]
    kept = [json.loads(path.read_text()) for path in (tmp_path / "explore").glob("weight-*/measurement.json")]
    assert sorted(values["grams"] for values in kept) == [4, 5]


def test_an_interrupted_run_keeps_what_is_done(tmp_path):
    taken = []
    measurements = [Weighed(taken, name) for name in ("pear", "apple", "fig")]
    with measuring(measurements, build_root=tmp_path) as found:
        next(found)
        next(found)  # and no further
    assert taken == ["pear", "apple"]
    outcomes(measurements, tmp_path)
    assert taken == ["pear", "apple", "fig"]


def test_a_failure_is_told_and_not_kept(tmp_path):
    taken = []
    bad = Weighed(taken, "pear", failure="no scales")
    assert outcomes([bad], tmp_path) == [("pear", Outcome(None, "no scales"))]
    outcomes([bad], tmp_path)
    assert taken == ["pear", "pear"]


def test_another_program_measures_again_and_another_set_up_is_refused(tmp_path, monkeypatch):
    taken = []
    outcomes([Weighed(taken, "pear")], tmp_path)
    monkeypatch.setattr(measure, "program", lambda: "changed\nnumpy 0.1")
    outcomes([Weighed(taken, "pear")], tmp_path)
    assert taken == ["pear", "pear"]
    outcome = measure._take((Weighed(taken, "pear"), "changed\nnumpy 0.2"))
    assert outcome == Outcome(None, "the worker has another set-up: numpy 0.1, numpy 0.2")
    outcome = measure._take((Weighed(taken, "pear"), "other\nnumpy 0.1"))
    assert outcome.failure == "the worker has another set-up: another source of convstream"
    assert taken == ["pear", "pear"]


def test_everything_that_matters_tells_measurements_apart():
    x, other_layer = np.zeros(2, np.int8), replace(LAYER, lanes=Lanes(1, 3, 1))
    ones = [
        SimulatedCore(LAYER, "forward", {"x": x}),
        SimulatedCore(other_layer, "forward", {"x": x}),
        SimulatedCore(LAYER, "input_gradient", {"x": x}),
        SimulatedCore(LAYER, "forward", {"x": x + np.int8(1)}),
        SynthesizedCore(LAYER, "forward", TARGETS["ecp5"], 3),
        SynthesizedCore(LAYER, "forward", TARGETS["ice40"], 3),
        SynthesizedCore(LAYER, "forward", TARGETS["ecp5"], 4),
        SynthesizedCore(other_layer, "forward", TARGETS["ecp5"], 3),
    ]
    keys = [tuple(measure._key(one)) for one in ones]
    assert len(set(keys)) == len(keys)
    assert keys[0] == tuple(measure._key(SimulatedCore(LAYER, "forward", {"x": x.copy()})))


def test_the_program_is_its_source_and_its_tools():
    digest, *tools = program().splitlines()
    assert len(digest) == 64
    assert any(tool.startswith("verilator 5") for tool in tools)
