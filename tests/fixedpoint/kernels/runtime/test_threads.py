"""Stages of tasks: each task once, no stage before the one before is finished, whatever the threads do."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from numba import njit

from convstream.fixedpoint.formats import Format, Formats
from convstream.fixedpoint.forward import forward, forward_accumulate, forward_definition
from convstream.fixedpoint.kernels import direct, weight_sums, winograd
from convstream.fixedpoint.kernels.layout import tiles
from convstream.fixedpoint.kernels.multiply_add import WIDE
from convstream.fixedpoint.kernels.runtime.threads import (
    CANCELLED,
    FINISHED,
    TAKEN,
    TASKS,
    TASKS_PER_CALL,
    counters_of,
    finish,
    share,
    take,
    thread_count,
    threads,
    wait,
)
from convstream.fixedpoint.layer import Layer
from convstream.fixedpoint.weight_gradient import weight_gradient_accumulate, weight_gradient_definition
from convstream.reference.geometry import Axis, Geometry

ROOT = Path(__file__).parents[4]

#: What a task that is done once adds up to.
ONCE = sum(i * i % 3 for i in range(3000))


@njit(nogil=True)
def add_one(counters, stage, before, done):
    """Three tasks of `stage`, if there are: note how much of the stage before is done when each begins."""
    if stage > 0:
        wait(counters, stage - 1)
    for _ in range(3):
        task = take(counters, stage)
        if task >= counters[stage, TASKS]:
            return False
        if counters[stage, CANCELLED]:
            finish(counters, stage)
            continue
        if stage > 0:
            before[stage, task] = done[stage - 1].sum()
        for i in range(3000):  # long enough for the others to come in between
            done[stage, task] += i * i % 3
        finish(counters, stage)
    return True


@pytest.mark.parametrize("count", range(1, 7))
@pytest.mark.parametrize("tasks", [1, 2, 40])
def test_every_task_is_done_once_and_after_the_stage_before(count, tasks):
    for _ in range(50):
        before, done = np.zeros((3, tasks), np.int64), np.zeros((3, tasks), np.int64)

        def stage(number, before=before, done=done):
            return lambda thread, counters: add_one(counters, number, before, done)

        given = counters_of(tasks, tasks, tasks)
        share(given, [stage(number) for number in range(3)], count)
        assert (given == counters_of(tasks, tasks, tasks)).all()  # for the next time
        assert (done == ONCE).all()
        assert (before[1:] == ONCE * tasks).all()


@njit(nogil=True)
def cancel(counters, done):
    for _ in range(10):
        if take(counters, 0) >= done.shape[1]:
            return False
        counters[1, CANCELLED] = 1
        for i in range(100000):
            done[0, i * i % 3] += i
        finish(counters, 0)
    return True


@pytest.mark.parametrize("count", range(1, 5))
def test_a_stage_may_be_cancelled(count):
    """Nobody is still at work when `share` returns."""
    for _ in range(20):
        done, later = np.zeros((1, 3), np.int64), np.zeros((2, 5), np.int64)
        stages = [
            lambda thread, counters, done=done: cancel(counters, done),
            lambda thread, counters, later=later: add_one(counters, 1, later, later),
        ]
        assert not share(counters_of(3, 5), stages, count)
        seen = done.sum()
        time.sleep(0.001)
        assert done.sum() == seen > 0
        assert not later.any()
    assert share(counters_of(3), [lambda thread, counters: add_one(counters, 0, done, done)], count)


def test_a_thread_that_comes_late_is_not_waited_for():
    done, late = np.zeros((1, 5), np.int64), []

    def work(thread, counters):
        if thread == 1:
            time.sleep(0.2)
            late.append(thread)
        return add_one(counters, 0, done, done)

    share(counters_of(5), (work,), 2)
    assert (done == ONCE).all()
    assert not late


#: Three stages of tasks, of which one fails while the other threads wait for it in compiled code.
ONE_TASK_FAILS = """
from itertools import product
import numpy as np
from convstream.fixedpoint.kernels.runtime.threads import counters_of, share
from tests.fixedpoint.kernels.runtime.test_threads import ONCE, add_one, failing_stage

kinds, cases = (RuntimeError, KeyboardInterrupt), ((2, 0), (2, 1), (4, 0), (4, 2))
for kind, (count, failing), _ in product(kinds, cases, range(10)):
    before, done = np.zeros((3, 50), np.int64), np.zeros((3, 50), np.int64)
    fails = failing_stage(failing, kind)
    stages = [
        lambda thread, counters: fails(thread, counters) or add_one(counters, 0, before, done),
        lambda thread, counters: add_one(counters, 1, before, done),
        lambda thread, counters: add_one(counters, 2, before, done),
    ]
    try:
        share(counters_of(50, 50, 50), stages, count)
    except kind as error:
        assert str(error) == f"thread {failing}"
    else:
        raise SystemExit("nothing was raised")
    seen = done.sum()
    assert not done[1:].any() and done.sum() == seen, "nobody is at work"
done = np.zeros((1, 50), np.int64)
share(counters_of(50), [lambda thread, counters: add_one(counters, 0, done, done)], count)
assert (done == ONCE).all()
print("all stopped")
"""


def failing_stage(failing, kind):
    """A thread takes a task, lets the others do all that are left, and fails."""

    def work(thread, counters):
        if thread == failing:
            take_one(counters)
            until = time.monotonic() + 10
            while counters[0, FINISHED] < counters[0, TASKS] - 1 and time.monotonic() < until:
                time.sleep(0.0001)
            raise kind(f"thread {thread}")
        while not counters[0, TAKEN]:
            time.sleep(0.0001)
        return False

    return work


def test_an_exception_of_any_thread_stops_all_and_is_raised():
    """In a process of its own, to be killed if a thread waits for ever."""
    finished = subprocess.run(
        [sys.executable, "-c", ONE_TASK_FAILS],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert finished.stdout == "all stopped\n", finished.stderr


def test_no_thread_is_at_work_once_an_exception_is_raised():
    begun, ended = threading.Event(), []

    def work(thread, counters):
        if thread == 0:
            assert begun.wait(10)
            raise RuntimeError("thread 0")
        begun.set()
        time.sleep(0.2)
        ended.append(thread)
        return False

    with pytest.raises(RuntimeError, match="thread 0"):
        share(counters_of(1), (work,), 2)
    assert ended == [1]


@pytest.mark.parametrize("count", [1, 3])
def test_a_weight_gradient_that_fails_before_it_has_a_sum(count, monkeypatch):
    """The other threads go on to a stage that looks for sums."""
    monkeypatch.setattr(tiles, "SHARED_MULTIPLICATIONS", 0)
    dot_row_tiles = weight_sums.dot_row_tiles

    def fail(*given):
        counters = given[4]
        if threading.current_thread() is threading.main_thread():
            raise MemoryError("no memory for planes")
        while counters[0, TAKEN] < 1 << 62:
            time.sleep(0.0001)
        return dot_row_tiles(*given)

    form = Format(8, 4)
    layer = Layer(Geometry(4, 2, 3, Axis(20, 3), Axis(20, 3)), Formats(*[form] * 8))
    x, dz = (np.ones(layer.geometry.shapes[name], np.int8) for name in ("x", "dz"))
    with threads(count):
        with monkeypatch.context() as patch:
            patch.setattr(weight_sums, "dot_row_tiles", fail)
            with pytest.raises(MemoryError, match="no memory for planes"):
                weight_gradient_accumulate(x, dz, layer)
        dw = weight_gradient_accumulate(x, dz, layer)
    np.testing.assert_array_equal(dw, weight_gradient_definition(x, dz, layer))


@njit
def take_one(counters):
    return take(counters, 0)


@njit
def finish_one(counters):
    finish(counters, 0)


@pytest.mark.parametrize(("channels", "module", "kernel"), [
    (4, direct, "pack_weights"), (64, winograd, "pack_points"),
])  # fmt: skip
def test_no_product_is_made_before_all_weights_are_packed(channels, module, kernel, monkeypatch):
    """The worker takes a block, sleeps on it, and packs it long after everything else could have begun."""
    monkeypatch.setattr(tiles, "SHARED_MULTIPLICATIONS", 0)
    pack, taken, caller = getattr(module, kernel), threading.Event(), threading.current_thread()

    def late(*given):
        functions, (counters, *rest) = given[:3], given[3:]
        if threading.current_thread() is caller:
            assert taken.wait(10)
            return pack(*given)
        if not taken.is_set():
            block = take_one(counters)
            taken.set()
            time.sleep(0.05)
            pack(*functions, np.array([[99, block, 0, 0], [0, 0, 0, 0]]), *rest)
            finish_one(counters)
        return False

    monkeypatch.setattr(module, kernel, late)
    form, exact = Format(8, 4), Format(32, 8)
    layer = Layer(Geometry(1, channels, 64, Axis(58, 3), Axis(58, 3)), Formats(*[form] * 3, exact, *[form] * 4))
    rng = np.random.default_rng(1)
    for _ in range(3):  # memory is kept: the weights of the time before are still there
        x, w, b = (rng.integers(-128, 128, layer.geometry.shapes[name], np.int8) for name in ("x", "w", "b"))
        taken.clear()
        with threads(2):
            z = forward(x, w, b, layer)
        assert taken.is_set()
        np.testing.assert_array_equal(z, forward_definition(x, w, b, layer))


@pytest.mark.parametrize("fewest_products", [0, 1000])
@pytest.mark.parametrize("count", [1, 2])
def test_more_tasks_than_a_thread_does_at_once(count, fewest_products, monkeypatch):
    """Of every stage: blocks of filters and row tiles, with tiles and without."""
    monkeypatch.setattr(tiles, "SHARED_MULTIPLICATIONS", 0)
    monkeypatch.setattr(tiles, "ROW_TILE_BYTES", 1)
    monkeypatch.setattr(winograd, "FEWEST_PRODUCTS", fewest_products)
    monkeypatch.setattr(winograd, "FEWEST_RESULTS", 0)
    geometry = Geometry(1, 2, 2 * WIDE * TASKS_PER_CALL + 1, Axis(4 * TASKS_PER_CALL + 2, 3, 1, 1, 1), Axis(4, 3))
    layer = Layer(geometry, Formats(*[Format(8, 4)] * 8, rounding_seed=fewest_products))  # not the same: kept by layer
    rng = np.random.default_rng([count, fewest_products])  # what the memory of results held before must be wrong
    x, w, b, dz = (rng.integers(-128, 128, geometry.shapes[name], np.int8) for name in ("x", "w", "b", "dz"))
    with threads(count):
        z, dw = forward_accumulate(x, w, b, layer), weight_gradient_accumulate(x, dz, layer)
    np.testing.assert_array_equal(z, forward_definition(x, w, b, layer))
    np.testing.assert_array_equal(dw, weight_gradient_definition(x, dz, layer))


@pytest.mark.skipif(sys.platform != "linux" or thread_count() < 2, reason="Linux and two CPUs are needed")
def test_workers_are_kept_off_the_cpu_of_the_caller():
    allowed, seen = os.sched_getaffinity(0), []

    def work(thread, counters):
        if thread == 1:
            seen.append(os.sched_getaffinity(0))
        until = time.monotonic() + 10
        while not seen and time.monotonic() < until:
            time.sleep(0.001)
        return add_one(counters, 0, done, done)

    for _ in range(2):  # the first time begins the workers
        done = np.zeros((1, 5), np.int64)
        seen.clear()
        share(counters_of(5), (work,), 2)
    assert seen[0] < allowed
    assert len(seen[0]) == len(allowed) - 1
    assert os.sched_getaffinity(0) == allowed
    try:
        os.sched_setaffinity(0, {min(allowed)})
        done = np.zeros((1, 5), np.int64)
        seen.clear()
        share(counters_of(5), (work,), 2)
    finally:
        os.sched_setaffinity(0, allowed)
    assert (done == ONCE).all()


def test_threads_are_counted_inside_a_context_only():
    before = thread_count()
    with threads(3):
        assert thread_count() == 3
    assert thread_count() == before
    with pytest.raises(ValueError, match="at least 1 thread"), threads(0):
        pass
