"""The speed of simulation: both ways to play a core, beside a C++ main that does no more than drive it.

    python benchmarks/simulation.py            (make benchmark-simulation)

All three simulate the same Verilog of the forward core, verilated with the same options, in CPU time, taking turns,
medians.  The bare main plays from memory into a core whose output is always ready, and looks at nothing that comes
out; the other two check and write down every beat, and their results are judged here.  Cycles/s are of playing: from
the time of each run, that of a run which ends at once is taken away, and told apart as the start.  The first build
of all includes Verilator's run-time library, which is compiled once.
"""

import argparse
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

from convstream.fixedpoint.dataflow.timing.cycles import core_cycles
from convstream.hdl.convert import convert
from convstream.hdl.passes import PASSES
from convstream.layer_file import read_layer_file
from convstream.sim.backends import verilator
from convstream.sim.backends.playback import Run
from convstream.sim.jobs.processes import run
from convstream.sim.result import judge
from convstream.sim.stimulus import play_batches
from convstream.sim.tensors.sources import make_tensors
from convstream.sim.vectors.folder import all_tensors
from convstream.sim.watchdog import cycle_limit

ROOT = Path(__file__).parents[1]
#: Layer files, and how many batches the player and the bare main, and how many Python, get through in some seconds.
LAYERS = {
    ROOT / "examples" / "layers" / "middle_3x3.toml": (20, 2),
    ROOT / "benchmarks" / "layers" / "resnet_3x3.toml": (2, 1),
}

BARE_MAIN = ROOT / "benchmarks" / "bare_main.cpp"


class Contest:
    """The forward core of one layer, and what plays it: by name, a function of whether to end at once."""

    def __init__(self, path: Path, folder: Path, build_root: Path):
        file = read_layer_file(path)
        self.layer = layer = file.layer
        batches, batches_of_python = LAYERS[path]
        tensors = all_tensors(layer, make_tensors(layer, file.data, path.parent))
        streams = PASSES["forward"]
        self.core = convert(layer, "forward", folder).read_bytes()
        self.run = Run(
            layer, "forward", self.core, verilator, dict.fromkeys((*streams.inputs, *streams.outputs), 0.0), 1,
            build_root, folder, timeout_seconds=3600,
        )  # fmt: skip
        self.episode, self.short = (
            play_batches(layer, "forward", [tensors] * count) for count in (batches, batches_of_python)
        )
        count = core_cycles(layer, "forward").batch_cycles
        self.cycles = {"bare": count(batches), "player": count(batches), "beat by beat": count(batches_of_python)}
        self.sides: dict[str, Callable[[bool], None]] = {
            "bare": self.bare, "player": self.player, "beat by beat": self.beat_by_beat,
        }  # fmt: skip

    def player(self, at_once: bool) -> None:
        records = self.run.by_player(self.episode, self.limit(self.episode, at_once))
        self.check("player", self.episode, records, at_once)

    def beat_by_beat(self, at_once: bool) -> None:
        records = self.run.beat_by_beat([self.short], [self.limit(self.short, at_once)], waves=False)
        self.check("beat by beat", self.short, records, at_once)

    def bare(self, at_once: bool) -> None:
        program = verilator.build_program(
            self.core, "conv_forward", self.run.build_root, BARE_MAIN.read_text(), "`verilator_config\n"
        )
        beats = self.episode.stream_beats
        frames = len(self.episode.expected["z"].lasts)
        command, *options = verilator.command(program, 1, waves=False)
        arguments = [str(0 if at_once else beats["z"]), str(beats["x"] // frames), *options]
        if run([command, *arguments], self.run.folder, None, self.run.folder / "bare.log", 3600):
            raise SystemExit("the bare main failed")

    def limit(self, episode, at_once: bool) -> int:
        return 1 if at_once else cycle_limit(self.layer, "forward", episode.batches, episode.beats).cycles(0)

    def check(self, side: str, episode, records: list[dict], at_once: bool) -> None:
        if not at_once:
            result = judge(self.layer, "forward", episode, records[0])
            if not result.matched or result.cycles != self.cycles[side]:
                raise SystemExit(f"{side}: {result.cycles} cycles, {self.cycles[side]} predicted; {result.mismatch}")


def cpu_seconds(side: Callable[[bool], None], at_once: bool) -> float:
    """What the simulator takes, and not what judges its record."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    side(at_once)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def build(contest: Contest) -> None:
    """Build everything; the first core of all comes with Verilator's run-time library."""
    first = {side: cpu_seconds(play, at_once=True) for side, play in contest.sides.items()}
    again = {side: cpu_seconds(play, at_once=True) for side, play in contest.sides.items()}
    print("  built in", ", ".join(f"{first[side] - again[side]:.1f} s ({side})" for side in first))


def measure(contest: Contest, rounds: int) -> None:
    times = {side: ([], []) for side in contest.sides}
    for _ in range(rounds):
        for side, play in contest.sides.items():
            for at_once in (True, False):
                times[side][at_once].append(cpu_seconds(play, at_once))
    rates = {side: contest.cycles[side] / (median(full) - median(start)) for side, (full, start) in times.items()}
    for side, (_, start) in times.items():
        row = f"  {side:14}{contest.cycles[side]:>11,}{rates[side]:>12,.0f}{rates[side] / rates['bare']:>9.2f}x"
        print(f"{row}{median(start):>9.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="of which the median is taken")
    rounds = parser.parse_args().rounds
    print(f"{'CPU time':16}{'cycles':>11}{'cycles/s':>12}{'of bare':>10}{'start, s':>9}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in LAYERS:
            (folder / path.stem).mkdir()
            contest = Contest(path, folder / path.stem, folder / "cores")
            print(path.stem)
            build(contest)
            measure(contest, rounds)


if __name__ == "__main__":
    main()
