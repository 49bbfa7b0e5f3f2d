"""Every port of every block is described: its width, and whether it goes in or out."""

import importlib
import inspect
import pkgutil
import re

import pytest

import convstream.hdl as hdl

#: Such as `write : bool, in` or `index, value : intbv of 4 bits, out`; of a stream, the way that its beats go.
_PORTS = re.compile(r"^(\w+(?:, \w+)*) : [^\n]*?, (?:in|out)$", re.MULTILINE)


def _blocks():
    for module in pkgutil.iter_modules(hdl.__path__):
        if module.name == "convert":
            continue
        members = vars(importlib.import_module(f"convstream.hdl.{module.name}"))
        for name, member in members.items():
            if hasattr(member, "calls") and member.__module__ == f"convstream.hdl.{module.name}":
                yield pytest.param(member, id=f"{module.name}-{name}")


def test_blocks_are_found():
    assert len(list(_blocks())) > 60


@pytest.mark.parametrize("block", list(_blocks()))
def test_ports(block):
    parameters = inspect.signature(block).parameters.values()
    ports = [parameter.name for parameter in parameters if parameter.kind is not parameter.KEYWORD_ONLY]
    described = [name for names in _PORTS.findall(inspect.getdoc(block)) for name in names.split(", ")]
    assert [port for port in ports if port not in described] == []
