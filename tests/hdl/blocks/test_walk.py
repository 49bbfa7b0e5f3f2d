"""Steps through a table of records whose middle part repeats."""

from typing import NamedTuple

import pytest

from convstream.fixedpoint.dataflow.schedule.descriptors import DescriptorTable, compress
from convstream.hdl.walk import record_index, walk
from tests.hdl.blocks.bench import flags


class Record(NamedTuple):
    value: int


def _compressed(values: str) -> DescriptorTable:
    return compress([Record(ord(value)) for value in values])


@pytest.mark.parametrize("values", ["a", "ab", "abbbbc", "aaaaaaa", "abcbcbcbcd", "ababab", "abcdddd"])
def test_records_in_their_order(bench, values):
    program, place = _compressed(values), 0
    (advance, at_end), index = flags(2), record_index(program)
    bench.start(walk(bench.aclk, bench.aresetn, advance, index, at_end, program=program))
    for _ in range(4 * len(values) + 20):
        (moves,) = bench.drive(advance)
        bench.settle()
        assert chr(program.records[int(index)].value) == values[place]
        assert at_end == (place == len(values) - 1)
        place = (place + moves) % len(values)
        bench.edge()
