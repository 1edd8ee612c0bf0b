"""Collecting over two real nodes: the same file as one machine's, whatever is lost on the way."""

import itertools
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from routerlib.cluster import collecting
from routerlib.collecting import collection, ledger_parts
from routerlib.errors import SettingError
from routerlib.rows import jsonl
from routerlib.rows.schemas import Question

MIXED = ["http://a:1/v1", "http://b:1/v1"]


def questions(count):
    return [
        Question(unique_id=f"q{number}", question=f"What is {number}?", answer_correct="1")
        for number in range(count)
    ]


def test_endpoints_are_named_by_a_text_or_a_list_each_once():
    assert collecting.endpoints("http://a:1/v1, http://b:1/v1,http://a:1/v1", "local") == MIXED
    assert collecting.endpoints(MIXED, "local") == MIXED
    assert collecting.endpoints(None, "local") == ["http://localhost:8000/v1"]
    with pytest.raises(SettingError, match="no base URL"):
        collecting.endpoints("http://a:1/v1,b", "local")


@pytest.mark.parametrize(
    ("urls", "cores", "max_concurrent", "slots", "concurrent"),
    [
        (1, 8, 16, 1, 16),  # too few requests for a second worker
        (1, 8, 256, 8, 32),
        (2, 8, 256, 4, 64),
        (8, 2, 64, 1, 64),
        (1, 1, 256, 1, 256),
    ],
)
def test_slots_of_an_endpoint(urls, cores, max_concurrent, slots, concurrent):
    names = [f"http://{number}:1/v1" for number in range(urls)]
    for place in collecting.places(names, cores, max_concurrent, "local"):
        assert (place.slots, place.concurrent) == (slots, concurrent)
        assert place.slots * place.concurrent <= max_concurrent


def test_limits_are_counted_by_server_or_by_account():
    urls = ["https://api.example/v1", "https://api.example/v2"]
    remote = collecting.places(urls, 2, 16, "remote")
    assert remote[0].account == remote[1].account
    local = collecting.places(["http://h:1/v1", "http://h:2/v1"], 2, 16, "local")
    assert local[0].account != local[1].account


def test_one_process_asks_one_endpoint():
    with pytest.raises(SettingError, match="API_BASE names 2 endpoints"):
        collecting.collect_sync("sample", "m", ",".join(MIXED))


# --- on two nodes ---


def collect(urls, name, count=60, cluster="auto", **options):
    given = {"k_responses": 2, "max_concurrent": 8, "progress": False, "output_file": name}
    return collecting.collect_sync(
        questions(count), "mock", ",".join(urls), cluster=cluster, **given | options
    )


def asked(*servers):
    """How often each question was asked for, over all servers."""
    found = {}
    for server in servers:
        for request in server.requests:
            text = request["prompt"].rsplit("What is ", 1)[1].split("?")[0]
            found[text] = found.get(text, 0) + request.get("n", 1)
    return found


@pytest.mark.real
def test_two_nodes_and_two_servers_write_the_file_that_one_process_writes(cluster, outputs, serve):
    one, other = serve(), serve()
    alone = collection.collect_sync(
        questions(60), "mock", one.base_url, k_responses=2, output_file="alone.jsonl",
        progress=False,
    )  # fmt: skip
    one.requests.clear()
    many = collect([one.base_url, other.base_url], "many.jsonl")
    with open(alone.path, "rb") as expected, open(many.path, "rb") as found:
        assert found.read() == expected.read()
    assert many.exit_code == 0 and many.complete == 60 and many.samples == 120
    assert set(asked(one, other).values()) == {2} and one.requests and other.requests
    again = collect([one.base_url, other.base_url], "many.jsonl")
    assert again.complete_before == 60 and set(asked(one, other).values()) == {2}
    assert not ledger_parts.folder_of(many.path).exists()


@pytest.mark.real
def test_an_endpoint_that_is_down_loses_its_questions_to_the_other(cluster, outputs, serve):
    one, other = serve(latency=0.02), serve(latency=0.02)
    other.call(other.refuse())
    summary = collect([one.base_url, other.base_url], "down.jsonl", count=100)
    assert summary.complete == 100 and set(asked(one).values()) == {2}
    assert any("is down; its questions go to the other" in text for text in summary.messages)


@pytest.mark.real
def test_an_endpoint_with_a_wrong_key_is_asked_no_more_and_the_others_go_on(
    cluster, outputs, serve
):
    one, other = serve(), serve(key="another key, for letters 1")
    summary = collect([one.base_url, other.base_url], "key.jsonl")
    assert summary.complete == 60
    assert any("is asked no more" in text for text in summary.messages)
    with pytest.raises(collecting.CollectionStopped, match="does not accept the key"):
        collect([other.base_url], "no-key.jsonl")


@pytest.mark.real
def test_a_busy_account_is_left_alone_by_every_worker(cluster, outputs, serve):
    # Waves of requests are to come after the refusal: there must be something to hold back.
    server = serve(script=["ok"] * 30 + ["429"], latency=0.3)
    server.retry_after = "4"
    times = []
    server.say = lambda request, index: times.append(time.monotonic()) or "yes"
    summary = collect([server.base_url], "busy.jsonl", count=400, max_concurrent=64)
    assert summary.complete == 400 and summary.rate_limits >= 1
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert max(gaps) > 2.0, "no worker asks while the account is to be left alone"


# --- kills ---

CODE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores it
sys.path.insert(0, {tests!r})
from routerlib.cluster import collecting
from cluster.test_collecting import questions
collecting.collect_sync(questions({count}), "mock", {urls!r}, k_responses=2, max_concurrent=8,
    progress=False, output_file={name!r}, cluster="auto")
"""


def driver(urls, name, count, environment):
    tests = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    code = CODE.format(tests=tests, urls=",".join(urls), name=name, count=count)
    return subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, **environment}, start_new_session=True
    )


def on_disk(path):
    """The questions that have all their samples in the file or in its parts."""
    files = [file for file in [path, *ledger_parts.files_of(path)] if file.exists()]
    best = ledger_parts.best_rows(files, "unique_id")
    return {key for key, (row, _) in best.items() if len(row["responses"]) == 2}


def wait_until(reached, seconds=60):
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def workers_of(nodes):
    import psutil

    found = []
    for node in nodes.nodes:
        for process in psutil.Process(node.pid).children(recursive=True):
            with_name = " ".join(process.cmdline())
            if "Collector" in with_name:
                found.append(process)
    return found


@pytest.mark.real
def test_kills_of_workers_driver_and_node_lose_and_double_nothing(cluster, outputs, serve):
    count, kills, rng = 400, 3, random.Random(5)
    servers = [serve(latency=0.08), serve(latency=0.08)]
    urls = [server.base_url for server in servers]
    path = collection.output_path([], "mock", "killed.jsonl")
    paid = []  # (questions on disk at a kill, requests there had been)

    def note():
        paid.append((on_disk(path), [len(server.requests) for server in servers]))

    run = driver(urls, "killed.jsonl", count, cluster.environment)
    for number in range(kills):
        wait_until(lambda number=number: len(on_disk(path)) > (number + 1) * 40)
        wait_until(lambda: workers_of(cluster))
        victim = rng.choice(workers_of(cluster))
        victim.send_signal(signal.SIGKILL)
        note()
        time.sleep(rng.random())
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    note()
    run = driver(urls, "killed.jsonl", count, cluster.environment)
    before = len(on_disk(path))
    wait_until(lambda: len(on_disk(path)) > before + 40)
    cluster.kill(cluster.nodes[1])
    note()
    try:
        assert run.wait(120) == 0
    finally:
        run.kill()
        cluster.start_another()
    rows = [value for _, value in jsonl.read_values(path)]
    assert [row["unique_id"] for row in rows] == [f"q{number}" for number in range(count)]
    assert {len(row["responses"]) for row in rows} == {2}
    assert not ledger_parts.folder_of(path).exists()
    for done, seen in paid:
        for server, number in zip(servers, seen, strict=True):
            for request in server.requests[number:]:
                text = request["prompt"].rsplit("What is ", 1)[1].split("?")[0]
                assert f"q{text}" not in done, "an answer on disk was paid for again"


@pytest.mark.real
def test_ctrl_c_leaves_one_file_that_one_process_goes_on_with(cluster, outputs, serve):
    server = serve(latency=0.1)
    path = collection.output_path([], "mock", "stopped.jsonl")
    run = driver([server.base_url], "stopped.jsonl", 200, cluster.environment)
    wait_until(lambda: len(on_disk(path)) > 30)
    os.kill(run.pid, signal.SIGINT)
    assert run.wait(60) != 0
    assert not ledger_parts.folder_of(path).exists(), "what came is in the file"
    done = on_disk(path)
    assert len(done) > 30
    seen = len(server.requests)
    collection.collect_sync(
        questions(200), "mock", server.base_url, k_responses=2, output_file="stopped.jsonl",
        progress=False,
    )  # fmt: skip
    assert len(server.requests) - seen <= 200 - len(done)
    rows = [value for _, value in jsonl.read_values(path)]
    assert [row["unique_id"] for row in rows] == [f"q{number}" for number in range(200)]
