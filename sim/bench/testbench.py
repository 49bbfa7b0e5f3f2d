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

from sim.bench import run_files
from sim.bench.cycles import PERIOD_NS, Cycles
from sim.bench.driver import Source
from sim.bench.monitor import Sink
from sim.bench.observed import QUIET_CYCLES, RESET_CYCLES, SETTLING_CYCLES, episode_record, starvation


class Testbench:
    """A core with a source or a sink at every stream, for one episode: from a reset to the last beat."""

    def __init__(self, dut: HierarchyObject, clock: Cycles, episode: dict, stall: dict[str, float], seed: str):
        self._dut = dut
        self._clock = clock
        self._plays = episode["plays"]
        self._limit_cycles = episode["limit_cycles"]
        self.sources = {name: Source(dut, name, clock, stall[name], seed) for name in self._plays}
        self.sinks = {name: Sink(dut, name, clock, stall[name], seed) for name in episode["expected_beats"]}
        for name, source in self.sources.items():
            source.planned = sum(len(play["words"]) for play in self._plays[name])
        for name, sink in self.sinks.items():
            sink.expected = episode["expected_beats"][name]
        self._frame_error: list[str] = []

    async def run(self) -> dict:
        """Reset, play, wait for the end.  Returns the record of the episode."""
        await self._reset()
        watchers = [cocotb.start_soon(task) for task in (self._watch(), *(sink.run() for sink in self.sinks.values()))]
        players = [cocotb.start_soon(self._play(name)) for name in self.sources]
        try:
            await with_timeout(self._end(players), self._limit_cycles * PERIOD_NS, "ns")
            starved = None
            await Timer(QUIET_CYCLES * PERIOD_NS, "ns")
        except SimTimeoutError:
            streams = (*self.sources.values(), *self.sinks.values())
            starved = starvation(self._limit_cycles, [str(stream) for stream in streams])
        for task in (*watchers, *players):
            task.cancel()
        inputs = {name: source.cycles for name, source in self.sources.items()}
        outputs = {name: sink.observed for name, sink in self.sinks.items()}
        return episode_record(inputs, outputs, self._frame_error, starved)

    async def _reset(self) -> None:
        self._dut.aresetn.value = 0
        for cycle in range(RESET_CYCLES):
            await self._clock.edge
            if cycle >= SETTLING_CYCLES:
                for sink in self.sinks.values():
                    sink.check_reset()
        self._dut.aresetn.value = 1

    async def _watch(self) -> None:
        """Note every value of `frame_error`, in order."""
        while True:
            self._frame_error.append(str(self._dut.frame_error.value))
            await self._dut.frame_error.value_change

    async def _play(self, name: str) -> None:
        for play in self._plays[name]:
            while not all(self._over(other, beats) for other, beats in play["after"].items()):
                await self._clock.edge
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
        records.append(await bench.run())
        if records[-1]["starved"]:
            break
    Path(run_files.RECORD).write_text(json.dumps(records))
