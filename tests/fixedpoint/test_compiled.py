"""How kernels are compiled: inside their arrays, wherever the package lies, and never from outdated machine code."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

EVERY_KERNEL = """
import numpy as np
import fixedpoint.winograd
from fixedpoint.bias_gradient import bias_gradient
from fixedpoint.formats import Format, Formats, Rounding
from fixedpoint.forward import forward, forward_definition
from fixedpoint.input_gradient import input_gradient, input_gradient_definition
from fixedpoint.layer import Lanes, Layer
from fixedpoint.quantize import quantize
from fixedpoint.weight_gradient import weight_gradient, weight_gradient_definition
from reference.geometry import Axis, Geometry

form = Format(8, 4)
fixedpoint.winograd.FEWEST_PRODUCTS = fixedpoint.winograd.FEWEST_RESULTS = 0
for rows, columns in [
    (Axis(7, 3, 2, 1, 2), Axis(5, 2, 3, 4, 0)),
    (Axis(6, 3, 1, 0, 5, 2), Axis(3, 1, 2)),
    (Axis(7, 3, 1, 1, 1), Axis(6, 3, 1, 2, 0)),
]:
    geometry = Geometry(2, 2, 4, rows, columns)
    for rounding in (Rounding.HALF_EVEN, Rounding.STOCHASTIC):
        layer = Layer(geometry, Formats(*[form] * 8, rounding), Lanes(2, 2))
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

READ_PAST_THE_END = """
import numpy as np
from fixedpoint.rounding import requantize_each
words = np.zeros(3, np.int64)
requantize_each(words, words[:2], 8, 0, 0, words)
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


def test_bounds_are_checked_when_asked():
    """Otherwise the test above would say nothing, for instance because unchecked machine code was kept."""
    assert "IndexError" in run(READ_PAST_THE_END, ROOT, NUMBA_BOUNDSCHECK="1").stderr


def test_the_package_works_where_nothing_can_be_kept(tmp_path, expected):
    """Neither beside the sources nor in the home folder: a file stands where each folder would be."""
    for package in ("reference", "fixedpoint"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
        (tmp_path / package / "__pycache__").touch()
    home = tmp_path / "home"
    home.touch()
    finished = run(EVERY_KERNEL, tmp_path, HOME=str(home), XDG_CACHE_HOME=str(home), LOCALAPPDATA=str(home))
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == expected


@pytest.mark.parametrize("source", sorted((ROOT / "fixedpoint").rglob("*.py")), ids=lambda path: path.stem)
def test_compiled_functions_use_nothing_of_other_files(source):
    """Kept machine code does not notice a change in another file, so it must not contain any of it."""
    tree = ast.parse(source.read_text())
    imported = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] in ("fixedpoint", "reference")
        for alias in node.names
    }
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for function in functions:
        if "compiled" in map(ast.unparse, function.decorator_list):
            used = {node.id for part in function.body for node in ast.walk(part) if isinstance(node, ast.Name)}
            assert not used & imported, f"{function.name} uses {sorted(used & imported)}"
