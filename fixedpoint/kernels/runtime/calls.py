"""Calls of compiled functions by address.

A function that Numba compiles is compiled once more with each that calls it.  For the large ones that takes longer
than they are worth, so they are called by their addresses::

    add_entry, call_add = by_address("add")
    address = add_entry(function, INT, INTS)    a function for arguments of these types
    call_add(address, (1, array))               in a compiled function that is given the address

`call_add` compiles only with arguments for which a function was entered by `add_entry`; of several functions the
address says which.

Words whose dtype is not the same in every layer are handed on by address too, so that what hands them on is compiled
once, and only what reads them for each dtype::

    add_entry(function, words_of(array.dtype))  a function that says: words = carray(words, (size,))
    call_add(address, (at(words),))             words: one of `addresses`, of an array that is kept as long
"""

from collections.abc import Callable

import numpy as np
from numba import from_dtype, types
from numba.core import cgutils, errors
from numba.extending import intrinsic

from convstream.fixedpoint.kernels.runtime.jit import compiled

#: Types of the arguments of many kernels.
INT, INTS, INTS_2D = types.int64, types.int64[::1], types.int64[:, ::1]
TWO, FOUR = types.UniTuple(INT, 2), types.UniTuple(INT, 4)


def by_address(name: str) -> tuple[Callable[..., int], Callable]:
    """How functions that do `name` are entered and called.

    Returns
    -------
    entry(function, *types) : the address of a compiled function that returns nothing, for arguments of these types
    call(address, arguments) : in compiled functions; `arguments` is a tuple.  Other types than those of `entry` are a
        TypingError.
    """
    entered: set[types.Tuple] = set()

    def entry(function: Callable, *arguments: types.Type) -> int:
        function.compile(arguments)
        code = function.overloads[arguments]
        entered.add(types.Tuple([types.voidptr if isinstance(kind, types.CPointer) else kind for kind in arguments]))
        return code.library.get_pointer_to_function(code.fndesc.llvm_func_name)

    @intrinsic
    def call(typing, address, arguments):
        passed = tuple(map(types.unliteral, arguments.types))
        if types.Tuple(passed) not in entered:
            legal = " or ".join(sorted(map(str, entered))) or "nothing, since none was entered"
            raise errors.TypingError(f"{name} takes {legal}, not {types.Tuple(passed)}")

        def generate(context, builder, signature, values):
            convention, each = context.call_conv, cgutils.unpack_tuple(builder, values[1])
            each = [context.cast(builder, *of) for of in zip(each, arguments.types, passed, strict=True)]
            begin = builder.inttoptr(values[0], convention.get_function_type(types.none, passed).as_pointer())
            status, _ = convention.call_function(builder, begin, types.none, passed, each)
            with cgutils.if_unlikely(builder, status.is_error):
                convention.return_status_propagate(builder, status)
            return context.get_dummy_value()

        return types.void(address, arguments), generate

    return entry, call


def words_of(dtype: np.dtype) -> types.CPointer:
    """The type, for an entry, of an address of words of this dtype."""
    return types.CPointer(from_dtype(dtype))


@intrinsic
def begins(typing, arrays):
    """Address of the first word of each array of a tuple."""

    def generate(context, builder, signature, arguments):
        begins = [
            builder.ptrtoint(context.make_array(kind)(context, builder, array).data, cgutils.intp_t)
            for kind, array in zip(arrays.types, cgutils.unpack_tuple(builder, arguments[0]), strict=True)
        ]
        return context.make_tuple(builder, signature.return_type, begins)

    return types.UniTuple(types.intp, len(arrays.types))(arrays), generate


@compiled
def addresses(*arrays):
    """Address of the first word of each array.  NumPy gives it as well, but takes ten times as long."""
    return begins(arrays)


@intrinsic
def at(typing, address):
    """An address as an argument of a function that was entered for `words_of` some dtype."""

    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), generate
