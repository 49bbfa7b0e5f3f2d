"""Pictures: written in the format that their ending names, and decided by nothing around."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from convstream.cli import main

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/layers/point_1x1.toml"

BEGINS = {".png": b"\x89PNG", ".jpg": b"\xff\xd8\xff", ".pdf": b"%PDF-", ".svg": b"<?xml", ".PNG": b"\x89PNG"}


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(*arguments) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    return caught.value.code


@pytest.mark.parametrize("ending", BEGINS)
def test_the_ending_says_what_is_written_always_the_same(ending):
    for name in ("one", "two"):
        assert run("explore", EXAMPLE, "--picture", f"{name}{ending}") == 0
    one, two = (Path(f"{name}{ending}").read_bytes() for name in ("one", "two"))
    assert one.startswith(BEGINS[ending])
    assert one == two


@pytest.mark.parametrize("command", ["explore", "report"])
@pytest.mark.parametrize("name", ["picture", "x.gif", "x.jpg.txt", ".png", "png", "."])
def test_another_ending_is_refused_before_any_work(command, name, monkeypatch, capsys):
    monkeypatch.setattr(f"convstream.commands.{command}.read_layer_file", None)
    assert run(command, EXAMPLE, "--picture", name) == 2
    message = f"convstream: --picture {name}: must end with .png, .jpg, .pdf or .svg\n"
    assert capsys.readouterr() == ("", message)
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "nonsense"])
def test_no_setting_of_matplotlib_has_a_say(backend):
    assert run("explore", EXAMPLE, "--picture", "1.png") == 0
    Path("matplotlibrc").write_text("backend: TkAgg\nlines.linewidth: 9\ntext.usetex: True\n")
    environment = os.environ | {"MPLBACKEND": backend, "PYTHONPATH": str(ROOT)}
    for arguments in (["explore", EXAMPLE, "--picture", "2.png"], ["report", "--help"]):
        command = [sys.executable, "-m", "convstream", *map(str, arguments)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
    assert Path("2.png").read_bytes() == Path("1.png").read_bytes()
