"""A layer as the hardware sees it: geometry, number formats, accumulators and lanes, checked against each other."""

from dataclasses import dataclass, replace
from functools import cached_property

from convstream.fixedpoint.formats import FORMAT_OF_TENSOR, Format, Formats
from convstream.reference.geometry import Geometry
from convstream.reference.integers import is_integer, keep_plain_integers

#: The integer model accumulates in int64 and keeps one bit of headroom.
WIDEST_ACCUMULATOR_BITS = 63

#: No FPGA has as many; and the Verilog of a core, and the time to make it, grow with them.
MOST_MULTIPLIERS = 1 << 16


class LayerError(ValueError):
    """A rule that ties several keys of a layer together is broken; `key` names the one to change."""

    def __init__(self, key: str, message: str):
        super().__init__(message)
        self.key = key


@dataclass(frozen=True)
class Lanes:
    """How many multipliers, and along which axes of the layer: C, K and the kernel's taps."""

    in_lanes: int = 1
    out_lanes: int = 1
    kernel_lanes: int = 1

    def __post_init__(self):
        keep_plain_integers(self)

    @property
    def multipliers(self) -> int:
        return self.in_lanes * self.out_lanes * self.kernel_lanes


def sum_of_products_bits(terms: int, a_bits: int, b_bits: int, addend: int = 0) -> int:
    """Width that holds `terms` products of the most negative operands, and `addend` more, exactly.

    Two operands at -2**(a_bits-1) and -2**(b_bits-1) make the largest product, +2**(a_bits+b_bits-2), so the
    bound below is reached and one bit less would overflow.
    """
    return (terms * (1 << (a_bits + b_bits - 2)) + addend).bit_length() + 1


@dataclass(frozen=True)
class Layer:
    """One convolution layer, complete: what all models, the hardware and the test benches are built from.

    Parameters
    ----------
    weight_sets : int
        Sets of weights that a core has room for: 1, or 2, so that one which is cut short leaves the loaded one whole.

    Raises
    ------
    LayerError
        Lanes do not divide their axis or make too many multipliers, a bias is finer than its accumulator, or an
        accumulator is too wide.
    """

    geometry: Geometry
    formats: Formats
    lanes: Lanes = Lanes()
    weight_sets: int = 1

    @classmethod
    def conv2d(
        cls, *, in_channels: int, out_channels: int, height: int, width: int, kernel: int, formats: Formats,
        stride: int = 1, padding: int | str = 0, batch: int = 1,
        in_lanes: int = 1, out_lanes: int = 1, kernel_lanes: int = 1, weight_sets: int = 1,
    ) -> "Layer":  # fmt: skip
        """A layer by the keys of a layer file; `padding` may also be "same" or "valid"."""
        geometry = Geometry.square(
            batch=batch, in_channels=in_channels, height=height, width=width, out_channels=out_channels,
            kernel=kernel, stride=stride, padding=padding,
        )  # fmt: skip
        return cls(geometry, formats, Lanes(in_lanes, out_lanes, kernel_lanes), weight_sets)

    @cached_property
    def _hash(self) -> int:
        return hash((self.geometry, self.formats, self.lanes, self.weight_sets))

    def __hash__(self):  # made once: every pass looks up by layer what it knows of it
        return self._hash

    def __getstate__(self):  # another process makes other hashes
        return {name: value for name, value in vars(self).items() if name != "_hash"}

    def __post_init__(self):
        keep_plain_integers(self)
        self._check_lanes()
        if self.bias_shift < 0:
            finest = self.formats.input.fraction + self.formats.weights.fraction
            raise LayerError(
                "formats.bias",
                f"fraction must not be finer than the accumulator's: at most {finest} "
                f"(input plus weights), not {self.formats.bias.fraction}",
            )
        for result, accumulator in self.accumulators.items():
            key = f"formats.{FORMAT_OF_TENSOR[result]}"
            needed = accumulator.width + max(0, self.formats.of(result).fraction - accumulator.fraction)
            if needed > WIDEST_ACCUMULATOR_BITS:
                raise LayerError(
                    key,
                    f"the exact accumulator of {result} needs {needed} bits; at most {WIDEST_ACCUMULATOR_BITS} are "
                    "supported: use narrower operands, fewer terms or a coarser result",
                )
            if accumulator.fraction - self.formats.of(result).fraction > WIDEST_ACCUMULATOR_BITS:
                raise LayerError(
                    key,
                    f"fraction must be at least {accumulator.fraction - WIDEST_ACCUMULATOR_BITS}, not "
                    f"{self.formats.of(result).fraction}: results are at most {WIDEST_ACCUMULATOR_BITS} bits "
                    "coarser than their accumulator",
                )

    def _check_lanes(self):
        if not is_integer(self.weight_sets) or self.weight_sets not in (1, 2):
            raise LayerError("hardware.weight_sets", f"must be 1 or 2, not {self.weight_sets!r}")
        geometry, lanes = self.geometry, self.lanes
        for name, axis in (("in_lanes", "in_channels"), ("out_lanes", "out_channels")):
            extent = getattr(geometry, axis)
            value = getattr(lanes, name)
            if not is_integer(value) or value < 1 or extent % value:
                divisors = ", ".join(str(d) for d in range(1, extent + 1) if extent % d == 0)
                raise LayerError(f"hardware.{name}", f"must divide {axis} = {extent}: {divisors}; not {value!r}")
        legal = sorted({1, geometry.rows.kernel, geometry.rows.kernel * geometry.columns.kernel})
        if not is_integer(lanes.kernel_lanes) or lanes.kernel_lanes not in legal:
            raise LayerError(
                "hardware.kernel_lanes",
                f"must be one of {', '.join(map(str, legal))} (one tap, a column or a window of the kernel); "
                f"not {lanes.kernel_lanes!r}",
            )
        if lanes.multipliers > MOST_MULTIPLIERS:
            raise LayerError(
                f"hardware.{max(vars(lanes), key=vars(lanes).get)}",
                f"in_lanes x out_lanes x kernel_lanes must be at most {MOST_MULTIPLIERS:,} multipliers, not "
                f"{' x '.join(f'{count:,}' for count in vars(lanes).values())} = {lanes.multipliers:,}",
            )

    @cached_property
    def tensors(self) -> tuple[str, ...]:
        """The tensors of this layer by their names in the formulas: those that its formats allow to compute."""
        has_gradients = "dz" in self.formats.tensors
        return tuple(name for name in self.formats.tensors if has_gradients or name not in _GRADIENTS)

    @property
    def passes(self) -> tuple[str, ...]:
        """The passes whose formats are all there: forward, input_gradient, weight_gradient (which makes db as well)."""
        return tuple(name for name in _TENSORS_OF_PASS if not self.missing_formats(name))

    def accumulator(self, result: str) -> Format:
        """Exact accumulator of result z, dx, dw or db.

        Raises
        ------
        ValueError
            The layer lacks its format, or that of dz.
        """
        for tensor in (result,) if result == "z" else ("dz", result):
            self.formats.of(tensor)
        return self.accumulators[result]

    def without_gradients(self) -> "Layer":
        """The forward pass of this layer alone."""
        return replace(self, formats=replace(self.formats, **{FORMAT_OF_TENSOR[name]: None for name in _GRADIENTS}))

    def missing_formats(self, pass_name: str) -> tuple[str, ...]:
        """Keys of the formats that a pass needs and that are absent."""
        lacking = [tensor for tensor in _TENSORS_OF_PASS[pass_name] if tensor not in self.formats.tensors]
        return tuple(f"formats.{FORMAT_OF_TENSOR[tensor]}" for tensor in lacking)

    @property
    def bias_shift(self) -> int:
        """Bits by which a bias word is shifted left to the accumulator's fraction."""
        return self.formats.input.fraction + self.formats.weights.fraction - self.formats.bias.fraction

    @cached_property
    def accumulators(self) -> dict[str, Format]:
        """Exact accumulator of every result z, dx, dw, db among the tensors: wide enough for the worst case.

        No wider either, but that a bias counts by its magnitude: where nothing else would, -2**(width-1) of bias may
        take a bit that no sum needs.
        """
        geometry, formats = self.geometry, self.formats
        x, w, b, dz = formats.input, formats.weights, formats.bias, formats.output_gradient
        rows, columns = geometry.rows, geometry.columns
        outputs = geometry.batch * rows.out_size * columns.out_size
        z_terms = geometry.in_channels * rows.kernel * columns.kernel
        dx_terms = geometry.out_channels * rows.most_sources * columns.most_sources
        largest_bias = 1 << (b.width - 1 + max(0, self.bias_shift))
        z = Format(sum_of_products_bits(z_terms, x.width, w.width, largest_bias), x.fraction + w.fraction)
        if dz is None:
            return {"z": z}
        accumulators = {
            "z": z,
            "dx": Format(sum_of_products_bits(dx_terms, dz.width, w.width), dz.fraction + w.fraction),
            "dw": Format(sum_of_products_bits(outputs, dz.width, x.width), dz.fraction + x.fraction),
            # a sum of words: the most negative one, -2**(width-1), is the worst case and needs no extra bit
            "db": Format((outputs * (1 << (dz.width - 1)) - 1).bit_length() + 1, dz.fraction),
        }
        return {result: form for result, form in accumulators.items() if result in self.tensors}


_GRADIENTS = ("dz", "dx", "dw", "db")
_TENSORS_OF_PASS = {
    "forward": ("x", "w", "b", "z"), "input_gradient": ("dz", "dx"), "weight_gradient": ("dz", "dw", "db")
}  # fmt: skip
