import pytest

from convstream.identifier import require_identifier
from convstream.sim.errors import BadInput


@pytest.mark.parametrize("name", ["conv", "_", "_0", "layer3", "Edge", "moduleA", "x" * 64])
def test_identifiers(name):
    assert require_identifier("--name", name) == name


@pytest.mark.parametrize("name", [
    "", " ", "3x3", "a-b", "a.b", "a b", "a/b", "../up", "/etc/passwd", "a\nb", "a\n", "a;b", "$display", "a$b",
    "`define", "\\escaped ", "häuser", "x²", "x" * 65, "x" * 100_000, "a\0b", "*/",
])  # fmt: skip
def test_what_is_no_identifier(name):
    with pytest.raises(BadInput, match='^--name ".*": must be a Verilog identifier: ') as caught:
        require_identifier("--name", name)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("name", ["module", "logic", "reg", "uwire", "checker"])
def test_keywords(name):
    with pytest.raises(BadInput, match=f'^--name "{name}": is a keyword'):
        require_identifier("--name", name)
