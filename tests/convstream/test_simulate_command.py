"""What `convstream simulate` and `report` make of verdicts; one real run, the others with a verdict given."""

import json
import os
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

import convstream.commands.simulate
from convstream.cli import main
from convstream.hdl.errors import ConversionError
from convstream.hdl.passes import PASSES
from convstream.sim.backends import icarus, verilator
from convstream.sim.jobs.processes import SimulationError
from convstream.sim.result import SimulationResult
from convstream.sim.scoreboard import Mismatch

ROOT = Path(__file__).parents[2]
EXAMPLE = "examples/layers/remainder_3x3_s2.toml"
MISMATCH = Mismatch("z", (1, 2, 3, 4), batch=0, beat=57, lane=2, cycle=901, expected=-3, got=4, step=0.0625)


@pytest.fixture(autouse=True)
def in_the_project(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def run(capsys):
    def run(*arguments) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        return caught.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def verdict(monkeypatch):
    """Have every simulation end as given: with a result changed like this, or with an error."""

    def give(error: Exception | None = None, **changes):
        def simulate(layer, tensors, pass_name, **options):
            if error:
                raise error
            streams = PASSES[pass_name]
            cycles = {stream: np.array([60, 99]) for stream in streams.outputs}
            for stream in streams.inputs:
                cycles[stream] = np.array([3, 30] if stream == "weights" else [31, 90])
            result = SimulationResult(
                pass_name, compared_values=216, wrong_values=0, mismatch=None, protocol_errors=(), beat_cycles=cycles,
                frame_cycles={}, tensors=({name: tensors[name].astype(np.int64) for name in streams.outputs},),
            )  # fmt: skip
            return replace(result, **changes)

        for command in ("simulate", "report"):
            monkeypatch.setattr(f"convstream.commands.{command}.simulate", simulate)

    return give


def test_a_real_core_is_bit_exact(run, tmp_path):
    code, out, err = run("simulate", EXAMPLE, "--pass", "forward", "--json")
    (result,) = json.loads(out)["runs"]
    assert (code, err) == (0, "")
    assert result["bit_exact"] is True
    assert result["compared_values"] == 3 * 6 * 3 * 4
    assert result["cycles"] == result["predicted_cycles"] > result["latency_cycles"] > 0


def test_nothing_is_predicted_of_stalls(run, verdict):
    verdict()
    code, out, _ = run("simulate", EXAMPLE, "--stall", "0.3", "--pass", "forward", "--json")
    assert code == 0
    assert json.loads(out)["runs"][0]["predicted_cycles"] is None


def test_bit_exact(run, verdict):
    verdict()
    code, out, err = run("simulate", EXAMPLE)
    assert (code, err) == (0, "")
    assert out.split()[-18:] == [
        "forward", "bit-exact", "216", "69", "1,357", "29",
        "input-gradient", "bit-exact", "216", "69", "1,336", "29",
        "weight-gradient", "bit-exact", "216", "69", "1,531", "29",
    ]  # fmt: skip


def test_a_mismatch_is_told_in_full_with_the_command_that_reproduces_it(run, verdict):
    verdict(wrong_values=2, mismatch=MISMATCH, log=Path("build/runs/r/simulation.log"))
    options = ["--pass", "forward", "--simulator", "icarus", "--stall", "0.5", "--seed", "7"]
    code, out, err = run("simulate", EXAMPLE, *options)
    assert code == 1
    assert "differs" in out
    assert "kept: build/runs/r/simulation.log" in out
    first, second = err.splitlines()
    assert first.startswith("forward: 2 of 216 values differ; the first: z[1,2,3,4]: expected -3 (-0.1875), got 4")
    assert "beat 57" in first
    assert "lane 2" in first
    assert "cycle 901" in first
    assert second == " ".join(["reproduce: convstream simulate", EXAMPLE, *options])


def test_the_command_that_reproduces_survives_a_shell(run, verdict, tmp_path):
    path = tmp_path / "it's a layer.toml"
    path.write_text((ROOT / EXAMPLE).read_text())
    verdict(wrong_values=1, mismatch=MISMATCH)
    assert f"convstream simulate '{tmp_path}/it'\"'\"'s a layer.toml' --pass" in run("simulate", path)[2]


@pytest.mark.parametrize("name", ["$x^$ {", "[bold]b[red", ":smile:", "two\nlines\x1b[31m", "<&\">"])
def test_names_are_shown_and_not_obeyed(run, verdict, tmp_path, name):
    path = tmp_path / f"{name}.toml"
    path.write_text((ROOT / EXAMPLE).read_text())
    verdict(wrong_values=1, mismatch=MISMATCH)
    assert run("simulate", path, "--junit", tmp_path / "junit.xml")[0] == 1
    assert ElementTree.parse(tmp_path / "junit.xml").getroot().get("tests") == "3"
    verdict()
    code, out, _ = run("report", path, "--picture", tmp_path / f"{name}.png")
    assert code == 0
    assert (tmp_path / f"{name}.png").stat().st_size > 10_000
    if name.isprintable():
        assert f"{name}: fixed point" in out


@pytest.mark.parametrize("changes", [
    {"protocol_errors": ("m_axis_z: tvalid fell without a transfer",)},
    {"error": SimulationError("the core stands still: m_axis_z starved")},
])  # fmt: skip
def test_broken_rules_and_missing_verdicts_fail_too(run, verdict, tmp_path, changes):
    verdict(**changes)
    reason = str(changes.get("error") or changes["protocol_errors"][0])
    code, out, err = run("simulate", EXAMPLE, "--pass", "forward", "--junit", tmp_path / "junit.xml")
    assert code == 1
    assert "bit-exact" not in out
    assert err.startswith(f"forward: {reason}\n")
    (suite,) = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert suite.attrib | {"tests": "1", "failures": "1"} == suite.attrib
    assert suite.find("testcase/failure").get("message") == reason
    assert ("cycles" in properties(suite[0])) == ("error" not in changes)
    code, out, _ = run("simulate", EXAMPLE, "--json")
    assert code == 1
    assert json.loads(out)["runs"][0]["bit_exact"] is False
    assert json.loads(out)["runs"][0]["failure"] == reason


@pytest.mark.parametrize(("simulator", "tools", "missing"), [
    ("icarus", {}, "iverilog"),
    ("verilator", {}, "c++"),
    ("verilator", {"c++": "#!/bin/sh\necho 1\n"}, "make"),
], ids=["iverilog", "c++", "make"])  # fmt: skip
def test_a_missing_tool_is_no_failed_test(run, tmp_path, monkeypatch, simulator, tools, missing):
    """Not even a folder for the run is left."""
    for name, text in tools.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    for program in (icarus._version, verilator._compiler_version):
        program.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    code, out, err = run("simulate", ROOT / EXAMPLE, "--simulator", simulator, "--junit", "junit.xml")
    for program in (icarus._version, verilator._compiler_version):
        program.cache_clear()
    assert (code, out) == (2, "")
    assert err == f"convstream: {missing} is needed and is not installed, or not on PATH\n"
    assert not (tmp_path / "junit.xml").exists()
    assert list((tmp_path / "build/runs").iterdir()) == []


def properties(case: ElementTree.Element) -> dict[str, str]:
    return {element.get("name"): element.get("value") for element in case.iterfind("properties/property")}


def test_a_good_junit_report(run, verdict, tmp_path):
    verdict()
    options = ("--simulator", "icarus", "--stall", "0.5", "--seed", "7")
    assert run("simulate", EXAMPLE, *options, "--junit", tmp_path / "junit.xml")[0] == 0
    (suite,) = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("remainder_3x3_s2", "3", "0")
    assert [case.get("name") for case in suite] == ["forward", "input_gradient", "weight_gradient"]
    assert suite.find("testcase/failure") is None
    for case in suite:
        assert float(suite.get("time")) >= float(case.get("time")) >= 0
        assert properties(case) == {
            "layer": EXAMPLE, "simulator": "icarus", "stall": "0.5", "seed": "7", "cycles": "69", "latency_cycles": "29"
        }  # fmt: skip


def test_several_layers_are_one_call_and_one_report(run, verdict, tmp_path):
    other = "examples/layers/corner_4x4_s3.toml"
    verdict()
    code, out, err = run("simulate", EXAMPLE, other, "--pass", "forward", "--junit", tmp_path / "junit.xml")
    assert (code, err) == (0, "")
    assert [line.split()[:3] for line in out.splitlines() if "bit-exact" in line] == [
        ["remainder_3x3_s2", "forward", "bit-exact"], ["corner_4x4_s3", "forward", "bit-exact"]
    ]  # fmt: skip
    root = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert (root.tag, root.get("tests"), root.get("failures")) == ("testsuites", "2", "0")
    assert [suite.get("name") for suite in root] == ["remainder_3x3_s2", "corner_4x4_s3"]
    runs = json.loads(run("simulate", EXAMPLE, other, "--json")[1])["runs"]
    pairs = [(path, name) for path in (EXAMPLE, other) for name in PASSES]
    assert [(row["layer"], row["pass"]) for row in runs] == pairs


@pytest.mark.parametrize("error", [SimulationError("the core stands still"), ConversionError("conv_forward: no")])
def test_the_worst_of_several_layers_is_the_exit_code_and_all_are_simulated(run, verdict, monkeypatch, tmp_path, error):
    verdict()
    right = convstream.commands.simulate.simulate

    def simulate(layer, *arguments, **options):
        if layer.geometry.rows.stride == 2:
            raise error
        return right(layer, *arguments, **options)

    monkeypatch.setattr("convstream.commands.simulate.simulate", simulate)
    other = "examples/layers/corner_4x4_s3.toml"
    code, out, err = run("simulate", EXAMPLE, other, "--pass", "forward", "--junit", tmp_path / "junit.xml")
    assert code == 1
    assert [line.split()[2] for line in out.splitlines() if "forward" in line] == ["no", "bit-exact"]
    first, second = err.splitlines()
    assert first == f"{EXAMPLE}: forward: {error}"
    assert second.startswith(f"reproduce: convstream simulate {EXAMPLE} --pass forward ")
    root = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert [suite.get("failures") for suite in root] == ["1", "0"]


@pytest.mark.parametrize(("old", "new", "message"), [
    ("kernel = 3", "kernel = 0", "layer.kernel = 0: must be"),
    ('source = "random"', 'source = "file"\npath = "none.npz"', "none.npz: No such file or directory"),
])  # fmt: skip
def test_what_is_wrong_with_one_layer_is_told_before_any_is_simulated(run, verdict, tmp_path, old, new, message):
    verdict(error=AssertionError("work was done"))
    path = tmp_path / "layer.toml"
    path.write_text((ROOT / EXAMPLE).read_text().replace(old, new, 1))
    code, out, err = run("simulate", EXAMPLE, path, "--junit", tmp_path / "junit.xml")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert not (tmp_path / "junit.xml").exists()


@pytest.mark.parametrize(("path", "reason"), [
    ("/proc/here/junit.xml", "No such file or directory"),
    (".", "Is a directory"),
    ("pipe", "Not a plain file"),
])  # fmt: skip
def test_a_junit_report_that_cannot_be_written_is_refused_before_any_work(
    run, verdict, tmp_path, monkeypatch, path, reason
):
    verdict(error=AssertionError("work was done"))
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    code, _, err = run("simulate", ROOT / EXAMPLE, "--junit", path)
    assert (code, err) == (2, f"convstream: {path}: cannot be written: {reason}\n")
    assert list(tmp_path.iterdir()) == [tmp_path / "pipe"]


def test_a_junit_report_makes_its_folder_and_replaces_the_last(run, verdict, tmp_path):
    verdict()
    for _ in range(2):
        assert run("simulate", EXAMPLE, "--junit", tmp_path / "new/junit.xml")[0] == 0
    assert list((tmp_path / "new").iterdir()) == [tmp_path / "new/junit.xml"]


def test_a_junit_report_goes_where_a_link_leads(run, verdict, tmp_path):
    verdict()
    for name, target in (("link", "junit.xml"), ("loop", "loop")):
        (tmp_path / name).symlink_to(target)
    assert run("simulate", EXAMPLE, "--junit", tmp_path / "link")[0] == 0
    assert (tmp_path / "link").is_symlink()
    assert ElementTree.parse(tmp_path / "junit.xml").getroot().get("tests") == "3"
    code, _, err = run("simulate", EXAMPLE, "--junit", tmp_path / "loop")
    assert (code, err.count("\n")) == (2, 1)
    assert "loop: cannot be written: the link leads back to itself" in err


def test_all_cores_are_simulated_unless_one_is_chosen(run, verdict):
    verdict()
    shown = json.loads(run("simulate", EXAMPLE, "--json")[1])
    assert [row["pass"] for row in shown["runs"]] == ["forward", "input_gradient", "weight_gradient"]
    out = run("simulate", EXAMPLE, "--json", "--pass", "input-gradient")[1]
    assert [row["pass"] for row in json.loads(out)["runs"]] == ["input_gradient"]


def test_the_report_is_a_table_and_a_picture(run, verdict, tmp_path):
    verdict()
    code, out, err = run("report", EXAMPLE, "--picture", tmp_path / "p.png")
    assert (code, err) == (0, "")
    rows = {line.split()[0]: line.split() for line in out.splitlines() if "gradient" in line or "forward" in line}
    assert rows["forward"][-4:] == ["0.00%", "7,776", "69", "bit-exact"]
    assert rows["bias-gradient"][-3:] == ["0", "69", "bit-exact"]
    assert len(rows) == 4
    with Image.open(tmp_path / "p.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > 1000
    assert list(tmp_path.iterdir()) == [tmp_path / "p.png"]


def test_the_same_report_is_the_same_picture(run, verdict, tmp_path):
    verdict()
    for name in ("1.png", "2.png"):
        run("report", EXAMPLE, "--picture", tmp_path / name)
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()


def test_a_report_on_a_wrong_core_fails_and_shows_it(run, verdict, tmp_path):
    verdict(wrong_values=1, mismatch=MISMATCH)
    code, out, err = run("report", EXAMPLE, "--picture", tmp_path / "p.png", "--json")
    assert code == 1
    assert json.loads(out)["passes"][0]["core"] == "differs"
    assert err == f"convstream: a core differs from the integer model; where: convstream simulate {EXAMPLE}\n"
    assert (tmp_path / "p.png").exists()


def test_a_report_without_a_verdict_leaves_the_old_picture(run, verdict, tmp_path):
    (tmp_path / "p.png").write_bytes(b"old")
    verdict(error=SimulationError("iverilog failed: core.v: syntax error"))
    assert run("report", EXAMPLE, "--picture", tmp_path / "p.png")[0] == 1
    assert (tmp_path / "p.png").read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [tmp_path / "p.png"]
