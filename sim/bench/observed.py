"""Observed: what was seen of a core's streams at rising clock edges, whoever watched them, and the rules it broke.

The rules: `tvalid` is known, stays up until the transfer, and is low in reset; `tdata` and `tlast` are known while it
is up, and stay as they are until the transfer; `tready` is known, and low in reset; a core with a beat on offer is not
`idle`.  Values of signals are text, a digit a bit, as cocotb has them.
"""

#: From power-up on; a core needs two.
RESET_CYCLES = 8
#: A core may offer anything until it has seen two edges in reset.
SETTLING_CYCLES = 2
#: Once everything expected has come, so many cycles must bring nothing more.
QUIET_CYCLES = 200

#: A core that breaks a rule tends to break it in every cycle: so many breaches of a stream are told.
_MOST_BREACHES = 10


class _Observed:
    """A stream, and the rules that its core broke, in words."""

    def __init__(self, name: str):
        self.name = name
        self.cycles: list[int] = []
        self.breaches: list[str] = []

    def _breach(self, cycle: int, rule: str) -> None:
        if len(self.breaches) < _MOST_BREACHES:
            self.breaches.append(f"{self.name}, cycle {cycle}, beat {len(self.cycles)}: {rule}")


class ObservedInput(_Observed):
    """The cycles in which beats went in; `ready` is the value of `tready` at an edge."""

    def in_reset(self, cycle: int, ready: str) -> None:
        """An edge in reset: no beat may be taken."""
        if ready != "0":
            self._breach(cycle, f"tready is {ready} in reset")

    def offered(self, cycle: int, ready: str) -> bool:
        """An edge at which a beat is on offer.  Returns whether it was taken."""
        if ready == "1":
            self.cycles.append(cycle)
            return True
        if ready != "0":
            self._breach(cycle, f"tready is {ready}")
        return False


class ObservedOutput(_Observed):
    """The beats that came out of a stream, and the rules that were broken, in words.

    `words`, `lasts` and `cycles` hold what came, the beats with `tlast`, and when; a word with unknown bits is None.
    Tell it of every edge at which `tvalid` is not 0, and of the first at which it is 0 again.
    """

    def __init__(self, name: str):
        super().__init__(name)
        self.words: list[int | None] = []
        self.lasts: list[int] = []
        self._pending: tuple[str, str] | None = None  # tdata, tlast that were on offer at the last edge and not taken

    def in_reset(self, cycle: int, valid: str) -> None:
        """An edge in reset: no beat may be on offer."""
        if valid != "0":
            self._breach(cycle, f"tvalid is {valid} in reset")

    def offered(self, cycle: int, ready: bool, data: str, last: str, idle: str = "0") -> None:
        """An edge at which `tvalid` is 1."""
        if idle != "0":
            self._breach(cycle, f"idle is {idle} while a beat is on offer")
        offer = data, last
        if self._pending is not None and offer != self._pending:
            self._breach(cycle, f"tdata, tlast changed from {_hex(self._pending)} to {_hex(offer)} before the transfer")
        self._pending = None if ready else offer
        if ready:
            self._take(cycle, *offer)

    def silent(self, cycle: int, valid: str) -> None:
        """An edge at which `tvalid` is 0 or unknown."""
        if valid != "0":
            self._breach(cycle, f"tvalid is {valid}")
        elif self._pending is not None:
            self._breach(cycle, "tvalid fell before the transfer")
        self._pending = None

    def _take(self, cycle: int, data: str, last: str) -> None:
        try:
            word = int(data, 2)
        except ValueError:
            word = None
            self._breach(cycle, f"tdata is {data}")
        if last == "1":
            self.lasts.append(len(self.words))
        elif last != "0":
            self._breach(cycle, f"tlast is {last}")
        self.words.append(word)
        self.cycles.append(cycle)


def how_far_in(name: str, beats: int, planned: int, ready: str) -> str:
    """Where an input stands, in words."""
    if beats == planned:
        return f"{name}: all {planned} beats went in"
    return f"{name}: {beats} of {planned} beats went in, tready is {ready}"


def how_far_out(name: str, beats: int, expected: int | None, valid: str) -> str:
    """Where an output stands, in words."""
    wanted = "" if expected is None else f" of {expected}"
    return f"{name}: {beats}{wanted} beats came out, tvalid is {valid}"


def starvation(limit_cycles: int, streams: list[str]) -> str:
    """Why an episode had no end; `streams` says how far each of them is."""
    return f"no end within {limit_cycles} cycles: {'; '.join(streams)}"


def episode_record(
    inputs: dict[str, ObservedInput], outputs: dict[str, ObservedOutput], frame_error: list[tuple[int, str]],
    starved: str | None, status: dict[str, str],
) -> dict:  # fmt: skip
    """What a test bench leaves of an episode, for its result.

    Parameters
    ----------
    frame_error : list of tuples
        Every edge at which the port was not 0, and what it was.
    starved : str or None
        What `starvation` says, unless everything expected came.
    status : dict
        The values of the other status outputs when everything was over.
    """
    unknown = [f"frame_error, cycle {cycle}: is {value}" for cycle, value in frame_error if value != "1"]
    streams = [*inputs.values(), *outputs.values()]
    return {
        "inputs": {name: observed.cycles for name, observed in inputs.items()},
        "outputs": {
            name: {"words": output.words, "lasts": output.lasts, "cycles": output.cycles}
            for name, output in outputs.items()
        },
        "breaches": [breach for stream in streams for breach in stream.breaches] + unknown[:_MOST_BREACHES],
        "frame_error": [cycle for cycle, value in frame_error if value == "1"],
        "starved": starved,
        "status": status,
    }


def _hex(offer: tuple[str, str]) -> str:
    data, last = offer
    return f"({int(data, 2):x}, {last})" if set(data) <= {"0", "1"} else f"({data}, {last})"
