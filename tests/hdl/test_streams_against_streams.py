"""The meaning of one stream moved against another's: which weights, which batch, which order; resets of busy cores."""

from dataclasses import replace

import numpy as np
import pytest

from convstream.fixedpoint.dataflow.schedule.lead import leads
from convstream.fixedpoint.dataflow.timing.cycles import core_cycles
from convstream.fixedpoint.formats import Format, Formats
from convstream.fixedpoint.layer import Lanes, Layer
from convstream.hdl.passes import PASSES
from convstream.reference.geometry import Geometry
from convstream.sim.beats import beat_count, last_beats, stream_words
from convstream.sim.simulate import simulate_episodes
from convstream.sim.stimulus import Episode, Play, play_batches
from tests.hdl.cores import batch_of, results_of

_WITH_WEIGHTS = [("forward", "x", "z"), ("input_gradient", "dz", "dx")]


def _layer(height, width, kernel=1, stride=1, padding=0, channels=(1, 2), batch=2, **options):
    form, wide = Format(8, 6), Format(16, 12)
    geometry = Geometry.square(
        batch=batch, in_channels=channels[0], height=height, width=width, out_channels=channels[1], kernel=kernel,
        stride=stride, padding=padding,
    )  # fmt: skip
    return Layer(geometry, Formats(form, form, wide, form, form, form, wide, wide), **options)


_LAYERS = {
    "three by three": _layer(4, 5, kernel=3, padding=1),
    "stride two": _layer(5, 4, kernel=3, stride=2, padding=1, lanes=Lanes(1, 2, 3)),
    "one pixel": _layer(1, 1),
    "one row": _layer(1, 4, channels=(2, 2), batch=1),
    "last rows unused": _layer(5, 3, stride=3),
    "room for two sets": _layer(3, 4, kernel=3, padding=1, weight_sets=2),
}


def _play(layer: Layer, tensors: dict, stream: str, **when) -> Play:
    return Play(stream_words(layer, tensors, stream), last_beats(layer, stream), **when)


def _layers(*always: str):
    """Names of these layers, and in a campaign of all others."""
    return [pytest.param(name, marks=[] if name in always else [pytest.mark.campaign]) for name in _LAYERS]


#: How many offers, or resets, are spread over a run; in a campaign there is one in every cycle.
_SPREAD = pytest.mark.parametrize("spread", [12, pytest.param(None, marks=pytest.mark.campaign)])


def _spread_over(cycles: int, spread: int | None) -> range:
    return range(0, cycles, max(1, cycles // spread) if spread else 1)


def _images_of(seen: dict, old: dict, new: list[dict], result: str) -> list[set[int]]:
    """For each image, the numbers of the sets of weights that it may have been computed with."""
    return [
        {number for number, right in enumerate([old, *new]) if np.array_equal(image, right[result][index])}
        for index, image in enumerate(seen[result])
    ]


def _weights_episodes(layer, pass_name, source, result, offers, pause):
    """Two batches' worth of images, and sets of weights that are first offered at some cycles, one behind the other."""
    whole = replace(layer, geometry=replace(layer.geometry, batch=4))
    old = batch_of(whole, 1)
    others = (batch_of(whole, 5), batch_of(whole, 6))
    new = [results_of(whole, old | {name: other[name] for name in ("w", "b")}) for other in others]
    words = stream_words(whole, old, source)
    lasts = set(last_beats(whole, source))
    loaded = {"weights": beat_count(whole, "weights")}
    for offer, sets in offers:
        if pause:  # every image waits for its turn
            beats = len(words) // 4
            images = [
                Play(words[first : first + beats], [beats - 1], loaded, earliest=60 + number * pause)
                for number, first in enumerate(range(0, len(words), beats))
            ]
        else:
            images = [Play(words, sorted(lasts), loaded)]
        later = [_play(whole, tensors, "weights", earliest=offer) for tensors in new[:sets]]
        plays = {"weights": [_play(whole, old, "weights"), *later], source: images}
        yield whole, old, new, Episode(1, plays, {result: _play(whole, old, result)})


@_SPREAD
@pytest.mark.parametrize(
    ("sets", "pause"),
    [(1, 45), (2, 0), *(pytest.param(*both, marks=pytest.mark.campaign) for both in ((1, 0), (2, 45)))],
)
@pytest.mark.parametrize("name", _layers("three by three", "one pixel", "room for two sets"))
@pytest.mark.parametrize(("pass_name", "source", "result"), _WITH_WEIGHTS)
def test_an_image_meets_one_set_of_weights(
    pass_name, source, result, name, pause, sets, spread, build_root, any_simulator
):  # fmt: skip
    layer = _LAYERS[name]
    whole = replace(layer, geometry=replace(layer.geometry, batch=4))
    cycles = core_cycles(whole, pass_name).batch_cycles() + 4 * pause + 2 * beat_count(whole, "weights") + 60
    offers = [(offer, sets) for offer in _spread_over(cycles, spread)]
    cases = list(_weights_episodes(layer, pass_name, source, result, offers, pause))
    whole, old, new, _ = cases[0]
    assert not np.array_equal(old[result], new[0][result])
    results = simulate_episodes(
        whole, [episode for *_, episode in cases], pass_name, simulator=any_simulator, build_root=build_root
    )
    met = set()
    for (offer, _), seen in zip(offers, results, strict=True):
        assert not seen.protocol_errors, (offer, seen.protocol_errors)
        images = _images_of(seen.tensors[0], old, new[:sets], result)
        assert all(images), f"set offered at cycle {offer}: an image is of no set: {images}"
        latest = 0
        for numbers in images:  # and none goes back to an older set
            assert max(numbers) >= latest, (offer, images)
            latest = max(latest, min(numbers))
        met.add(latest)
    assert {0, sets} <= met or name == "one pixel"


@pytest.mark.parametrize("name", _layers("one row", "last rows unused"))
@pytest.mark.parametrize("first", ["db", "dw"])
def test_outputs_of_a_batch_may_be_taken_in_either_order(name, first, build_root, any_simulator):
    layer = _LAYERS[name]
    batches = [batch_of(layer, 1 + number, number=number) for number in range(5)]
    episode = play_batches(layer, "weight_gradient", batches)
    late = {"db": "dw", "dw": "db"}[first]
    cycles = core_cycles(layer, "weight_gradient").batch_cycles(5)
    # the later one is refused for long, then at times, so that every batch waits for it
    refusals = [("held", 0, 2 * cycles), ("one_in_sixteen",), ("bursts",), ("after_valid",), ("after_pause",)]
    episodes = [
        replace(episode, sinks=ways) for way in refusals for ways in ({late: way}, {late: way, first: ("after_pause",)})
    ]
    for tried, result in zip(episodes, simulate_episodes(
        layer, episodes, "weight_gradient", simulator=any_simulator, build_root=build_root
    ), strict=True):  # fmt: skip
        assert result.matched, (tried.sinks, result.mismatch, result.protocol_errors)


def test_db_does_not_wait_for_dw(build_root, any_simulator):
    layer = _LAYERS["three by three"]
    episode = play_batches(layer, "weight_gradient", [batch_of(layer, 1)])
    refused = core_cycles(layer, "weight_gradient").batch_cycles() + 500
    (result,) = simulate_episodes(
        layer, [replace(episode, sinks={"dw": ("held", 0, refused)})], "weight_gradient", simulator=any_simulator,
        build_root=build_root,
    )  # fmt: skip
    assert result.matched
    assert result.frame_cycles["db"][0] < result.beat_cycles["dw"][0]


@pytest.mark.parametrize("pass_name", PASSES)
@pytest.mark.parametrize("name", _layers("three by three"))
def test_a_stream_may_run_ahead_as_far_as_promised_and_no_further(name, pass_name, build_root, any_simulator):
    layer = _LAYERS[name]
    batches = [batch_of(layer, 1)]
    batches += [batch_of(layer, 1 + number, number=number, weights=batches[0]) for number in range(1, 12)]
    episode = play_batches(layer, pass_name, batches, weights_first=False)
    for lead in leads(layer, pass_name):
        alone = {stream: plays if stream == lead.stream else [] for stream, plays in episode.plays.items()}
        short = replace(episode, batches=0, plays=alone, expected={}, cut_cycle=lead.beats + 200)
        (result,) = simulate_episodes(layer, [short], pass_name, simulator=any_simulator, build_root=build_root)
        assert len(result.beat_cycles[lead.stream]) == lead.beats


@_SPREAD
@pytest.mark.parametrize("reset_cycles", [1, *(pytest.param(n, marks=pytest.mark.campaign) for n in (2, 9))])
@pytest.mark.parametrize("stall", [0.0, pytest.param(0.5, marks=pytest.mark.campaign)])
@pytest.mark.parametrize("name", _layers("three by three", "one row"))
@pytest.mark.parametrize("pass_name", PASSES)
def test_a_reset_at_any_cycle_of_a_busy_core(
    pass_name, name, stall, reset_cycles, spread, build_root, any_simulator
):  # fmt: skip
    layer = _LAYERS[name]
    good = play_batches(layer, pass_name, [batch_of(layer, 1), batch_of(layer, 2, number=1)], weights_first=False)
    work = core_cycles(layer, pass_name).batch_cycles(2) + good.stream_beats.get("weights", 0)
    cuts = [cut + 1 for cut in _spread_over(int(work * (1 + 2 * stall)) + 60, spread)]
    episodes = []
    for cut in cuts:
        episodes += [replace(good, expected={}, batches=0, cut_cycle=cut), replace(good, reset_cycles=reset_cycles)]
    for number, result in enumerate(simulate_episodes(
        layer, episodes, pass_name, simulator=any_simulator, stall=stall, build_root=build_root
    )):  # fmt: skip
        assert result.matched, (cuts[number // 2], result.mismatch, result.protocol_errors)
