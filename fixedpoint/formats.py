"""Number formats: two's complement integers that stand for value = integer * 2**-fraction."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np

from convstream.reference.integers import is_integer, keep_plain_integers

NARROWEST_BITS = 2
WIDEST_BITS = 32
LARGEST_FRACTION = 64


class _Rule(StrEnum):
    """A choice by name: calling the class takes a member or its name."""

    @classmethod
    def _missing_(cls, value: object):
        raise ValueError(f"{cls.__name__.lower()} must be one of {', '.join(cls)}; not {value!r}")


class Rounding(_Rule):
    """What happens to the bits below the result's fraction (HLS name beside each)."""

    FLOOR = "floor"  # AP_TRN
    TOWARD_ZERO = "toward_zero"  # AP_TRN_ZERO
    HALF_UP = "half_up"  # AP_RND
    HALF_AWAY = "half_away"  # AP_RND_INF
    HALF_EVEN = "half_even"  # AP_RND_CONV
    STOCHASTIC = "stochastic"


class Overflow(_Rule):
    """What happens to a rounded result outside its format's range."""

    SATURATE = "saturate"  # AP_SAT
    WRAP = "wrap"  # AP_WRAP


@dataclass(frozen=True)
class Format:
    """`width` bits, of which the last `fraction` are behind the binary point (it may lie outside the word)."""

    width: int
    fraction: int

    def __post_init__(self):
        keep_plain_integers(self)
        for name, value in vars(self).items():
            if not is_integer(value):
                raise TypeError(f"{name} must be an integer, not {value!r}")
        if self.width < 1:
            raise ValueError(f"width must be at least 1 bit, not {self.width}")

    @property
    def lowest(self) -> int:
        return -(1 << (self.width - 1))

    @property
    def highest(self) -> int:
        return (1 << (self.width - 1)) - 1

    @cached_property
    def dtype(self) -> np.dtype:
        """Narrowest NumPy integer that holds every word of this format: what tensors are stored in.

        Raises
        ------
        ValueError
            There is none for more than 64 bits.
        """
        width = self.width
        if width > 64:
            raise ValueError(f"words of {width} bits fit no NumPy integer")
        return np.dtype(np.int8 if width <= 8 else np.int16 if width <= 16 else np.int32 if width <= 32 else np.int64)

    @property
    def step(self) -> float:
        """Real value of one unit in the last place."""
        return 2.0**-self.fraction

    def __str__(self):
        return f"{self.width} bits, {self.fraction} of them fraction"


@dataclass(frozen=True)
class Formats:
    """The formats of all tensors of a layer, and how every result is rounded and limited.

    The formats of gradients may be absent: without that of dz there is no gradient, without that of a result not this.
    `rounding` and `overflow` are taken by name, too.  `rounding_seed` seeds the generators of stochastic rounding; the
    other modes ignore it.

    Raises
    ------
    TypeError, ValueError
        A width or fraction is outside what the models and the hardware support, or a rule is none of those there are.
    """

    input: Format
    weights: Format
    bias: Format
    output: Format
    output_gradient: Format | None = None
    input_gradient: Format | None = None
    weight_gradient: Format | None = None
    bias_gradient: Format | None = None
    rounding: Rounding = Rounding.HALF_EVEN
    overflow: Overflow = Overflow.SATURATE
    rounding_seed: int = 1

    def __post_init__(self):
        keep_plain_integers(self)
        for name, kind in (("rounding", Rounding), ("overflow", Overflow)):
            object.__setattr__(self, name, kind(getattr(self, name)))
        if not is_integer(self.rounding_seed):
            raise TypeError(f"rounding_seed must be an integer, not {self.rounding_seed!r}")
        for tensor in self.tensors:
            name, form = FORMAT_OF_TENSOR[tensor], self.of(tensor)
            if not NARROWEST_BITS <= form.width <= WIDEST_BITS:
                raise ValueError(
                    f"{name}: width must be between {NARROWEST_BITS} and {WIDEST_BITS} bits, not {form.width}"
                )
            if abs(form.fraction) > LARGEST_FRACTION:
                raise ValueError(
                    f"{name}: fraction must be between {-LARGEST_FRACTION} and {LARGEST_FRACTION}, not {form.fraction}"
                )

    @classmethod
    def bits(cls, width: int, **others) -> "Formats":
        """All words of `width` bits, with values from -1 to 1; `others` are fields of their own, by name.

        A bias is twice as wide, at most `WIDEST_BITS`, and from -2 to 2.
        """
        form, bias_width = Format(width, width - 1), min(2 * width, WIDEST_BITS)
        formats = dict.fromkeys(FORMAT_OF_TENSOR.values(), form) | {"bias": Format(bias_width, bias_width - 2)}
        return cls(**(formats | others))

    @property
    def tensors(self) -> tuple[str, ...]:
        """The tensors that have a format."""
        return tuple(tensor for tensor, name in FORMAT_OF_TENSOR.items() if getattr(self, name) is not None)

    def of(self, tensor: str) -> Format:
        """Format of a tensor by its name in the formulas: x, w, b, z, dz, dx, dw or db.

        Raises
        ------
        ValueError
            It has none.
        """
        form = getattr(self, FORMAT_OF_TENSOR[tensor])
        if form is None:
            raise ValueError(f"formats.{FORMAT_OF_TENSOR[tensor]}: missing; it is the format of {tensor}")
        return form


FORMAT_OF_TENSOR = {
    "x": "input",
    "w": "weights",
    "b": "bias",
    "z": "output",
    "dz": "output_gradient",
    "dx": "input_gradient",
    "dw": "weight_gradient",
    "db": "bias_gradient",
}
