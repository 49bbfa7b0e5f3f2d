"""How the integer kernels are compiled: Numba, machine code kept between runs wherever there is a place to keep it.

Numba throws kept code away when its own source file changes.  Ours is thrown away when any file of this package does,
because a kernel contains those that it calls, and vector code that yet another file writes.

A function that Numba compiles is compiled once more with each that calls it.  For the large ones that takes longer
than they are worth, so they are called by their addresses::

    kernel = Entry(function, INT, INTS)         for arguments of these types
    call(kernel, (1, array))                    in a compiled function that is given `kernel`
"""

import sys
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from numba import config, njit, types
from numba.core import cgutils, errors, event
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.extending import NativeValue, intrinsic, models, register_model, typeof_impl, unbox

_SOURCES = sha256(b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.rglob("*.py")))).digest()


class _PackageCache(FunctionCache):
    """Machine code of one function, with the whole package as its source."""

    def __init__(self, function: Callable):
        super().__init__(function)
        self._cache_file = IndexDataCacheFile(self._cache_path, self._impl.filename_base, _SOURCES)


def compiled(function: Callable) -> Callable:
    """Decorator: `function` compiled at its first call with each new set of argument types.

    With NUMBA_BOUNDSCHECK=1 nothing is kept, because kept code does not remember whether it was built with checks.
    """
    dispatcher = njit(nogil=True)(function)
    if not config.BOUNDSCHECK:
        with suppress(RuntimeError):  # neither the package's folder nor the user's can be written: nothing is kept
            dispatcher._cache = _PackageCache(function)
    return dispatcher


#: Types of the arguments of many kernels.
INT, TWO, INTS, INTS_2D = types.int64, types.UniTuple(types.int64, 2), types.int64[::1], types.int64[:, ::1]


class Entry:
    """Where a compiled function that returns nothing begins, for arguments of certain Numba types."""

    def __init__(self, function: Callable, *arguments: types.Type):
        function.compile(arguments)
        code = function.overloads[arguments]
        self.name, self.arguments = function.__name__, arguments
        self.address = code.library.get_pointer_to_function(code.fndesc.llvm_func_name)


class _EntryType(types.Type):
    def __init__(self, name: str, arguments: tuple[types.Type, ...]):
        super().__init__(f"Entry({name}, {', '.join(map(str, arguments))})")
        self.arguments = arguments


register_model(_EntryType)(models.OpaqueModel)


@typeof_impl.register(Entry)
def _type_of_entry(entry, context):
    return _EntryType(entry.name, entry.arguments)


@unbox(_EntryType)
def _unbox_entry(kind, entry, c):
    address = c.pyapi.object_getattr_string(entry, "address")
    pointer = c.pyapi.long_as_voidptr(address)
    c.pyapi.decref(address)
    return NativeValue(pointer)


@intrinsic
def call(typing, kernel, arguments):
    """Call `kernel`, an `Entry`, with a tuple of arguments of exactly its types."""
    given = tuple(map(types.unliteral, arguments.types))
    if given != kernel.arguments:
        raise errors.TypingError(f"{kernel} can not be called with ({', '.join(map(str, given))})")

    def generate(context, builder, signature, values):
        convention = context.call_conv
        function = convention.get_function_type(types.none, given).as_pointer()
        each = [
            context.cast(builder, value, kind, plain)
            for value, kind, plain in zip(cgutils.unpack_tuple(builder, values[1]), arguments.types, given, strict=True)
        ]
        status, _ = convention.call_function(
            builder, builder.bitcast(values[0], function), types.none, given, each
        )  # fmt: skip
        with cgutils.if_unlikely(builder, status.is_error):
            convention.return_status_propagate(builder, status)
        return context.get_dummy_value()

    return types.void(kernel, arguments), generate


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
