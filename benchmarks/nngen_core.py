"""One convolution layer as an NNgen core and a test bench around it.

    python benchmarks/nngen_core.py FOLDER        (benchmarks/hardware.py calls it, in NNgen's own environment)

Reads from the folder ``layer.json`` and ``tensors.npz``: x (1,H,W,C), w (K,F,F,C), b (K), and z (1,OH,OW,K) to
expect.  Writes ``core.v``, its ports as ``ports.json``, ``bench.v``, which holds the core too, and ``memory.img``.

The bench starts the core once, waits until it says that it is done, and prints the cycles that this took and how many
words of the result differ from the expected ones.  Its memory is veriloggen's model with its default delays, on a bus
of 32 bits, both as in NNgen's own test benches.
"""

import json
import sys
from pathlib import Path

import nngen
import numpy as np
import veriloggen
from veriloggen import thread
from veriloggen.types import axi

NAME = "nngen_core"
_BUS_BITS = 32
_PAGE_BYTES = 4096
_CONFIG = {"maxi_datawidth": _BUS_BITS, "clock_name": "aclk", "reset_name": "aresetn"}


def build(layer: dict, shapes: dict[str, tuple[int, ...]]) -> tuple[dict, veriloggen.Module]:
    """The layer's tensors by name, with the addresses that NNgen gave them, and the core."""
    x = nngen.placeholder(nngen.int8, shape=shapes["x"], name="x")
    w = nngen.variable(nngen.int8, shape=shapes["w"], name="w")
    b = nngen.variable(nngen.int16, shape=shapes["b"], name="b")
    stride = (1, layer["stride"], layer["stride"], 1)
    z = nngen.conv2d(
        x, w, stride, bias=b, padding=layer["padding"], rshift_out=layer["shift"], asymmetric_clip=True,
        dtype=nngen.int8, mul_dtype=nngen.dtype_int(16), sum_dtype=nngen.dtype_int(layer["sum_bits"]),
        par_ich=layer["par_ich"], par_och=layer["par_och"],
    )  # fmt: skip
    core = nngen.to_veriloggen([z], NAME, config=_CONFIG, silent=True)
    return {"x": x, "w": w, "b": b, "z": z}, core


def memory_image(tensors: dict, layer: dict, words: dict[str, np.ndarray], expected_address: int) -> np.ndarray:
    """The memory before the start: x, w and b where the core looks for them, and the expected z."""
    end = expected_address + 2 * tensors["z"].memory_size + _PAGE_BYTES
    image = np.zeros(-(-end // 4), dtype=np.int64)
    places = {name: (tensors[name].addr, layer["par_ich" if name in "xw" else "par_och"]) for name in "xwb"}
    for name, (address, lanes) in (places | {"z": (expected_address, layer["par_och"])}).items():
        bits = tensors[name].dtype.width
        axi.set_memory(image, words[name], _BUS_BITS, bits, address, max(_BUS_BITS // bits, lanes))
    return image


def bench(core: veriloggen.Module, image: np.ndarray, z, expected_address: int) -> veriloggen.Module:
    """A test bench around the core, with the memory next to it."""
    module = veriloggen.Module("bench")
    ports = module.copy_sim_ports(core)
    clock, reset_n = ports["aclk"], ports["aresetn"]
    reset = module.Wire("reset")
    reset.assign(veriloggen.Not(reset_n))
    memory = axi.AxiMemoryModel(
        module, "memory", clock, reset, datawidth=_BUS_BITS,
        memimg=image, memimg_name="memory.img", memimg_datawidth=_BUS_BITS,
    )  # fmt: skip
    memory.connect(ports, "maxi")
    registers = thread.AXIMLite(module, "registers", clock, reset, noio=True)
    registers.connect(ports, "saxi")
    cycle = module.Reg("cycle", 32, initval=0)
    veriloggen.Seq(module, "count_cycles", clock, reset)(cycle.inc())
    work_address = expected_address + z.memory_size + _PAGE_BYTES
    words, z_address = z.memory_size * 8 // _BUS_BITS, z.addr

    def control():  # a state machine is made of this source
        nngen.sim.set_global_addrs(registers, work_address)
        begin = cycle.value
        nngen.sim.start(registers)
        nngen.sim.wait(registers)
        print("cycles %d" % (cycle.value - begin))  # noqa: UP031
        wrong = 0
        for word in range(words):
            got = memory.read_word(word, z_address, 32)
            expected = memory.read_word(word, expected_address, 32)
            if got != expected:
                wrong += 1
        print("wrong %d" % wrong)  # noqa: UP031
        thread.finish()

    thread.Thread(module, "control", clock, reset, control).start()
    module.Instance(core, "core", ports=module.connect_ports(core))
    veriloggen.simulation.setup_clock(module, clock)
    veriloggen.simulation.setup_reset(module, reset_n, module.make_reset(), polarity="low")
    return module


def ports_of(core: veriloggen.Module) -> dict[str, list[tuple[str, int]]]:
    """Names and widths of the inputs and outputs, but for clock and reset."""
    ports = {"inputs": [], "outputs": []}
    for name, port in core.io_variable.items():
        if name not in ("aclk", "aresetn"):
            ports["inputs" if isinstance(port, veriloggen.core.vtypes.Input) else "outputs"].append(
                (name, port.width or 1)
            )
    return ports


def main() -> None:
    folder = Path(sys.argv[1])
    layer = json.loads((folder / "layer.json").read_text())
    with np.load(folder / "tensors.npz") as arrays:
        words = {name: arrays[name].astype(np.int64) for name in arrays.files}
    tensors, core = build(layer, {name: array.shape for name, array in words.items()})
    ends = [tensor.addr + tensor.memory_size for tensor in tensors.values()]
    expected_address = -(-max(ends) // _PAGE_BYTES) * _PAGE_BYTES
    image = memory_image(tensors, layer, words, expected_address)
    bench(core, image, tensors["z"], expected_address).to_verilog(str(folder / "bench.v"))
    core.to_verilog(str(folder / "core.v"))
    (folder / "ports.json").write_text(json.dumps(ports_of(core)))


if __name__ == "__main__":
    main()
