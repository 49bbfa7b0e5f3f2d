import pytest

from convstream.sim.bench.recordings import record_of


@pytest.fixture
def record(tmp_path):
    """The record of a stream x of two beats in, and a stream z of two beats out, with the recordings given."""

    def record(x="8 1 1 0 0\n9 1 1 1 0\n99 0 1 1 1\n", z="9 1 1 0 01\n10 1 1 1 10\n99 0 1 0 00\n", frame_error=""):
        files = {"x.log": x, "z.log": z, "frame_error.log": frame_error, "status.log": "1 x\n"}
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        return record_of(tmp_path, {"x": 2}, {"z": 2}, ["idle", "waits_for_x"], limit_cycles=90)

    return record


def test_beats_and_when_they_were_taken(record):
    assert record() == {
        "inputs": {"x": [8, 9]}, "outputs": {"z": {"words": [1, 2], "lasts": [1], "cycles": [9, 10]}}, "breaches": [],
        "frame_error": [], "starved": None, "status": {"idle": "1", "waits_for_x": "x"},
    }  # fmt: skip


def test_an_offer_is_a_beat_only_when_it_is_taken(record):
    x, z = "8 1 0 0 0\n20 1 1 0 0\n21 1 1 1 0\n99 0 1 1 1\n", "9 1 0 0 01\n15 1 1 0 01\n16 1 1 1 10\n99 0 1 0 0\n"
    waiting = record(x, z)
    assert waiting["inputs"]["x"] == [20, 21]
    assert waiting["outputs"]["z"]["cycles"] == [15, 16]
    assert waiting["breaches"] == []


@pytest.mark.parametrize(
    ("z", "breach"),
    [
        ("3 1 0 0 01\n", "m_axis_z, cycle 3, beat 0: tvalid is 1 in reset"),
        ("9 1 0 0 01\n10 1 1 0 11\n", "beat 0: tdata, tlast changed from (1, 0) to (3, 0) before the transfer"),
        ("9 1 0 0 01\n10 0 1 0 01\n", "m_axis_z, cycle 10, beat 0: tvalid fell before the transfer"),
        ("9 x 1 0 01\n", "m_axis_z, cycle 9, beat 0: tvalid is X"),
        ("9 1 1 0 0x\n", "m_axis_z, cycle 9, beat 0: tdata is 0X"),
        ("9 1 1 z 01\n", "m_axis_z, cycle 9, beat 0: tlast is Z"),
    ],
)
def test_broken_rules(z, breach, record):
    (told,) = record(z=z + "99 0 1 0 00\n")["breaches"]
    assert told.endswith(breach)


@pytest.mark.parametrize(
    ("x", "breach"),
    [
        ("3 0 1 0 0\n", "s_axis_x, cycle 3, beat 0: tready is 1 in reset"),
        ("9 0 x 0 0\n", "s_axis_x, cycle 9, beat 0: tready is X"),
        ("8 1 1 0 0\n9 1 z 0 0\n", "s_axis_x, cycle 9, beat 1: tready is Z"),
    ],
)
def test_broken_rules_of_an_input(x, breach, record):
    assert record(x=x + "99 0 1 1 1\n")["breaches"] == [breach]


def test_frame_error_is_told_with_its_cycles(record):
    told = record(frame_error="12 1\n13 x\n14 1\n")
    assert told["frame_error"] == [12, 14]
    assert told["breaches"] == ["frame_error, cycle 13: is X"]


def test_what_is_missing_is_told_with_where_every_stream_stood(record):
    starved = record(x="8 1 1 0 0\n99 1 0 1 1\n", z="9 1 1 0 01\n99 0 1 0 00\n")["starved"]
    assert starved == (
        "no end within 90 cycles: s_axis_x: 1 of 2 beats went in, tready is 0; "
        "m_axis_z: 1 of 2 beats came out, tvalid is 0"
    )


def test_a_recording_that_was_never_closed_is_an_error(record):
    for z in ("", "9 1 1 0 01\n10 1 1"):
        with pytest.raises(ValueError, match="z.log was never closed"):
            record(z=z)
