"""The converted cores against the integer model: random layers, batches back to back, whatever the streams do.

Each layer plays two runs without a reset in them.  In the first some frames are cut or too long; in the second, sets of
weights come at random times, some of them cut.
"""

import random
from dataclasses import replace

import numpy as np
import pytest

from convstream.fixedpoint.dataflow.model.framing import whole_frames, whole_sets
from convstream.fixedpoint.dataflow.timing.cycles import core_cycles
from convstream.hdl.passes import PASSES
from convstream.sim.beats import beat_count, last_beats, stream_words
from convstream.sim.simulate import simulate_episodes
from convstream.sim.stimulus import Episode, Play
from convstream.sim.tensors.random_tensors import random_tensors
from tests.hdl.cores import (
    batch_of,
    closed,
    extreme_layer,
    padded_layer,
    random_frames,
    random_layer,
    results_of,
    results_of_frames,
)

_STALLS = (0.0, 0.0, 0.3, 0.6, 0.9)
_SINKS = (
    ("share",), ("share",), ("after_valid",), ("after_pause",), ("one_in_sixteen",), ("bursts",), ("held", 40, 300),
)  # fmt: skip
_BATCHES = 4
_SHORT_CYCLES = 3000


def _frames(layer, stream: str, count: int, pick: random.Random) -> list[list[int]]:
    return random_frames(layer, stream, [pick.getrandbits(32) for _ in range(count)])


def _damage(frames: list[list[int]], pick: random.Random) -> list[list[int]]:
    """About one frame in four is cut, or goes on too long."""
    pieces = []
    for frame in frames:
        kind = pick.choice(("whole",) * 6 + ("cut", "long"))
        if kind == "cut" and len(frame) > 1:
            frame = frame[: pick.randrange(1, len(frame))]
        elif kind == "long":
            frame = frame + [pick.choice(frame) for _ in range(pick.randint(1, 2 * len(frame)))]
        pieces.append(frame)
    return pieces


def _damaged_frames(layer, pass_name: str, sinks: tuple, pick: random.Random) -> Episode:
    """At least four batches of frames, some of which are not whole, all with one set of weights."""
    core, size = PASSES[pass_name], layer.geometry.batch
    whole, plays, errors = {}, {}, 0
    for stream in core.inputs:
        if stream == "weights":
            whole[stream] = _frames(layer, stream, 1, pick)
            plays[stream] = [closed(whole[stream])]
        else:
            pieces = _damage(_frames(layer, stream, _BATCHES * size, pick), pick)
            play = closed(pieces)
            framing = whole_frames(play.words, play.lasts, len(_frames(layer, stream, 1, pick)[0]))
            assert len(framing.frames) == _BATCHES * size
            assert not framing.unfinished
            whole[stream], errors = framing.frames, errors + framing.errors
            after = {"weights": len(plays["weights"][0].words)} if "weights" in plays else {}
            plays[stream] = [replace(play, after=after)]
    batches, expected = results_of_frames(layer, pass_name, whole)
    return Episode(batches, plays, expected, errors, {stream: pick.choice(sinks) for stream in core.outputs})


def _sets_at_random_times(layer, pass_name: str, pick: random.Random):
    """Images of four batches, and sets of weights; gives the results with each whole set, and the episode."""
    (source,) = (stream for stream in PASSES[pass_name].inputs if stream != "weights")
    (result,) = PASSES[pass_name].outputs
    whole = replace(layer, geometry=replace(layer.geometry, batch=_BATCHES * layer.geometry.batch))
    first = batch_of(whole, pick.getrandbits(32))
    tensors = [first, *(
        results_of(whole, first | {name: random_tensors(whole, pick.getrandbits(32), 0.1)[name] for name in ("w", "b")})
        for _ in range(pick.randint(1, 3))
    )]  # fmt: skip
    cycles = core_cycles(whole, pass_name).batch_cycles()
    sets, known, errors = [], [], 0
    for number, one in enumerate(tensors):
        words, earliest = stream_words(whole, one, "weights"), pick.randrange(cycles) if number else 0
        cut = pick.randrange(1, len(words)) if 0 < number < len(tensors) - 1 and pick.random() < 0.4 else len(words)
        play = Play(words[:cut], [cut - 1], earliest=earliest)
        errors += whole_sets(play.words, play.lasts, len(words)).errors
        sets.append(play)
        if cut == len(words):
            known.append(one)
    images = Play(stream_words(whole, first, source), last_beats(whole, source))
    if pick.random() < 0.5:
        images = replace(images, after={"weights": beat_count(whole, "weights")})
    plays = {"weights": sets, source: [images]}
    expected = {result: Play(stream_words(whole, first, result), last_beats(whole, result))}
    return [one[result] for one in known], Episode(_BATCHES, plays, expected, errors)


def _check(layer, pass_name, seed, build_root, simulator):
    pick = random.Random(f"{seed} {pass_name}")
    streams = (*PASSES[pass_name].inputs, *PASSES[pass_name].outputs)
    # long runs are not made ten times as long
    short = core_cycles(layer, pass_name).batch_cycles(_BATCHES) < _SHORT_CYCLES
    stalls, sinks = (_STALLS, _SINKS) if short else (_STALLS[:3], _SINKS[:1])
    options = {
        "simulator": simulator, "seed": seed, "build_root": build_root,
        "stall": {stream: pick.choice(stalls) for stream in streams},
    }  # fmt: skip
    episodes = [_damaged_frames(layer, pass_name, sinks, pick)]
    if "weights" in streams:
        known, reloads = _sets_at_random_times(layer, pass_name, pick)
        episodes.append(reloads)
    damaged, *reloaded = simulate_episodes(layer, episodes, pass_name, **options)
    assert damaged.matched, (seed, layer, options, damaged.mismatch, damaged.protocol_errors)
    assert damaged.compared_values > 0
    if not reloaded:
        return
    (result,), (stream,) = reloaded, PASSES[pass_name].outputs
    assert not result.protocol_errors, (seed, layer, options, result.protocol_errors)
    latest = 0
    for number, image in enumerate(np.concatenate([batch[stream] for batch in result.tensors])):
        of_sets = [index for index, right in enumerate(known) if np.array_equal(image, right[number])]
        assert of_sets, (seed, layer, options, f"image {number} is of no set of weights")
        assert of_sets[-1] >= latest, (seed, layer, options, f"image {number} is of an older set")
        latest = max(latest, of_sets[0])


@pytest.mark.parametrize("seed", [1, 2, 4, 5])
@pytest.mark.parametrize("pass_name", PASSES)
def test_random_layer(pass_name, seed, build_root, any_simulator):
    _check(random_layer(seed), pass_name, seed, build_root, any_simulator)


@pytest.mark.parametrize("seed", [6, 12])
@pytest.mark.parametrize("pass_name", ["forward", "input_gradient"])
def test_layer_with_results_without_taps(pass_name, seed, build_root, any_simulator):
    _check(padded_layer(seed), pass_name, seed, build_root, any_simulator)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("pass_name", PASSES)
def test_extreme_layer(pass_name, seed, build_root, any_simulator):
    _check(extreme_layer(seed), pass_name, seed, build_root, any_simulator)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(100, 700))
@pytest.mark.parametrize("pass_name", PASSES)
def test_six_hundred_random_layers(pass_name, seed, build_root, any_simulator):
    layer = (extreme_layer, random_layer, padded_layer)[seed % 3](seed)
    _check(layer, pass_name, seed, build_root, any_simulator)
