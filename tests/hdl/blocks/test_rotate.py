"""Words turned by any amount."""

import pytest

from convstream.hdl.rotate import rotate
from tests.hdl.blocks.bench import limited, words


@pytest.mark.parametrize("count", [2, 3, 4, 5, 7, 11])
def test_rotation(bench, count):
    source, rotated, (amount,) = words(count, 6), words(count, 6), limited(1, count)
    bench.start(rotate(source, amount, rotated))
    bench.check_pipeline(
        [amount, *source], rotated, lambda amount, *source: source[amount:] + source[:amount], latency=0, cycles=100
    )
