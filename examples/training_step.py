"""One gradient step on handwritten digits, its convolutions computed by the three cores in simulation.

Ten filters slide over each picture; the score of digit k is the best fit of filter k anywhere in the picture, and
the cost is the mean cross entropy of the scores' softmax.  Only the cost is float, in software::

    x ----------+---------------------------------+
                v                                 v
    w, b --> forward core --> z --> cost --> dz --+--> weight gradient core --> dw, db --+
     ^                                            |                                      |
     |                                            +--> input gradient core ---> dx       |
     |                                                                                   |
     +------ w - rate * dw, b - rate * db, through the stream of the weights <-----------+

What leaves a core is compared with the integer model, bit for bit, and is what the next stage gets.  The exit code
is 1 if anything differs, or if the cost does not fall.  Run it with ``make training-step``.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table
from sklearn.datasets import load_digits

from convstream.console import print_table, working
from convstream.fixedpoint.formats import Format, Formats, Overflow, Rounding
from convstream.fixedpoint.forward import forward
from convstream.fixedpoint.layer import Layer
from convstream.fixedpoint.quantize import dequantize, quantize
from convstream.fixedpoint.requantize import requantize
from convstream.fixedpoint.streams import tensor_streams
from convstream.layer_file import LayerFile, read_layer_file
from convstream.sim.errors import BadInput, CheckFailed
from convstream.sim.result import SimulationResult
from convstream.sim.simulate import simulate_episodes
from convstream.sim.stimulus import play_batches
from convstream.sim.tensors.random_tensors import random_tensors
from convstream.sim.tensors.sources import make_tensors
from convstream.sim.vectors.folder import all_tensors

LAYER_FILE = Path(__file__).with_suffix(".toml")

#: The rate is 2: a power of two only moves a binary point.
LEARNING_RATE_LOG2 = 1


@dataclass(frozen=True)
class TrainingStep:
    """What one step did: cost and share of the digits recognised, each before and after, and every simulation."""

    costs: tuple[float, float]
    recognised: tuple[float, float]
    simulations: dict[str, SimulationResult]

    @property
    def failures(self) -> list[str]:
        """What went wrong, in words; empty if all is right."""
        differences = [
            f"{result.pass_name}: {result.mismatch or result.protocol_errors[0]} (see {result.log})"
            for result in self.simulations.values()
            if not result.matched
        ]
        return differences + ["the cost did not fall"] * (self.costs[1] >= self.costs[0])


def training_step(layer: Layer, x: np.ndarray, w: np.ndarray, b: np.ndarray, labels: np.ndarray) -> TrainingStep:
    """Improve w (K,C,F,F) and b (K,) once, on pictures x (N,C,H,W) of the digits `labels` (N,); integers of `layer`."""
    formats = layer.formats
    first = simulate_core(layer, "forward", [{"x": x, "w": w, "b": b, "z": forward(x, w, b, layer)}])
    z = dequantize(first.tensors[0]["z"], formats.output)
    cost_before, recognised_before, dz = classification_cost(z, labels)

    dz = quantize(dz, formats.output_gradient, Rounding.HALF_EVEN, Overflow.SATURATE)
    old = all_tensors(layer, {"x": x, "w": w, "b": b, "dz": dz})
    input_gradient = simulate_core(layer, "input_gradient", [old])
    weight_gradient = simulate_core(layer, "weight_gradient", [old])
    (gradients,) = weight_gradient.tensors

    # the forward core once more, now that it is known what it has to learn: old weights, then new ones, and no reset
    w, b = (descend(old[name], gradients[f"d{name}"], name, formats) for name in ("w", "b"))
    beats_before = tensor_streams(layer)["z"].beats
    new = {"x": x, "w": w, "b": b, "z": forward(x, w, b, layer, beats_before)}
    second = simulate_core(layer, "forward", [old, new])
    z = dequantize(second.tensors[1]["z"], formats.output)
    cost_after, recognised_after, _ = classification_cost(z, labels)
    return TrainingStep(
        costs=(cost_before, cost_after),
        recognised=(recognised_before, recognised_after),
        simulations={"z": first, "dx": input_gradient, "dw, db": weight_gradient, "z, new weights, z": second},
    )


def simulate_core(layer: Layer, pass_name: str, batches: list[dict[str, np.ndarray]]) -> SimulationResult:
    """Play batches through a core, without a reset between them, and compare all that comes out."""
    with working(f"simulating {pass_name.replace('_', '-')}"):
        (result,) = simulate_episodes(layer, [play_batches(layer, pass_name, batches)], pass_name)
    return result


def classification_cost(z: np.ndarray, labels: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Softmax cross entropy of the largest output of each filter, averaged over the pictures.

    Parameters
    ----------
    z : float64 (N,K,OH,OW);  labels : integers (N,), each in 0..K-1.

    Returns
    -------
    The cost, the share of the pictures that are recognised, and the cost's gradient dz, float64 (N,K,OH,OW).
    """
    outputs = z.reshape(*z.shape[:2], -1)  # (N,K,OH*OW)
    places = outputs.argmax(axis=2)[..., np.newaxis]  # (N,K,1): where the filter fits best
    scores = np.take_along_axis(outputs, places, axis=2)[..., 0]  # (N,K)
    logarithms = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)  # of the probabilities
    truth = np.eye(scores.shape[1])[labels]
    cost = -np.sum(truth * logarithms) / len(labels)
    recognised = np.mean(scores.argmax(axis=1) == labels)
    dz = np.zeros_like(outputs)
    np.put_along_axis(dz, places, (np.exp(logarithms) - truth)[..., np.newaxis] / len(labels), axis=2)
    return float(cost), float(recognised), dz.reshape(z.shape)


def descend(words: np.ndarray, gradient: np.ndarray, name: str, formats: Formats) -> np.ndarray:
    """``words - 2**LEARNING_RATE_LOG2 * gradient``, where `words` are w or b, as `name` says.

    Exact in integers, and then rounded once, to the format of `words`::

        words             sIII.FFFFFF             the finer of the two fractions is that of the difference;
        rate * gradient      s.FFFFFFFFFFFF       the rate has moved the point of the gradient
    """
    form, gradient_form = formats.of(name), formats.of(f"d{name}")
    step_fraction = gradient_form.fraction - LEARNING_RATE_LOG2
    fraction = max(form.fraction, step_fraction)
    up, step_up = fraction - form.fraction, fraction - step_fraction
    difference = (words.astype(np.int64) << up) - (gradient.astype(np.int64) << step_up)
    width = 1 + max(form.width + up, gradient_form.width + step_up)
    return requantize(difference, Format(width, fraction), form, Rounding.HALF_EVEN, Overflow.SATURATE)


def digits_and_weights(file: LayerFile) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pictures x, weights w and biases b to begin with, as words of the file's layer; and what the pictures show."""
    layer, seed = file.layer, file.data.seed
    x = make_tensors(layer, file.data, file.path.parent)["x"]
    labels = np.take(load_digits().target, seed + np.arange(len(x)), mode="wrap")  # picture n is digit number seed + n
    w = random_tensors(layer, seed)["w"] // 16  # small, so that at first all digits are about as likely
    b = np.zeros(layer.geometry.b_shape, np.int64)
    return x, w, b, labels


def print_step(step: TrainingStep) -> None:
    """A table of the simulations; cost and recognised digits before and after."""
    table = Table("pass", "result", title="simulated cores against the integer model", box=SIMPLE_HEAD)
    for heading in ("values compared", "cycles"):
        table.add_column(heading, justify="right")
    table.add_column("core")
    for tensors, result in step.simulations.items():
        verdict = "bit-exact" if result.matched else "differs"
        name = result.pass_name.replace("_", "-")
        table.add_row(name, tensors, f"{result.compared_values:,}", f"{result.cycles:,}", verdict)
    print_table(table)
    print("cost {:.3f} -> {:.3f}".format(*step.costs))
    print("recognised {:.0%} -> {:.0%} of the digits".format(*step.recognised))


def main() -> int:
    """Make the step that the layer file describes, print it, and return the exit code."""
    try:
        file = read_layer_file(LAYER_FILE)
        x, w, b, labels = digits_and_weights(file)
        step = training_step(file.layer, x, w, b, labels)
    except (BadInput, CheckFailed) as error:
        print(f"training_step: {error}", file=sys.stderr)
        return 1
    print_step(step)
    for failure in step.failures:
        print(f"training_step: {failure}", file=sys.stderr)
    return 1 if step.failures else 0


if __name__ == "__main__":
    sys.exit(main())
