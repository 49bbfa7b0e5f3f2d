"""JSON of the commands: one spelling of passes and keys, and the version."""

import json
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest

from convstream.cli import main
from convstream.sim.version import convstream_version

EXAMPLE = Path(__file__).parents[2] / "examples/layers/corner_4x4_s3.toml"

COMMANDS = {
    "reference": ["--out", "out"],
    "vectors": ["--out", "out"],
    "verilog": ["--out", "out", "--pass", "input-gradient"],
    "estimate": [],
    "explore": ["--pass", "input-gradient"],
    "simulate": ["--pass", "input-gradient"],
}


@pytest.fixture(params=COMMANDS)
def shown(request, tmp_path, monkeypatch, capsys, build_root) -> dict[str, Any]:
    """What a command prints; with the manifest, if it writes a folder."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        main([request.param, str(EXAMPLE), *COMMANDS[request.param], "--json"])
    assert caught.value.code == 0
    printed = json.loads(capsys.readouterr().out)
    manifest = Path("out/manifest.json")
    return printed | ({"manifest": json.loads(manifest.read_text())} if manifest.exists() else {})


def texts(value: Any) -> Iterator[str]:
    """All keys and strings."""
    if isinstance(value, dict):
        for key, element in value.items():
            yield key
            yield from texts(element)
    elif isinstance(value, list):
        for element in value:
            yield from texts(element)
    elif isinstance(value, str):
        yield value


def test_passes_are_spelled_as_in_code(shown):
    assert not {"input-gradient", "weight-gradient", "bias-gradient", "pass_name", "verdict"} & set(texts(shown))


def test_the_version_is_told(shown):
    assert next(iter(shown)) == "convstream"
    assert shown["convstream"] == version("convstream")
    if "manifest" in shown:
        layers = shown["manifest"].get("layers", {"": shown["manifest"]})
        assert [layer["convstream"] for layer in layers.values()] == [version("convstream")]


def test_a_checkout_that_was_not_installed_has_no_version_and_works(monkeypatch):
    def not_installed(package):
        raise PackageNotFoundError(package)

    monkeypatch.setattr("convstream.sim.version.version", not_installed)
    assert convstream_version() == "0"
