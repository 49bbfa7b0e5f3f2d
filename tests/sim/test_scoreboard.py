from dataclasses import replace

import pytest

from convstream.sim.beats import last_beats, stream_words
from convstream.sim.scoreboard import Beats, compare
from convstream.sim.stimulus import Play
from tests.sim.stand_ins import FORWARD, forward_tensors

WORDS = stream_words(FORWARD, forward_tensors(), "z")
EXPECTED = Play(WORDS, last_beats(FORWARD, "z"))
GOT = Beats(list(WORDS), [11, 23], list(range(100, 124)))


def with_word(beat: int, word: int | None) -> Beats:
    return replace(GOT, words=[*WORDS[:beat], word, *WORDS[beat + 1 :]])


def test_equal_beats_match():
    comparison = compare(FORWARD, "z", EXPECTED, GOT)
    assert (comparison.compared_values, comparison.wrong_values) == (48, 0)
    assert (comparison.first, comparison.breaches) == (None, ())


@pytest.mark.parametrize("beat", [0, 7, 23])
@pytest.mark.parametrize("bit", [0, 6, 7, 13])
def test_any_flipped_bit_is_found(beat, bit):
    comparison = compare(FORWARD, "z", EXPECTED, with_word(beat, WORDS[beat] ^ 1 << bit))
    first = comparison.first
    assert comparison.wrong_values == 1
    assert (first.beat, first.lane, first.cycle) == (beat, bit // 7, 100 + beat)
    assert first.index == (beat // 12, bit // 7, beat % 12 // 4, beat % 4)
    assert abs(first.expected - first.got) == 1 << bit % 7
    assert first.expected == forward_tensors()["z"][first.index]


def test_the_first_of_several_is_told():
    words = [word ^ 0b10000001 if beat in (3, 4) else word for beat, word in enumerate(WORDS)]
    comparison = compare(FORWARD, "z", EXPECTED, replace(GOT, words=words))
    assert (comparison.wrong_values, comparison.first.beat, comparison.first.lane) == (4, 3, 0)


def test_unknown_bits_are_wrong_even_where_zero_is_expected():
    expected = replace(EXPECTED, words=[0, *WORDS[1:]])
    comparison = compare(FORWARD, "z", expected, with_word(0, None))
    assert (comparison.wrong_values, comparison.first.got) == (2, None)


@pytest.mark.parametrize("bit", [14, 15])
def test_padding_must_be_zero(bit):
    comparison = compare(FORWARD, "z", EXPECTED, with_word(5, WORDS[5] | 1 << bit))
    assert comparison.first is None
    assert comparison.breaches == ("m_axis_z, cycle 105, beat 5: bits above the last lane are not zero",)


@pytest.mark.parametrize(
    ("lasts", "breach"),
    [
        ([23], "m_axis_z, cycle 111, beat 11: tlast is missing"),
        ([11], "m_axis_z, cycle 123, beat 23: tlast is missing"),
        ([4, 11, 23], "m_axis_z, cycle 104, beat 4: tlast is early"),
        ([12, 23], "m_axis_z, cycle 111, beat 11: tlast is missing"),
    ],
)
def test_tlast_must_be_in_place(lasts, breach):
    assert compare(FORWARD, "z", EXPECTED, replace(GOT, lasts=lasts)).breaches == (breach,)


def test_extra_beats_are_told():
    got = Beats([*WORDS, 0, 0], [11, 23], [*GOT.cycles, 130, 140])
    assert compare(FORWARD, "z", EXPECTED, got).breaches == (
        "m_axis_z, cycle 130: 2 beats more than the expected 24 came out",
    )


def test_missing_beats_can_not_be_compared():
    with pytest.raises(ValueError, match="m_axis_z: only 23 of 24 beats came out"):
        compare(FORWARD, "z", EXPECTED, replace(GOT, words=WORDS[:23]))
