"""Floats to words beside NumPy's own steps and beside the forward pass: one process, taking turns, medians.

    python benchmarks/quantize.py

NumPy's steps are multiply, rint, clip (saturate) or remainder (wrap), and a cast: what one would write by hand for
finite values, where ties go to even.  It checks nothing.  Everything a call of `quantize` does is timed, looking for
NaN and infinity included.  CPU time of one thread, in ns a value; a ratio above 1 means that `quantize` is faster.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median

import numpy as np

from convstream.fixedpoint.formats import Format, Formats, Overflow, Rounding
from convstream.fixedpoint.forward import forward
from convstream.fixedpoint.kernels.runtime.threads import threads
from convstream.fixedpoint.layer import Layer
from convstream.fixedpoint.quantize import quantize
from convstream.reference.geometry import Geometry


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=21, help="How often each side has its turn.")
    turns = parser.parse_args().turns
    with threads(1):
        beside_numpy(turns)
        beside_forward(turns)


def beside_numpy(turns: int) -> None:
    """Every rule, width and overflow, float64 and float32, on as many values as an image of 3 x 224 x 224 has."""
    values = 0.7 * np.random.default_rng(1).standard_normal(3 * 224 * 224)
    print(f"{'values':8} {'width':>5} {'overflow':9} {'rounding':12} {'quantize':>9} {'NumPy':>7} {'ratio':>6}")
    for real in np.float64, np.float32:
        given = values.astype(real)
        for width in 8, 16, 32:
            form = Format(width, width - 2)
            for overflow in Overflow:
                for rounding in Rounding:
                    sides = partial(quantize, given, form, rounding, overflow), partial(by_hand, given, form, overflow)
                    ours, theirs = in_turns(turns, sides)
                    print(f"{np.dtype(real).name:8} {width:5} {overflow:9} {rounding:12} {ours / values.size:9.2f} "
                          f"{theirs / values.size:7.2f} {theirs / ours:6.1f}")  # fmt: skip


def by_hand(values: np.ndarray, form: Format, overflow: Overflow) -> np.ndarray:
    """What NumPy has for it, ties to even."""
    rounded = np.rint(np.multiply(values, 2.0**form.fraction, dtype=np.float64))
    if overflow is Overflow.SATURATE:
        return np.clip(rounded, form.lowest, form.highest).astype(form.dtype)
    return ((rounded - form.lowest) % 2.0**form.width + form.lowest).astype(form.dtype)


def beside_forward(turns: int) -> None:
    """Making x of floats, beside the forward pass of the same layer."""
    print(f"\n{'layer':32} {'quantize x':>10} {'forward':>8} {'share':>6}")
    for channels, filters in (16, 32), (64, 64):
        geometry = Geometry.square(
            batch=4, in_channels=channels, height=32, width=32, out_channels=filters, kernel=3, padding=1
        )
        word = Format(8, 6)
        layer = Layer(geometry, Formats(word, word, Format(16, 12), Format(8, 4), word, word, word, word))
        rng = np.random.default_rng(1)
        x = 0.7 * rng.standard_normal(geometry.x_shape)
        words = {
            name: quantize(rng.standard_normal(geometry.shapes[name]), layer.formats.of(name), "half_even", "saturate")
            for name in ("x", "w", "b")
        }
        sides = partial(quantize, x, word, "half_even", "saturate"), partial(forward, **words, layer=layer)
        made, used = in_turns(turns, sides)
        title = f"4 x {channels} x 32 x 32 -> {filters}, 3 x 3"
        print(f"{title:32} {made / x.size:10.2f} {used / x.size:8.2f} {made / used:6.1%}")


def in_turns(turns: int, sides: Sequence[Callable[[], object]]) -> list[float]:
    """Median CPU time of each side, in ns; the first turn, which compiles, does not count."""
    spent = [[] for _ in sides]
    for _ in range(turns + 1):
        for times, side in zip(spent, sides, strict=True):
            begin = time.thread_time_ns()
            side()
            times.append(time.thread_time_ns() - begin)
    return [median(times[1:]) for times in spent]


if __name__ == "__main__":
    main()
