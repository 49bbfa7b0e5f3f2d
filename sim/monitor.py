"""Monitor: an AXI4-Stream sink that takes beats from an `m_axis_*` port and holds the core to the protocol.

Checked at every rising edge: `tvalid` is known, stays up until the transfer, and is low in reset; `tdata` and
`tlast` are known while it is up, and stay as they are until the transfer.
"""

from cocotb.handle import HierarchyObject
from cocotb.triggers import Event

from sim.cycles import Cycles
from sim.stalls import stalls

#: A core that breaks a rule tends to break it in every cycle: so many breaches of a stream are told.
_MOST_BREACHES = 10


class Sink:
    """Takes beats from the stream `m_axis_<name>` of `dut`, refusing them in a share `stall` of the cycles.

    `words`, `lasts` and `cycles` hold what came, the beats with `tlast`, and when (a word with unknown bits is
    None); `breaches` the rules that were broken, in words; `complete` is set once `expected` beats came, unless that
    is None.
    """

    def __init__(self, dut: HierarchyObject, name: str, clock: Cycles, stall: float, seed: str):
        self.name = f"m_axis_{name}"
        self._tdata, self._tvalid, self._tready, self._tlast = (
            getattr(dut, f"{self.name}_{signal}") for signal in ("tdata", "tvalid", "tready", "tlast")
        )
        self._clock = clock
        self._stalling = stall > 0
        self._refusals = stalls(stall, f"{seed} {self.name}")
        self.words: list[int | None] = []
        self.lasts: list[int] = []
        self.cycles: list[int] = []
        self.breaches: list[str] = []
        self.expected: int | None = None
        self.complete = Event()
        self._tready.value = 0

    def check_reset(self) -> None:
        """To be called at rising edges in reset: no beat may be on offer."""
        if (valid := str(self._tvalid.value)) != "0":
            self._breach(f"tvalid is {valid} in reset")

    async def run(self) -> None:
        """Take beats until cancelled."""
        pending = None  # (tdata, tlast) that were on offer at the last edge and not taken
        ready = not next(self._refusals)
        self._tready.value = ready
        while True:
            await self._clock.edge
            valid = str(self._tvalid.value)
            if valid == "1":
                offer = str(self._tdata.value), str(self._tlast.value)
                if pending is not None and offer != pending:
                    self._breach(f"tdata, tlast changed from {_hex(pending)} to {_hex(offer)} before the transfer")
                pending = offer
                if ready:
                    self._take(*offer)
                    pending = None
            else:
                if valid != "0":
                    self._breach(f"tvalid is {valid}")
                elif pending is not None:
                    self._breach("tvalid fell before the transfer")
                pending = None
                if not self._stalling:  # nothing can happen before tvalid changes
                    await self._tvalid.value_change
                    continue
            if ready is next(self._refusals):
                ready = not ready
                self._tready.value = ready

    def _take(self, data: str, last: str) -> None:
        try:
            word = int(data, 2)
        except ValueError:
            word = None
            self._breach(f"tdata is {data}")
        if last == "1":
            self.lasts.append(len(self.words))
        elif last != "0":
            self._breach(f"tlast is {last}")
        self.words.append(word)
        self.cycles.append(self._clock.now())
        if len(self.words) == self.expected:
            self.complete.set()

    def _breach(self, rule: str) -> None:
        if len(self.breaches) < _MOST_BREACHES:
            self.breaches.append(f"{self.name}, cycle {self._clock.now()}, beat {len(self.words)}: {rule}")

    def __str__(self):
        wanted = "" if self.expected is None else f" of {self.expected}"
        return f"{self.name}: {len(self.words)}{wanted} beats came out, tvalid is {self._tvalid.value}"


def _hex(offer: tuple[str, str]) -> str:
    data, last = offer
    return f"({int(data, 2):x}, {last})" if set(data) <= {"0", "1"} else f"({data}, {last})"
