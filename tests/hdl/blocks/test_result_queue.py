"""A queue whose words are announced before they come."""

from collections import deque

import pytest

from convstream.hdl.result_queue import result_queue
from tests.hdl.blocks.bench import flags, words


@pytest.mark.parametrize("depth", [2, 4, 16])
@pytest.mark.parametrize("taken", [0.2, 0.9])
def test_queue(bench, depth, taken):
    issued, room, write, available, remove, empty = flags(6)
    word, head = words(2, 7)
    bench.start(
        result_queue(
            bench.aclk, bench.aresetn, issued, room, write, word, available, head, remove, empty, depth=depth
        )
    )
    coming, kept, most = 0, deque(), 0
    for _ in range(500):
        bench.settle()
        assert room == (coming + len(kept) < depth)
        assert available == bool(kept)
        assert empty == (not coming and not kept)
        assert not kept or head == kept[0]
        most = max(most, len(kept))
        begins, writes = bool(room) and bench.chance(0.6), coming > 0 and bench.chance(0.6)
        removes = bool(kept) and bench.chance(taken)
        issued.next, write.next, remove.next = begins, writes, removes
        (value,) = bench.drive(word)
        bench.edge()
        coming += begins - writes
        if writes:
            kept.append(value)
        if removes:
            kept.popleft()
    assert most == depth or taken > 0.5
