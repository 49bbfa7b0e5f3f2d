"""The training step: cost, update, formats, a whole run on four digits, and how it ends if all is not well."""

import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from sklearn.datasets import load_digits

from convstream.fixedpoint.formats import Format, Overflow, Rounding
from convstream.fixedpoint.forward import forward
from convstream.fixedpoint.quantize import dequantize, quantize
from convstream.hdl.passes import PASSES
from convstream.layer_file import read_layer_file
from convstream.reference.bias_gradient import bias_gradient
from convstream.reference.input_gradient import input_gradient
from convstream.reference.weight_gradient import weight_gradient
from convstream.sim.beats import stream_tensors
from convstream.sim.jobs.processes import SimulationError
from convstream.sim.result import SimulationResult
from convstream.sim.scoreboard import Mismatch
from convstream.sim.simulate import simulate_episodes
from convstream.sim.vectors.folder import all_tensors
from examples import training_step as example

MISMATCH = Mismatch("dx", (0, 0, 1, 2), batch=0, beat=10, lane=0, cycle=99, expected=3, got=4, step=0.5)


@pytest.fixture
def verdict(monkeypatch):
    """Have the core of one pass end as given: with a result changed like this, or with an error; the others are right.

    Returns the list of what is played, which grows.
    """

    def give(spoilt: str = "", error: Exception | None = None, **changes):
        def simulate(layer, episodes, pass_name):
            played.append(episodes)
            if error and pass_name == spoilt:
                raise error
            result = _right(layer, *episodes, pass_name)
            return [replace(result, **changes) if pass_name == spoilt else result]

        played = []
        monkeypatch.setattr(example, "simulate_episodes", simulate)
        return played

    return give


def _right(layer, episode, pass_name):
    tensors = [{} for _ in range(episode.batches)]
    for stream, play in episode.expected.items():
        beats = len(play.words) // episode.batches
        for batch, found in enumerate(tensors):
            found |= stream_tensors(layer, play.words[batch * beats : (batch + 1) * beats], stream)
    cycles = {stream: np.array([1, 2]) for stream in (*PASSES[pass_name].inputs, *PASSES[pass_name].outputs)}
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
        (Format(8, 2), Format(16, 5), {(10, 4): 9, (10, 2): 10, (9, 2): 8, (127, -9): 127, (-128, 4): -128}),
        (Format(8, 4), Format(8, 4), {(10, 4): 2, (-100, 60): -128}),
        (Format(8, 6), Format(8, 2), {(10, 1): -22}),
    ],
)
def test_update(weights, gradients, expected):
    """At a rate of 2, in units of the last place of w; ties go to the even neighbour, and the ends saturate."""
    formats = replace(read_layer_file(example.LAYER_FILE).layer.formats, weights=weights, weight_gradient=gradients)
    words, gradient = (np.array(column, np.int16) for column in zip(*expected, strict=True))
    assert example.descend(words, gradient, "w", formats).tolist() == list(expected.values())


@pytest.mark.parametrize("seed", [1, 2, 3, 1790])
def test_formats_resolve_the_gradients_and_nothing_saturates(seed):
    """Against float64 throughout: the quantizing of dz is part of the error."""
    file = read_layer_file(example.LAYER_FILE)
    layer, formats = file.layer, file.layer.formats
    x, w, b, labels = example.digits_and_weights(replace(file, data=file.data.model_copy(update={"seed": seed})))
    z = dequantize(forward(x, w, b, layer), formats.output)
    _, _, dz = example.classification_cost(z, labels)
    words = quantize(dz, formats.output_gradient, Rounding.HALF_EVEN, Overflow.SATURATE)
    found = all_tensors(layer, {"x": x, "w": w, "b": b, "dz": words})
    exact = {
        "dz": dz,
        "dx": input_gradient(dequantize(w, formats.weights), dz, layer.geometry),
        "dw": weight_gradient(dequantize(x, formats.input), dz, layer.geometry),
        "db": bias_gradient(dz),
    }
    for name, values in exact.items():
        error = dequantize(found[name], formats.of(name)) - values
        assert np.sum(values**2) > 1e5 * np.sum(error**2), name  # 50 dB
        assert formats.of(name).lowest < found[name].min(), name
        assert formats.of(name).highest > found[name].max(), name


@pytest.mark.parametrize("seed", [1, 1790])
def test_labels_are_those_of_the_pictures(seed):
    file = read_layer_file(example.LAYER_FILE)
    x, _, _, labels = example.digits_and_weights(replace(file, data=file.data.model_copy(update={"seed": seed})))
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
    simulate = partial(simulate_episodes, simulator=simulator, build_root=build_root)
    monkeypatch.setattr(example, "simulate_episodes", simulate)
    assert example.main() == 0, capsys.readouterr()
    assert capsys.readouterr().out.count("bit-exact") == 4


def test_new_weights_come_through_the_stream_without_a_reset(verdict):
    played = verdict()
    assert example.main() == 0
    (episode,) = played[-1]
    first, second = episode.plays["weights"]
    assert first.words != second.words
    assert second.after == {"z": len(episode.expected["z"].words) // 2}


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
