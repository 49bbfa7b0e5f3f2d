import json
from pathlib import Path

import pytest

from convstream.cli import main

EXAMPLE = Path(__file__).parents[2] / "examples/layers/corner_4x4_s3.toml"


@pytest.fixture
def export(capsys):
    """Write the forward core, named edge7, into a folder; gives what was printed."""
    def export(folder: Path, *options: str, name: str = "edge7") -> str:
        with pytest.raises(SystemExit) as caught:
            main(["verilog", str(EXAMPLE), "--out", str(folder), "--pass", "forward", "--name", name, *options])
        assert caught.value.code == 0
        return capsys.readouterr().out

    return export


def test_a_core_leaves_with_bench_vectors_and_core_file_always_the_same(export, tmp_path):
    first, second = tmp_path / "1", tmp_path / "2"
    facts = json.loads(export(first, "--json"))
    files = {
        "edge7_conv_forward.v", "edge7_conv_forward_tb.v", "edge7_conv_forward.core",
        "edge7_weights.hex", "edge7_x.hex", "edge7_z.hex",
    }  # fmt: skip
    assert set(facts["files"]) == files
    assert facts["modules"] == ["edge7_conv_forward"]
    assert {path.name for path in first.iterdir()} == files | {"manifest.json"}
    for path in first.glob("*.v"):
        modules = [line.split()[1] for line in path.read_text().splitlines() if line.startswith("module ")]
        assert modules
        assert all(module.startswith("edge7_conv_forward") for module in modules)

    listed = export(second)
    assert all(name in listed for name in files)
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()


def test_layers_of_several_names_share_a_folder(export, tmp_path):
    export(tmp_path / "all")
    export(tmp_path / "alone", name="edge8")
    assert json.loads(export(tmp_path / "all", "--json", name="edge8"))["files"].keys() == {
        path.name for path in (tmp_path / "alone").glob("edge8_*")
    }
    layers = json.loads((tmp_path / "all/manifest.json").read_text())["layers"]
    assert [layer["modules"] for layer in layers.values()] == [["edge7_conv_forward"], ["edge8_conv_forward"]]
    for path in (tmp_path / "alone").glob("edge8_*"):
        assert path.read_bytes() == (tmp_path / "all" / path.name).read_bytes()
    assert len(list((tmp_path / "all").iterdir())) == 1 + 2 * len(list((tmp_path / "alone").glob("edge8_*")))
