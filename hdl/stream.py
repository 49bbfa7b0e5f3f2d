"""AXI4-Stream (ARM IHI 0051) as one MyHDL interface object."""

from myhdl import Signal, intbv


class AxiStream:
    """Signals of one stream; as an argument named `s_axis_x` its ports become `s_axis_x_tdata` and so on.

    Parameters
    ----------
    beat_bits : int
        Width of `tdata`, a multiple of 8.
    """

    def __init__(self, beat_bits: int):
        self.tdata = Signal(intbv(0)[beat_bits:])
        self.tvalid = Signal(bool(0))
        self.tready = Signal(bool(0))
        self.tlast = Signal(bool(0))
