"""A bench for every test of a block."""

import inspect

import pytest

from convstream.hdl.convert import call_stack
from tests.hdl.blocks.bench import Bench


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.setattr(inspect, "stack", call_stack)  # MyHDL asks at every block, pytest's stacks are deep
    bench = Bench()
    yield bench
    bench.stop()
