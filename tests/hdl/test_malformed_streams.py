"""A `tlast` out of place, frames cut short or too long: the core says so, and the next whole frame is right."""

from dataclasses import replace

import pytest

from convstream.fixedpoint.dataflow.model.framing import whole_frames, whole_sets
from convstream.fixedpoint.formats import Format, Formats
from convstream.fixedpoint.layer import Lanes, Layer
from convstream.hdl.passes import PASSES
from convstream.reference.geometry import Geometry
from convstream.sim.beats import beat_count
from convstream.sim.simulate import simulate_episodes
from convstream.sim.stimulus import Episode, Play
from tests.hdl.cores import closed, random_frames, random_layer, results_of_frames

_INPUTS = [(name, stream) for name, core in PASSES.items() for stream in core.inputs]


def _damaged(frames: list[list[int]]) -> dict[str, tuple[list[list[int]], list[int]]]:
    """Streams of pieces, each of which ends with a `tlast`; the first frame is good, and all from the fourth on."""
    good, one, two, *rest = frames
    beats = len(good)
    cuts = {cut for cut in (1, 2, beats // 2, beats - 1) if 0 < cut < beats}
    cases = {f"cut after {cut}": [good, one[:cut], two, *rest] for cut in cuts}
    for extra in {1, beats - 1, beats, beats + 1} - {0}:
        cases[f"{extra} too many"] = [good, one + (two * 2)[:extra], two, *rest]
    cases["tlast missing"] = [good, one + two, *rest]
    cases["tlast missing twice"] = [good, one + two + rest[0], *rest]
    if beats > 1:
        cases["tlast on every beat"] = [good, *([word] for word in one), two, *rest]
    cases["cut, then too long"] = [good, one[: beats // 2 or 1], two + one, *rest]
    return cases


def _episodes(layer: Layer, pass_name: str, stream: str):
    core, size = PASSES[pass_name], layer.geometry.batch
    frames = random_frames(layer, stream, range(5))
    for name, pieces in _damaged(frames).items():
        damaged = closed(pieces)
        framing = (whole_sets if stream == "weights" else whole_frames)(damaged.words, damaged.lasts, len(frames[0]))
        assert framing.errors, name
        assert not framing.unfinished, name
        whole = {stream: framing.frames[-1:] if stream == "weights" else framing.frames}
        images = size if stream == "weights" else len(framing.frames)
        if missing := -images % size:  # of the last batch of a weight gradient
            whole[stream] = framing.frames + random_frames(layer, stream, range(missing))
            damaged = closed(pieces + random_frames(layer, stream, range(missing)))
            images += missing
        plays = {}
        for other in core.inputs:
            if other != stream:
                whole[other] = random_frames(layer, other, range(1 if other == "weights" else images))
            plays[other] = [damaged if other == stream else closed(whole[other])]
        if "weights" in core.inputs:
            (data,) = (other for other in core.inputs if other != "weights")
            plays[data] = [replace(plays[data][0], after={"weights": len(plays["weights"][0].words)})]
        batches, expected = results_of_frames(layer, pass_name, whole)
        yield name, Episode(batches, plays, expected, framing.errors)


def _layer(height: int, width: int, stride: int, lanes: Lanes, batch: int = 2) -> Layer:
    form, wide = Format(8, 6), Format(16, 12)
    geometry = Geometry.square(
        batch=batch, in_channels=2, height=height, width=width, out_channels=2, kernel=1, stride=stride, padding=0
    )
    return Layer(geometry, Formats(form, form, wide, form, form, form, wide, wide), lanes)


_LAYERS = {
    "random": random_layer(41),
    "last rows and columns unused": _layer(4, 3, 3, Lanes(2, 1, 1)),
    "frames of one beat": _layer(1, 1, 1, Lanes(2, 2, 1)),
}


@pytest.mark.parametrize(
    ("name", "stall"),
    [("last rows and columns unused", 0.5)]
    + [pytest.param(name, stall, marks=pytest.mark.campaign) for name in _LAYERS for stall in (0.0, 0.2, 0.8)],
)
@pytest.mark.parametrize(("pass_name", "stream"), _INPUTS)
def test_frames_after_a_damaged_one_are_right(pass_name, stream, name, stall, build_root, any_simulator):
    layer = _LAYERS[name]
    names, episodes = zip(*_episodes(layer, pass_name, stream), strict=True)
    results = simulate_episodes(
        layer, episodes, pass_name, simulator=any_simulator, stall=stall, build_root=build_root
    )
    for name, result in zip(names, results, strict=True):
        assert result.matched, (name, result.mismatch, result.protocol_errors)


@pytest.mark.parametrize("beats", ["one", "all but one"])
@pytest.mark.parametrize(("pass_name", "stream"), [("forward", "x"), ("input_gradient", "dz")])
def test_nothing_is_computed_from_a_set_that_is_not_whole(pass_name, stream, beats, build_root, any_simulator):
    layer = _LAYERS["last rows and columns unused"]
    sets = random_frames(layer, "weights", range(2))
    stray = sets[1][: 1 if beats == "one" else len(sets[1]) - 1]
    images = random_frames(layer, stream, range(1))
    nothing = {result: Play([], []) for result in PASSES[pass_name].outputs}
    waiting = {"weights": len(sets[0]) + len(stray)}
    for lasts in [[len(sets[0]) - 1], [len(sets[0]) - 1, len(sets[0]) + len(stray) - 1]]:
        plays = {"weights": [Play(sets[0] + stray, lasts)], stream: [replace(closed(images), after=waiting)]}
        episode = Episode(0, plays, nothing, len(lasts) - 1, cut_cycle=5 * beat_count(layer, stream) + 1000)
        (result,) = simulate_episodes(layer, [episode], pass_name, simulator=any_simulator, build_root=build_root)
        assert result.matched, result.protocol_errors


@pytest.mark.parametrize("beats", ["one", "all but one"])
@pytest.mark.parametrize(("pass_name", "stream"), [("forward", "x"), ("input_gradient", "dz")])
def test_with_room_for_two_sets_the_loaded_one_stays(pass_name, stream, beats, build_root, any_simulator):
    layer = replace(_LAYERS["last rows and columns unused"], weight_sets=2)
    sets = random_frames(layer, "weights", range(3))
    cut = sets[1][: 1 if beats == "one" else len(sets[1]) - 1]
    images = random_frames(layer, stream, range(layer.geometry.batch))
    for loaded, pieces in ([sets[0], [sets[0], cut]], [sets[2], [sets[0], cut, sets[2], cut]]):
        batches, expected = results_of_frames(layer, pass_name, {"weights": [loaded], stream: images})
        weights = closed(pieces)
        plays = {"weights": [weights], stream: [replace(closed(images), after={"weights": len(weights.words)})]}
        episode = Episode(batches, plays, expected, frame_errors=pieces.count(cut))
        (result,) = simulate_episodes(layer, [episode], pass_name, simulator=any_simulator, build_root=build_root)
        assert result.matched, (result.mismatch, result.protocol_errors)
