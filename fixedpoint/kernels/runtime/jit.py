"""How the integer kernels are compiled: Numba, with machine code kept from one run to the next (`runtime.cache`)."""

import sys
from collections.abc import Callable
from contextlib import suppress

from numba import config, njit
from numba.core import event
from numba.core.dispatcher import Dispatcher
from numba.core.registry import CPUDispatcher

from convstream.fixedpoint.errors import CompilerDisabled
from convstream.fixedpoint.kernels.runtime.cache import KernelCache

if config.DISABLE_JIT:
    raise CompilerDisabled("the integer model needs Numba's compiler, which NUMBA_DISABLE_JIT turns off: unset it")


def compiled(function: Callable) -> Callable:
    """Decorator: `function` compiled at its first call with each new set of argument types.

    With NUMBA_BOUNDSCHECK=1 nothing is kept, because kept code does not remember whether it was built with checks.
    """
    return _kept(njit(nogil=True, no_cfunc_wrapper=True)(function))


def inner(function: Callable) -> Callable:
    """Decorator: as `compiled`, for what compiled functions call; a call from Python is a TypeError.

    What Python would need to call it takes as long to compile as many of these functions do themselves.
    """
    dispatcher = _kept(njit(no_cfunc_wrapper=True, no_cpython_wrapper=True)(function))
    dispatcher.__class__ = _Inner
    return dispatcher


class _Inner(CPUDispatcher):
    """A dispatcher for compiled callers alone; Numba's own would follow a null pointer."""

    def __call__(self, *arguments, **keywords):
        raise TypeError(f"{self.py_func.__qualname__} is called by compiled functions alone, not from Python")


def _kept(dispatcher: Dispatcher) -> Dispatcher:
    if not config.BOUNDSCHECK:
        with suppress(RuntimeError):  # nothing is kept where no folder can be written
            dispatcher._cache = KernelCache(dispatcher.py_func)
    return dispatcher


class _Notice(event.Listener):
    """Says once, on a terminal, why the first call takes so long."""

    said = False

    def on_start(self, event):
        ours = str(event.data["dispatcher"].py_func.__module__).startswith("convstream.fixedpoint.")
        if ours and not self.said and sys.stderr.isatty():
            self.said = True
            print("compiling the integer model (kept for the next time) ...", file=sys.stderr)

    def on_end(self, event):
        pass


event.register("numba:compile", _Notice())
