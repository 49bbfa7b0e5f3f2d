"""Driver: an AXI4-Stream source that plays whole beats into an `s_axis_*` port, with seeded gaps.

It samples `tready` at the rising edge and drives right after it, as a register does::

    aclk     _/‾\\_/‾\\_/‾\\_/‾\\_/‾\\_/‾\\_
    tvalid   __/‾‾‾‾‾‾‾‾‾‾‾\\_______/‾‾‾     once up, up until the transfer
    tdata    --<  beat 0   >--------< 1      between beats the data are wrong on purpose
    tready   __________/‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾
"""

from cocotb.handle import HierarchyObject

from convstream.sim.bench.cycles import Cycles
from convstream.sim.bench.observed import ObservedInput, how_far_in
from convstream.sim.bench.stalls import stalls


class Source:
    """Plays beats into the stream `s_axis_<name>` of `dut`, standing still in a share `stall` of the cycles.

    `observed` holds when beats went in so far, `planned` is how many are to go in altogether.
    """

    def __init__(self, dut: HierarchyObject, name: str, clock: Cycles, stall: float, seed: str):
        self.observed = ObservedInput(f"s_axis_{name}")
        self._tdata, self._tvalid, self._tready, self._tlast = (
            getattr(dut, f"s_axis_{name}_{signal}") for signal in ("tdata", "tvalid", "tready", "tlast")
        )
        self._all_ones = (1 << len(self._tdata)) - 1
        self._clock = clock
        self._pauses = stalls(stall, f"{seed} s_axis_{name}")
        self.planned = 0
        self.idle()

    @property
    def cycles(self) -> list[int]:
        """The cycle of every transfer so far."""
        return self.observed.cycles

    def check_reset(self) -> None:
        """To be called at rising edges in reset."""
        self.observed.in_reset(self._clock.now(), str(self._tready.value))

    def idle(self, word: int = 0) -> None:
        """Offer nothing, and show the opposite of `word`, so that a core which looks without asking goes wrong."""
        self._tvalid.value = 0
        self._tdata.value = ~word & self._all_ones
        self._tlast.value = 1

    async def play(self, words: list[int], lasts: list[int]) -> None:
        """Send `words`, with `tlast` on the beats whose indices are in `lasts`; returns after the last transfer."""
        closing = set(lasts)
        shown_last = None  # `tlast` of the beat on offer; None between beats
        for beat, word in enumerate(words):
            if next(self._pauses):
                self.idle(word)
                shown_last = None
                await self._clock.edge
                while next(self._pauses):
                    await self._clock.edge
            self._tdata.value = word
            if shown_last is not (beat in closing):
                shown_last = beat in closing
                self._tlast.value = shown_last
                self._tvalid.value = 1
            await self._clock.edge
            while not self.observed.offered(self._clock.now(), str(self._tready.value)):
                await self._tready.value_change
                await self._clock.edge
        self.idle()

    def __str__(self):
        return how_far_in(self.observed.name, len(self.cycles), self.planned, str(self._tready.value))
