"""The kernels on narrower vectors than this CPU has, each width in a process of its own.

NUMBA_CPU_NAME and NUMBA_CPU_FEATURES say which instruction sets Numba compiles for (Numba's reference manual,
"Environment variables"); the other tests take the widest.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from llvmlite import binding

ROOT = Path(__file__).parents[3]

#: Instruction set: what NUMBA_CPU_FEATURES says, and the widest registers that code then has.
NARROWER = {"SSE2": ("", "xmm"), "AVX2": ("+avx2", "ymm")}

#: Random layers of all widths of words with and without Winograd, and longest chunks; every rounding mode is in them.
SLICE = [
    "test_convolve.py::test_passes_equal_their_definitions_and_find_a_word_outside_its_format[0]",
    "test_convolve.py::test_no_chunk_is_one_too_long",
    "test_winograd.py::test_winograd_equals_the_definitions_and_find_a_word_outside_its_format[0]",
]

WIDEST_REGISTER = """
import numpy as np
from convstream.fixedpoint.kernels.multiply_add import dot, dot_entry
dot_entry(np.dtype(np.int32))
(code,) = dot.inspect_asm().values()
print(max(register for register in ("xmm", "ymm", "zmm") if register in code))
"""

pytestmark = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="other CPUs have one width")


def run(instruction_set: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    features, _ = NARROWER[instruction_set]
    if features and not binding.get_host_cpu_features().get(features.lstrip("+")):
        pytest.skip(f"this CPU has no {instruction_set}")
    only = {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": features, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT, env={**os.environ, **only, **environment}, capture_output=True, text=True,
    )  # fmt: skip


@pytest.mark.parametrize("instruction_set", NARROWER)
def test_code_uses_the_vectors_that_are_left(instruction_set, tmp_path):
    finished = run(instruction_set, "-c", WIDEST_REGISTER, NUMBA_CACHE_DIR=str(tmp_path))
    assert (finished.stdout, finished.stderr) == (NARROWER[instruction_set][1] + "\n", "")


@pytest.mark.parametrize("instruction_set", NARROWER)
def test_kernels_are_exact_on_narrower_vectors(instruction_set):
    tests = [f"tests/fixedpoint/kernels/{test}" for test in SLICE]
    finished = run(instruction_set, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests)
    assert finished.returncode == 0, finished.stdout
