"""Random layers for the cores, and their simulation: small, and rich in the cases that break schedules."""

import random
from dataclasses import replace

import numpy as np

from convstream.fixedpoint.formats import Format, Formats, Overflow, Rounding
from convstream.fixedpoint.layer import Lanes, Layer
from convstream.hdl.passes import PASSES
from convstream.reference.geometry import Geometry
from convstream.sim.beats import last_beats, stream_tensors, stream_words
from convstream.sim.simulate import simulate_episodes
from convstream.sim.stimulus import Play, play_batches
from convstream.sim.tensors.random_tensors import random_tensors
from convstream.sim.vectors.folder import all_tensors


def random_layer(seed: int) -> Layer:
    """F 1..5, S 1..4, P 0..F, any H and W, every lane choice, widths 2..16, all rounding and overflow modes."""
    return _random_layer(random.Random(seed), 5, 9, lambda pick, kernel: pick.randint(0, kernel))


def padded_layer(seed: int) -> Layer:
    """Like `random_layer`, but smaller, and with P from F on: outputs at the border have no taps."""
    pick = random.Random(f"padded {seed}")
    return _random_layer(pick, 4, 5, lambda pick, kernel: kernel + pick.randint(0, 2))


def _random_layer(pick: random.Random, largest_kernel: int, largest_size: int, padding) -> Layer:
    while True:
        kernel = pick.randint(1, largest_kernel)
        in_lanes, out_lanes = pick.randint(1, 3), pick.randint(1, 3)

        def form(lowest=2):
            return Format(pick.randint(lowest, 16), pick.randint(-2, 12))

        x, w = form(), form()
        bias = Format(pick.randint(2, 16), min(x.fraction + w.fraction, pick.randint(-2, 12)))
        try:
            geometry = Geometry.square(
                batch=pick.randint(1, 3), in_channels=in_lanes * pick.randint(1, 3),
                height=pick.randint(1, largest_size), width=pick.randint(1, largest_size),
                out_channels=out_lanes * pick.randint(1, 3), kernel=kernel, stride=pick.randint(1, 4),
                padding=padding(pick, kernel),
            )  # fmt: skip
            formats = Formats(
                x, w, bias, form(), form(), form(), form(), form(), pick.choice(list(Rounding)),
                pick.choice(list(Overflow)), pick.getrandbits(64),
            )  # fmt: skip
            return Layer(geometry, formats, Lanes(in_lanes, out_lanes, pick.choice((1, kernel, kernel * kernel))))
        except ValueError:
            continue  # the kernel does not fit the padded image


def extreme_layer(seed: int) -> Layer:
    """Small, but for one or two extremes: one row, one pixel, 40 rows or columns, F 11, S 9, P beyond F, 32 bits."""
    pick = random.Random(f"extreme {seed}")
    while True:
        size, kernel, stride = (pick.randint(1, 5), pick.randint(1, 5)), pick.randint(1, 3), pick.randint(1, 3)
        padding, widths = pick.randint(0, 2), (2, 12)
        shapes, others = ("row", "column", "pixel", "tall", "wide"), ("kernel", "stride", "padding", "bits")
        for extreme in pick.sample(shapes + others, 2):
            if extreme in shapes:
                size = {"row": (1, pick.randint(1, 9)), "column": (pick.randint(1, 9), 1), "pixel": (1, 1),
                        "tall": (pick.randint(10, 40), pick.randint(1, 6)),
                        "wide": (pick.randint(1, 6), pick.randint(10, 40))}[extreme]  # fmt: skip
            elif extreme == "kernel":
                kernel, padding = pick.randint(6, 11), pick.randint(3, 8)
            elif extreme == "stride":
                stride = pick.randint(4, 9)
            elif extreme == "padding":
                padding = kernel + pick.randint(1, 3)
            else:
                widths = (17, 32)

        def form(widths=widths):
            return Format(pick.randint(*widths), pick.randint(-2, 12))

        x, w = form(), form()
        in_lanes, out_lanes = pick.randint(1, 3), pick.randint(1, 3)
        try:
            geometry = Geometry.square(
                batch=pick.randint(1, 2), in_channels=in_lanes * pick.randint(1, 3), height=size[0], width=size[1],
                out_channels=out_lanes * pick.randint(1, 3), kernel=kernel, stride=stride, padding=padding,
            )  # fmt: skip
            bias = Format(pick.randint(2, 32), min(x.fraction + w.fraction, pick.randint(-2, 12)))
            formats = Formats(
                x, w, bias, form(), form(), form(), form(), form(), pick.choice(list(Rounding)),
                pick.choice(list(Overflow)), pick.getrandbits(64),
            )  # fmt: skip
            lanes = Lanes(in_lanes, out_lanes, pick.choice((1, 1, kernel, kernel * kernel)))
            layer = Layer(geometry, formats, lanes, weight_sets=pick.choice((1, 1, 2)))
            replace(layer, geometry=replace(geometry, batch=4 * geometry.batch))  # as tests put batches together
        except ValueError:
            continue  # the kernel does not fit the padded image, or an accumulator is too wide
        slots = geometry.multiplications // (in_lanes * out_lanes)
        if slots <= 4000 and lanes.multipliers <= 150:
            return layer


def results_of(layer: Layer, operands: dict[str, np.ndarray], number: int = 0) -> dict[str, np.ndarray]:
    """Operands and all results of batch `number` since the reset (stochastic rounding goes on drawing)."""
    return operands | all_tensors(layer, operands, number)


def batch_of(layer: Layer, seed: int, number: int = 0, weights: dict | None = None) -> dict[str, np.ndarray]:
    """A random batch and its results; `weights`, if given, are those of an earlier batch."""
    operands = random_tensors(layer, seed, 0.1)
    if weights is not None:
        operands |= {name: weights[name] for name in ("w", "b")}
    return results_of(layer, operands, number)


def simulate_batches(layer: Layer, pass_name: str, batches: list, **options):
    """The verdict on batches back to back, without a reset between them."""
    (result,) = simulate_episodes(layer, [play_batches(layer, pass_name, batches)], pass_name, **options)
    return result


def random_frames(layer: Layer, stream: str, seeds) -> list[list[int]]:
    """The words of a random frame of an input stream, or of a set of weights, for each seed."""
    one = replace(layer, geometry=replace(layer.geometry, batch=1))
    return [stream_words(one, random_tensors(one, seed, 0.1), stream) for seed in seeds]


def closed(pieces: list[list[int]]) -> Play:
    """The pieces one behind the other, each of which ends with a `tlast`."""
    words, lasts = [], []
    for piece in pieces:
        words += piece
        lasts.append(len(words) - 1)
    return Play(words, lasts)


def results_of_frames(layer: Layer, pass_name: str, frames: dict[str, list[list[int]]]) -> tuple[int, dict[str, Play]]:
    """How many whole batches some frames make, and the beats that a core answers them with.

    Parameters
    ----------
    frames : dict
        By input stream the words of each frame; of the weights there is one set, which all of them meet.
    """
    core = PASSES[pass_name]
    images = {stream: len(frames[stream]) for stream in core.inputs if stream != "weights"}
    size = layer.geometry.batch if pass_name == "weight_gradient" else min(images.values())
    batches = min(images.values()) // size if size else 0
    answers = {stream: Play([], []) for stream in core.outputs}
    whole = replace(layer, geometry=replace(layer.geometry, batch=max(size, 1)))
    for number in range(batches):
        operands = {name: np.zeros(shape, np.int64) for name, shape in whole.geometry.shapes.items()}
        for stream in core.inputs:
            chosen = frames[stream][:1] if stream == "weights" else frames[stream][number * size : (number + 1) * size]
            operands |= stream_tensors(whole, [word for frame in chosen for word in frame], stream)
        results = results_of(whole, operands, number)
        for stream, answer in answers.items():
            answer.lasts.extend(len(answer.words) + last for last in last_beats(whole, stream))
            answer.words.extend(stream_words(whole, results, stream))
    return batches, answers
