"""Efficiency and useful share of the multipliers: every example layer, and every lane choice of four of them.

    python benchmarks/efficiency.py

eff.: efficiency = bound / period.  The bound is the fewest cycles that lanes and streams allow
(`fixedpoint/dataflow/timing/bound.py`); the period is that of images (weight gradient: batches) back to back, from the
cycle model, which `tests/hdl/test_cycles.py` holds against the simulated cores to the cycle.

useful: share of the multipliers' cycles that multiply a weight with a pixel that is not padding.

wait: cycles from the last beat that the first result depends on, if beats come without a pause, to that result's beat.
"""

from pathlib import Path

from convstream.fixedpoint.dataflow.choices import Choice, choose, legal_lanes
from convstream.fixedpoint.dataflow.estimate import Estimate
from convstream.fixedpoint.layer import Layer
from convstream.layer_file import read_layer_file

_LAYERS = Path(__file__).parents[1] / "examples" / "layers"
_PASSES = ("forward", "input_gradient", "weight_gradient")
_EVERY_CHOICE = ("middle_3x3", "down_3x3_s2", "photograph_3x3", "digits_5x5")


def _beats_of_first_result(layer: Layer, pass_name: str) -> int | None:
    """Beats up to the last source pixel of the first result; None where that is all of them."""
    axes = layer.geometry.rows, layer.geometry.columns
    if pass_name == "weight_gradient":
        return None
    if pass_name == "forward":
        row, column = (max(axis.origin(0) + tap for tap in axis.taps(0)) for axis in axes)
        width, groups = axes[1].size, layer.geometry.in_channels // layer.lanes.in_lanes
    else:
        row, column = (max((output for _, output in axis.sources(0)), default=-1) for axis in axes)
        width, groups = axes[1].out_size, layer.geometry.out_channels // layer.lanes.out_lanes
    return (row * width + column + 1) * groups if min(row, column) >= 0 else 0  # of no output: zero at once


def _cells(layer: Layer, core: Estimate) -> str:
    beats = _beats_of_first_result(layer, core.pass_name)
    wait = "" if beats is None else f"{core.latency_cycles - beats:,}"
    return f"{float(core.period):>12,.0f}{core.efficiency:>8.3f}{core.useful:>8.1%}{wait:>6}"


def _row(name: str, choice: Choice) -> str:
    lanes = choice.lanes
    of_lanes = f"{lanes.in_lanes} x {lanes.out_lanes} x {lanes.kernel_lanes}"
    cells = "".join(_cells(choice.layer, core) for core in choice.cores)
    return f"{name:18}{of_lanes:>12}{lanes.multipliers:>6}{cells}".rstrip()


def _head(title: str) -> str:
    names = "".join(f"{name.replace('_', '-'):>34}" for name in _PASSES)
    shared = f"{'period':>12}{'eff.':>8}{'useful':>8}"
    heads = f"{shared}{'wait':>6}" * (len(_PASSES) - 1) + shared
    return f"\n{title}\n{'':36}{names.rstrip()}\n{'layer':18}{'lanes':>12}{'mult.':>6}{heads}"


def main() -> None:
    layers = {path.stem: read_layer_file(path).layer for path in sorted(_LAYERS.glob("*.toml"))}
    print(_head("as in the layer file; lanes: input channels x filters x taps; period: cycles of an image, or a batch"))
    for name, layer in layers.items():
        print(_row(name, choose(layer, layer.lanes, _PASSES)))

    print(_head("every choice of lanes"))
    worst = []
    for name in _EVERY_CHOICE:
        layer = layers[name]
        choices = [choose(layer, lanes, _PASSES) for lanes in legal_lanes(layer.geometry)]
        for choice in sorted(choices, key=lambda choice: choice.lanes.multipliers):
            print(_row(name, choice))
        lowest = [min(choice.cores[index].efficiency for choice in choices) for index in range(len(_PASSES))]
        worst.append(f"{name:18}{len(choices):>18}{''.join(f'{value:20.3f}' for value in lowest)}")
    print(f"\nthe lowest of all choices\n{'layer':18}{'choices':>18}{''.join(f'{name:>20}' for name in _PASSES)}")
    print("\n".join(worst))


if __name__ == "__main__":
    main()
