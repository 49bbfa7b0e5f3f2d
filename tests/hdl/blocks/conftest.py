"""A bench for every test of a block."""

import pytest

from tests.hdl.blocks.bench import Bench


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    bench.stop()
