"""Threads: one for each processor that this process may use, or as many as `threads` says.

Results never depend on their number, because integer sums do not depend on their order.

A pass is a sequence of stages, a stage a number of tasks.  A thread that is free takes the next task, in compiled code,
and goes on to the next stage when none is left; there it first waits until the others have finished theirs::

    stage 0     thread 0  | task 0 | task 2 | task 3 |          |
                thread 1        | task 1     | task 4 ..........|
    stage 1     thread 0                     waits   | task 0 ...
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for_futures
from contextlib import contextmanager, suppress
from ctypes import CDLL
from functools import cache, lru_cache

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from convstream.fixedpoint.kernels.runtime.jit import compiled, inner
from convstream.fixedpoint.kernels.runtime.machine import processors

#: Tasks of one call of compiled code, after which Python handles a Ctrl-C.
TASKS_PER_CALL = 64
#: How often a thread that is done polls the others before it sleeps: for about a millisecond.
_POLLS = 1 << 20
#: Columns of the counters; a line is a stage.
TASKS, TAKEN, FINISHED, CANCELLED = _KINDS = range(4)
#: Tasks taken and finished of a stage in which something failed: more than any stage has.
_STOPPED = 1 << 62

_this_cpu = getattr(CDLL(None), "sched_getcpu", None) if sys.platform == "linux" else None
_count = processors()


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


def counters_of(*tasks: int) -> np.ndarray:
    """Counters of stages of so many tasks, none of them done: for `share`."""
    return np.array([(count, 0, 0, 0) for count in tasks], np.int64)


def share(counters: np.ndarray, stages: Sequence[Callable[[int, np.ndarray], bool]], count: int) -> bool:
    """Do all tasks of all stages on `count` threads.

    An exception of any thread, KeyboardInterrupt included, is raised here, after the others have ended the task that
    each was at.

    A task cancels a stage by setting its CANCELLED to 1: tasks of it are then taken and finished without being done.
    Returns whether the last stage was completed.

    Parameters
    ----------
    counters : of stages of which nothing is done yet, see `counters_of`; not changed
    stages : functions of the number of a thread and the counters, which take tasks of their stage (`take`), at most
        TASKS_PER_CALL in a call, report each (`finish`), and before the first have to `wait` for the stage before; they
        return whether any may be left.
    """
    counters = counters.copy()  # a thread that comes late reads those of its own pass

    def until_none_is_left(thread: int) -> None:
        try:
            for work in stages:
                while work(thread, counters):
                    pass
        except BaseException:
            counters[:, (TAKEN, FINISHED)] = _STOPPED  # no thread takes another task, or waits for one
            raise

    if count > 1 and _this_cpu:
        _keep_off(_this_cpu(), tuple(_workers))
    others = [_pool().submit(until_none_is_left, thread) for thread in range(1, count)]
    try:
        until_none_is_left(0)
        if others and not _soon_finished(counters):
            _end(others)
    except BaseException:
        wait_for_futures(other for other in others if not other.cancel())
        raise
    return not counters[-1, CANCELLED]


def _end(threads: Sequence[Future]) -> None:
    """Wait for those that have begun, and raise what they raised."""
    for thread in threads:
        if not thread.cancel():
            thread.result()


_workers: list[int] = []


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(
        thread_name_prefix="fixedpoint", initializer=lambda: _workers.append(threading.get_native_id())
    )


def _forget() -> None:
    """Threads do not survive a fork."""
    _pool.cache_clear()
    _workers.clear()
    _keep_off.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


@lru_cache(maxsize=1)
def _keep_off(cpu: int, workers: tuple[int, ...]) -> None:
    """Let the workers run on any CPU but this one.

    Linux may wake a thread on the CPU of the thread that wakes it, where it waits until that one is done, or moved,
    which takes longer than a pass.
    """
    elsewhere = os.sched_getaffinity(0) - {cpu}
    with suppress(OSError):  # it is only faster
        for worker in workers if elsewhere else ():
            os.sched_setaffinity(worker, elsewhere)


def _counter(context, builder, signature, arguments, kind):
    """Address of one counter of a stage."""
    data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
    word = ir.IntType(64)
    return builder.gep(data, [builder.add(builder.mul(arguments[1], word(len(_KINDS))), word(kind))])


def _count_up(kind):
    """Add one; returns the count before.  A thread that reads the count also sees what this one wrote before."""

    @intrinsic
    def count_up(typing, counters, stage):
        def generate(context, builder, signature, arguments):
            counter = _counter(context, builder, signature, arguments, kind)
            return builder.atomic_rmw("add", counter, ir.IntType(64)(1), "acq_rel")

        return types.int64(counters, types.int64), generate

    return count_up


#: take(counters, stage): the next task that no other thread has taken; behind the last one if none is left.
take = _count_up(TAKEN)
#: finish(counters, stage): one task more is finished.
finish = _count_up(FINISHED)


@intrinsic
def _finished(typing, counters, stage):
    """Number of finished tasks, whose results this thread sees from then on."""

    def generate(context, builder, signature, arguments):
        return builder.load_atomic(_counter(context, builder, signature, arguments, FINISHED), "acquire", 8)

    return types.int64(counters, types.int64), generate


@inner
def wait(counters, stage):
    """Wait until all tasks of a stage are finished, all of which have been taken."""
    while _finished(counters, stage) < counters[stage, TASKS]:
        pass


@compiled
def _soon_finished(counters):
    stage = polls = 0
    while stage < len(counters) and polls < _POLLS:
        polls += 1
        stage += _finished(counters, stage) == counters[stage, TASKS]  # more: stopped
    return stage == len(counters)
