"""The integer model beside float convolution: the same layers, one process, taking turns, medians.

    python benchmarks/model.py            (make benchmark-model sets up what it compares with)

Everything a call does is timed: checking, packing, multiplying, rounding.  One thread is measured in CPU time of the
process, two in real time.  A ratio above 1 means that the integer model is faster.  The float libraries get tensors in
their own type; weights of ONNX Runtime are constants, which it packs beforehand.  OPENBLAS_* variables are removed, so
that every library picks its best kernels for this CPU.

At the end: the time from the start of a process to its first result and to all of them, of three widths and with no
kernel compiled yet or with all of them kept from before, and the memory that the process needed on the way.
"""
# ruff: noqa: E402

import os

for name in [name for name in os.environ if name.startswith("OPENBLAS_")]:
    del os.environ[name]

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import exp, log
from pathlib import Path
from statistics import median

import numpy as np
import onnx
import onnxruntime
import torch
from apytypes import APyFixedArray
from onnx import TensorProto, helper

from convstream.fixedpoint.formats import Format, Formats
from convstream.fixedpoint.forward import forward
from convstream.fixedpoint.input_gradient import input_gradient
from convstream.fixedpoint.kernels.runtime.threads import threads
from convstream.fixedpoint.layer import Layer
from convstream.fixedpoint.weight_gradient import weight_gradient
from convstream.reference.geometry import Geometry
from convstream.reference.windows import gather

LAYERS = {
    "R1  1x3x224x224 -> 64, 7x7 s2": (1, 3, 224, 64, 7, 2, 3),
    "R2  1x64x56x56 -> 64, 3x3": (1, 64, 56, 64, 3, 1, 1),
    "R3  1x128x28x28 -> 256, 3x3 s2": (1, 128, 28, 256, 3, 2, 1),
    "R4  16x16x32x32 -> 32, 3x3": (16, 16, 32, 32, 3, 1, 1),
    "R5  1x256x56x56 -> 64, 1x1": (1, 256, 56, 64, 1, 1, 0),
}
PASSES = ("forward", "input gradient", "weight gradient")


@dataclass(frozen=True)
class Case:
    """Widths of x, w and dz, and the float type that comes closest."""

    title: str
    x: int
    w: int
    dz: int
    real: torch.dtype


CASES = (
    Case("8 bits", 8, 8, 8, torch.float32),
    Case("9 to 12 bits, in int16, accumulators of 32", 9, 12, 9, torch.float32),
    Case("16 x 16 bits, accumulators of 64", 16, 16, 16, torch.float64),
)


class Contest:
    """One layer in one case: what each side has to compute, by pass and name."""

    def __init__(self, key: str, case: Case, cores: int):
        batch, in_channels, size, out_channels, kernel, stride, padding = LAYERS[key]
        self.geometry = geometry = Geometry.square(
            batch=batch, in_channels=in_channels, height=size, width=size,
            out_channels=out_channels, kernel=kernel, stride=stride, padding=padding,
        )  # fmt: skip
        x, w, dz = (Format(width, width - 2) for width in (case.x, case.w, case.dz))
        result = Format(8 if case.x == 8 else 16, 4)
        layer = Layer(geometry, Formats(x, w, Format(16, 8), result, dz, result, Format(16, 4), Format(16, 4)))
        rng = np.random.default_rng(1)
        self.words = words = {
            name: rng.integers(
                layer.formats.of(name).lowest, layer.formats.of(name).highest, geometry.shapes[name],
                layer.formats.of(name).dtype, endpoint=True,
            ) for name in ("x", "w", "b", "dz")
        }  # fmt: skip
        self.real = real = {name: torch.from_numpy(array).to(case.real) for name, array in words.items()}
        torch.set_num_threads(cores)
        ours = (
            lambda: forward(words["x"], words["w"], words["b"], layer),
            lambda: input_gradient(words["w"], words["dz"], layer),
            lambda: weight_gradient(words["x"], words["dz"], layer),
        )
        theirs = (
            lambda: torch.nn.functional.conv2d(real["x"], real["w"], real["b"], stride, padding),
            lambda: torch.nn.grad.conv2d_input(real["x"].shape, real["w"], real["dz"], stride, padding),
            lambda: torch.nn.grad.conv2d_weight(real["x"], real["w"].shape, real["dz"], stride, padding),
        )
        self.sides = [{"ours": mine, "PyTorch": torch_s} for mine, torch_s in zip(ours, theirs, strict=True)]
        if case.real == torch.float32:
            self.sides[0]["ONNX Runtime"] = self.onnx(kernel, stride, padding, cores)
        if case.x == 8 and cores == 1:
            self.sides[0]["APyTypes"] = self.apytypes()

    def onnx(self, kernel: int, stride: int, padding: int, cores: int) -> Callable:
        shapes = self.geometry.shapes
        node = helper.make_node(
            "Conv", ["x", "w", "b"], ["z"], kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[padding] * 4
        )
        graph = helper.make_graph(
            [node], "layer",
            *([helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes[name])] for name in ("x", "z")),
            [onnx.numpy_helper.from_array(self.real[name].numpy(), name) for name in ("w", "b")],
        )  # fmt: skip
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = cores
        options.add_session_config_entry("session.force_spinning_stop", "1")  # or its threads wait into others' turns
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
        x = self.real["x"].numpy()
        return lambda: session.run(None, {"x": x})

    def apytypes(self) -> Callable:
        """The matrix product alone, of weights and windows that are already gathered."""
        windows = gather(self.words["x"].astype(np.float64), self.geometry)
        left = APyFixedArray.from_float(self.words["w"].reshape(len(self.words["w"]), -1).astype(float), 8, 0)
        right = APyFixedArray.from_float(windows.T, 8, 0)
        return lambda: left @ right

    def seconds(self, repeats: int, clock: Callable[[], float]) -> list[dict[str, float]]:
        """Median time of every pass and side; in each round all sides run once."""
        medians = []
        for sides in self.sides:
            times = {name: [] for name in sides}
            for turn in range(repeats + 2):
                for name, run in sides.items():
                    if clock is time.perf_counter:  # threads of the one before wait actively for a while
                        time.sleep(0.01)
                    start = clock()
                    run()
                    if turn >= 2:  # the first ones compile and fill caches
                        times[name].append(clock() - start)
            medians.append({name: median(of_side) for name, of_side in times.items()})
        return medians


def table(case: Case, cores: int, repeats: int) -> None:
    clock = time.process_time if cores == 1 else time.perf_counter
    print(f"\n{case.title}; {cores} thread{'s' * (cores > 1)}; PyTorch {str(case.real).removeprefix('torch.')}")
    print(f"{'':32}{'pass':17}{'GMAC/s':>8}{'PyTorch':>9}{'ONNX RT':>9}{'APyTypes':>9}")
    logs: dict[tuple[str, str], list[float]] = {}
    for key in LAYERS:
        contest = Contest(key, case, cores)
        work = contest.geometry
        products = np.prod(work.z_shape) * np.prod(work.w_shape[1:])
        with threads(cores):
            for name, medians in zip(PASSES, contest.seconds(repeats, clock), strict=True):
                ratios = {side: medians[side] / medians["ours"] for side in medians if side != "ours"}
                for side, ratio in ratios.items():
                    logs.setdefault((name, side), []).append(log(ratio))
                cells = "".join(
                    f"{ratios[side]:8.2f}x" if side in ratios else " " * 9
                    for side in ("PyTorch", "ONNX Runtime", "APyTypes")
                )
                print(f"{key:32}{name:17}{products / medians['ours'] / 1e9:8.1f}{cells}", flush=True)
    for (name, side), of_layers in logs.items():
        print(f"geometric mean, {name}, {side}: {exp(sum(of_layers) / len(of_layers)):.2f}x")


START_UP = """
import time
started = time.perf_counter()
from pathlib import Path
import numpy as np
from convstream.fixedpoint.formats import Format, Formats
from convstream.fixedpoint.forward import forward
from convstream.fixedpoint.input_gradient import input_gradient
from convstream.fixedpoint.layer import Layer
from convstream.fixedpoint.weight_gradient import weight_gradient
from convstream.reference.geometry import Geometry


def peak():
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def passes(batch, width):
    geometry = Geometry.square(
        batch=batch, in_channels=64, height=56, width=56, out_channels=64, kernel=3, stride=1, padding=1
    )
    form = Format(width, width - 2)
    layer = Layer(geometry, Formats(*[form] * 8))
    x, w, b, dz = (np.ones(geometry.shapes[name], form.dtype) for name in ("x", "w", "b", "dz"))
    z = forward(x, w, b, layer)
    seconds = time.perf_counter() - started, time.process_time()
    dx, dw = input_gradient(w, dz, layer), weight_gradient(x, dz, layer)
    return seconds, sum(tensor.nbytes for tensor in (x, w, b, dz, z, dx, dw)) / 2**20


imported = peak()
(first, first_cpu), small = passes(1, 8)
for width in 16, 24:
    passes(1, width)
print(f"first result after {first:.1f} s ({first_cpu:.1f} s of CPU time), ", end="")
print(f"all after {time.perf_counter() - started:.1f} s ({time.process_time():.1f} s)")
print(f"    peak memory: {imported:.0f} MB after importing, {peak():.0f} MB after passes of {small:.0f} MB", end="")
_, large = passes(128, 8)
print(f", {peak():.0f} MB after passes of {large:.0f} MB")
"""


def start_up() -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder, "PYTHONPATH": str(Path(__file__).parents[1])}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # Python keeps what it compiles itself, unless told otherwise
        for title in ("nothing compiled", "compiled before"):
            print(f"{title}: ", end="", flush=True)
            subprocess.run([sys.executable, "-c", START_UP], env=environment, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15, help="rounds of which the median is taken")
    repeats = parser.parse_args().repeats
    print("ratio = time of the other / time of the integer model; 1 thread: CPU time, 2 threads: real time")
    for case in CASES:
        for cores in (1, 2):
            table(case, cores, repeats)
    print()
    start_up()


if __name__ == "__main__":
    main()
