"""Numba's internals are used in one folder, so that a new version of Numba is a matter of that folder."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
RUNTIME = ROOT / "fixedpoint" / "kernels" / "runtime"
FOLDERS = ("reference", "fixedpoint", "hdl", "sim", "convstream", "examples", "benchmarks")
#: What is not, or not lastingly, documented for users, and the way to write LLVM code by hand.
INTERNAL = ("numba.core", "numba.extending", "numba.np", "numba.cpython", "llvmlite")


def internals(source: str) -> set[str]:
    """Modules of `INTERNAL` that a source imports, or names as attributes of an imported one."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Attribute):
            names.add(ast.unparse(node))
    return {name for name in names if any(f"{name}.".startswith(f"{internal}.") for internal in INTERNAL)}


@pytest.mark.parametrize(("source", "expected"), [
    ("from numba import njit, types\nimport numba", set()),
    ("from numba.core import cgutils", {"numba.core.cgutils"}),
    ("from numba import core", {"numba.core"}),
    ("import numba\nnumba.core.config", {"numba.core", "numba.core.config"}),
    ("import llvmlite.binding as binding", {"llvmlite.binding"}),
    ("def late():\n    from numba.extending import intrinsic", {"numba.extending.intrinsic"}),
])  # fmt: skip
def test_internals_are_found(source, expected):
    assert internals(source) == expected


def test_internals_are_used_in_the_runtime_folder_alone():
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py") if RUNTIME not in file.parents]
    used = {str(file.relative_to(ROOT)): found for file in files if (found := internals(file.read_text()))}
    assert used == {}
    assert any(internals(file.read_text()) for file in RUNTIME.glob("*.py"))
