"""How the integer kernels are compiled: Numba, machine code kept between runs wherever there is a place to keep it.

Kept code is thrown away when its own source file changes, but not when a file from which it imports compiled
functions does.  Hence a rule for this package: a function marked `compiled` calls only `compiled` functions of its
own file, and uses no constants from elsewhere.
"""

import sys
from collections.abc import Callable

from numba import config, njit
from numba.core import event


def compiled(function: Callable) -> Callable:
    """Decorator: `function` compiled at its first call with each new set of argument types.

    With NUMBA_BOUNDSCHECK=1 nothing is kept, because kept code does not remember whether it was built with checks.
    """
    if config.BOUNDSCHECK:
        return njit(nogil=True)(function)
    try:
        return njit(cache=True, nogil=True)(function)
    except RuntimeError:  # neither the package's folder nor the user's can be written: compile in every process
        return njit(nogil=True)(function)


class _Notice(event.Listener):
    """Says once, to whoever waits at a terminal, why the first call takes so long."""

    said = False

    def on_start(self, event):
        ours = event.data["dispatcher"].py_func.__module__.startswith("fixedpoint.")
        if ours and not self.said and sys.stderr.isatty():
            self.said = True
            print("compiling the integer model (kept for the next time) ...", file=sys.stderr)

    def on_end(self, event):
        pass


event.register("numba:compile", _Notice())
