"""Whole frames of any stream: those of `fixedpoint.dataflow.model.framing`."""

import pytest

from convstream.fixedpoint.dataflow.model.framing import whole_frames
from convstream.hdl.frame_synchronizer import frame_synchronizer
from convstream.hdl.stream import AxiStream
from tests.hdl.blocks.bench import Source, flags


@pytest.mark.parametrize("last_share", [0.1, 0.25, 0.6])
def test_frames_and_errors(bench, last_share):
    frame, beats = 4, 200
    stream = AxiStream(8)
    room, frame_done, step, completing, dropping, error = flags(6)
    bench.start(
        frame_synchronizer(
            bench.aclk, bench.aresetn, stream, room, frame_done, step, completing, dropping, error
        )
    )
    words = [bench.pick.randrange(1, 256) for _ in range(beats)]
    lasts = {beat for beat in range(beats) if bench.chance(last_share)}
    source, written, errors = Source(bench, stream, words, lasts), [], 0
    for _ in range(6 * beats):
        frame_done.next, room.next = len(written) % frame == frame - 1, bench.chance(0.7)
        source.offer()
        bench.settle()
        source.follow()
        errors += error
        if step:
            written.append(0 if completing else int(stream.tdata))
        bench.edge()
    framing = whole_frames(words, lasts, frame)
    whole = len(framing.frames) * frame
    assert not source.beats
    assert written[:whole] == [word for frame in framing.frames for word in frame]
    assert len(written) - whole < frame
    assert errors == framing.errors
