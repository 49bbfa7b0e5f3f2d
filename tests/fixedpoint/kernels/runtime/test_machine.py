"""Processors and memory of a container, from files as Linux writes them."""

import os
from pathlib import Path

import pytest

from convstream.fixedpoint.kernels.runtime import machine

MEMORY = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
V1 = "5:memory:/job\n4:cpu,cpuacct:/job\n0::/job\n"


@pytest.fixture
def system(tmp_path, monkeypatch):
    """Writes files below a folder that stands for /, on a machine of eight processors."""
    monkeypatch.setattr(machine, "_ROOT", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)

    def write(files: dict[str, str]) -> None:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")

    return write


@pytest.mark.parametrize(("files", "expected"), [
    ({}, 8),
    ({"proc/self/cgroup": "0::/"}, 8),
    ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "max 100000"}, 8),
    ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "200000 100000"}, 2),
    ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "150000 100000"}, 2),
    ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "1000 100000"}, 1),
    ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "6400000 100000"}, 8),
    ({"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/a/b/cpu.max": "max 100000", "sys/fs/cgroup/a/cpu.max": "30 10"}, 3),
    ({"proc/self/cgroup": V1, "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "-1"}, 8),
    ({"proc/self/cgroup": V1, "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "400000",
      "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "100000"}, 4),
    ({"proc/self/cgroup": V1, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "50000",
      "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "10000"}, 5),
])  # fmt: skip
def test_processors(system, files, expected):
    system(files)
    assert machine.processors() == expected


@pytest.mark.parametrize(("files", "expected"), [
    ({}, MEMORY),
    ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/memory.max": "max"}, MEMORY),
    ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/memory.max": "1048576"}, 1 << 20),
    ({"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/a/b/memory.max": "900", "sys/fs/cgroup/a/memory.max": "800"}, 800),
    ({"proc/self/cgroup": V1, "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "9223372036854771712"}, MEMORY),
    ({"proc/self/cgroup": V1, "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "4096"}, 4096),
])  # fmt: skip
def test_memory(system, files, expected):
    system(files)
    assert machine.memory_bytes() == expected


def test_affinity_limits_processors(system, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3}, raising=False)
    system({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "200000 100000"})
    assert machine.processors() == 1


@pytest.mark.skipif(not Path("/proc/self/cgroup").exists(), reason="Linux states limits in /proc/self/cgroup")
def test_this_machine():
    assert 1 <= machine.processors() <= os.cpu_count()
    assert 0 < machine.memory_bytes() <= MEMORY
