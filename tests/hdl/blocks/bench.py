"""The bench of one block: a clock that goes edge by edge, signals to connect, and the check of a pipeline."""

import random
from collections import deque

from myhdl import ResetSignal, Signal, Simulation, delay, intbv

from convstream.fixedpoint.formats import Format, Formats, Overflow, Rounding
from convstream.fixedpoint.layer import Lanes, Layer
from convstream.reference.geometry import Geometry


class Bench:
    """A block under a clock; signals are set by `.next`, and looked at between `settle` and `edge`."""

    def __init__(self):
        self.aclk = Signal(bool(0))
        self.aresetn = ResetSignal(1, active=0, isasync=False)
        self.pick = random.Random(1)
        self._simulation = None

    def start(self, dut):
        """Simulate an elaborated block, from a reset of two clock edges on."""
        self._simulation = Simulation(dut, _go_on())
        self.settle()
        self.reset()

    def reset(self):
        self.aresetn.next = 0
        self.edge(2)
        self.aresetn.next = 1
        self.settle()

    def settle(self):
        """What was set reaches every output that depends on it without a clock."""
        self._simulation.run(1, quiet=1)

    def edge(self, count: int = 1):
        for _ in range(count):
            self.settle()
            self.aclk.next = 1
            self.settle()
            self.aclk.next = 0

    def stop(self):
        if self._simulation is not None:
            self._simulation.quit()

    def drive(self, *signals) -> list[int]:
        """Give signals random values, each from its whole range."""
        values = [self.pick.randrange(signal.min or 0, signal.max or 2) for signal in signals]  # a bool has no limits
        for signal, value in zip(signals, values, strict=True):
            signal.next = value
        return values

    def chance(self, share: float) -> bool:
        return self.pick.random() < share

    def step(self, *ends):
        """One cycle of sources and sinks."""
        for end in ends:
            end.offer()
        self.settle()
        for end in ends:
            end.follow()
        self.edge()

    def check_pipeline(self, inputs, outputs, model, latency: int, cycles: int = 200, drive=None):
        """Random inputs in every cycle; `outputs` are what `model` makes of them, `latency` cycles later.

        `drive` takes the inputs and returns their values; by default they take any.
        """
        drive = drive or self.drive
        expected = []
        for _ in range(cycles):
            expected.append(list(model(*drive(*inputs))))
            if latency:
                self.edge()
            else:
                self.settle()
            if len(expected) >= max(latency, 1):
                assert numbers(outputs) == expected[-max(latency, 1)]


class Source:
    """Beats for an AXI4-Stream input, each offered after a random pause and held until it is taken."""

    def __init__(self, bench: Bench, stream, words, lasts, share: float = 0.7):
        self._bench, self._stream, self._share, self._offered = bench, stream, share, False
        self.beats = deque((word, beat in lasts) for beat, word in enumerate(words))

    def offer(self):
        """Before `settle`."""
        if self.beats and not self._offered and self._bench.chance(self._share):
            self._offered = True
            self._stream.tdata.next, self._stream.tlast.next = self.beats[0]
        self._stream.tvalid.next = self._offered

    def follow(self):
        """Between `settle` and `edge`."""
        if self._offered and self._stream.tready:
            self.beats.popleft()
            self._offered = False


class Sink:
    """Takes the beats of an AXI4-Stream output after random pauses; an offer must not change before it is taken."""

    def __init__(self, bench: Bench, stream, share: float = 0.7):
        self._bench, self._stream, self._share, self._waiting = bench, stream, share, None
        self.beats = []

    def offer(self):
        """Before `settle`."""
        self._stream.tready.next = self._bench.chance(self._share)

    def follow(self):
        """Between `settle` and `edge`."""
        beat = (int(self._stream.tdata), bool(self._stream.tlast)) if self._stream.tvalid else None
        assert self._waiting in (None, beat)
        taken = beat is not None and bool(self._stream.tready)
        if taken:
            self.beats.append(beat)
        self._waiting = None if taken else beat


def _go_on():
    """A simulation ends when nothing is to come."""
    while True:
        yield delay(1 << 40)


def numbers(signals) -> list[int]:
    return [int(signal) for signal in signals]


def flags(count: int) -> list[Signal]:
    return [Signal(bool(0)) for _ in range(count)]


def words(count: int, bits: int) -> list[Signal]:
    return [Signal(intbv(0)[bits:]) for _ in range(count)]


def signed(count: int, bits: int) -> list[Signal]:
    return [Signal(intbv(0, min=-(1 << bits - 1), max=1 << bits - 1)) for _ in range(count)]


def limited(count: int, limit: int) -> list[Signal]:
    """Signals of 0 to `limit` - 1."""
    return [Signal(intbv(0, min=0, max=limit)) for _ in range(count)]


def lanes_of(word: int, count: int, width: int) -> list[int]:
    """The signed elements of a word, the lowest first."""
    elements = [(word >> lane * width) & ((1 << width) - 1) for lane in range(count)]
    return [element - (element >> width - 1 << width) for element in elements]


def small_layer(
    size=(4, 5), channels=(2, 2), kernel=3, stride=1, padding=1, batch=1, lanes=(1, 1, 1), weight_sets=1,
    rounding=Rounding.HALF_EVEN,
) -> Layer:  # fmt: skip
    """A layer of small words; `channels` are C and K, `lanes` run along C, K and the taps."""
    form, wide, bias = Format(4, 1), Format(8, 2), Format(8, 0)
    geometry = Geometry.square(
        batch=batch, in_channels=channels[0], height=size[0], width=size[1], out_channels=channels[1], kernel=kernel,
        stride=stride, padding=padding,
    )  # fmt: skip
    formats = Formats(form, form, bias, form, form, form, wide, wide, rounding, Overflow.SATURATE)
    return Layer(geometry, formats, Lanes(*lanes), weight_sets)
