"""Stimulus: what a test bench plays into a core, and what it then expects.

An *episode* begins with a reset.  In it every input stream plays its *plays* one after the other; a play may wait
for others to have got somewhere, which is all it takes to reload weights between two batches::

    weights   |w, b of batch 0|           ..waits for z..  |w, b of batch 1|
    x         ..waits..        |batch 0|                    ..waits..       |batch 1|
    z expected                   |batch 0|                                     |batch 1|
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from convstream.fixedpoint.layer import Layer
from convstream.hdl.passes import PASSES
from convstream.sim.beats import STREAM_TENSORS, beat_count, last_beats, stream_words
from convstream.sim.bench.observed import RESET_CYCLES


@dataclass(frozen=True)
class Play:
    """Beats sent without a pause of their own: `tdata` of each, and the indices of those with `tlast`.

    It begins once every stream named in `after` has transferred that many beats since the reset, and not before
    cycle `earliest`, counted from the first one after the reset.
    """

    words: list[int]
    lasts: list[int]
    after: dict[str, int] = field(default_factory=dict)
    earliest: int = 0


@dataclass(frozen=True)
class Episode:
    """From one reset to the next: plays by input stream, and the beats expected on each output stream.

    Where nothing is expected of an output it may put out what it likes.  `frame_errors` is how often some `tlast` is
    wrong on purpose: in so many cycles the core must say so.

    `sinks` says when outputs are taken, where not in a share of the cycles (`sim.bench.readiness`).  The reset takes
    `reset_cycles`.  If there is a `cut_cycle`, the episode ends then, whatever is on its way.
    """

    batches: int
    plays: dict[str, list[Play]]
    expected: dict[str, Play]
    frame_errors: int = 0
    sinks: dict[str, tuple] = field(default_factory=dict)
    reset_cycles: int = RESET_CYCLES
    cut_cycle: int | None = None

    @property
    def beats(self) -> int:
        """Beats on all inputs and outputs."""
        return sum(self.stream_beats.values())

    @property
    def frames(self) -> int:
        """Most frames that are played into one input of images or gradients: each ends with a `tlast`."""
        data = (plays for stream, plays in self.plays.items() if stream != "weights")
        return max((sum(len(play.lasts) for play in plays) for plays in data), default=0)

    @property
    def stream_beats(self) -> dict[str, int]:
        """Beats to be played, or expected, by stream."""
        played = {stream: sum(len(play.words) for play in plays) for stream, plays in self.plays.items()}
        return played | {stream: len(play.words) for stream, play in self.expected.items()}

    @property
    def uninterrupted(self) -> bool:
        """Nothing is wrong on purpose, and every stream goes on to its end once it has begun."""
        plays = [play for plays in self.plays.values() for play in plays]
        begun = [play for plays in self.plays.values() for play in plays[1:]]
        return (
            bool(self.expected) and not self.frame_errors and not self.sinks and self.cut_cycle is None
            and self.reset_cycles == RESET_CYCLES and not any(play.earliest for play in plays)
            and not any(play.after for play in begun)
        )  # fmt: skip


def play_batches(
    layer: Layer, pass_name: str, batches: Sequence[dict[str, np.ndarray]], *, weights_first: bool = True
) -> Episode:
    """Batches back to back without a reset; weights are sent again wherever they differ from the batch before.

    Parameters
    ----------
    batches : sequence of tensors by name
        Inputs and expected outputs of the pass, each in the shape of the layer.
    weights_first : bool
        Images wait until the first weights are loaded; otherwise all streams are offered from the reset on.
    """
    inputs, outputs = PASSES[pass_name].inputs, PASSES[pass_name].outputs
    plays = {stream: [] for stream in inputs}
    loaded = None
    for number, tensors in enumerate(batches):
        gate = {}
        if "weights" in inputs and not _same_weights(loaded, tensors):
            finished = {stream: number * beat_count(layer, stream) for stream in outputs} if number else {}
            plays["weights"].append(_play(layer, tensors, "weights", finished))
            if number or weights_first:
                gate = {"weights": len(plays["weights"]) * beat_count(layer, "weights")}
            loaded = tensors
        for stream in inputs:
            if stream != "weights":
                plays[stream].append(_play(layer, tensors, stream, gate))
    expected = {stream: _joined([_play(layer, tensors, stream, {}) for tensors in batches]) for stream in outputs}
    return Episode(len(batches), plays, expected)


def with_wrong_last(episode: Episode, stream: str, lasts: list[int], frame_errors: int) -> Episode:
    """The episode with `tlast` of the first play of an input stream moved to `lasts`, so often to a wrong place."""
    first, *others = episode.plays[stream]
    plays = {**episode.plays, stream: [replace(first, lasts=lasts), *others]}
    return replace(episode, plays=plays, expected={}, frame_errors=frame_errors)


def cut_short(episode: Episode, stream: str, beats: int) -> Episode:
    """The episode with only the first `beats` of an input stream, so that the next reset comes upon work half done."""
    first = episode.plays[stream][0]
    short = replace(first, words=first.words[:beats], lasts=[last for last in first.lasts if last < beats])
    return replace(episode, plays={**episode.plays, stream: [short] if beats else []}, expected={})


def _play(layer: Layer, tensors: dict[str, np.ndarray], stream: str, after: dict[str, int]) -> Play:
    return Play(stream_words(layer, tensors, stream), last_beats(layer, stream), after)


def _joined(plays: list[Play]) -> Play:
    words, lasts = [], []
    for play in plays:
        lasts += [len(words) + last for last in play.lasts]
        words += play.words
    return Play(words, lasts)


def _same_weights(loaded: dict[str, np.ndarray] | None, tensors: dict[str, np.ndarray]) -> bool:
    return loaded is not None and all(np.array_equal(loaded[name], tensors[name]) for name in STREAM_TENSORS["weights"])
