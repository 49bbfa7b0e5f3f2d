"""Simulation of a core: convert, build, play, compare; bit-exact, or the first difference."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from convstream.fixedpoint.layer import Layer
from convstream.hdl.convert import convert
from convstream.hdl.passes import PASSES
from convstream.sim.backends import icarus, verilator
from convstream.sim.backends.playback import Run
from convstream.sim.bench import run_files
from convstream.sim.bench.readiness import most_delayed
from convstream.sim.bench.stalls import HIGHEST_STALL
from convstream.sim.errors import BadInput
from convstream.sim.files.new_folder import new_folder
from convstream.sim.result import SimulationResult, judge
from convstream.sim.stimulus import Episode, play_batches
from convstream.sim.watchdog import cycle_limit

SIMULATORS = {"verilator": verilator, "icarus": icarus}

#: A simulation slower than this is taken for dead.
_SLOWEST_CYCLES_PER_SECOND = 50
_START_SECONDS = 120


def simulate(
    layer: Layer, tensors: dict[str, np.ndarray], pass_name: str, *, weights_first: bool = True, **options
) -> SimulationResult:
    """Play one batch through the core of a pass and compare every value that comes out.

    Parameters
    ----------
    tensors : dict of ndarray
        The inputs and expected outputs of the pass, integers in the shapes of the layer, by name.
    weights_first : bool
        Data wait until the weights are loaded; otherwise both are offered from the reset on.
    options
        As for `simulate_episodes`, which also says what is raised.
    """
    episode = play_batches(layer, pass_name, [tensors], weights_first=weights_first)
    return simulate_episodes(layer, [episode], pass_name, **options)[0]


def simulate_episodes(
    layer: Layer, episodes: Sequence[Episode], pass_name: str, *, simulator: str = "verilator",
    stall: float | Mapping[str, float] = 0.0, seed: int = 1, waves: bool = False, build_root: Path = Path("build"),
    verilog: Path | None = None, timeout_seconds: float | None = None, beat_by_beat: bool = False,
) -> list[SimulationResult]:  # fmt: skip
    """Play episodes, each from a reset on, through the core of a pass; one result each.

    Parameters
    ----------
    pass_name : str
        A key of `PASSES`.
    simulator : str
        A key of `SIMULATORS`.
    stall : float or mapping
        Share of the cycles, 0 to 0.95, in which every source pauses and every sink refuses; or a share by stream,
        0 for those not named.
    seed : int
        Of the stalls, and of what Verilator puts into registers that nobody reset.
    build_root : Path
        Receives the builds, which are kept and used again, and a folder for the run, which is kept if it did not
        match or made waves.
    verilog : Path, optional
        The core, if it is not to be converted from the layer now.
    timeout_seconds : float, optional
        Wall-clock limit of the simulator; by default one that only a dead simulator exceeds.
    beat_by_beat : bool
        Have Python play every beat, even if the fast way would do: a single uninterrupted episode, and no waves.

    Raises
    ------
    BadInput
        A program that is needed is missing.
    SimulationError
        There is no result: the simulator rejected the core, died or never ended, no test ran, or beats
        are missing.
    """
    if pass_name not in PASSES:
        raise ValueError(f"pass must be one of {', '.join(PASSES)}, not {pass_name!r}")
    if simulator not in SIMULATORS:
        raise ValueError(f"simulator must be one of {', '.join(SIMULATORS)}, not {simulator!r}")
    levels = _stall_levels(pass_name, stall)
    worst = max(levels.values())
    limits = [_limit(layer, pass_name, episode, worst) for episode in episodes]
    if timeout_seconds is None:
        timeout_seconds = _START_SECONDS + sum(limits) / _SLOWEST_CYCLES_PER_SECOND

    build_root = build_root.resolve()
    with _run_folder(build_root / "runs", PASSES[pass_name].module) as folder:
        core = (verilog or convert(layer, pass_name, folder)).read_bytes()
        run = Run(
            layer, pass_name, core, SIMULATORS[simulator], levels, seed, build_root / "cores", folder, timeout_seconds
        )
        if beat_by_beat or waves or len(episodes) > 1 or not episodes[0].uninterrupted:
            records = run.beat_by_beat(episodes, limits, waves)
        else:
            records = run.by_player(episodes[0], limits[0])
        results = [judge(layer, pass_name, *played) for played in zip(episodes, records, strict=True)]
    if waves or not all(result.matched for result in results):
        kept = {"log": folder / run_files.LOG, "waves": folder / run_files.WAVES if waves else None}
        return [replace(result, **kept) for result in results]
    shutil.rmtree(folder)
    return results


def _limit(layer: Layer, pass_name: str, episode: Episode, stall: float) -> int:
    """Cycles after which an episode that has not ended never will."""
    latest = max((play.earliest for plays in episode.plays.values() for play in plays), default=0)
    batches = max(1, -(-episode.frames // layer.geometry.batch))
    cycles = cycle_limit(layer, pass_name, batches, episode.beats).cycles(stall)
    return latest + most_delayed(episode.sinks.values(), cycles)


def _stall_levels(pass_name: str, stall: float | Mapping[str, float]) -> dict[str, float]:
    streams = (*PASSES[pass_name].inputs, *PASSES[pass_name].outputs)
    levels = dict.fromkeys(streams, 0.0) | stall if isinstance(stall, Mapping) else dict.fromkeys(streams, stall)
    for stream, level in levels.items():
        if stream not in streams:
            raise ValueError(f"{pass_name} has the streams {', '.join(streams)}, and no {stream!r}")
        if not 0 <= level <= HIGHEST_STALL:
            raise ValueError(f"stall must be between 0 and {HIGHEST_STALL}, not {level}")
    return levels


@contextmanager
def _run_folder(parent: Path, module: str) -> Iterator[Path]:
    """A new folder for a run, dropped if the run is broken off; if there is no result its logs tell why."""
    folder = new_folder(parent, f"{module}-")
    try:
        yield folder
    except (BadInput, KeyboardInterrupt, SystemExit):
        shutil.rmtree(folder, ignore_errors=True)
        raise
