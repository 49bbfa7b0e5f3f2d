"""The package as it is installed: neither the current folder nor the way in which Python finds packages matters."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/layers/remainder_3x3_s2.toml"

#: What users have in their folders; the rooms of this package, its dependencies, and modules of Python.
FILES = ("hdl/__init__.py", "sim/__init__.py", "fixedpoint.py", "reference/__init__.py", "benchmarks/__init__.py",
         "numpy.py", "myhdl.py", "cocotb.py", "random.py", "pickle.py", "inspect.py", "socket.py")  # fmt: skip


@pytest.fixture(scope="session")
def installed(tmp_path_factory) -> Path:
    """A folder as `site-packages` would be, with the package alone; a link, so that nothing is compiled again."""
    folder = tmp_path_factory.mktemp("installed")
    (folder / "convstream").symlink_to(ROOT / "convstream")
    return folder


@pytest.fixture(scope="session")
def script(tmp_path_factory) -> Path:
    """What pip makes of an entry point."""
    path = tmp_path_factory.mktemp("bin") / "convstream"
    path.write_text('from convstream.cli import main\nif __name__ == "__main__":\n    main()\n')
    return path


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory) -> Path:
    """A Python without any package."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, symlinks=True)
    return folder / "bin" / "python"


@pytest.fixture
def full_folder(tmp_path, build_root) -> Path:
    """A folder with files that are called like modules, each an error if it is imported."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"raise ImportError('{name} of the current folder')\n")
    return tmp_path


def run(folder: Path, module_path: str, *command: object) -> dict:
    """What a command that succeeds prints as JSON."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [*map(str, command), "--json"], cwd=folder, env=environment | {"PYTHONPATH": module_path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_the_current_folder_has_no_say(full_folder, installed, script):
    program = (sys.executable, script)
    (result,) = run(full_folder, str(installed), *program, "simulate", EXAMPLE, "--pass", "forward")["runs"]
    assert result["bit_exact"]
    measured = run(full_folder, str(installed), *program, "explore", EXAMPLE, "--simulate", "--most", 1)["choices"]
    assert [choice["measured"]["simulation"]["forward"]["bit_exact"] for choice in measured if choice["measured"]]


def test_nor_has_it_where_the_package_is_run_as_a_module(full_folder, installed):
    assert run(full_folder, str(installed), sys.executable, "-m", "convstream", "estimate", EXAMPLE)["cores"]


def test_rooms_may_share_their_names_with_what_is_on_the_module_path(tmp_path, installed):
    for name in ("hdl", "sim", "fixedpoint", "reference"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise ImportError('{name} of somebody else')\n")
    for module_path in (f".{os.pathsep}{installed}", f"{installed}{os.pathsep}{tmp_path}"):
        assert run(tmp_path, module_path, sys.executable, "-m", "convstream", "estimate", EXAMPLE)["cores"]


@pytest.mark.parametrize("found", ["by PYTHONPATH", "in the current folder"])
def test_packages_may_come_from_the_module_path_alone(tmp_path, build_root, installed, bare_python, script, found):
    packages = sysconfig.get_path("purelib")
    if found == "by PYTHONPATH":
        program, module_path = (bare_python, script), f"{installed}{os.pathsep}{packages}"
    else:
        program, module_path = (bare_python, "-c", script.read_text()), packages
        (tmp_path / "convstream").symlink_to(ROOT / "convstream")
    simulator = "icarus" if shutil.which("iverilog") else "verilator"  # which would be built for each Python
    command = ("simulate", EXAMPLE, "--pass", "forward", "--simulator", simulator)
    (result,) = run(tmp_path, module_path, *program, *command)["runs"]
    assert result["bit_exact"]


def can_build() -> bool:
    """Whether there is the setuptools that `pyproject.toml` asks for."""
    try:
        return int(version("setuptools").split(".")[0]) >= 77
    except PackageNotFoundError:
        return False


@pytest.mark.skipif(not can_build(), reason="setuptools is missing or too old to build a wheel")
def test_a_wheel_holds_the_package_and_nothing_else(tmp_path):
    source = tmp_path / "source"
    rooms = ("convstream", "reference", "fixedpoint", "hdl", "sim")
    for room in rooms:
        shutil.copytree(ROOT / room, source / room, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    files = [path.relative_to(source).as_posix() for room in rooms for path in (source / room).rglob("*.py")]
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", tmp_path, source], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"convstream"}
    assert {name for name in names if name.endswith(".py")} == {
        f"convstream/{name}".replace("convstream/convstream", "convstream") for name in files
    }
