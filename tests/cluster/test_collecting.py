"""Collecting over two real nodes: the same file as one machine's, whatever is lost on the way."""

import collections
import itertools
import os
import random
import re
import signal
import subprocess
import sys
import time

import pytest

from routerlib.cluster import collecting, collector, machines
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


# --- the budget ---


def pot(budget, price=1.0, tmp_path=None):
    how = collection.asking(
        *("mock", "local", 1, 0.5, 9, (), "completions", None, None, 20.0),
        price_in=0.0,
        price_out=price,
    )
    return collecting.Pot(budget, how.book(tmp_path / "answers.jsonl"), how)


def test_what_is_leased_is_never_more_than_what_is_left(tmp_path):
    """Shards begin, ask for more, and end, in any order: money is neither made nor lost."""
    rng = random.Random(1)
    money = pot(10.0, tmp_path=tmp_path)
    open_shards = {}
    for number in range(400):
        step = rng.choice(("lease", "grant", "settle"))
        if step == "lease" and len(open_shards) < 4:
            open_shards[number] = money.lease(number, 4)
        elif step == "grant" and open_shards:
            shard = rng.choice(list(open_shards))
            lacks, left = rng.random(), money.left
            more = money.grant(shard, lacks, 4)
            assert more == 0.0 if lacks > left else lacks <= more <= left + 1e-9
            open_shards[shard] += more
        elif open_shards:
            shard = rng.choice(list(open_shards))
            money.settle(shard, rng.random() * open_shards.pop(shard))
        assert money.leases == pytest.approx(open_shards)
        assert money.left == pytest.approx(10.0 - money.spent - sum(open_shards.values()))
        assert money.left >= -1e-9 and money.spent <= 10.0 + 1e-9


def test_a_first_lease_leaves_some_for_every_other_shard(tmp_path):
    money = pot(16.0, tmp_path=tmp_path)
    assert money.lease(1, slots=2) == 2.0 and money.left == 14.0
    assert money.grant(1, lacks=3.0, slots=2) == 3.0, "what it lacks, where that is more"
    assert money.grant(1, lacks=0.1, slots=2) == 11.0 / 8, "a part of what is left, else"
    money.settle(1, 5.0)
    assert (money.spent, money.left) == (5.0, 11.0)


def test_without_a_budget_nothing_is_leased(tmp_path):
    money = pot(None, tmp_path=tmp_path)
    assert money.lease(1, slots=2) is None and money.leases == {}


# --- the last shards ---


def being_worked_on(count, complete, seconds, is_moving=False):
    """An assignment of so many questions, begun so long ago, of which so many are complete."""
    report = collector.ShardReport(complete, 0, complete, 0, 0.0, 4)
    piece = collecting._Piece(0, questions(count), [])
    started = time.monotonic() - seconds
    return collecting._Assignment(
        *(1, piece, MIXED[0], None, started), report=report, is_moving=is_moving
    )


def test_how_long_a_shard_still_takes_is_told_from_its_own_pace():
    left = collecting._seconds_left
    assert left(being_worked_on(100, 20, 10.0)) == pytest.approx(40.0, rel=0.01)
    assert left(being_worked_on(100, 0, 10.0)) == pytest.approx(1000.0, rel=0.01)
    too_early, too_few, moving = (
        being_worked_on(100, 20, 1.0),
        being_worked_on(100, 90, 10.0),
        being_worked_on(100, 20, 10.0, is_moving=True),
    )
    assert [left(one) for one in (too_early, too_few, moving)] == [0.0, 0.0, 0.0]
    assert left(being_worked_on(2 * collecting.SMALLEST - 1, 1, 10.0)) == 0.0, "too small to divide"


@pytest.mark.parametrize(
    ("waiting", "paces", "is_read", "too_slow"),
    [
        ([40], (0.5, 50.0), True, True),  # 80 s against 1 s
        ([40], (0.5, 50.0), False, False),  # more is to come
        ([40] * 200, (0.5, 50.0), True, False),  # the other has enough to do for 160 s
        ([40], (50.0, 50.0), True, False),
        ([40], (20.0, 500.0), True, False),  # 2 s, which nobody minds
        ([40], (27.0, 50.0), True, False),  # each would wait for the other
        ([400], (27.0, 50.0), True, False),
        ([400], (24.0, 50.0), True, True),
        ([40], (0.0, 50.0), True, False),  # its pace is not known yet
        ([40], (0.5, 0.0), True, False),  # the other's is not
    ],
)
def test_the_last_questions_wait_for_a_faster_endpoint(waiting, paces, is_read, too_slow):
    run = collecting._ClusterRun.__new__(collecting._ClusterRun)
    run.places = collecting.places(MIXED, 2, 8, "local")
    for place, pace in zip(run.places, paces, strict=True):
        place.finished, place.seconds = round(10 * pace), 10.0 if pace else 0.0
    run.waiting = collections.deque(collecting._Piece(0, questions(size), []) for size in waiting)
    run.is_read = is_read
    assert run._is_too_slow(run.places[0]) is too_slow
    run.places[1].is_down = True
    assert not run._is_too_slow(run.places[0]), "nobody else is there"


def test_what_waits_is_always_given_to_somebody():
    """Eight endpoints that are nearly alike, and any others: one at least is not too slow."""
    rng = random.Random(3)
    alike = [[rng.uniform(60, 80) for _ in range(8)] for _ in range(20)]
    any_paces = [[rng.choice((0.1, 1.0, 9.0, 300.0)) for _ in range(4)] for _ in range(50)]
    for paces in alike + any_paces:
        run = collecting._ClusterRun.__new__(collecting._ClusterRun)
        urls = [f"http://{number}:1/v1" for number in range(len(paces))]
        run.places = collecting.places(urls, 2, 24, "local")
        for place, pace in zip(run.places, paces, strict=True):
            place.finished, place.seconds = round(1000 * pace), 1000.0
        run.waiting = collections.deque(
            collecting._Piece(0, questions(1000), []) for _ in range(rng.randint(1, 6))
        )
        run.is_read = True
        slow = [run._is_too_slow(place) for place in run.places]
        assert not all(slow), (paces, len(run.waiting))
        assert any(slow) is False or paces not in alike, "alike: all of them are given some"


def shard_at(place):
    return collecting._Assignment(1, None, place, None, time.monotonic())


def busy(seconds):
    return collector.ShardReport(0, 0, 0, 0, 0.0, 1, busy_for=seconds)


def test_a_pause_is_told_once_to_all_shards_of_the_account_and_to_those_begun_later(monkeypatch):
    now = 100.0
    monkeypatch.setattr(collecting.time, "monotonic", lambda: now)
    run = collecting._ClusterRun.__new__(collecting._ClusterRun)
    run.rests, run.places = {}, collecting.places(MIXED, 2, 8, "local")
    meets, beside = shard_at(run.places[0]), shard_at(run.places[0])
    elsewhere = shard_at(run.places[1])
    run._heed(meets, busy(3.0))
    run._heed(beside, busy(0.0))
    assert run._told_wait(beside) == 3.0 and run._told_wait(beside) == 0.0, "once"
    assert run._told_wait(meets) == 0.0, "it knows"
    assert run._told_wait(elsewhere) == 0.0, "another account"
    now = 102.0
    assert run._told_wait(shard_at(run.places[0])) == 1.0, "what is left of it"
    run._heed(beside, busy(0.5))
    assert run.rests[run.places[0].account] == 103.0, "a shorter pause ends no longer one"
    now = 103.0
    assert run._told_wait(shard_at(run.places[0])) == 0.0, "it is over"


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


@pytest.mark.real
def test_a_budget_is_the_runs_and_more_of_it_goes_on(cluster, outputs, serve):
    """Four workers' worth of requests at two servers share it: together they stay within it."""
    servers = [serve(latency=0.02), serve(latency=0.02)]
    urls = [server.base_url for server in servers]
    price = {"price_out": 1000.0, "max_tokens": 16}
    whole = collect(urls, "whole.jsonl", count=120, **price)
    paid_for_all = sum(server.count for server in servers)
    budget = 0.4 * whole.cost
    part = collect(urls, "part.jsonl", count=120, budget=budget, **price)
    assert part.is_out_of_budget and part.exit_code == 3
    assert 0.7 * budget < part.cost <= budget, "nearly all of it is spent, and no more"
    assert any("BUDGET" in text for text in part.messages)
    rest = collect(urls, "part.jsonl", count=120, budget=2 * whole.cost, **price)
    assert rest.complete == 120 and rest.exit_code == 0
    assert part.cost + rest.cost == pytest.approx(whole.cost)
    assert sum(server.count for server in servers) == 2 * paid_for_all, "nothing is paid for twice"
    again = collect(urls, "part.jsonl", count=140, budget=0.5 * whole.cost, **price)
    assert again.cost == 0.0 and again.is_out_of_budget, "earlier runs count"


@pytest.mark.real
def test_the_shard_of_a_slow_server_is_divided_among_the_others(cluster, outputs, serve):
    """A shard has 200 questions here: left with it, the slow server would be asked each of them."""
    slow, fast = serve(latency=2.0), serve(latency=0.01)
    summary = collect([slow.base_url, fast.base_url], "slow.jsonl", count=1600)
    assert summary.complete == 1600 and summary.samples == 3200
    assert set(asked(slow, fast).values()) == {2}, "what was under way is kept, not asked again"
    assert 8 <= slow.count < 100


@pytest.mark.real
def test_a_question_at_which_a_worker_fails_is_named_with_its_machine(cluster, outputs, serve):
    """Ours fail at no question: so one is made that cannot be asked."""
    server, asked_for = serve(latency=0.05), questions(40)
    object.__setattr__(asked_for[17], "question", 17)  # past all checks
    with pytest.raises(machines.ClusterError) as failed:
        collecting.collect_sync(
            asked_for, "mock", server.base_url, k_responses=2, max_concurrent=8, progress=False,
            output_file="failing.jsonl", cluster="auto",
        )  # fmt: skip
    told = str(failed.value)
    assert re.search(r"Collecting failed on \S+ \(\w{8}\), at the questions from 'q\d+' on", told)
    assert told.endswith("It came at 'q17'.") and "failing.jsonl.parts" in told


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


def machines_alive():
    with machines.joined("auto") as joined:
        return joined.nodes


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
    wait_until(lambda: machines_alive() == 2)  # the next test counts them
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
