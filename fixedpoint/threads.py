"""Work on several cores: as many threads as there are CPUs, or as one asks for.

Results never depend on it, because integer sums do not depend on their order.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache

_count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_count() -> int:
    """Threads that the passes use."""
    return _count


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Use `count` threads inside this context."""
    global _count
    if count < 1:
        raise ValueError(f"at least 1 thread is needed, not {count}")
    before, _count = _count, count
    try:
        yield
    finally:
        _count = before


def share(work: Callable[[int], None], count: int) -> None:
    """Call ``work(thread)`` for 0..count-1 at once, 0 in this thread; an exception of any is raised here.

    Calls that have not begun when this thread is done are not made: let each take what the others have left.
    """
    others = [_pool().submit(work, thread) for thread in range(1, count)]
    work(0)
    for other in others:
        if not other.cancel():
            other.result()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_name_prefix="fixedpoint")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork
