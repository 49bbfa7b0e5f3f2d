"""What stands between the result queue and the output: a register, and the zeros that were not computed."""

from collections import deque

import pytest

from convstream.fixedpoint.dataflow.schedule.plan import Plan
from convstream.hdl.sender import send_results, send_with_gaps, stream_register
from convstream.hdl.stream import AxiStream
from tests.hdl.blocks.bench import Sink, flags, small_layer, words

_SHARES = pytest.mark.parametrize(("available_share", "ready_share"), [(0.9, 0.4), (0.4, 0.9), (1, 1)])


@_SHARES
def test_register(bench, available_share, ready_share):
    (offered, last, taken), (word,), stream = flags(3), words(1, 8), AxiStream(8)
    bench.start(stream_register(bench.aclk, bench.aresetn, offered, word, last, taken, stream))
    sink, sent = Sink(bench, stream, ready_share), []
    for _ in range(300):
        offered.next = offers = bench.chance(available_share)
        beat = tuple(bench.drive(word, last))
        sink.offer()
        bench.settle()
        assert offers or not taken
        if taken:
            sent.append(beat)
        sink.follow()
        bench.edge()
    assert sink.beats == sent[: len(sink.beats)]
    assert 0 <= len(sent) - len(sink.beats) <= 1
    assert (len(sent) == 300) == (ready_share == 1)


@_SHARES
def test_results(bench, available_share, ready_share):
    (available, remove), (head,), stream = flags(2), words(1, 7), AxiStream(8)
    bench.start(send_results(bench.aclk, bench.aresetn, available, head, remove, stream))
    beats = [(bench.pick.randrange(64), bench.chance(0.2)) for _ in range(100)]
    assert _sent(bench, stream, available, head, remove, beats, available_share, ready_share, 6) == beats


def _sent(bench, stream, available, head, remove, beats, available_share, ready_share, bits, look=lambda: None):
    """What leaves when a queue of beats stands at the input."""
    queue, sink = deque(beats), Sink(bench, stream, ready_share)
    for _ in range(20 * len(beats)):
        available.next = there = bool(queue) and bench.chance(available_share)
        if queue:
            head.next = queue[0][0] | queue[0][1] << bits
        sink.offer()
        bench.settle()
        look()
        assert there or not remove
        if remove:
            queue.popleft()
        sink.follow()
        bench.edge()
    assert not queue
    return sink.beats


@_SHARES
@pytest.mark.parametrize(("stride", "kernel", "channels"), [(2, 1, 1), (3, 2, 2), (3, 1, 3)])
def test_gaps(bench, stride, kernel, channels, available_share, ready_share):
    plan = Plan(small_layer((5, 7), (channels, 1), kernel, stride, padding=0), gradient=True)
    (available, remove, sending), (head,), stream = flags(3), words(1, 7), AxiStream(8)
    bench.start(
        send_with_gaps(bench.aclk, bench.aresetn, available, head, remove, sending, stream, plan=plan)
    )
    pixels = [
        (row in plan.rows.positions and column in plan.columns.positions)
        for row in range(5) for column in range(7) for _ in range(channels)
    ]  # fmt: skip
    expected, computed = [], []
    for _ in range(2):
        for number, seen in enumerate(pixels):
            expected.append((bench.pick.randrange(1, 64) if seen else 0, number == len(pixels) - 1))
            computed += [(expected[-1][0], False)] if seen else []

    def look():
        assert sending or not stream.tvalid

    sent = _sent(bench, stream, available, head, remove, computed, available_share, ready_share, 6, look)
    assert sent == expected
    assert not sending
