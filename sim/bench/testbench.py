"""Test bench: plays a stimulus into a core and writes down all that came out.  It runs inside the simulator.

It judges nothing but the protocol; what the beats should have been is the scoreboard's business::

    stimulus.json -+- Source s_axis_weights -\\                 /- Sink m_axis_z -+- record.json
                   +- Source s_axis_x --------  core under test - frame_error ----+
"""

import json
from pathlib import Path

import cocotb
from cocotb.handle import HierarchyObject
from cocotb.task import Task
from cocotb.triggers import SimTimeoutError, Timer, gather, with_timeout

from convstream.sim.bench import run_files
from convstream.sim.bench.cycles import PERIOD_NS, Cycles
from convstream.sim.bench.driver import Source
from convstream.sim.bench.monitor import Sink
from convstream.sim.bench.observed import QUIET_CYCLES, SETTLING_CYCLES, episode_record, starvation


class Testbench:
    """A core with a source or a sink at every stream, for one episode: from a reset to the last beat."""

    def __init__(self, dut: HierarchyObject, clock: Cycles, episode: dict, stall: dict[str, float], seed: str):
        self._dut = dut
        self._clock = clock
        self._plays = episode["plays"]
        self._limit_cycles, self._status = episode["limit_cycles"], episode["status"]
        self._reset_cycles, self._cut_cycle = episode["reset_cycles"], episode["cut_cycle"]
        self.sources = {name: Source(dut, name, clock, stall[name], seed) for name in self._plays}
        self.sinks = {
            name: Sink(dut, name, clock, way, stall[name], seed) for name, way in episode["sinks"].items()
        }  # fmt: skip
        for name, source in self.sources.items():
            source.planned = sum(len(play["words"]) for play in self._plays[name])
        for name, sink in self.sinks.items():
            sink.expected = episode["expected_beats"][name]
        self._frame_error: list[tuple[int, str]] = []
        self._first_cycle = 0  # of the episode in which the core is not in reset

    async def run(self, settling_cycles: int) -> dict:
        """Reset, play, wait for the end.  Returns the record of the episode.

        The core may offer or take anything until it has seen `settling_cycles` edges in reset.
        """
        await self._reset(settling_cycles)
        watchers = [cocotb.start_soon(task) for task in (self._watch(), *(sink.run() for sink in self.sinks.values()))]
        players = [cocotb.start_soon(self._play(name)) for name in self.sources]
        starved = None
        if self._cut_cycle is not None:
            await self._until(self._cut_cycle)
        else:
            try:
                await with_timeout(self._end(players), self._limit_cycles * PERIOD_NS, "ns")
                await Timer((QUIET_CYCLES - 1) * PERIOD_NS + 1, "ns")
                await self._clock.edge
            except SimTimeoutError:
                streams = (*self.sources.values(), *self.sinks.values())
                starved = starvation(self._limit_cycles, [str(stream) for stream in streams])
        for task in (*watchers, *players):
            task.cancel()
        inputs = {name: source.observed for name, source in self.sources.items()}
        outputs = {name: sink.observed for name, sink in self.sinks.items()}
        status = {port: str(getattr(self._dut, port).value) for port in self._status}
        return episode_record(inputs, outputs, self._frame_error, starved, status)

    async def _reset(self, settling_cycles: int) -> None:
        self._dut.aresetn.value = 0
        for cycle in range(self._reset_cycles):
            await self._clock.edge
            if cycle >= settling_cycles:
                for stream in (*self.sources.values(), *self.sinks.values()):
                    stream.check_reset()
        self._dut.aresetn.value = 1
        self._first_cycle = self._clock.now() + 1

    async def _until(self, cycle: int) -> None:
        """Wait until what is driven now can be seen at the edge of `cycle`, counted from the reset."""
        edges = self._first_cycle + cycle - 1 - self._clock.now()
        if edges > 1:
            await Timer((edges - 1) * PERIOD_NS + 1, "ns")
        if edges > 0:
            await self._clock.edge

    async def _watch(self) -> None:
        """Note every edge at which `frame_error` is not 0."""
        while True:
            await self._clock.edge
            value = str(self._dut.frame_error.value)
            if value == "0":
                await self._dut.frame_error.value_change
            else:
                self._frame_error.append((self._clock.now(), value))

    async def _play(self, name: str) -> None:
        for play in self._plays[name]:
            while not all(self._over(other, beats) for other, beats in play["after"].items()):
                await self._clock.edge
            await self._until(play["earliest"])
            await self.sources[name].play(play["words"], play["lasts"])

    def _over(self, name: str, beats: int) -> bool:
        """So many beats of a stream went over before this edge: one of this edge may be counted by now, or not yet."""
        cycles = (self.sources | self.sinks)[name].cycles
        return len(cycles) >= beats and cycles[beats - 1] < self._clock.now()

    async def _end(self, players: list[Task]) -> None:
        await gather(*players)
        for sink in self.sinks.values():
            if sink.expected is not None:
                await sink.complete.wait()


@cocotb.test()
async def play_stimulus(dut: HierarchyObject) -> None:
    """Play every episode of the run's stimulus, until one starves."""
    stimulus = json.loads(Path(run_files.STIMULUS).read_text())
    clock = Cycles(dut.aclk)
    records = []
    for number, episode in enumerate(stimulus["episodes"]):
        bench = Testbench(dut, clock, episode, stimulus["stall"], f"{stimulus['seed']} {number}")
        records.append(await bench.run(SETTLING_CYCLES if number == 0 else 1))
        if records[-1]["starved"]:
            break
    Path(run_files.RECORD).write_text(json.dumps(records))
