"""How kernels are compiled: inside their arrays, wherever the package lies, and never from outdated machine code."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from numba import njit

import convstream.fixedpoint.kernels.runtime.jit  # noqa: F401  it listens to all that is compiled
from convstream.fixedpoint.kernels.runtime import cache

ROOT = Path(__file__).parents[4]

EVERY_KERNEL = """
import numpy as np
from convstream.fixedpoint.kernels import winograd
from convstream.fixedpoint.bias_gradient import bias_gradient
from convstream.fixedpoint.formats import Format, Formats, Rounding
from convstream.fixedpoint.forward import forward, forward_definition
from convstream.fixedpoint.input_gradient import input_gradient, input_gradient_definition
from convstream.fixedpoint.layer import Lanes, Layer
from convstream.fixedpoint.quantize import quantize
from convstream.fixedpoint.weight_gradient import weight_gradient, weight_gradient_definition
from convstream.reference.geometry import Axis, Geometry

form = Format(8, 4)
winograd.FEWEST_PRODUCTS = winograd.FEWEST_RESULTS = 0
for channels, filters, rows, columns in [
    (2, 4, Axis(7, 3, 2, 1, 2), Axis(5, 2, 3, 4, 0)),
    (3, 5, Axis(7, 3, 2, 1, 2), Axis(5, 2, 3, 4, 0)),
    (2, 4, Axis(6, 3, 1, 0, 5, 2), Axis(3, 1, 2)),
    (3, 5, Axis(7, 3, 1, 1, 1), Axis(6, 3, 1, 2, 0)),
]:
    geometry = Geometry(2, channels, filters, rows, columns)
    for rounding in (Rounding.HALF_EVEN, Rounding.STOCHASTIC):
        layer = Layer(geometry, Formats(*[form] * 8, rounding), Lanes(channels, 1))
        x, w, b, dz = (
            quantize(np.full(geometry.shapes[t], 0.3), form, rounding, layer.formats.overflow)
            for t in ("x", "w", "b", "dz")
        )
        z, dx = forward(x, w, b, layer), input_gradient(w, dz, layer)
        dw, db = weight_gradient(x, dz, layer), bias_gradient(dz, layer)
        print(*(int(result.astype(int).sum()) for result in (z, dx, dw, db)))
    exact = (
        forward_definition(x, w, b, layer), input_gradient_definition(w, dz, layer),
        weight_gradient_definition(x, dz, layer),
    )
    print(*(int(result.sum()) for result in exact))
"""

ONE_PASS = """
import numpy as np
from convstream.fixedpoint.formats import Format, Formats
from convstream.fixedpoint.forward import forward
from convstream.fixedpoint.layer import Layer
from convstream.reference.geometry import Axis, Geometry
layer = Layer(Geometry(1, 1, 1, Axis(1, 1), Axis(1, 1)), Formats(*[Format(8, 0)] * 8))
one = np.ones((1, 1, 1, 1), np.int8)
print(forward(3 * one, one, one.ravel(), layer).ravel())
"""

READ_PAST_THE_END = """
import numpy as np
from convstream.fixedpoint.dataflow.model.stages import add_row
add_row(np.zeros((1, 3), np.int64), np.zeros((1, 2), np.int64), 0)
"""


CALL_BY_ADDRESS = """
import numpy as np
from numba import types
from convstream.fixedpoint.kernels.runtime.calls import INT, INTS, by_address
from convstream.fixedpoint.kernels.runtime.jit import compiled

add_entry, call_add = by_address("add")
other_entry, _ = by_address("other")

@compiled
def add_one(words, index):
    words[index] += 1

@compiled
def add_one_at(address, words, index):
    call_add(address, (words, index))

words, address = np.zeros(3, np.int64), add_entry(add_one, INTS, INT)
other_entry(add_one, types.int32[::1], INT)
add_one_at(address, words, 1)
print(words)
try:
    add_one_at(address, words.astype(np.int32), 1)
except Exception as error:
    print("add takes Tuple(array(int64, 1d, C), int64), not Tuple(array(int32, 1d, C), int64)" in str(error) or error)
add_one_at(address, words[:2], 2)
"""

#: A pass of several vectors, on a CPU that has AVX-512 or not.
ONE_PASS_ON = """
import numpy as np
from llvmlite import binding
features = binding.get_host_cpu_features()
features["avx512bw"] = {avx512}
binding.get_host_cpu_features = lambda: features
from convstream.fixedpoint.formats import Format, Formats
from convstream.fixedpoint.forward import forward_accumulate, forward_definition
from convstream.fixedpoint.layer import Layer
from convstream.reference.geometry import Axis, Geometry
layer = Layer(Geometry(1, 3, 5, Axis(9, 3), Axis(70, 3)), Formats(*[Format(8, 0)] * 8))
rng = np.random.default_rng(1)
operands = [rng.integers(-128, 128, layer.geometry.shapes[name], np.int8) for name in ("x", "w", "b")]
print((forward_accumulate(*operands, layer) == forward_definition(*operands, layer)).all())
"""

CALLED_FROM_PYTHON = """
from convstream.fixedpoint.kernels.multiply_add import correlate
try:
    correlate(1, 2)
except TypeError as error:
    print(error)
"""


def run(program: str, folder: Path, **environment: str) -> subprocess.CompletedProcess:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder, env={**inherited, "PYTHONPATH": str(folder), **environment}, capture_output=True, text=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def expected() -> str:
    finished = run(EVERY_KERNEL, ROOT)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_no_kernel_leaves_its_arrays(expected):
    checked = run(EVERY_KERNEL, ROOT, NUMBA_BOUNDSCHECK="1")
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout == expected


def test_what_others_compile_is_none_of_ours():
    """A function that was made from a string, say, belongs to no module."""

    def twice(number):
        return 2 * number

    twice.__module__ = None
    assert njit(twice)(21) == 42


def test_bounds_are_checked_when_asked():
    """Otherwise the test above would say nothing, for instance because unchecked machine code was kept."""
    assert "IndexError" in run(READ_PAST_THE_END, ROOT, NUMBA_BOUNDSCHECK="1").stderr


def test_functions_are_called_by_address_with_their_own_types_only():
    finished = run(CALL_BY_ADDRESS, ROOT, NUMBA_BOUNDSCHECK="1")
    assert finished.stdout == "[0 1 0]\nTrue\n"
    assert "IndexError" in finished.stderr, "what goes wrong in them comes through"


def copy_packages(folder: Path) -> None:
    """The model alone, below `folder`, as it would be installed there."""
    for package in ("reference", "fixedpoint"):
        shutil.copytree(
            ROOT / package, folder / "convstream" / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    (folder / "convstream" / "__init__.py").touch()


def test_the_package_works_where_nothing_can_be_kept(tmp_path, expected):
    """Neither beside the sources nor in the home folder: a file stands where each folder would be."""
    copy_packages(tmp_path)
    for package in ("reference", "fixedpoint"):
        (tmp_path / "convstream" / package / "__pycache__").touch()
    home = tmp_path / "home"
    home.touch()
    finished = run(EVERY_KERNEL, tmp_path, HOME=str(home), XDG_CACHE_HOME=str(home), LOCALAPPDATA=str(home))
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == expected


def test_kept_code_is_thrown_away_when_what_it_calls_changes(tmp_path):
    """In a file that compiled code calls, and in one that writes code for it."""
    copy_packages(tmp_path)
    results = [run(ONE_PASS, tmp_path).stdout, run(ONE_PASS, tmp_path).stdout]
    assert results == ["[4]\n"] * 2
    kernels = tmp_path / "convstream" / "fixedpoint" / "kernels"
    kept = set((kernels / "__pycache__").glob("*.nbc"))
    assert kept
    for file, old, new in [
        ("rounding_rows.py", "= rounded\n", "= rounded + 10\n"),
        ("runtime/vectors.py", "    total = builder.add(load(builder, before, kind, 4), vector)", "    total = vector"),
    ]:
        source = kernels / file
        before = source.read_text()
        assert before.count(old) == 1
        source.write_text(before.replace(old, new))
        results.append(run(ONE_PASS, tmp_path).stdout)
        assert not kept & set((kernels / "__pycache__").glob("*.nbc")), "what other sources left is removed"
        source.write_text(before)
    assert results[2:] == ["[14]\n", "[3]\n"]
    assert run(ONE_PASS, tmp_path).stdout == "[4]\n"


def test_kept_code_is_shared_between_cpus_of_different_vectors(tmp_path):
    """Of machines that are told to compile for the same one: the width is that of what code is compiled for."""
    for avx512 in (True, False):
        program = ONE_PASS_ON.format(avx512=avx512)
        finished = run(program, ROOT, NUMBA_CACHE_DIR=str(tmp_path), NUMBA_CPU_NAME="generic")
        assert (finished.stdout, finished.returncode) == ("True\n", 0), finished.stderr


def test_two_processes_that_save_at_once_keep_their_own_code(tmp_path):
    """Neither finds what the other saved for other types."""
    (one, two), files = (("int8",), ("int16",)), cache._Files(tmp_path, "kernel")
    other = cache._Files(tmp_path, "kernel")
    files.save(one, "code of int8")
    other.save(two, "code of int16")
    assert (files.load(one), files.load(two), files.load(("int32",))) == ("code of int8", "code of int16", None)
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_bytes()[:5])
    assert files.load(one) is None, "cut short"


def test_a_kernel_that_python_calls_is_an_error():
    finished = run(CALLED_FROM_PYTHON, ROOT)
    assert finished.stdout == "correlate is called by compiled functions alone, not from Python\n", finished.stderr
