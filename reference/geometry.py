"""Geometry of one convolution layer: sizes, windows and counts, one spatial axis at a time.

Rows and columns obey the same arithmetic, so everything here is written once, for an `Axis`; a `Geometry`
is two axes and three counts.  Symbols are those of the formulas: N, C, H, W, K, F, S, P, OH, OW.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from convstream.reference.integers import is_integer, keep_plain_integers

#: No extent of a layer may exceed this: beyond it, index arithmetic and file sizes stop making sense.
LARGEST_EXTENT = 1 << 20


def _require_int(name: str, value: int, lowest: int) -> None:
    if not is_integer(value):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    if not lowest <= value <= LARGEST_EXTENT:
        raise ValueError(f"{name} must be between {lowest} and {LARGEST_EXTENT}, not {value}")


@dataclass(frozen=True)
class Axis:
    """One spatial axis: `size` pixels seen through `kernel` taps.

    Tap t of output o looks at pixel ``o * stride - pad_before + t * dilation``.

    Raises
    ------
    TypeError, ValueError
        An extent is not an integer, out of range, or the kernel does not fit the padded axis.
    """

    size: int
    kernel: int
    stride: int = 1
    pad_before: int = 0
    pad_after: int = 0
    dilation: int = 1

    def __post_init__(self):
        keep_plain_integers(self)
        for name, lowest in (
            ("size", 1), ("kernel", 1), ("stride", 1), ("pad_before", 0), ("pad_after", 0), ("dilation", 1),
        ):  # fmt: skip
            _require_int(name, getattr(self, name), lowest)
        if self.extent > self.padded_size:
            raise ValueError(
                f"kernel spans {self.extent} pixels, which must not exceed the padded size {self.padded_size}"
            )

    @property
    def extent(self) -> int:
        """Pixels from the first tap to the last, both included."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def padded_size(self) -> int:
        return self.size + self.pad_before + self.pad_after

    @property
    def out_size(self) -> int:
        """floor((size - extent + padding) / stride) + 1."""
        return (self.padded_size - self.extent) // self.stride + 1

    def origin(self, out: int) -> int:
        """Pixel under tap 0 of output `out`; negative inside the leading padding."""
        return out * self.stride - self.pad_before

    def taps(self, out: int) -> range:
        """Taps of output `out` that fall on a pixel and not on padding."""
        origin = self.origin(out)
        first = max(0, -(origin // self.dilation))  # ceil(-origin / dilation)
        stop = min(self.kernel, -((origin - self.size) // self.dilation))
        return range(first, max(first, stop))

    def outputs(self, tap: int) -> range:
        """Outputs that look at a pixel, and not at padding, through a tap."""
        first = self.origin(0) + tap * self.dilation
        stop = min(self.out_size, -((first - self.size) // self.stride))
        begin = max(0, -(first // self.stride))
        return range(begin, max(begin, stop))

    def sources(self, pixel: int) -> list[tuple[int, int]]:
        """Every (tap, output) pair that looks at `pixel`: what the input gradient sums over."""
        pairs = []
        for tap in range(self.kernel):
            out, phase = divmod(pixel + self.pad_before - tap * self.dilation, self.stride)
            if phase == 0 and 0 <= out < self.out_size:
                pairs.append((tap, out))
        return pairs

    @property
    def seen_pixels(self) -> tuple[int, ...]:
        """Pixels that at least one output looks at."""
        seen = np.zeros(self.size, bool)
        for tap in range(self.kernel):
            outputs = self.outputs(tap)
            if outputs:
                shift = tap * self.dilation
                seen[self.origin(outputs[0]) + shift : self.origin(outputs[-1]) + shift + 1 : self.stride] = True
        return tuple(np.flatnonzero(seen).tolist())

    @property
    def tap_count(self) -> int:
        """Taps that fall on a pixel, summed over all outputs."""
        return sum(len(self.outputs(tap)) for tap in range(self.kernel))

    @property
    def most_sources(self) -> int:
        """Largest number of taps in one phase of the input gradient: that of tap 0, whose phase recurs first."""
        recurrence = self.stride // math.gcd(self.stride, self.dilation)  # taps from one of a phase to its next
        return -(-self.kernel // recurrence)


def same_padding(kernel: int, stride: int) -> int:
    """Padding that keeps the size; it exists where the stride is 1 and the kernel is odd."""
    if stride != 1 or kernel % 2 == 0:
        raise ValueError(f'padding "same" needs stride 1 and an odd kernel, not stride {stride} and kernel {kernel}')
    return (kernel - 1) // 2


@dataclass(frozen=True)
class Geometry:
    """Everything about a layer's shape: counts N, C, K and one `Axis` each for rows and columns."""

    batch: int
    in_channels: int
    out_channels: int
    rows: Axis
    columns: Axis

    def __post_init__(self):
        keep_plain_integers(self)
        for name in ("batch", "in_channels", "out_channels"):
            _require_int(name, getattr(self, name), 1)

    @classmethod
    def square(cls, *, batch, in_channels, height, width, out_channels, kernel, stride=1, padding=0) -> "Geometry":
        """A layer with one kernel size, stride and padding for both axes; `padding` may be "same" or "valid"."""
        if padding == "same":
            padding = same_padding(kernel, stride)
        elif padding == "valid":
            padding = 0
        rows, columns = (Axis(size, kernel, stride, padding, padding) for size in (height, width))
        return cls(batch, in_channels, out_channels, rows, columns)

    @property
    def x_shape(self) -> tuple[int, int, int, int]:
        """(N, C, H, W); also the shape of dx."""
        return self.batch, self.in_channels, self.rows.size, self.columns.size

    @property
    def w_shape(self) -> tuple[int, int, int, int]:
        """(K, C, F, F); also the shape of dw."""
        return self.out_channels, self.in_channels, self.rows.kernel, self.columns.kernel

    @property
    def b_shape(self) -> tuple[int]:
        """(K,); also the shape of db."""
        return (self.out_channels,)

    @cached_property
    def z_shape(self) -> tuple[int, int, int, int]:
        """(N, K, OH, OW); also the shape of dz."""
        return self.batch, self.out_channels, self.rows.out_size, self.columns.out_size

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every tensor by its name in the formulas."""
        return {
            "x": self.x_shape, "w": self.w_shape, "b": self.b_shape, "z": self.z_shape,
            "dz": self.z_shape, "dx": self.x_shape, "dw": self.w_shape, "db": self.b_shape,
        }  # fmt: skip

    @property
    def multiplications(self) -> int:
        """Products of a weight with a pixel that is not padding; the same for forward, dx and dw."""
        return self.batch * self.out_channels * self.in_channels * self.rows.tap_count * self.columns.tap_count
