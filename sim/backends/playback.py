"""The two backends that play a core; both leave the same records, and so have the same results.

Beat by beat, Python drives every port at every edge: it can break off, reset, send what is wrong and reload weights,
and its waves show the core alone.  In the fast way a *player* in Verilog does all that a single uninterrupted episode
needs, several times as fast as Python could; Python starts it and judges the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from convstream.fixedpoint.layer import Layer
from convstream.hdl.passes import PASSES
from convstream.sim.backends.cocotb_run import run_testbench
from convstream.sim.beats import stream_bits
from convstream.sim.bench.observed import RESET_CYCLES
from convstream.sim.bench.readiness import SHARE
from convstream.sim.stimulus import Episode, Play
from convstream.sim.vectors.manifest import hex_file
from convstream.sim.verilog.player import player_of, verilog_player


@dataclass(frozen=True)
class Run:
    """A run of a simulator, `program`: a core to be played, in `folder`, with `stalls` by stream."""

    layer: Layer
    pass_name: str
    verilog: bytes
    program: ModuleType
    stalls: dict[str, float]
    seed: int
    build_root: Path
    folder: Path
    timeout_seconds: float

    def beat_by_beat(self, episodes: Sequence[Episode], limits: Sequence[int], waves: bool) -> list[dict]:
        """The records of episodes; each must end within its limit of cycles."""
        module = PASSES[self.pass_name].module
        core = self.program.build(self.verilog, module, waves, self.build_root)
        stimulus = {
            "seed": self.seed,
            "stall": self.stalls,
            "episodes": [self._episode(*planned) for planned in zip(episodes, limits, strict=True)],
        }
        command = self.program.command(core, self.seed, waves)
        return self._run(command, module, "convstream.sim.bench.testbench", stimulus)

    def by_player(self, episode: Episode, limit: int) -> list[dict]:
        """The record of one `uninterrupted` episode."""
        top = player_of(self.pass_name)
        player = verilog_player(self.layer, self.pass_name, episode).encode()
        core = self.program.build_player(self.verilog + b"\n" + player, top, self.build_root)
        for stream, plays in (episode.plays | {stream: [play] for stream, play in episode.expected.items()}).items():
            (self.folder / hex_file(stream)).write_text(self._hex(stream, plays))
        settings = {"seed": self.seed % (1 << 32), "limit": RESET_CYCLES - 1 + limit}
        settings |= {f"stall_{stream}": round(level * (1 << 24)) for stream, level in self.stalls.items()}
        command = self.program.command(core, self.seed, waves=False)
        command += [f"+{name}={value}" for name, value in settings.items()]
        beats = episode.stream_beats
        stimulus = {
            "inputs": {stream: beats[stream] for stream in episode.plays},
            "outputs": {stream: beats[stream] for stream in episode.expected},
            "status": self._status,
            "limit_cycles": limit,
        }
        return self._run(command, top, "convstream.sim.bench.player", stimulus)

    @property
    def _status(self) -> list[str]:
        """The status outputs that are told at the end; `frame_error` is told when it comes."""
        return [port for port in PASSES[self.pass_name].status if port != "frame_error"]

    def _run(self, command: list[str], module: str, testbench: str, stimulus: dict) -> list[dict]:
        return run_testbench(
            command, self.program.ENVIRONMENT, module, testbench, stimulus, self.seed, self.folder, self.timeout_seconds
        )

    def _episode(self, episode: Episode, limit: int) -> dict:
        return {
            "plays": {stream: [vars(play) for play in plays] for stream, plays in episode.plays.items()},
            "sinks": {stream: episode.sinks.get(stream, SHARE) for stream in PASSES[self.pass_name].outputs},
            "status": self._status,
            "reset_cycles": episode.reset_cycles,
            "cut_cycle": episode.cut_cycle,
            "expected_beats": {
                stream: len(episode.expected[stream].words) if stream in episode.expected else None
                for stream in PASSES[self.pass_name].outputs
            },
            "limit_cycles": limit,
        }

    def _hex(self, stream: str, plays: list[Play]) -> str:
        """The beats of a stream as `$readmemh` reads them."""
        digits = stream_bits(self.layer, stream) // 4
        return "".join(f"{word:0{digits}x}\n" for play in plays for word in play.words)
