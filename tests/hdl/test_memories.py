"""The memories that an estimate promises are those of the converted cores."""

import re

import pytest

from convstream.fixedpoint.dataflow.estimate import estimate
from convstream.hdl.convert import convert
from convstream.hdl.passes import PASSES
from tests.hdl.cores import random_layer

_ARRAY = re.compile(r"reg (?:signed )?\[(\d+):0\] \w+ \[0:(\d+)-1\];")


@pytest.mark.parametrize("seed", [1, 3])
@pytest.mark.parametrize("pass_name", PASSES)
def test_bits_of_all_arrays(pass_name, seed, tmp_path):
    layer = random_layer(seed)
    text = convert(layer, pass_name, tmp_path).read_text()
    bits = sum((int(high) + 1) * int(depth) for high, depth in _ARRAY.findall(text))
    assert bits == estimate(layer, pass_name).memory_bits
