"""`convstream new`: a layer file that works as it is, and never at the cost of another file."""

import pytest

from convstream.cli import main
from convstream.layer_file import read_layer_file


def exit_code(*arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return caught.value.code


@pytest.mark.parametrize("source", ["random", "photograph", "digits"])
def test_the_file_is_a_layer_file_of_that_source(source, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert exit_code("new", "first", "--from", source) == 0
    assert "convstream report first.toml" in capsys.readouterr().out
    assert read_layer_file(tmp_path / "first.toml").data.source == source
    assert [path.name for path in tmp_path.iterdir()] == ["first.toml"]


def test_a_file_that_exists_is_left_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text("mine")
    assert exit_code("new", "mine") == 2
    assert capsys.readouterr().err == "convstream: mine.toml: exists already; give another name, or remove it\n"
    assert (tmp_path / "mine.toml").read_text() == "mine"


@pytest.mark.parametrize("name", ["../up", "a b", "module", "", "-x"])
def test_names_that_are_no_identifiers_are_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert exit_code("new", "--", name) == 2
    assert not list(tmp_path.parent.glob("*.toml"))
    assert not list(tmp_path.iterdir())
