"""What of the machine this process may use: processors and memory.

Linux states the limits of a container (a control group) in files: `cpu.max` and `memory.max` in version 2 of its
interface, `cpu.cfs_quota_us` and `memory.limit_in_bytes` in version 1.  The limits of all groups around a group hold
for it as well.  Source: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1 of the Linux kernel.
"""

import os
from collections.abc import Iterator
from pathlib import Path

#: Where /proc and /sys are.
_ROOT = Path("/")


def processors() -> int:
    """Processors that this process may use: its affinity, and a container's share of time, rounded up; at least 1."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    shares = [-(-quota // period) for quota, period in _cpu_quotas()]
    return max(1, min([count, *shares]))


def memory_bytes() -> int:
    """Memory that this process may use: the machine's, or what its container is limited to."""
    limits = [
        int(text)
        for controller, name in (("", "memory.max"), ("memory", "memory.limit_in_bytes"))
        for folder in _groups(controller)
        if (text := _content(folder / name)).isdecimal()
    ]
    return min([os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), *limits])


def _cpu_quotas() -> Iterator[tuple[int, int]]:
    """Quota and period, in microseconds, of each group that has a quota."""
    for folder in _groups(""):
        quota, _, period = _content(folder / "cpu.max").partition(" ")
        if quota.isdecimal():
            yield int(quota), int(period)
    for folder in _groups("cpu"):
        quota = _content(folder / "cpu.cfs_quota_us")
        if quota.isdecimal():  # -1: none
            yield int(quota), int(_content(folder / "cpu.cfs_period_us"))


def _groups(controller: str) -> Iterator[Path]:
    """The folders of this process's group and of all groups around it; `controller` is "" in version 2.

    Inside a container the path may be one of the host; then only the container's root is found.
    """
    for line in _content(_ROOT / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            group = Path(path.lstrip("/"))
            for folder in (group, *group.parents):
                yield _ROOT / "sys/fs/cgroup" / controllers / folder


def _content(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
