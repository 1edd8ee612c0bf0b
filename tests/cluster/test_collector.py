"""A worker's own parts, without a cluster: what it reports, obeys, and gives back."""

import asyncio

import pytest
from mock_server import MockServer

from routerlib.cluster import collector, machines
from routerlib.collecting import collection, ledger_parts
from routerlib.rows.schemas import Question


def how(**options):
    given = {
        "model": "mock", "api_mode": "local", "k_responses": 2, "temperature": 0.5,
        "max_tokens": 9, "stop": (), "endpoint": "completions", "template": None,
        "extra_body": None, "timeout": 20.0, "price_in": 0.0, "price_out": 1.0,
    }  # fmt: skip
    return collection.asking(**given | options)


def questions(count):
    return [
        Question(unique_id=f"q{number}", question=f"{number}?", answer_correct="1")
        for number in range(count)
    ]


@pytest.fixture
def worker(monkeypatch):
    monkeypatch.setattr(machines, "name_of_this_node", lambda: "here (1)")
    return collector.Collector(how(), None, 8, 3)


def shard(tmp_path, url, count=20, **options):
    file = collector.part_file(str(tmp_path / "answers.jsonl"), 1)
    return collector.Shard(1, file, url, 4, questions(count), **options)


def answers(tmp_path):
    files = ledger_parts.files_of(tmp_path / "answers.jsonl")
    return {key: row for key, (row, _) in ledger_parts.best_rows(files, "unique_id").items()}


def test_a_shard_is_brought_to_its_answers_in_its_own_file(tmp_path, worker):
    async def work():
        async with MockServer() as server:
            ending = await worker.collect(shard(tmp_path, server.base_url))
            await worker.stop()
            return ending

    ending = asyncio.run(work())
    assert ending.how == collector.DONE and ending.node == "here (1)"
    assert ending.summary.samples == 40 and ending.summary.cost > 0
    assert {len(row["responses"]) for row in answers(tmp_path).values()} == {2}


def test_samples_that_are_known_are_not_asked_for_again(tmp_path, worker):
    known = [{"unique_id": "q0", "problem": "0?", "responses": [{"full_response": "kept"}]}]

    async def work():
        async with MockServer() as server:
            await worker.collect(shard(tmp_path, server.base_url, count=1, known=known))
            await worker.stop()
            return server.requests

    requests = asyncio.run(work())
    assert [request.get("n", 1) for request in requests] == [1]
    assert answers(tmp_path)["q0"]["responses"][0]["full_response"] == "kept"


def test_a_shard_that_is_taken_away_keeps_the_answers_under_way(tmp_path, worker):
    async def work():
        async with MockServer(latency=0.2) as server:
            task = asyncio.create_task(worker.collect(shard(tmp_path, server.base_url)))
            while server.count < 6:
                await asyncio.sleep(0.01)
            reports = await worker.pulse({}, [1], {})
            ending = await task
            asked = server.count
            await asyncio.sleep(0.3)
            await worker.stop()
            return reports[1], ending, asked, server.count

    report, ending, asked, later = asyncio.run(work())
    assert ending.how == collector.TAKEN_AWAY and report.in_flight > 0
    assert asked == later, "nothing is asked after it was taken away"
    assert len(answers(tmp_path)) == asked, "what was paid for is on disk"


def test_a_busy_server_that_one_meets_is_left_alone_by_the_others():
    one, other = collector.SharedTraffic(8), collector.SharedTraffic(8)
    one.ease_off(0.0, 5.0)
    other.obey(one.take_met())
    assert one.take_met() == 0.0 and other.take_met() == 0.0, "told once, and not back again"
    assert other.limit == one.limit == 4.0

    async def enters():
        await asyncio.wait_for(other.enter(), 0.2)

    with pytest.raises(TimeoutError):
        asyncio.run(enters())


def test_a_wrong_key_ends_the_shard_with_a_sentence(tmp_path, worker):
    async def work():
        async with MockServer(key="right") as server:
            ending = await worker.collect(shard(tmp_path, server.base_url))
            await worker.stop()
            return ending

    ending = asyncio.run(work())
    assert ending.how == collector.STOPPED and "does not accept the key" in ending.why


def test_an_outage_is_reported(tmp_path, worker):
    async def work():
        async with MockServer(latency=0.05) as server:
            task = asyncio.create_task(worker.collect(shard(tmp_path, server.base_url)))
            while server.count < 6:
                await asyncio.sleep(0.01)
            await server.refuse()
            report = None
            while report is None or not report.down_for:
                report = (await worker.pulse({}, [], {})).get(1)
                await asyncio.sleep(0.05)
            await server.open()
            ending = await task
            await worker.stop()
            return ending

    assert asyncio.run(work()).how == collector.DONE
