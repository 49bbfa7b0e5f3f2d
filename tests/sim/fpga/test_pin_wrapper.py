"""The wrapper reaches every port of the core that it is put around, at the port's width."""

import re

import pytest

from convstream.fixedpoint.formats import Format, Formats
from convstream.fixedpoint.layer import Lanes, Layer
from convstream.hdl.convert import convert
from convstream.hdl.passes import PASSES
from convstream.reference.geometry import Geometry
from convstream.sim.fpga.pin_wrapper import pin_wrapper

_PORT = re.compile(r"^(input|output) (?:\[(\d+):0\] )?(\w+);", re.MULTILINE)
_CONNECTION = re.compile(r"\.(\w+)\((inputs|outputs)\[(\d+)\+:(\d+)\]\)")
_BUS = re.compile(r"(?:reg|wire) \[(\d+)-1:0\] (inputs|outputs);")


@pytest.mark.parametrize("pass_name", PASSES)
def test_every_port_has_bits_of_its_own(pass_name, tmp_path):
    geometry = Geometry.square(
        batch=1, in_channels=6, height=4, width=4, out_channels=2, kernel=1, stride=1, padding=0
    )  # fmt: skip
    forms = [Format(width, 0) for width in (3, 5, 7, 11, 13, 2, 4, 6)]  # all ports of different widths
    layer = Layer(geometry, Formats(*forms), Lanes(3, 2, 1))
    ports = {name: (direction, int(high or 0) + 1)
             for direction, high, name in _PORT.findall(convert(layer, pass_name, tmp_path).read_text())}  # fmt: skip
    wrapper = pin_wrapper(layer, pass_name)

    connections = _CONNECTION.findall(wrapper)
    connected = {name: (bus.removesuffix("s"), int(bits)) for name, bus, _, bits in connections}
    assert connected == {name: port for name, port in ports.items() if name not in ("aclk", "aresetn")}
    for width, bus in _BUS.findall(wrapper):
        used = [bit for _, of, low, bits in connections if of == bus for bit in range(int(low), int(low) + int(bits))]
        assert sorted(used) == list(range(int(width)))
