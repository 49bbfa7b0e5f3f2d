"""The training step: cost, update, formats, a whole run on four digits, and how it ends if all is not well."""

import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from sklearn.datasets import load_digits

import convstream as cs
from convstream.hdl.passes import PASSES
from convstream.reference.bias_gradient import bias_gradient
from convstream.reference.input_gradient import input_gradient
from convstream.reference.weight_gradient import weight_gradient
from convstream.sim.jobs.processes import SimulationError
from convstream.sim.result import SimulationResult
from convstream.sim.scoreboard import Mismatch
from examples import training_step as example

MISMATCH = Mismatch("dx", (0, 0, 1, 2), batch=0, beat=10, lane=0, cycle=99, expected=3, got=4, step=0.5)


@pytest.fixture
def verdict(monkeypatch):
    """Have the core of one pass end as given: with a result changed like this, or with an error; the others are right.

    Returns the list of what is played, which grows.
    """

    def give(spoilt: str = "", error: Exception | None = None, **changes):
        def simulate(layer, inputs, pass_name):
            batches = inputs if isinstance(inputs, list) else [inputs]
            played.append(batches)
            if error and pass_name == spoilt:
                raise error
            result = _right(layer, batches, pass_name)
            return replace(result, **changes) if pass_name == spoilt else result

        played = []
        monkeypatch.setattr(cs, "simulate", simulate)
        return played

    return give


def _right(layer, batches, pass_name):
    outputs = PASSES[pass_name].outputs
    tensors = []
    for batch in batches:
        results = {"z": cs.forward(layer, batch["x"], batch["w"], batch["b"])}
        if pass_name != "forward":
            results |= cs.gradients(layer, batch["x"], batch["w"], batch["dz"])._asdict()
        tensors.append({name: results[name] for name in outputs})
    cycles = {stream: np.array([1, 2]) for stream in (*PASSES[pass_name].inputs, *outputs)}
    return SimulationResult(pass_name, 1, 0, None, (), cycles, {}, tuple(tensors))


def test_cost_of_scores_that_one_knows():
    z = np.zeros((2, 4, 1, 2))
    z[0, :, 0, 1] = np.log([1, 2, 3, 4])
    z[0, :, 0, 0] = -9
    cost, recognised, dz = example.classification_cost(z, np.array([3, 2]))
    assert cost == pytest.approx((np.log(10 / 4) + np.log(4)) / 2)
    assert recognised == 0.5
    np.testing.assert_allclose(dz[0, :, 0, 1], np.array([0.1, 0.2, 0.3, -0.6]) / 2)
    assert not dz[0, :, 0, 0].any()


def test_gradient_of_the_cost_by_central_differences():
    random = np.random.default_rng(1)
    z, labels, nudge = random.normal(size=(3, 5, 2, 3)) * 3, np.array([4, 0, 4]), 1e-6
    _, _, dz = example.classification_cost(z, labels)
    for index in np.ndindex(z.shape):
        up, down = z.copy(), z.copy()
        up[index] += nudge
        down[index] -= nudge
        difference = example.classification_cost(up, labels)[0] - example.classification_cost(down, labels)[0]
        assert dz[index] == pytest.approx(difference / (2 * nudge), abs=1e-9)


@pytest.mark.parametrize(
    ("weights", "gradients", "expected"),
    [
        (cs.Format(8, 2), cs.Format(16, 5), {(10, 4): 9, (10, 2): 10, (9, 2): 8, (127, -9): 127, (-128, 4): -128}),
        (cs.Format(8, 4), cs.Format(8, 4), {(10, 4): 2, (-100, 60): -128}),
        (cs.Format(8, 6), cs.Format(8, 2), {(10, 1): -22}),
    ],
)
def test_update(weights, gradients, expected):
    """At a rate of 2, in units of the last place of w; ties go to the even neighbour, and the ends saturate."""
    layer = cs.load(example.LAYER_FILE)
    formats = replace(layer.formats, weights=weights, weight_gradient=gradients, bias=cs.Format(16, 0))
    layer = replace(layer, formats=formats)
    words, gradient = (np.array(column, np.int16) for column in zip(*expected, strict=True))
    assert example.descend(layer, "w", words, gradient).tolist() == list(expected.values())


@pytest.mark.parametrize("seed", [1, 2, 3, 1790])
def test_formats_resolve_the_gradients_and_nothing_saturates(seed):
    """Against float64 throughout: the quantizing of dz is part of the error."""
    layer = cs.load(example.LAYER_FILE)
    x, w, b, labels = example.digits_and_weights(layer, seed)
    _, _, dz = example.classification_cost(cs.dequantize(layer, "z", cs.forward(layer, x, w, b)), labels)
    words = cs.quantize(layer, "dz", dz)
    found = {"dz": words} | cs.gradients(layer, x, w, words)._asdict()
    exact = {
        "dz": dz,
        "dx": input_gradient(cs.dequantize(layer, "w", w), dz, layer.geometry),
        "dw": weight_gradient(cs.dequantize(layer, "x", x), dz, layer.geometry),
        "db": bias_gradient(dz),
    }
    for name, values in exact.items():
        error = cs.dequantize(layer, name, found[name]) - values
        assert np.sum(values**2) > 1e5 * np.sum(error**2), name  # 50 dB
        form = layer.formats.of(name)
        assert form.lowest < found[name].min(), name
        assert form.highest > found[name].max(), name


@pytest.mark.parametrize("seed", [1, 1790])
def test_labels_are_those_of_the_pictures(seed):
    x, _, _, labels = example.digits_and_weights(cs.load(example.LAYER_FILE), seed)
    digits = load_digits()
    ink = (x + 128.0) / 15
    for picture, label in zip(ink, labels, strict=True):
        (found,) = np.flatnonzero((digits.images == picture).all(axis=(1, 2)))
        assert digits.target[found] == label


def test_four_digits_through_the_cores(tmp_path, build_root, monkeypatch, capsys):
    """Stochastic rounding: the second batch goes on drawing where the first ended."""
    text = example.LAYER_FILE.read_text()
    for line, other in (("batch = 32", "batch = 4"), ("fraction = 16", "fraction = 13"), ("half_even", "stochastic")):
        assert text.count(line) == 1
        text = text.replace(line, other)
    (tmp_path / "few.toml").write_text(text)
    monkeypatch.setattr(example, "LAYER_FILE", tmp_path / "few.toml")
    simulator = "icarus" if shutil.which("iverilog") else "verilator"
    monkeypatch.setattr(cs, "simulate", partial(cs.simulate, simulator=simulator, build=build_root))
    assert example.main() == 0, capsys.readouterr()
    assert capsys.readouterr().out.count("bit-exact") == 4


def test_new_weights_follow_the_old_ones_in_one_simulation(verdict):
    played = verdict()
    assert example.main() == 0
    old, new = played[-1]
    assert np.array_equal(old["x"], new["x"])
    assert not np.array_equal(old["w"], new["w"])
    assert not np.array_equal(old["b"], new["b"])


def test_a_difference_is_told_and_fails(verdict, capsys):
    verdict("input_gradient", mismatch=MISMATCH, wrong_values=1)
    assert example.main() == 1
    out, err = capsys.readouterr()
    assert out.count("bit-exact") == 3
    assert "differs" in out
    assert "input_gradient: dx[0,0,1,2]: expected 3" in err


def test_a_cost_that_does_not_fall_fails(verdict, capsys):
    """What the core put out is what is learnt: nothing here."""
    verdict("weight_gradient", tensors=({"dw": np.zeros((10, 1, 6, 6), int), "db": np.zeros(10, int)},))
    assert example.main() == 1
    assert capsys.readouterr().err == "training_step: the cost did not fall\n"


def test_no_verdict_fails_on_one_line(verdict, capsys):
    verdict("weight_gradient", error=SimulationError("the simulator was killed by signal 9"))
    assert example.main() == 1
    assert capsys.readouterr() == ("", "training_step: the simulator was killed by signal 9\n")
