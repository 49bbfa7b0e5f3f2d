from dataclasses import replace

import numpy as np
import pytest

from convstream.sim.beats import last_beats, stream_words
from convstream.sim.stimulus import cut_short, play_batches, with_wrong_last
from tests.sim.stand_ins import FORWARD, WEIGHT_GRADIENT, forward_tensors, weight_gradient_tensors


def test_one_batch_is_its_streams():
    tensors = forward_tensors()
    episode = play_batches(FORWARD, "forward", [tensors])
    (weights,), (x,) = episode.plays["weights"], episode.plays["x"]
    assert (weights.words, weights.lasts, weights.after) == (stream_words(FORWARD, tensors, "weights"), [3], {})
    assert (x.words, x.lasts, x.after) == (stream_words(FORWARD, tensors, "x"), [11, 23], {"weights": 4})
    assert episode.expected["z"].words == stream_words(FORWARD, tensors, "z")
    assert episode.beats == 4 + 24 + 24


def test_all_streams_may_be_offered_at_once():
    episode = play_batches(FORWARD, "forward", [forward_tensors()], weights_first=False)
    assert episode.plays["x"][0].after == {}


def test_new_weights_wait_for_the_old_results_and_new_data_for_the_new_weights():
    batches = [forward_tensors(bias=bias) for bias in ((0, 0), (0, 0), (1, 0), (0, 0))]
    episode = play_batches(FORWARD, "forward", batches)
    assert [play.after for play in episode.plays["weights"]] == [{}, {"z": 48}, {"z": 72}]
    assert [play.after for play in episode.plays["x"]] == [{"weights": 4}, {}, {"weights": 8}, {"weights": 12}]
    assert episode.expected["z"].lasts == [11, 23, 35, 47, 59, 71, 83, 95]


def test_a_pass_without_weights_waits_for_nothing():
    batches = [weight_gradient_tensors(seed) for seed in range(3)]
    episode = play_batches(WEIGHT_GRADIENT, "weight_gradient", batches)
    assert [play.after for stream in ("x", "dz") for play in episode.plays[stream]] == [{}] * 6
    assert [len(expected.words) for expected in episode.expected.values()] == [3, 3]
    assert episode.expected["dw"].lasts == [0, 1, 2]


@pytest.mark.parametrize("lasts", [[], [3, 23], last_beats(FORWARD, "x")[:1]])
def test_a_wrong_tlast_expects_an_error_and_nothing_else(lasts):
    batches = [forward_tensors(), forward_tensors(seed=1)]
    episode = with_wrong_last(play_batches(FORWARD, "forward", batches), "x", lasts, frame_errors=2)
    assert [play.lasts for play in episode.plays["x"]] == [lasts, [11, 23]]
    assert (episode.frame_errors, episode.expected) == (2, {})
    np.testing.assert_array_equal(episode.plays["x"][0].words, stream_words(FORWARD, batches[0], "x"))


def test_what_goes_on_to_its_end_once_it_has_begun():
    same, other = forward_tensors(seed=1), forward_tensors(bias=(0, 0))
    good = play_batches(FORWARD, "forward", [forward_tensors(), same])
    assert good.uninterrupted
    assert good.stream_beats == {"weights": 4, "x": 48, "z": 48}
    assert not play_batches(FORWARD, "forward", [same, other]).uninterrupted
    assert not with_wrong_last(good, "x", [3], frame_errors=1).uninterrupted
    assert not replace(good, sinks={"z": ("bursts",)}).uninterrupted
    assert not replace(good, reset_cycles=1).uninterrupted
    assert not replace(good, cut_cycle=100).uninterrupted
    late = replace(good.plays["x"][0], earliest=9)
    assert not replace(good, plays={**good.plays, "x": [late]}).uninterrupted
    assert not cut_short(good, "x", 7).uninterrupted
