"""A `tlast` out of place: the core says so, goes on taking beats, and is right again after a reset."""

import pytest

from sim.beats import beat_count, last_beats
from sim.simulate import simulate_episodes
from sim.stimulus import play_batches, with_wrong_last
from tests.hdl.cores import batch_of, random_layer

_CASES = [
    ("forward", "x"), ("forward", "weights"), ("input_gradient", "dz"), ("input_gradient", "weights"),
    ("weight_gradient", "x"), ("weight_gradient", "dz"),
]  # fmt: skip


@pytest.mark.parametrize(("pass_name", "stream"), _CASES)
def test_wrong_last_is_reported_and_forgotten_after_reset(pass_name, stream, build_root, any_simulator):
    layer = random_layer(41)
    good = play_batches(layer, pass_name, [batch_of(layer, 1)])
    lasts, beats = last_beats(layer, stream), beat_count(layer, stream)
    assert beats > 2
    early, missing = sorted({*lasts, 1}), lasts[1:]
    late = [*lasts[:-1], *(beat + 1 for beat in lasts[-1:] if beat + 1 < beats)]
    wrong = [with_wrong_last(good, stream, moved) for moved in (early, missing, late)]
    episodes = [wrong[0], good, wrong[1], good, wrong[2], good]
    results = simulate_episodes(layer, episodes, pass_name, simulator=any_simulator, build_root=build_root)
    for result in results:
        assert result.matched, (result.mismatch, result.protocol_errors)
