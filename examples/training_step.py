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
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits

import convstream as cs

LAYER_FILE = Path(__file__).with_suffix(".toml")

LEARNING_RATE = 2
SEED = 2


@dataclass(frozen=True)
class TrainingStep:
    """What one step did: cost and share of the digits recognised, each before and after, and every simulation."""

    costs: tuple[float, float]
    recognised: tuple[float, float]
    simulations: dict  # of simulation results, by tensors

    @property
    def failures(self) -> list[str]:
        """What went wrong, in words; empty if all is right."""
        differences = [
            f"{result.pass_name}: {result.mismatch or result.protocol_errors[0]} (see {result.log})"
            for result in self.simulations.values()
            if not result.matched
        ]
        return differences + ["the cost did not fall"] * (self.costs[1] >= self.costs[0])


def training_step(
    layer: cs.Layer, x: np.ndarray, w: np.ndarray, b: np.ndarray, labels: np.ndarray
) -> TrainingStep:
    """Improve w (K,C,F,F) and b (K,) once, on pictures x (N,C,H,W) of the digits `labels` (N,); words of `layer`."""
    old = {"x": x, "w": w, "b": b}
    first = cs.simulate(layer, old, "forward")
    cost_before, recognised_before, dz = classification_cost(values_of_z(layer, first), labels)

    old["dz"] = cs.quantize(layer, "dz", dz)
    input_gradient = cs.simulate(layer, old, "input_gradient")
    weight_gradient = cs.simulate(layer, old, "weight_gradient")
    (gradient,) = weight_gradient.tensors

    # the forward core once more, now that it is known what it has to learn: old weights, then new ones, and no reset
    new = {"x": x, "w": descend(layer, "w", w, gradient["dw"]), "b": descend(layer, "b", b, gradient["db"])}
    second = cs.simulate(layer, [old, new], "forward")
    cost_after, recognised_after, _ = classification_cost(values_of_z(layer, second), labels)
    return TrainingStep(
        costs=(cost_before, cost_after),
        recognised=(recognised_before, recognised_after),
        simulations={"z": first, "dx": input_gradient, "dw, db": weight_gradient, "z, new weights, z": second},
    )


def values_of_z(layer: cs.Layer, result) -> np.ndarray:
    """What the forward core put out for its last batch, as real numbers (N,K,OH,OW)."""
    return cs.dequantize(layer, "z", result.tensors[-1]["z"])


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


def descend(layer: cs.Layer, name: str, words: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """New words of w or b, as `name` says: ``words - LEARNING_RATE * gradient``, rounded once.

    Words and their differences are exact in float64, as long as both together have at most 53 bits.
    """
    step = LEARNING_RATE * cs.dequantize(layer, f"d{name}", gradient)
    return cs.quantize(layer, name, cs.dequantize(layer, name, words) - step)


def digits_and_weights(layer: cs.Layer, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pictures x, weights w and biases b to begin with, as words of the layer; and what the pictures show."""
    digits, shapes = load_digits(), layer.geometry.shapes
    chosen = (seed + np.arange(shapes["x"][0])) % len(digits.target)
    ink = digits.images[chosen].reshape(shapes["x"])  # 0 to 16
    x = cs.quantize(layer, "x", ink * 15 / 128 - 1)
    small = 1 / 8  # so that at first all digits are about as likely
    w = cs.quantize(layer, "w", np.random.default_rng(seed).uniform(-small, small, shapes["w"]))
    return x, w, np.zeros(shapes["b"], np.int64), digits.target[chosen]


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
    Console().print(table)
    print("cost {:.3f} -> {:.3f}".format(*step.costs))
    print("recognised {:.0%} -> {:.0%} of the digits".format(*step.recognised))


def main() -> int:
    """Make the step that the layer file describes, print it, and return the exit code."""
    try:
        layer = cs.load(LAYER_FILE)
        step = training_step(layer, *digits_and_weights(layer, SEED))
    except (cs.BadInput, cs.CheckFailed) as error:
        print(f"training_step: {error}", file=sys.stderr)
        return 1
    print_step(step)
    for failure in step.failures:
        print(f"training_step: {failure}", file=sys.stderr)
    return 1 if step.failures else 0


if __name__ == "__main__":
    sys.exit(main())
