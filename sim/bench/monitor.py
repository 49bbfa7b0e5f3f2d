"""Monitor: an AXI4-Stream sink that takes beats from an `m_axis_*` port, and holds the core to the protocol."""

from cocotb.handle import HierarchyObject
from cocotb.triggers import Event

from sim.bench.cycles import Cycles
from sim.bench.observed import ObservedOutput, how_far_out
from sim.bench.stalls import stalls


class Sink:
    """Takes beats from the stream `m_axis_<name>` of `dut`, refusing them in a share `stall` of the cycles.

    `observed` holds what came; `complete` is set once `expected` beats came, unless that is None.
    """

    def __init__(self, dut: HierarchyObject, name: str, clock: Cycles, stall: float, seed: str):
        self.observed = ObservedOutput(f"m_axis_{name}")
        self._tdata, self._tvalid, self._tready, self._tlast = (
            getattr(dut, f"m_axis_{name}_{signal}") for signal in ("tdata", "tvalid", "tready", "tlast")
        )
        self._clock = clock
        self._stalling = stall > 0
        self._refusals = stalls(stall, f"{seed} m_axis_{name}")
        self.expected: int | None = None
        self.complete = Event()
        self._tready.value = 0

    @property
    def cycles(self) -> list[int]:
        """The cycle of every transfer so far."""
        return self.observed.cycles

    def check_reset(self) -> None:
        """To be called at rising edges in reset."""
        self.observed.in_reset(self._clock.now(), str(self._tvalid.value))

    async def run(self) -> None:
        """Take beats until cancelled."""
        ready = not next(self._refusals)
        self._tready.value = ready
        while True:
            await self._clock.edge
            valid = str(self._tvalid.value)
            if valid == "1":
                self.observed.offered(self._clock.now(), ready, str(self._tdata.value), str(self._tlast.value))
                if len(self.observed.words) == self.expected:
                    self.complete.set()
            else:
                self.observed.silent(self._clock.now(), valid)
                if not self._stalling:  # nothing can happen before tvalid changes
                    await self._tvalid.value_change
                    continue
            if ready is next(self._refusals):
                ready = not ready
                self._tready.value = ready

    def __str__(self):
        return how_far_out(self.observed.name, len(self.cycles), self.expected, str(self._tvalid.value))
