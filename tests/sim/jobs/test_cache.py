import asyncio
import multiprocessing
import os
import stat
import time
from pathlib import Path

import pytest

from convstream.sim.errors import BadInput, CheckFailed
from convstream.sim.jobs.cache import cached_folder, found_folder, kept_folder


def test_a_folder_is_built_once(tmp_path):
    built = []

    def build(folder):
        built.append(folder)
        (folder / "core").write_text("program")

    first, again = (cached_folder(tmp_path, "core", ["options", b"verilog"], build) for _ in range(2))
    assert first == again
    assert (first / "core").read_text() == "program"
    assert len(built) == 1


@pytest.mark.parametrize(
    "other", [["options", b"verilog "], ["option", b"sverilog"], ["options"], [b"verilog", "options"]]
)
def test_other_ingredients_make_another_folder(other, tmp_path):
    folders = {cached_folder(tmp_path, "core", key, lambda folder: None) for key in (["options", b"verilog"], other)}
    assert len(folders) == 2


def test_a_failed_build_leaves_nothing_and_can_be_repeated(tmp_path):
    def fail(folder):
        (folder / "half").write_text("a core")
        raise RuntimeError("no compiler")

    with pytest.raises(RuntimeError, match="no compiler"):
        cached_folder(tmp_path, "core", ["key"], fail)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []
    assert cached_folder(tmp_path, "core", ["key"], lambda folder: None).is_dir()


def _build_slowly(folder):
    (folder / "core").write_text("half")
    time.sleep(0.3)
    (folder / "core").write_text("whole")
    (folder.parent / f"built by {multiprocessing.current_process().pid}").touch()


def _ask(root, seen):
    seen.put((cached_folder(root, "core", ["key"], _build_slowly) / "core").read_text())


def test_of_several_processes_one_builds_and_none_sees_it_unfinished(tmp_path):
    context = multiprocessing.get_context("spawn")
    seen = context.Queue()
    processes = [context.Process(target=_ask, args=(tmp_path, seen)) for _ in range(3)]
    for process in processes:
        process.start()
    assert [seen.get(timeout=120) for _ in processes] == ["whole"] * 3
    for process in processes:
        process.join()
    assert len(list(tmp_path.glob("built by *"))) == 1


def test_what_a_killed_build_left_is_not_taken_for_finished(tmp_path):
    context = multiprocessing.get_context("spawn")
    seen = context.Queue()
    process = context.Process(target=_ask, args=(tmp_path, seen))
    process.start()
    while process.is_alive() and not list(tmp_path.glob(".core-*/core")):
        time.sleep(0.01)
    process.kill()
    process.join()
    assert seen.empty()
    folder = cached_folder(tmp_path, "core", ["key"], lambda folder: (folder / "core").write_text("whole"))
    assert (folder / "core").read_text() == "whole"


def keep(root, fill, key="key"):
    return asyncio.run(kept_folder(root, "netlist", [key], fill))


def test_a_folder_is_filled_once_and_kept(tmp_path):
    filled = []

    async def fill(folder):
        filled.append(folder)
        (folder / "netlist").write_text("cells")

    first, again, other = (keep(tmp_path, fill, key) for key in ("key", "key", "other"))
    assert first == again != other
    assert (first / "netlist").read_text() == "cells"
    assert len(filled) == 2
    assert sorted(tmp_path.iterdir()) == sorted([first, other])


def test_a_failed_check_leaves_its_logs_and_can_be_repeated(tmp_path):
    async def fail(folder):
        (folder / "log").write_text("why")
        raise CheckFailed(str(folder / "log"))

    with pytest.raises(CheckFailed) as caught:
        keep(tmp_path, fail)
    assert Path(str(caught.value)).read_text() == "why"

    async def fill(folder):
        assert not list(folder.iterdir())

    assert keep(tmp_path, fill).is_dir()


def test_an_interrupted_filling_leaves_nothing(tmp_path):
    async def interrupt(folder):
        (folder / "netlist").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keep(tmp_path, interrupt)
    assert list(tmp_path.iterdir()) == []


def test_whoever_fills_a_folder_first_is_kept(tmp_path):
    async def fill(folder):
        await asyncio.to_thread(keep, tmp_path, fill_at_once)
        (folder / "netlist").write_text("second")

    async def fill_at_once(folder):
        (folder / "netlist").write_text("first")

    folder = keep(tmp_path, fill)
    assert (folder / "netlist").read_text() == "first"
    assert list(tmp_path.iterdir()) == [folder]


async def _fill(folder):
    _build(folder)


def _build(folder):
    (folder / "below").mkdir()
    for name in ("core", "below/log"):
        (folder / name).write_text("program")


#: Both ways to fill a folder below a root.
both_ways = pytest.mark.parametrize("fill", [
    lambda root: cached_folder(root, "core", ["key"], _build),
    lambda root: asyncio.run(kept_folder(root, "core", ["key"], _fill)),
], ids=["cached", "kept"])  # fmt: skip


@both_ways
@pytest.mark.parametrize(("umask", "mode"), [(0o000, 0o777), (0o027, 0o750), (0o077, 0o700)])
def test_modes_follow_the_umask(tmp_path, fill, umask, mode):
    before = os.umask(umask)
    try:
        folder = fill(tmp_path / "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == mode
    assert stat.S_IMODE((folder / "contents.json").stat().st_mode) == mode & 0o666


@both_ways
@pytest.mark.parametrize("harm", [
    lambda folder: (folder / "core").unlink(),
    lambda folder: (folder / "core").write_text("prog"),
    lambda folder: (folder / "below/log").unlink(),
    lambda folder: (folder / "contents.json").unlink(),
    lambda folder: (folder / "contents.json").write_text("{"),
    lambda folder: (folder / "contents.json").write_text("[]"),
    lambda folder: [path.unlink() for path in folder.rglob("*") if path.is_file()],
], ids=["no core", "cut", "no log", "no list", "cut list", "odd list", "cleaned up"])  # fmt: skip
def test_what_lacks_a_file_is_built_again(tmp_path, fill, harm):
    folder = fill(tmp_path)
    harm(folder)
    assert found_folder(tmp_path, "core", ["key"]) is None
    assert fill(tmp_path) == folder == found_folder(tmp_path, "core", ["key"])
    assert (folder / "core").read_text() == (folder / "below/log").read_text() == "program"
    assert not list(tmp_path.glob("*.old"))


@both_ways
def test_a_build_that_another_user_may_not_read_is_one_message(tmp_path, monkeypatch, fill):
    monkeypatch.chdir(tmp_path)  # and a relative root: the folders above may be closed to others, too
    tmp_path.chmod(0o777)
    fill(Path()).chmod(0o700 if os.geteuid() == 0 else 0o000)
    if os.geteuid() != 0:
        message = _message_of(fill)
    else:
        context = multiprocessing.get_context("fork")
        messages = context.Queue()
        process = context.Process(target=lambda: [os.setuid(65534), messages.put(_message_of(fill))])
        process.start()
        message = messages.get(timeout=60)
        process.join()
    assert message.endswith("was built by another user, and cannot be read: remove it, or work in another folder")
    assert len(list(tmp_path.glob("core-*"))) == 1


def _message_of(fill):
    with pytest.raises(BadInput) as caught:
        fill(Path())
    return str(caught.value)
