"""Passes: which core computes what, from which streams."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pass:
    """One core and the streams at its ports: `s_axis_<input>` and `m_axis_<output>`."""

    module: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def status(self) -> tuple[str, ...]:
        """The status outputs."""
        loaded = ("weights_loaded",) if "weights" in self.inputs else ()
        return ("frame_error", "idle", *loaded, *(f"waits_for_{stream}" for stream in self.inputs))


#: Every pass that is a module of its own.  The bias gradient leaves by the weight gradient's module.
PASSES = {
    "forward": Pass("conv_forward", inputs=("weights", "x"), outputs=("z",)),
    "input_gradient": Pass("conv_input_gradient", inputs=("weights", "dz"), outputs=("dx",)),
    "weight_gradient": Pass("conv_weight_gradient", inputs=("x", "dz"), outputs=("dw", "db")),
}
