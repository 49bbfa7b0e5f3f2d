"""`convstream explore`: what is found is in the table, the JSON and the picture; measurements are given."""

import json
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from convstream.cli import main
from convstream.fixedpoint.dataflow.estimate import estimate
from convstream.layer_file import read_layer_file
from convstream.sim.errors import CheckFailed
from convstream.sim.explore.measure import SimulatedCore, SynthesizedCore

EXAMPLE = Path(__file__).parents[2] / "examples" / "layers" / "remainder_3x3_s2.toml"
CELLS = {"lut": 300, "carry": 60, "register": 400, "dsp": 6, "block_ram": 2, "lut_ram": 0}


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys):
    def run(*arguments) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main(["explore", *map(str, arguments)])
        return caught.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def given(monkeypatch):
    """Measurements in this process, with values by multipliers; an exception is raised."""

    @contextmanager
    def here(scheduler=None):
        yield lambda function, jobs: ((job, function(job)) for job in jobs)

    def give(kind, values):
        def take(measurement, build_root):
            value = values(measurement.layer.lanes.multipliers)
            if isinstance(value, Exception):
                raise value
            return value

        monkeypatch.setattr(kind, "take", take)

    monkeypatch.setattr("convstream.sim.explore.measure.workers", here)
    return give


def synthesized(clock_mhz, misfit=None):
    return CELLS | {"clock_mhz": clock_mhz, "clock_mhz_by_seed": {"1": clock_mhz}, "misfit": misfit}


def simulated(_):
    return {"bit_exact": True, "compared_values": 9, "cycles": 1234, "latency_cycles": 5}


def test_all_choices_as_json(run):
    code, out, err = run(EXAMPLE, "--json", "--clock", 100)
    shown = json.loads(out)
    assert (code, err) == (0, "")
    assert (shown["pass"], shown["target"], shown["clock_mhz"]) == ("forward", "ecp5", 100)
    choices = shown["choices"]
    assert len({(c["in_lanes"], c["out_lanes"], c["kernel_lanes"]) for c in choices}) == len(choices) > 10
    for choice in choices:
        lanes = choice["in_lanes"] * choice["out_lanes"] * choice["kernel_lanes"]
        assert choice["dsps"] == choice["multipliers"] == lanes
        assert choice["images_per_second"] == pytest.approx(100e6 / choice["cycles"])
        beaten = any(
            o["multipliers"] <= choice["multipliers"] and o["cycles"] <= choice["cycles"]
            and (o["multipliers"], o["cycles"]) != (choice["multipliers"], choice["cycles"]) for o in choices
        )  # fmt: skip
        assert not (beaten and choice["in_set"])


def test_numbers_are_those_of_estimate(run):
    layer = read_layer_file(EXAMPLE).layer
    choices = json.loads(run(EXAMPLE, "--json", "--pass", "all")[1])["choices"]
    lanes = vars(layer.lanes)
    (choice,) = (c for c in choices if lanes.items() <= c.items())
    cores = [estimate(layer, name) for name in ("forward", "input_gradient", "weight_gradient")]
    assert choice["multipliers"] == 3 * layer.lanes.multipliers
    assert choice["cycles"] == pytest.approx(float(sum(core.period / core.images for core in cores)))
    assert choice["memory_bits"] == sum(core.memory_bits for core in cores)
    # cores with equal multipliers, one after the other
    products = sum(core.useful_products / core.images for core in cores)
    assert choice["useful"] == pytest.approx(products / (layer.lanes.multipliers * choice["cycles"]))
    assert choice["useful"] <= choice["efficiency"] <= 1


def test_a_budget_and_a_target_leave_what_keeps_to_them_and_one_is_recommended(run):
    arguments = (EXAMPLE, "--budget-dsp", 12, "--target-fps", 20_000, "--clock", 100)
    choices = json.loads(run(*arguments, "--json")[1])["choices"]
    kept = [c for c in choices if c["in_set"]]
    assert kept
    assert all(c["dsps"] <= 12 and c["images_per_second"] >= 20_000 for c in kept)
    (best,) = (c for c in choices if c["recommended"])
    assert best["multipliers"] == min(c["multipliers"] for c in kept)
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    row = next(line for line in out.splitlines() if "<- recommended" in line)
    keys = ("in_lanes", "out_lanes", "kernel_lanes", "multipliers")
    assert [int(number) for number in row.split()[:4]] == [best[key] for key in keys]
    assert row.split()[6:8] == [f"{best['efficiency']:.4f}", f"{best['useful']:.1%}"]
    assert ": the smallest that is fast enough\n" in out


def test_where_nothing_is_left_the_exit_code_is_1_and_the_nearest_is_named(run):
    code, out, err = run(EXAMPLE, "--budget-dsp", 2, "--pass", "all")
    assert (code, out) == (1, "")
    assert err == ("convstream: no choice takes at most 2 DSP multipliers: the smallest, in_lanes 1, out_lanes 1, "
                   "kernel_lanes 1, takes 3\n")  # fmt: skip
    code, out, err = run(EXAMPLE, "--target-fps", "1e9", "--clock", 1, "--json")
    assert code == 1
    assert not any(choice["in_set"] for choice in json.loads(out)["choices"])
    assert err.startswith("convstream: no choice reaches 1,000,000,000 images/s at 1 MHz: the fastest, in_lanes ")


def test_the_picture_is_a_png(run, tmp_path):
    picture = tmp_path / "new" / "choices.png"
    arguments = ("--pass", "all", "--budget-dsp", 54, "--clock", 110, "--target-fps", 100, "--picture", picture)
    code, out, _ = run(EXAMPLE, *arguments)
    assert code == 0
    assert out.endswith(f"picture: {picture}\n")
    with Image.open(picture) as image:
        assert image.format == "PNG"
        assert image.width > 1000
    assert [path.name for path in picture.parent.iterdir()] == ["choices.png"]


def test_what_was_measured_is_shown_and_decides(run, given):
    given(SimulatedCore, simulated)
    given(SynthesizedCore, lambda count: synthesized(120.0 if count < 9 else 60.0))
    arguments = (EXAMPLE, "--simulate", "--synth", "--budget-dsp", 12, "--most", 3)
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    measured = [line.split() for line in out.splitlines() if "bit-exact" in line]
    assert len(measured) == 3
    assert measured[0][3:5] == ["bit-exact", "1,234"]
    assert measured[0][6:11] == ["300", "400", "6", "2", "120.0"]
    assert "of those measured (--most measures more)" in out
    choices = json.loads(run(*arguments, "--json")[1])["choices"]
    rated = [c for c in choices if c["measured"]]
    assert [c["measured"]["synthesis"]["forward"]["clock_mhz"] for c in rated] == [
        120.0 if c["multipliers"] < 9 else 60.0 for c in rated
    ]
    (best,) = (c for c in choices if c["recommended"])
    assert best["images_per_second"] == max(c["images_per_second"] for c in rated)


def test_a_core_that_does_not_fit_is_not_recommended(run, given):
    given(SynthesizedCore, lambda count: synthesized(None, {"cell": "MULT18X18D", "needed": 9, "available": 6})
          if count > 6 else synthesized(100.0))  # fmt: skip
    choices = json.loads(run(EXAMPLE, "--synth", "--budget-dsp", 12, "--most", 99, "--json")[1])["choices"]
    (best,) = (c for c in choices if c["recommended"])
    assert best["multipliers"] == 6
    assert "does not fit" in run(EXAMPLE, "--synth", "--budget-dsp", 12)[1]


def test_a_target_may_be_held_against_the_measured_clock(run, given):
    given(SynthesizedCore, lambda count: synthesized(100.0))
    code, out, err = run(EXAMPLE, "--synth", "--target-fps", "1e9", "--most", 2)
    assert (code, err) == (1, "convstream: none of the choices that were measured reaches 1,000,000,000 images/s\n")
    assert "100.0" in out


def test_a_failed_measurement_is_told_and_is_exit_code_1(run, given):
    given(SimulatedCore, lambda count: CheckFailed("make failed") if count == 1 else simulated(count))
    code, out, err = run(EXAMPLE, "--simulate", "--most", 2)
    assert (code, err) == (1, "in_lanes 1, out_lanes 1, kernel_lanes 1: simulation of forward: make failed\n")
    assert "failed" in out
    assert "bit-exact" in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--target-fps", "30"], "needs a clock rate"),
        (["--target-fps", "30", "--synth", "--seeds", "0"], "needs a clock rate"),
        (["--target-fps", "30", "--synth", "--target", "xilinx"], "needs a clock rate"),
        (["--target-fps", "nan", "--clock", "100"], "--target-fps"),
        (["--target-fps", "-1", "--clock", "100"], "--target-fps"),
        (["--target-fps", "30", "--clock", "inf"], "--clock"),
        (["--budget-dsp", "0"], "--budget-dsp"),
        (["--budget-dsp", "8", "--target", "ice40"], "iCE40 HX8K has no DSP multipliers"),
        (["--most", "0", "--synth"], "--most"),
        (["--pass", "sideways"], "--pass"),
        (["--scheduler", "tcp://127.0.0.1:8786"], "--scheduler: nothing is to be measured"),
        (["--scheduler", "somewhere", "--synth"], "must be a Dask scheduler's address"),
        (["--picture", "/proc/nowhere/x.png"], "cannot be written"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(run, arguments, told):
    code, out, err = run(EXAMPLE, *arguments)
    assert (code, out) == (2, "")
    assert told in err
    assert "Traceback" not in err
