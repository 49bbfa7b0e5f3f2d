"""Workers: results as they come, from processes and from a cluster; nothing is left of what was interrupted."""

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from convstream.sim.errors import BadInput, CheckFailed
from convstream.sim.jobs.workers import host_and_port, workers

#: Begins a job that would last for minutes, and says so.
_LONG = """
import signal, sys, time
from convstream.sim.jobs.workers import workers
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a job in the background ignores
try:
    with workers() as run:
        print(list(run(abs, [-1])), flush=True)
        list(run(time.sleep, [300, 300, 300]))
except KeyboardInterrupt:
    sys.exit("interrupted")
"""


def test_processes_give_every_result_with_its_job():
    with workers() as run:
        assert sorted(run(abs, [-3, -1, -2])) == [(-3, 3), (-2, 2), (-1, 1)]


def test_a_process_that_dies_is_one_message():
    with pytest.raises(CheckFailed, match="a worker process died"), workers() as run:
        list(run(os._exit, [7]))


def test_other_processes_of_the_program_are_left_alone():
    process = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(300,))
    process.start()
    try:
        with pytest.raises(CheckFailed, match="a worker process died"), workers() as run:
            list(run(os._exit, [7]))
        process.join(1)
        assert process.is_alive()
    finally:
        process.kill()


@pytest.mark.skipif(os.name != "posix", reason="signals of a terminal")
@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_ends_at_once_with_all_its_processes(told):
    process = subprocess.Popen([sys.executable, "-c", _LONG], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, start_new_session=True)  # fmt: skip
    assert process.stdout.readline() == "[(-1, 1)]\n"
    if told == signal.SIGINT:
        os.killpg(process.pid, told)  # as a terminal does
    else:
        process.kill()
    _, err = process.communicate(timeout=120)  # returns when the last process has closed its ends of the pipes
    if told == signal.SIGINT:
        assert (process.returncode, err) == (1, "interrupted\n")
    with pytest.raises(ProcessLookupError):
        _await_end(process.pid)


def _await_end(group, seconds=10):
    for _ in range(seconds * 20):
        os.killpg(group, 0)
        time.sleep(0.05)


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed")
    options = {"processes": False, "protocol": "tcp://", "host": "127.0.0.1", "dashboard_address": None}
    with distributed.LocalCluster(n_workers=1, threads_per_worker=2, **options) as cluster:
        yield cluster


def test_a_cluster_gives_every_result_with_its_job(cluster):
    with workers(cluster.scheduler_address) as run:
        assert sorted(run(abs, [-3, -1, -2])) == [(-3, 3), (-2, 2), (-1, 1)]


def test_a_failure_on_a_cluster_is_one_message(cluster):
    with pytest.raises(CheckFailed, match="a worker failed: TypeError: "), workers(cluster.scheduler_address) as run:
        list(run(abs, ["text"]))


def test_where_nobody_listens_there_is_no_scheduler():
    pytest.importorskip("distributed")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(BadInput, match=f"{address}: there is no Dask scheduler: Connection refused"), workers(address):
        pass


def test_distributed_is_an_extra(monkeypatch):
    monkeypatch.setattr("convstream.sim.jobs.workers.find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"pip install 'convstream\[cluster\]'"), workers("tcp://127.0.0.1:8786"):
        pass


@pytest.mark.parametrize(
    "address",
    ["", "tcp://", "host:8786", "http://host:1", "tcp://host", "tcp://host:0", "tcp://host:70000", "tcp://host:1/x",
     "tcp://[::1:5", "tcp://host:1\n"],
)  # fmt: skip
def test_an_address_has_a_host_and_a_port(address):
    with pytest.raises(BadInput, match="must be a Dask scheduler's address"):
        host_and_port(address)
    assert host_and_port("tcp://[::1]:8786") == ("::1", 8786)
