"""A memory is a dictionary whose answer is a cycle late."""

from convstream.hdl.memory import memory
from tests.hdl.blocks.bench import flags, limited, words


def test_words_are_kept(bench):
    depth, kept = 11, {}
    (write,), (word, shown), (to, at) = flags(1), words(2, 6), limited(2, depth)
    bench.start(memory(bench.aclk, write, to, word, at, shown, depth=depth))
    checked = 0
    for _ in range(400):
        writes, value, write_index, read_index = bench.drive(write, word, to, at)
        bench.edge()
        if read_index in kept and not (writes and write_index == read_index):  # a collision is undefined
            assert shown == kept[read_index]
            checked += 1
        if writes:
            kept[write_index] = value
    assert checked > 200
