import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from convstream.sim.errors import BadInput, CheckFailed
from convstream.sim.files.output_folder import check_files, output_folder, read_manifest, require_ours

KIND = "test folder"
ROOT = Path(__file__).parents[3]


def write(folder: Path, text: str = "new", kind: str = KIND) -> None:
    with output_folder(folder, kind, {"text": text}) as draft:
        (draft / "one").write_text(text * 1000)
        (draft / "below").mkdir()
        (draft / "below" / "two").write_text(text * 2000)


def check(folder: Path) -> str:
    """The text that a sound folder holds."""
    manifest = read_manifest(folder, KIND)
    check_files(folder, manifest)
    assert set(manifest["files"]) == {"one", "below/two"}
    assert (folder / "one").read_text() == manifest["text"] * 1000
    return manifest["text"]


def test_a_folder_is_written_replaced_and_nothing_is_left_beside_it(tmp_path):
    folder = tmp_path / "made" / "on the way" / "folder"
    write(folder, "old")
    assert check(folder) == "old"
    write(folder, "new")
    assert check(folder) == "new"
    assert list(folder.parent.iterdir()) == [folder]


def test_modes_follow_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write(tmp_path / "folder")
    finally:
        os.umask(before)
    for path, mode in ((tmp_path / "folder", 0o750), (tmp_path / "folder/one", 0o640)):
        assert stat.S_IMODE(path.stat().st_mode) == mode


def test_an_empty_folder_is_taken(tmp_path):
    write(tmp_path)
    assert check(tmp_path) == "new"


def test_a_link_is_followed(tmp_path):
    write(tmp_path / "folder", "old")
    (tmp_path / "link").symlink_to("folder")
    write(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert check(tmp_path / "folder") == "new"


def add(name):
    return lambda folder: (folder / name).write_text("mine")


def replace_manifest(text):
    return lambda folder: (folder / "manifest.json").write_text(text)


@pytest.mark.parametrize(("change", "message"), [
    (lambda folder: (folder / "manifest.json").unlink(), "exists and was not written as test folder"),
    (replace_manifest("{"), "exists and was not written as test folder"),
    (replace_manifest("[" * 100_000), "exists and was not written as test folder"),
    (replace_manifest('{"kind": "other", "files": {}}'), "exists and was not written as test folder"),
    (replace_manifest('{"kind": "test folder", "files": {"one": 1}}'), "exists and was not written as test folder"),
    (replace_manifest(" " * (1 << 21)), "exists and was not written as test folder"),
    (add("notes.txt"), "holds 'notes.txt', which is not ours"),
    (add("below/thesis.tex"), "holds 'below/thesis.tex', which is not ours"),
    (lambda folder: (folder / "empty").mkdir(), "holds 'empty', which is not ours"),
    (lambda folder: [(folder / "one").unlink(), (folder / "one").mkdir()], "holds 'one', which is not ours"),
], ids=["unsealed", "cut", "nested", "other kind", "odd", "large", "file added", "file added below",
        "folder added", "folder instead of a file"])  # fmt: skip
def test_what_is_not_ours_is_never_touched(tmp_path, change, message):
    folder = tmp_path / "folder"
    write(folder, "old")
    change(folder)
    before = sorted(folder.rglob("*"))
    with pytest.raises(BadInput, match=message):
        write(folder, "new")
    assert sorted(folder.rglob("*")) == before
    assert (folder / "below/two").read_text().startswith("old")
    assert list(tmp_path.iterdir()) == [folder]


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(BadInput, match="exists and is not a folder"):
        write(tmp_path / "file")
    with pytest.raises(BadInput, match="cannot be written: Not a directory"):
        write(tmp_path / "file" / "below")
    assert (tmp_path / "file").read_text() == "mine"


def test_the_root_is_not_ours():
    with pytest.raises(BadInput, match="exists and was not written as"):
        require_ours(Path("/"), KIND)


def test_a_folder_that_cannot_be_written(tmp_path):
    with pytest.raises(BadInput, match="cannot be written: File name too long"):
        write(tmp_path / ("x" * 256))
    with pytest.raises(BadInput, match=r"/proc/folder: cannot be written: "):
        write(Path("/proc/folder"))


def test_what_cannot_be_written_is_told_before_any_work(tmp_path):
    with pytest.raises(BadInput, match=r"/proc/none/folder: cannot be written: "):
        require_ours(Path("/proc/none/folder"), KIND)
    require_ours(tmp_path / "not yet" / "folder", KIND)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["x" * 255, "ü" * 127])
def test_the_longest_name_that_a_folder_can_have(tmp_path, name):
    for text in ("old", "new"):
        write(tmp_path / name, text)
        assert check(tmp_path / name) == text


def test_a_link_that_leads_to_itself(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(BadInput, match="loop: cannot be written: the link leads back to itself"):
        write(tmp_path / "loop")
    assert (tmp_path / "loop").is_symlink()


@pytest.mark.parametrize("name", [".", ".."])
def test_the_current_folder_and_those_above_are_not_replaced(tmp_path, monkeypatch, name):
    write(tmp_path / "folder", "old")
    monkeypatch.chdir(tmp_path / "folder/below" if name == ".." else tmp_path / "folder")
    with pytest.raises(BadInput, match="folder: is the current folder or above it, and cannot be replaced"):
        write(Path(name), "new")
    assert check(tmp_path / "folder") == "old"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(BadInput, match="cannot be written: Permission denied"):
        write(tmp_path / "folder")


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_goes_wrong_inside_leaves_the_old_folder_alone(tmp_path, error):
    def write_half():
        with output_folder(tmp_path / "folder", KIND, {}) as draft:
            (draft / "one").write_text("half")
            raise error

    write(tmp_path / "folder", "old")
    with pytest.raises(error):
        write_half()
    assert check(tmp_path / "folder") == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


def write_while(folder: Path, name: str) -> None:
    """Write the folder while the user puts a file into it."""
    with output_folder(folder, KIND, {}) as draft:
        (draft / "one").write_text("new")
        folder.mkdir(exist_ok=True)
        (folder / name).write_text("mine")


@pytest.mark.parametrize("name", ["notes.txt", "below/thesis.tex"])
def test_what_was_put_into_the_folder_meanwhile_is_not_lost(tmp_path, name):
    folder = tmp_path / "folder"
    write(folder, "old")
    with pytest.raises(BadInput) as caught:
        write_while(folder, name)
    assert str(caught.value) == f"{folder}: holds {name!r}, which is not ours: move it, or give another folder"
    assert (folder / name).read_text() == "mine"
    assert (folder / "one").read_text().startswith("old")
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_that_was_made_meanwhile_is_not_lost(tmp_path):
    with pytest.raises(BadInput, match="folder: exists and was not written as"):
        write_while(tmp_path / "folder", "notes.txt")
    assert (tmp_path / "folder/notes.txt").read_text() == "mine"
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


def write_layer(folder: Path, layer: str, *names: str, text: str = "1") -> None:
    with output_folder(folder, KIND, {"text": text}, layer=layer) as draft:
        for name in names:
            (draft / f"{layer}_{name}").write_text(text)


def layers(folder: Path) -> dict[str, dict]:
    """The table of layers of a sound folder that holds the files of this table and no others."""
    manifest = read_manifest(folder, KIND)
    check_files(folder, manifest)
    assert sorted(manifest["files"]) == sorted(name for layer in manifest["layers"].values() for name in layer["files"])
    return manifest["layers"]


def test_layers_live_together_and_each_replaces_its_own_files_alone(tmp_path):
    folder = tmp_path / "folder"
    write_layer(folder, "left", "x", "z")
    write_layer(folder, "eye", "x", "z")
    assert layers(folder) == {
        "eye": {"text": "1", "files": ["eye_x", "eye_z"]}, "left": {"text": "1", "files": ["left_x", "left_z"]}
    }  # fmt: skip
    write_layer(folder, "left", "x", text="2")
    assert layers(folder)["left"] == {"text": "2", "files": ["left_x"]}
    assert {path.name: path.read_text() for path in folder.iterdir() if path.name != "manifest.json"} == {
        "eye_x": "1", "eye_z": "1", "left_x": "2"
    }  # fmt: skip
    (folder / "eye_x").unlink()
    write_layer(folder, "left", "x", text="3")
    assert layers(folder)["eye"]["files"] == ["eye_z"]


def test_layers_that_are_written_at_once_are_all_kept(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda layer: write_layer(tmp_path / "folder", layer, "x"), "abcdefgh"))
    assert list(layers(tmp_path / "folder")) == list("abcdefgh")


@pytest.mark.parametrize("table", ['{"a": {"files": ["../secret"]}}', '{"a": {"files": ["/etc/passwd"]}}'])
def test_nothing_outside_of_the_folder_is_copied(tmp_path, table):
    (tmp_path / "secret").write_text("secret")
    write(tmp_path / "folder")
    manifest = (tmp_path / "folder/manifest.json").read_text()
    (tmp_path / "folder/manifest.json").write_text(manifest.replace("{", f'{{"layers": {table},', 1))
    write_layer(tmp_path / "folder", "b", "x")
    assert layers(tmp_path / "folder")["a"]["files"] == []


@pytest.mark.parametrize("table", ["[]", '{"a": 1}', '{"a": {"files": 1}}', '{"a": {}}'])
def test_an_odd_table_of_layers_is_not_ours(tmp_path, table):
    write(tmp_path / "folder")
    manifest = (tmp_path / "folder/manifest.json").read_text()
    (tmp_path / "folder/manifest.json").write_text(manifest.replace("{", f'{{"layers": {table},', 1))
    with pytest.raises(BadInput, match="exists and was not written as test folder"):
        write_layer(tmp_path / "folder", "b", "x")


@pytest.mark.parametrize(("change", "message"), [
    (lambda folder: (folder / "one").unlink(), "'one' is missing"),
    (add("three"), "'three' is not in the manifest"),
    (lambda folder: (folder / "empty").mkdir(), "'empty' is not in the manifest"),
    (lambda folder: (folder / "one").write_text("new" * 999 + "nwe"), "one: is not as it was written"),
    (lambda folder: (folder / "one").write_text(""), "one: is not as it was written"),
    (lambda folder: [(folder / "one").unlink(), (folder / "one").symlink_to("below/two")], "one: is not a plain file"),
])  # fmt: skip
def test_changed_files_are_found(tmp_path, change, message):
    write(tmp_path / "folder")
    change(tmp_path / "folder")
    with pytest.raises(CheckFailed, match=message):
        check(tmp_path / "folder")


_KILLED_AT = """
import os, signal, sys
sys.path.insert(0, "tests/sim/files")
from pathlib import Path
from test_output_folder import write

steps = int(sys.argv[2])

def count(event, args):
    global steps
    if event in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir"):
        steps -= 1
        if steps == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
write(Path(sys.argv[1]), "new")
"""


def test_killed_at_any_step_there_is_the_old_folder_the_new_one_or_none(tmp_path):
    """Kill the writer before its first, second, ... operation on the file system, until it gets to its end."""
    seen, step, code = [], 0, -9
    while code == -9:
        step += 1
        folder = tmp_path / str(step) / "folder"
        write(folder, "old")
        code = subprocess.run([sys.executable, "-c", _KILLED_AT, folder, str(step)], cwd=ROOT, check=False).returncode
        seen.append(check(folder) if folder.exists() else "none")
        write(folder, "again")
        assert check(folder) == "again"
    assert code == 0
    assert seen[0] == "old"
    assert seen[-2:] == ["new", "new"]
    assert seen == sorted(seen, key=["old", "none", "new"].index)
    assert len(seen) > 10
