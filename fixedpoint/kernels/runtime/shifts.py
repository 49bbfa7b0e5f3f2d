"""Shifts in the type of the value that is shifted; Numba's own are 64 bits wide, so vectors would hold half as many."""

from numba.extending import intrinsic


def _shift(operation):
    """value << count or value >> count in the type of `value`, signed or unsigned."""

    @intrinsic
    def shift(typing, value, count):
        def generate(context, builder, signature, arguments):
            value, count = arguments
            if count.type != value.type:
                count = builder.trunc(count, value.type)
            return getattr(builder, operation)(value, count)

        return value(value, count), generate

    return shift


shift_left, shift_right, shift_right_unsigned = _shift("shl"), _shift("ashr"), _shift("lshr")
