"""Monitor: an AXI4-Stream sink that takes beats from an `m_axis_*` port, and holds the core to the protocol."""

from collections.abc import Sequence

from cocotb.handle import HierarchyObject
from cocotb.triggers import Event

from convstream.sim.bench.cycles import Cycles
from convstream.sim.bench.observed import ObservedOutput, how_far_out
from convstream.sim.bench.readiness import SHARE, readiness


class Sink:
    """Takes beats from the stream `m_axis_<name>` of `dut`, in the cycles that `way` and `stall` say (`readiness`).

    `observed` holds what came; `complete` is set once `expected` beats came, unless that is None.
    """

    def __init__(self, dut: HierarchyObject, name: str, clock: Cycles, way: Sequence, stall: float, seed: str):
        self.observed = ObservedOutput(f"m_axis_{name}")
        self._tdata, self._tvalid, self._tready, self._tlast = (
            getattr(dut, f"m_axis_{name}_{signal}") for signal in ("tdata", "tvalid", "tready", "tlast")
        )
        self._idle = dut.idle
        self._clock = clock
        self._always_ready = tuple(way) == SHARE and stall == 0
        self._readiness = readiness(way, stall, f"{seed} m_axis_{name}")
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
        ready = next(self._readiness)
        self._tready.value = ready
        while True:
            await self._clock.edge
            valid = str(self._tvalid.value)
            if valid == "1":
                self.observed.offered(
                    self._clock.now(), ready, str(self._tdata.value), str(self._tlast.value), str(self._idle.value)
                )
                if len(self.observed.words) == self.expected:
                    self.complete.set()
            else:
                self.observed.silent(self._clock.now(), valid)
                if self._always_ready:  # nothing can happen before tvalid changes
                    await self._tvalid.value_change
                    continue
            following = self._readiness.send(valid == "1")
            if following is not ready:
                ready = following
                self._tready.value = ready

    def __str__(self):
        return how_far_out(self.observed.name, len(self.cycles), self.expected, str(self._tvalid.value))
