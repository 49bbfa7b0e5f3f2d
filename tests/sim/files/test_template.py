"""Templates: values in the places of names, everything else as it is, nothing left over."""

import pytest

from convstream.sim.files.template import fill


@pytest.fixture
def template(tmp_path):
    path = tmp_path / "core.v"
    path.write_text('module @name@_tb;\nalways @(posedge clk) $display("{%s} @ @N", @bits@ + @bits@);\n')
    return path


def test_only_names_are_replaced(template):
    assert fill(template, name="core", bits=8) == (
        'module core_tb;\nalways @(posedge clk) $display("{%s} @ @N", 8 + 8);\n'
    )


def test_a_value_is_no_template(template):
    assert "module @bits@_tb" in fill(template, name="@bits@", bits=8)


@pytest.mark.parametrize("values", [{"name": "core"}, {"name": "core", "bits": 8, "beats": 3}])
def test_names_and_values_must_agree(template, values):
    with pytest.raises(ValueError, match=r"core\.v must be given \['bits', 'name'\], not"):
        fill(template, **values)
