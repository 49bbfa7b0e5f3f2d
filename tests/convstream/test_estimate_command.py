"""`convstream estimate`: numbers that can be worked out by hand, and what it says about the bound."""

import json
from pathlib import Path

import pytest

from convstream.cli import main

ROOT = Path(__file__).parents[2]
LAYERS = ROOT / "examples" / "layers"


@pytest.fixture
def run(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main(["estimate", *map(str, arguments)])
        return caught.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def layer_file(tmp_path):
    """An example layer with some values replaced."""

    def write(name: str, **changes) -> Path:
        lines = (LAYERS / f"{name}.toml").read_text().splitlines()
        for index, line in enumerate(lines):
            key = line.split("=")[0].strip()
            if key in changes:
                lines[index] = f"{key} = {changes.pop(key)}"
        assert not changes
        path = tmp_path / "layer.toml"
        path.write_text("\n".join(lines))
        return path

    return write


def test_numbers_of_a_layer_worked_out_by_hand(run):
    code, out, err = run(LAYERS / "middle_3x3.toml", "--pass", "forward", "--clock", "100", "--json")
    (core,) = json.loads(out)["cores"]
    assert (code, err) == (0, "")
    # 46 of 48 taps along each axis of 16 pixels lie on the image; 4 x 4 groups of 4 channels and 4 filters
    slots = 46 * 46 * 4 * 4
    assert core["bound"] == {"issue_slots": slots, "input_beats": 1024, "output_beats": 1024, "cycles": slots}
    assert core["efficiency"] == pytest.approx(slots / core["period_cycles"])
    assert 0.95 <= core["efficiency"] <= 1
    assert core["useful"] == core["efficiency"]  # no lane is ever without a tap
    assert core["multipliers"] == 16
    assert core["images_per_second"] == pytest.approx(100e6 / core["period_cycles"])
    assert core["products_per_second"] == pytest.approx(16 * 100e6 * core["efficiency"])
    assert core["batch_cycles"] >= 4 * slots
    weights = next(memory for memory in core["memories"] if memory["name"] == "weight memory")
    assert weights["bits"] == 16 * 16 * 9 * 8
    assert core["memory_bits"] == sum(memory["bits"] for memory in core["memories"])
    assert core["streams"] == [
        {"stream": "weights", "bits": 32, "beats": 16 * 9 * 4 + 16},
        {"stream": "x", "bits": 32, "beats": 4096},
        {"stream": "z", "bits": 32, "beats": 4096},
    ]


def test_tables_for_people(run):
    code, out, err = run(LAYERS / "photograph_3x3.toml", "--clock", "110")
    assert (code, err) == (0, "")
    for heading in ("bound", "efficiency", "useful", "GMAC/s"):
        assert heading in out
    for part in ("line buffer of dz", "accumulators of dw", "result queue", "110 MHz"):
        assert part in out
    assert "forward: bound by multipliers; raise out_lanes (4 of at most 16) or kernel_lanes (1 of at most 9)" in out


_WHOLE = {"in_lanes": 16, "out_lanes": 16, "kernel_lanes": 9}  # all products of an output at once
_QUARTER = _WHOLE | {"in_lanes": 4}


@pytest.mark.parametrize(
    ("changes", "pass_name", "bottleneck", "advice"),
    [
        (_QUARTER, "forward", "multipliers", "raise in_lanes (4 of at most 16)"),
        (_WHOLE, "forward", "multipliers", "none: all products of a pixel are made at once"),
        (_QUARTER | {"stride": 2}, "forward", "x", "raise in_lanes (4 of at most 16)"),
        (_WHOLE | {"stride": 2}, "forward", "x", "a beat holds the whole pixel: other lanes could be fewer"),
        (_QUARTER | {"stride": 4}, "input_gradient", "dx", "raise in_lanes (4 of at most 16)"),
        (_QUARTER | {"height": 4, "width": 4, "batch": 1}, "weight_gradient", "dw",
         "raise in_lanes (4 of at most 16), or the batch"),
    ],
)  # fmt: skip
def test_what_makes_the_bound_is_named_and_the_knob_to_turn(changes, pass_name, bottleneck, advice, run, layer_file):
    path = layer_file("middle_3x3", **changes)
    code, out, _ = run(path, "--pass", pass_name.replace("_", "-"), "--json")
    (core,) = json.loads(out)["cores"]
    assert (code, core["bottleneck"]) == (0, bottleneck)
    assert core["advice"] == advice


@pytest.mark.parametrize("clock", ["0", "-5", "nan", "inf", "fast"])
def test_a_clock_is_a_positive_number(clock, run):
    code, out, err = run(LAYERS / "middle_3x3.toml", "--clock", clock)
    assert (code, out) == (2, "")
    assert "--clock" in err
