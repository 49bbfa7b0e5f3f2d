"""The command line as people and CI meet it: exit codes, one line for every mistake, nothing half-written."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from convstream.cli import main

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/layers/remainder_3x3_s2.toml"
COMMANDS = ("reference", "vectors", "simulate", "verilog", "synth", "explore", "report")


@pytest.fixture
def run(capsys, monkeypatch):
    """Run the command line; gives exit code, standard output and standard error."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        return caught.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def layer_file(tmp_path):
    """Writes a variant of the example with one text replaced; gives its path."""

    def write(old: str = "", new: str = "", name: str = "layer.toml") -> Path:
        text = EXAMPLE.read_text()
        assert old in text
        path = tmp_path / name
        path.write_text(text.replace(old, new, 1) if old else text)
        return path

    return write


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(run, command):
    code, out, _ = run(command, "--help")
    assert code == 0
    assert "Example" in out
    assert f"convstream {command} " in out
    assert "--json" in out


@pytest.mark.parametrize("command", [["reference"], ["vectors", "--out", "vectors"], ["simulate"], ["report"]])
def test_numba_without_its_compiler_is_one_line(command, tmp_path):
    finished = subprocess.run(
        [sys.executable, "-m", "convstream", command[0], str(EXAMPLE), *command[1:]],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT), "NUMBA_DISABLE_JIT": "1"},
        capture_output=True, text=True,
    )  # fmt: skip
    line = "the integer model needs Numba's compiler, which NUMBA_DISABLE_JIT turns off: unset it"
    assert (finished.returncode, finished.stdout, finished.stderr) == (2, "", f"convstream: {line}\n")
    assert not list(tmp_path.iterdir())


def test_version(run):
    assert run("--version") == (0, "convstream, version 0.1.0\n", "")


@pytest.mark.parametrize("arguments", [
    ["nonsense"],
    ["reference"],
    ["reference", EXAMPLE, "--nonsense"],
    ["vectors", EXAMPLE],
    ["vectors"],
    ["vectors", EXAMPLE, "--out", "there", "--check", "there"],
    ["verilog", EXAMPLE],
    ["simulate", EXAMPLE, "--stall", "0.96"],
    ["simulate", EXAMPLE, "--stall", "nan"],
    ["simulate", EXAMPLE, "--pass", "sideways"],
    ["simulate", EXAMPLE, "--simulator", "paper"],
    ["simulate", EXAMPLE, "--seed", "-1"],
], ids=lambda arguments: " ".join(map(str, arguments[:1] + arguments[2:])))  # fmt: skip
def test_usage_errors_exit_with_2(run, arguments):
    code, out, err = run(*arguments)
    assert code == 2
    assert out == ""
    assert "Error: " in err


@pytest.mark.parametrize("command", [["reference"], ["vectors", "--out"], ["simulate"], ["verilog", "--out"]])
def test_a_bad_layer_file_is_one_line_for_every_command(run, tmp_path, layer_file, command):
    path = layer_file("kernel = 3", "kernel = 0")
    name, *out_option = command
    code, out, err = run(name, path, *out_option, *([tmp_path / "out"] if out_option else []))
    assert code == 2
    assert out == ""
    assert err == f"convstream: {path}: layer.kernel = 0: must be an integer from 1 to 1048576\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("make", "message"), [
    (lambda path: None, "No such file or directory"),
    (lambda path: path.mkdir(), "Is a directory"),
    (lambda path: path.write_bytes(b"\xff\xfe"), "not a layer file: not UTF-8 text"),
    (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
])  # fmt: skip
@pytest.mark.parametrize("name", ["layer.toml", "two\nlines\x1b[31m.toml", "-", "ünï.toml", "a b;rm.toml"])
def test_files_that_cannot_be_read(run, tmp_path, make, message, name):
    make(tmp_path / name)
    code, out, err = run("reference", tmp_path / name)
    assert code == 2
    assert out == ""
    assert message in err
    assert err.count("\n") == 1
    assert "\x1b" not in err


def test_reference_prints_the_error_of_every_pass(run, tmp_path):
    code, out, err = run("reference", EXAMPLE, "--out", tmp_path / "out")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines() if "fraction" in line] == [
        "forward", "input-gradient", "weight-gradient", "bias-gradient",
    ]  # fmt: skip
    arrays = np.load(tmp_path / "out/reference.npz")
    assert {name: array.dtype.name for name, array in arrays.items()} == dict.fromkeys(
        ("x", "w", "b", "dz", "z", "dx", "dw", "db"), "float64"
    )


def test_reference_as_json(run):
    code, out, _ = run("reference", EXAMPLE, "--json")
    shown = json.loads(out)
    passes = {row["pass"]: row for row in shown["passes"]}
    assert code == 0
    assert shown["layer"] == str(EXAMPLE)
    assert set(passes) == {"forward", "input_gradient", "weight_gradient", "bias_gradient"}
    assert 30 < passes["forward"]["sqnr_db"] < 60
    assert passes["forward"]["largest_error"] == passes["forward"]["step"] / 2
    assert passes["forward"]["out_of_range_share"] == 0
    assert passes["bias_gradient"]["sqnr_db"] is None  # no error at all, and JSON knows no infinity


def test_vectors_are_written_checked_and_found_damaged(run, tmp_path):
    out_folder = tmp_path / "vectors"
    code, out, _ = run("vectors", EXAMPLE, "--out", out_folder)
    assert code == 0
    assert "weights.hex" in out
    assert run("vectors", "--check", out_folder)[0] == 0
    code, out, _ = run("vectors", "--check", out_folder, "--json")
    assert json.loads(out)["manifest"]["layer_file"]["layer"]["kernel"] == 3
    path = out_folder / "z.hex"
    path.write_text(path.read_text().replace("0", "1", 1))
    code, out, err = run("vectors", "--check", out_folder)
    assert (code, out) == (1, "")
    assert err == f"convstream: {path}: is not as it was written: size or sha256 differs from the manifest's\n"


def test_check_of_what_is_no_vectors_folder(run, tmp_path):
    code, _, err = run("vectors", "--check", tmp_path)
    assert (code, err) == (2, f"convstream: {tmp_path}/manifest.json: No such file or directory\n")


@pytest.fixture
def no_work(monkeypatch):
    """Have a command fail if it begins to work."""

    def forbid(command):
        def work(*_):
            raise AssertionError("work was done")

        monkeypatch.setattr(f"convstream.commands.{command}.working", work)

    return forbid


@pytest.mark.parametrize("command", ["vectors", "verilog", "reference"])
def test_a_folder_that_is_not_ours_is_refused_before_any_work(run, tmp_path, no_work, command):
    no_work(command)
    (tmp_path / "thesis.tex").write_text("precious")
    code, _, err = run(command, EXAMPLE, "--out", tmp_path)
    assert code == 2
    assert err.startswith(f"convstream: {tmp_path}: exists and was not written as convstream {command}")
    assert (tmp_path / "thesis.tex").read_text() == "precious"


@pytest.mark.parametrize("command", ["vectors", "verilog", "reference"])
@pytest.mark.parametrize("path", ["/proc/here", "/proc/none/here", "loop"])
def test_a_folder_that_cannot_be_written_is_refused_before_any_work(
    run, tmp_path, monkeypatch, no_work, command, path
):  # fmt: skip
    no_work(command)
    monkeypatch.chdir(tmp_path)
    Path("loop").symlink_to("loop")
    code, _, err = run(command, EXAMPLE, "--out", path)
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith(f"convstream: {path}: cannot be written: ")
    assert list(tmp_path.iterdir()) == [tmp_path / "loop"]


@pytest.mark.parametrize("path", ["/proc/here/p.png", "folder.png"])
def test_a_picture_that_cannot_be_written(run, tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    Path("folder.png").mkdir()
    code, _, err = run("report", EXAMPLE, "--picture", path)
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith(f"convstream: {path}: cannot be written: ")


@pytest.mark.parametrize("name", ["3x3", "../up", "module", "", "a b", "x\ny", "*/"])
def test_a_name_that_verilog_could_not_bear(run, tmp_path, name):
    code, _, err = run("verilog", EXAMPLE, "--out", tmp_path / "out", "--name", name)
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("convstream: --name ")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("content", "message"), [
    (b"PK\x03\x04 torn", "not a sound .npz file"),
    (None, "No such file or directory"),
])  # fmt: skip
def test_a_data_file_that_cannot_be_read(run, tmp_path, layer_file, content, message):
    path = layer_file('source = "random"', 'source = "file"\npath = "mine.npz"')
    if content is not None:
        (tmp_path / "mine.npz").write_bytes(content)
    code, _, err = run("vectors", path, "--out", tmp_path / "out")
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith(f"convstream: {tmp_path / 'mine.npz'}: {message}")
    assert not (tmp_path / "out").exists()


def test_pictures_for_a_layer_with_other_channels(run, layer_file):
    path = layer_file('source = "random"', 'source = "photograph"')
    code, _, err = run("reference", path)
    assert (code, err) == (2, f'convstream: {path}: data.source = "photograph": in_channels must be 1 or 3, not 4\n')


def process(*arguments, **options) -> subprocess.Popen:
    """The command in a process that Ctrl-C reaches, even where the tests run in the background."""
    return subprocess.Popen(
        [sys.executable, "-m", "convstream", *map(str, arguments)], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **{"cwd": ROOT} | options,
    )  # fmt: skip


def test_a_reader_that_has_seen_enough_is_no_error():
    command = process("reference", EXAMPLE, "--json")
    command.stdout.close()
    assert "Traceback" not in command.stderr.read()


@pytest.mark.parametrize(("closed", "arguments", "code"), [
    (">&-", ["estimate", EXAMPLE], 0), (">&-", ["estimate", EXAMPLE, "--json"], 0), ("2>&-", ["reference", "none"], 2),
])  # fmt: skip
def test_closed_streams_are_no_error(closed, arguments, code):
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-m", "convstream", *map(str, arguments)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, b"", b"")


@pytest.mark.parametrize(("number", "code", "word"), [
    (signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated"),
])  # fmt: skip
def test_interrupted_or_terminated_it_leaves_nothing(tmp_path, number, code, word):
    fifo = tmp_path / "layer.toml"
    os.mkfifo(fifo)  # reading it blocks: there is all the time to interrupt
    command = process("vectors", fifo, "--out", tmp_path / "out")
    with fifo.open("w"):  # opens once the command reads
        time.sleep(0.2)
        command.send_signal(number)
        _, err = command.communicate(timeout=60)
    assert command.returncode == code
    assert err.strip() == f"convstream: {word}"
    assert list(tmp_path.iterdir()) == [fifo]


def test_terminated_while_it_builds_it_leaves_no_program_and_no_draft(tmp_path):
    """The compiler is one that never ends, and says who it is."""
    programs, temporary = tmp_path / "bin", tmp_path / "tmp"
    programs.mkdir()
    temporary.mkdir()
    compiler = programs / "c++"
    wait = f'mktemp; echo $$ >> "{tmp_path}/pids"; sleep 60'
    compiler.write_text(f'#!/bin/sh\nif [ "$1" = --version ]; then echo 1; else {wait}; fi\n')
    compiler.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)
    }  # fmt: skip
    command = process("simulate", EXAMPLE, "--pass", "forward", cwd=tmp_path, env=environment)
    while not (tmp_path / "pids").exists():
        assert command.poll() is None
        time.sleep(0.05)
    command.terminate()
    assert command.communicate(timeout=60) == ("", "convstream: terminated\n")
    assert command.returncode == 143
    drafts = [path.name for path in (tmp_path / "build/cores").iterdir() if not path.name.endswith(".lock")]
    assert drafts == list((tmp_path / "build/runs").iterdir()) == list(temporary.iterdir()) == []
    deadline = time.monotonic() + 60
    while not all(has_ended(int(pid)) for pid in (tmp_path / "pids").read_text().split()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or will be as soon as somebody asks for its exit code."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True
    return state.rsplit(")", 1)[1].split()[0] == "Z"
