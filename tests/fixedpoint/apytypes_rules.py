"""Our rounding and overflow rules under the names that APyTypes gives them."""

from apytypes import OverflowMode, QuantizationMode

from convstream.fixedpoint.formats import Overflow, Rounding

APYTYPES_ROUNDING = {
    Rounding.FLOOR: QuantizationMode.TO_NEG,
    Rounding.TOWARD_ZERO: QuantizationMode.TO_ZERO,
    Rounding.HALF_UP: QuantizationMode.TIES_POS,
    Rounding.HALF_AWAY: QuantizationMode.TIES_AWAY,
    Rounding.HALF_EVEN: QuantizationMode.TIES_EVEN,
}
APYTYPES_OVERFLOW = {Overflow.SATURATE: OverflowMode.SAT, Overflow.WRAP: OverflowMode.WRAP}
