"""How the integer kernels are compiled: Numba, machine code kept between runs wherever there is a place to keep it.

Kept code is thrown away when its own source file changes, but not when a file from which it imports compiled
functions does.  Hence a rule for this package: a function marked `compiled` calls only `compiled` functions of its
own file, and uses no constants from elsewhere.
"""

from collections.abc import Callable

from numba import config, njit


def compiled(function: Callable) -> Callable:
    """Decorator: `function` compiled at its first call with each new set of argument types.

    With NUMBA_BOUNDSCHECK=1 nothing is kept, because kept code does not remember whether it was built with checks.
    """
    if config.BOUNDSCHECK:
        return njit(function)
    try:
        return njit(cache=True)(function)
    except RuntimeError:  # neither the package's folder nor the user's can be written: compile in every process
        return njit(function)
