"""Workers: jobs side by side, in processes of this machine or on a Dask cluster.

    with workers(scheduler) as run:
        for job, result in run(function, jobs):     in the order in which they end
            ...

Functions and jobs are pickled, so functions belong to a module.  If the with-block is left early, jobs that have not
begun never do; those that run in processes here end at once, with all programs that they started.
"""

import asyncio
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from importlib.util import find_spec
from multiprocessing.connection import Connection, wait
from typing import Any, NoReturn
from urllib.parse import urlsplit

from convstream.fixedpoint.kernels.runtime.machine import processors
from convstream.sim.errors import BadInput, CheckFailed, one_line

Run = Callable[[Callable[[Any], Any], Sequence[Any]], Iterator[tuple[Any, Any]]]

#: To find a scheduler, and for a worker to report to it.
_PATIENCE_SECONDS = 10

#: For the programs of a worker to end, once its parent has gone.
_GRACE_SECONDS = 10


@contextmanager
def workers(scheduler: str | None = None) -> Iterator[Run]:
    """Workers for the time of the with-block, as many as there are processors, or those of a Dask scheduler.

    Parameters
    ----------
    scheduler : address of a Dask scheduler, such as ``tcp://host:8786``.

    Raises
    ------
    BadInput
        There is no scheduler at this address, nobody works for it, or `distributed` is not installed.
    CheckFailed
        A worker died.
    """
    with _processes() if scheduler is None else _cluster(scheduler) as run:
        yield run


def host_and_port(address: str) -> tuple[str, int]:
    """The two parts of a scheduler's address.

    Raises
    ------
    BadInput
        It is none.
    """
    try:
        parts = urlsplit(address)
        if parts.scheme == "tcp" and parts.hostname and parts.port and parts.netloc == address.removeprefix("tcp://"):
            return parts.hostname, parts.port
    except ValueError:
        pass
    raise BadInput(f"{one_line(address)!r}: must be a Dask scheduler's address, such as tcp://127.0.0.1:8786")


@contextmanager
def _processes() -> Iterator[Run]:
    context = multiprocessing.get_context("spawn")  # a fork would copy locks of Numba's threads
    told, telling = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(processors(), context, initializer=_end_when_told, initargs=(told,))

    def run(function, jobs):
        with _interrupts_held_back():  # new processes inherit this: a Ctrl-C is for the parent alone
            futures = {pool.submit(_run_whole, function, job): job for job in jobs}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool:
            raise CheckFailed("a worker process died, killed perhaps for want of memory") from None

    try:
        yield run
    except BaseException:
        telling.close()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        told.close()
        telling.close()


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_when_told(told: Connection) -> None:
    """End this process and the programs that it started when the other end of a pipe is closed, or its owner dies."""
    signal.signal(signal.SIGTERM, _end)
    threading.Thread(target=_watch, args=(told,), daemon=True).start()


def _end(*_) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once: what follows cleans up
    raise SystemExit(1)


def _watch(told: Connection) -> None:
    wait([told])
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(_GRACE_SECONDS)
    os._exit(1)


def _run_whole(function, job):
    try:
        return function(job)
    except SystemExit:
        os._exit(1)  # else the pool would go on with the next job


@contextmanager
def _cluster(address: str) -> Iterator[Run]:
    if find_spec("distributed") is None:
        raise BadInput("distributed is not installed; pip install 'convstream[cluster]' installs it")
    import distributed

    client = _connect(address)

    def run(function, jobs):
        futures = [client.submit(function, job, pure=False) for job in jobs]
        jobs_of = {future.key: job for future, job in zip(futures, jobs, strict=True)}
        try:
            for future in distributed.as_completed(futures, loop=client.loop):
                try:
                    result = future.result()
                except Exception as error:  # of any kind: a worker may lack a module, or be killed
                    name = type(error).__name__
                    raise CheckFailed(f"{address}: a worker failed: {name}: {one_line(error)}") from None
                yield jobs_of[future.key], result
        finally:
            client.cancel(futures, force=True)

    with client:
        yield run


def _connect(address: str):
    import distributed

    async def greet():
        async with distributed.rpc(address) as scheduler:
            await scheduler.identity()

    try:
        # a client alone would try for long where nobody listens, and for ever where somebody does and says nothing
        socket.create_connection(host_and_port(address), _PATIENCE_SECONDS).close()
        asyncio.run(asyncio.wait_for(greet(), _PATIENCE_SECONDS))
        client = distributed.Client(address, timeout=_PATIENCE_SECONDS, set_as_default=False)
    except OSError as error:
        reason = error.strerror or one_line(error) or "it does not answer"
        raise BadInput(f"{address}: there is no Dask scheduler: {reason}") from None
    try:
        client.wait_for_workers(1, timeout=_PATIENCE_SECONDS)
    except (OSError, TimeoutError):
        client.close()
        raise BadInput(f"{address}: the scheduler has no workers") from None
    return client
