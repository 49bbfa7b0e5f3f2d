"""One convolution layer, forward and backward, from float mathematics to bit-exact streaming Verilog.

The names in `__all__` are the library; everything else may change.  They are imported when they are first used, so
that none pays for what another needs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convstream.cores import simulate, vectors, verilog
    from convstream.fixedpoint.dataflow.estimate import estimate
    from convstream.fixedpoint.formats import Format, Formats, Overflow, Rounding
    from convstream.fixedpoint.kernels.runtime.threads import threads
    from convstream.fixedpoint.layer import Lanes, Layer
    from convstream.layer_file import load
    from convstream.model import dequantize, forward, gradients, quantize
    from convstream.sim.errors import BadInput, CheckFailed

    __version__: str

__all__ = [
    "BadInput", "CheckFailed", "Format", "Formats", "Lanes", "Layer", "Overflow", "Rounding", "__version__",
    "dequantize", "estimate", "forward", "gradients", "load", "quantize", "simulate", "threads", "vectors", "verilog",
]  # fmt: skip

_MODULES = {
    "convstream.cores": ("simulate", "vectors", "verilog"),
    "convstream.fixedpoint.dataflow.estimate": ("estimate",),
    "convstream.fixedpoint.formats": ("Format", "Formats", "Overflow", "Rounding"),
    "convstream.fixedpoint.kernels.runtime.threads": ("threads",),
    "convstream.fixedpoint.layer": ("Lanes", "Layer"),
    "convstream.layer_file": ("load",),
    "convstream.model": ("dequantize", "forward", "gradients", "quantize"),
    "convstream.sim.errors": ("BadInput", "CheckFailed"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value = import_module("convstream.sim.version").convstream_version()
    elif name in _MODULE_OF:
        value = getattr(import_module(_MODULE_OF[name]), name)
    else:
        raise AttributeError(f"module 'convstream' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
