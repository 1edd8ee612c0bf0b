"""Joining a cluster and leaving it: what CLUSTER may be, what is missing, and what is told."""

import inspect
import os
import signal
import socket
import subprocess
import sys

import psutil
import pytest

from routerlib import settings
from routerlib.cluster import collecting, machines
from routerlib.collecting import collection
from routerlib.errors import SettingError


@pytest.mark.parametrize("cluster", ["local", "auto", "ray://head.example:10001", " auto "])
def test_what_cluster_may_be(cluster):
    assert machines.checked_cluster(cluster) == cluster.strip()


@pytest.mark.parametrize(
    "cluster", ["here", "ray://", "ray://head", "http://head:1", "8", "Auto", "ray://h:99999"]
)
def test_what_it_may_not_be_is_told(cluster):
    with pytest.raises(SettingError, match=r"CLUSTER is .*'local'.*'auto'.*ray://"):
        machines.checked_cluster(cluster)


def test_without_the_extra_a_sentence_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(settings.MissingPackages, match=r"pip install -e .*\[cluster\]"):
        machines.joined("local").__enter__()


def test_nothing_of_ray_is_imported_without_cluster():
    code = (
        "import sys, routerlib.__main__ as m; import routerlib.cluster.collecting; "
        "m.main(['collect', '--questions', 'nowhere.jsonl', '--model', 'm']); "
        "print('ray' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("False")


def test_a_function_on_machines_has_the_parameters_and_defaults_of_the_one_alone():
    alone = inspect.signature(collection.collect).parameters
    many = dict(inspect.signature(collecting.collect).parameters)
    assert many.pop("cluster").default is None
    assert {name: one.default for name, one in many.items()} == {
        name: one.default for name, one in alone.items()
    }
    told = inspect.getdoc(collecting.collect)
    assert "cluster:" in told.partition("Args:")[2].partition("\n\n")[0]
    assert inspect.getdoc(collection.collect).partition("Args:")[0] in told


@pytest.mark.parametrize(
    ("cluster", "said", "told"),
    [
        ("ray://h:10001", "Starting Ray client server failed. See x.err", "GRPC_ENABLE_FORK_SUP"),
        ("ray://h:10001", "no token was given", "RAY_AUTH_TOKEN"),
        ("ray://h:10001", "nobody is at h:10001", "Check the address"),
        ("auto", "nobody is there", "ray start --head"),
        ("local", "it was too slow", "Try again, or without CLUSTER"),
    ],
)
def test_what_is_to_be_done_where_a_cluster_cannot_be_joined(cluster, said, told):
    sentence = machines._no_cluster(cluster, RuntimeError(said))
    assert told in sentence and said in sentence


def test_where_this_machine_has_joined_no_cluster_none_is_looked_for(monkeypatch):
    """Ray would take any other program's own for it, and wait minutes where that lets nobody in."""
    pytest.importorskip("ray")
    from ray._private import utils

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(utils, "read_ray_address", lambda _: None)
    with pytest.raises(machines.ClusterError, match=r"No cluster was found .*RAY_ADDRESS is not"):
        machines._connect(None, "auto")


@pytest.mark.real
def test_a_cluster_that_is_not_there_is_a_sentence(installed_ray, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{closed.getsockname()[1]}")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "1")
    code = (
        "from routerlib.cluster import machines\n"
        "try: machines.joined('auto').__enter__()\n"
        "except machines.ClusterError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert "No cluster was found" in done.stdout and "ray start --head" in done.stdout


@pytest.mark.real
def test_two_nodes_are_joined_and_left_and_signals_stay_ours(cluster):
    before = signal.getsignal(signal.SIGTERM)
    with machines.joined("auto") as joined:
        assert (joined.nodes, joined.cores) == (2, 2) and str(joined) == "2 machines, 2 cores"
        assert signal.getsignal(signal.SIGTERM) is before
        assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert not joined.ray.is_initialized() and signal.getsignal(signal.SIGTERM) is before


@pytest.mark.real
def test_a_cluster_of_this_machine_listens_here_alone_and_leaves_nothing_behind(
    installed_ray, outputs
):
    code = (
        "import psutil\n"
        "from routerlib.cluster import machines\n"
        "with machines.joined('local') as joined:\n"
        "    print(joined)\n"
        "    family = psutil.Process().children(recursive=True)\n"
        "    for one in family:\n"
        "        for link in one.net_connections(kind='inet'):\n"
        "            if link.status == 'LISTEN': print('listens', link.laddr.ip)\n"
        "        print('process', one.pid)\n"
        "try: joined.ray.put(1)\n"
        "except Exception: print('left for good', not joined.ray.is_initialized())\n"
    )
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, env=environment
    )
    lines = done.stdout.splitlines()
    assert lines and "1 machine" in lines[0], done.stderr
    assert lines[-1] == "left for good True", "a late call of a thread starts no cluster"
    listens = {line.split()[1] for line in lines if line.startswith("listens")}
    assert listens <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"} and listens
    pids = [int(line.split()[1]) for line in lines if line.startswith("process")]
    _gone, alive = psutil.wait_procs(
        [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=20
    )
    assert not alive


@pytest.mark.real
def test_a_program_that_is_killed_takes_the_cluster_of_its_machine_along(installed_ray, outputs):
    code = (
        "import psutil, time\n"
        "from routerlib.cluster import machines\n"
        "with machines.joined('local'):\n"
        "    print(*(one.pid for one in psutil.Process().children(recursive=True)), flush=True)\n"
        "    time.sleep(100)\n"
    )
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled"}
    program = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment
    )
    with program:
        family = [psutil.Process(int(pid)) for pid in program.stdout.readline().split()]
        program.kill()
    assert len(family) >= 2
    # Two agents of Ray look once a minute whether their node is there.
    assert not psutil.wait_procs(family, timeout=150)[1]
