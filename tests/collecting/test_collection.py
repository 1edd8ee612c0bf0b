"""Collecting answers: what is stored, what is counted and what the user reads, under every fault we
can stage.
"""

import asyncio
import datetime
import gzip
import json
import logging
import multiprocessing
import os
import random
import resource
import signal
import time

import fsspec
import openai  # noqa: F401 - forked children find it loaded
import pytest
from fake_server import FakeServer, chat, error
from mock_server import MockServer, prompt_of
from scripted import Scripted

from routerlib import event_loop
from routerlib.collecting import collection, pace, resumable
from routerlib.collecting.ledger import LedgerMismatch
from routerlib.endpoints import clients
from routerlib.errors import SettingError
from routerlib.rows import jsonl, tables
from routerlib.rows.schemas import Question, RowError

KEY = "sk-planted-Zq7xW3vKp9"


def questions(count=12):
    return [
        Question(
            unique_id=f"q{number}",
            question=f"What is {number} + 1?",
            answer_correct=str(number + 1),
        )
        for number in range(count)
    ]


def run(server_options, *runs, count=12, before=None, **settings):
    """Start a mock server, collect once for each of `runs` (settings that differ), return (server,
    summaries).
    """

    async def main():
        async with MockServer(**server_options) as server:
            if before:
                before(server)
            summaries = []
            for changes in runs or ({},):
                options = (
                    {"progress": False, "api_base": server.base_url, "model": "mock"}
                    | settings
                    | changes
                )
                summaries.append(
                    await collection.collect(options.pop("questions", questions(count)), **options)
                )
            return server, summaries

    return asyncio.run(main())


@pytest.fixture(autouse=True)
def elsewhere(outputs, monkeypatch):
    # Short waits between attempts
    monkeypatch.setattr(resumable.random, "uniform", lambda *_: 0.02)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return outputs


def rows(summary):
    found = [value for _, value in jsonl.read_values(summary.path)]
    assert len({row["unique_id"] for row in found}) == len(found), (
        "a file at rest has one line a question"
    )
    return {row["unique_id"]: row for row in found}


def texts(row):
    return [sample["full_response"] for sample in row["responses"]]


# --- one interface, k samples, resuming ---


def test_k_samples_come_with_one_request_and_all_is_recorded():
    server, [summary] = run({})
    assert (summary.complete, summary.remaining, summary.exit_code, summary.samples) == (
        12,
        0,
        0,
        36,
    )
    assert server.count == 12 and all(body["n"] == 3 for body in server.requests)
    row = rows(summary)["q3"]
    assert (row["problem"], row["answer_correct"], row["is_mcq"]) == ("What is 3 + 1?", "4", False)
    assert (row["model"], row["attempts"], row["error"]) == ("mock", 1, None)
    assert row["sampling"]["temperature"] == 0.7 and row["sampling"]["k_responses"] == 3
    assert [sample["finish_reason"] for sample in row["responses"]] == ["stop"] * 3
    assert (
        sum(sample["completion_tokens"] for sample in row["responses"])
        == row["usage"]["completion_tokens"]
    )
    assert [row.unique_id for row in collection.read_responses(summary.path)] == list(rows(summary))


def test_the_chat_endpoint_sends_messages():
    server, [summary] = run({}, endpoint="chat")
    assert "The answer" not in server.requests[0]["messages"][0]["content"]
    assert server.requests[0]["messages"][0]["role"] == "user" and summary.complete == 12


def test_a_second_run_asks_nothing_and_changes_nothing():
    server, [_first, second] = run({}, {}, {})
    assert server.count == 12
    assert (second.complete, second.complete_before, second.samples) == (12, 12, 0)


def test_more_samples_may_be_asked_for_later_and_only_those_missing_are():
    server, [_first, second] = run({}, {"k_responses": 2}, {"k_responses": 5})
    assert [body.get("n") for body in server.requests[12:]] == [3] * 12
    assert all(len(row["responses"]) == 5 for row in rows(second).values())


@pytest.mark.parametrize("options", [{"takes_n": False}, {"script": lambda body: "refuse_n"}])
def test_a_server_without_n_is_topped_up_and_remembered(options):
    server, [summary] = run(options, max_concurrent=4, count=30)
    assert summary.complete == 30 and summary.samples == 90
    assert all(
        len(row["responses"]) == 3 and row["attempts"] == 1 for row in rows(summary).values()
    )
    asked_in_vain = sum(body.get("n", 1) > 1 for body in server.requests)
    assert asked_in_vain <= 8, "only what was under way before the first answer"


def test_fewer_choices_than_asked_are_kept_and_topped_up():
    server, [summary] = run({"script": ["fewer"]}, count=1)
    assert summary.complete == 1 and len(rows(summary)["q0"]["responses"]) == 3
    assert [body.get("n") for body in server.requests] == [3, None]


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"temperature": 0.1}, "temperature"),
        ({"max_tokens": 9}, "max_tokens"),
        ({"model": "other"}, "'other'"),
        ({"stop": ["x"]}, "stop"),
        ({"extra_body": {"top_p": 0.5}}, "extra_body"),
        ({"template": "reasoning"}, "template"),
    ],
)
def test_other_settings_under_the_same_name_are_refused(changed, word):
    with pytest.raises(LedgerMismatch, match=word):
        run({}, {}, changed, output_file="same.jsonl")


def test_another_question_under_the_same_id_is_refused():
    other = [Question(unique_id="q0", question="Something else?", answer_correct="4")]
    with pytest.raises(LedgerMismatch, match="two different texts"):
        run({}, {}, {"questions": other}, output_file="same.jsonl")


def test_a_repeated_question_is_asked_once():
    server, [summary] = run({}, questions=questions(3) * 2)
    assert (server.count, summary.total, summary.repeated) == (3, 3, 3)


def test_num_problems_and_names():
    _, [summary] = run({}, num_problems="5")
    assert summary.total == 5
    path = collection.output_path(
        "HuggingFaceH4/MATH-500, TIGER-Lab/MMLU-Pro", "google/gemma-3-4b-it"
    )
    assert path.name == "google_gemma-3-4b-it_MATH_500_MMLU_Pro.jsonl"


@pytest.mark.parametrize(
    "wrong",
    [
        {"num_problems": "many"},
        {"k_responses": 0},
        {"temperature": 3},
        {"endpoint": "talk"},
        {"api_mode": "cloud"},
        {"api_base": "localhost:8000"},
        {"template": "no-such-file"},
        {"max_concurrent": True},
        {"timeout": 0},
        {"timeout": float("nan")},
        {"price_in": float("nan")},
        {"price_out": -4},
        {"k_responses": 100_001},
        {"extra_body": {"top_p": float("nan")}},
        {"model": " "},
        {"model": "m\udcff"},
    ],
)
def test_a_wrong_argument_is_named(wrong):
    _name, value = next(iter(wrong.items()))
    if value == "m\udcff":
        value = "no UTF-8 text"
    said = r"100,001" if value == 100_001 else str(value)
    with pytest.raises(ValueError, match=said):
        run({}, **wrong)


def test_bad_input_rows_are_counted_and_kept_apart(tmp_path):
    source = tmp_path / "in.jsonl"
    good = [question.model_dump_json() for question in questions(2)]
    source.write_text(
        "\n".join([good[0], '{"unique_id": "x", "answer_correct": "1"}', "{torn", good[1]])
    )
    _, [summary] = run({}, questions=str(source))
    assert (summary.complete, summary.rejected) == (2, 2)
    assert "line 2" in str(summary) and "question" in str(summary)


def test_a_source_that_is_none_stops_before_a_request_and_leaves_nothing(tmp_path, elsewhere):
    source = tmp_path / "questions.jsonl"
    source.write_bytes(b"\x89PNG\x00" + bytes(range(256)) * 100)
    with pytest.raises(jsonl.Unreadable, match="is a binary file"):
        run({}, questions=str(source), output_file="a.jsonl")
    assert list((elsewhere / "responses").iterdir()) == []


def test_where_the_input_breaks_off_what_was_asked_is_kept(tmp_path, elsewhere):
    lines = "".join(question.model_dump_json() + "\n" for question in questions(600)).encode()
    (tmp_path / "q.jsonl.gz").write_bytes(gzip.compress(lines)[:-500])
    options = {
        "questions": str(tmp_path / "q.jsonl.gz"),
        "output_file": "a.jsonl",
        "batch_size": 1000,
    }
    with pytest.raises(jsonl.Unreadable, match="cut off"):
        run({"latency": 0.05}, **options)
    kept = [row for _, row in jsonl.read_values(elsewhere / "responses" / "a.jsonl")]
    assert len(kept) > 100 and all(len(row["responses"]) == 3 for row in kept)


def test_values_that_json_lacks_do_not_cost_a_paid_answer():
    odd = Question(
        unique_id="q", question="When?", answer_correct="then", asked=datetime.date(2024, 2, 29)
    )
    _, [summary] = run({}, questions=[odd])
    assert summary.complete == 1 and rows(summary)["q"]["asked"] == "2024-02-29"


# --- faults, one by one ---


@pytest.mark.parametrize("word", ["500", "invalid_json", "no_choices", "408", "null"])
def test_a_bad_answer_costs_one_attempt(word):
    _, [summary] = run({"script": [word]}, count=1)
    row = rows(summary)["q0"]
    assert (summary.complete, row["attempts"], row["error"], len(row["responses"])) == (
        1,
        2,
        None,
        3,
    )


def test_a_page_in_place_of_the_first_answer_is_another_address_and_costs_no_attempt():
    with pytest.raises(clients.Stopped, match=r"page for a browser.*base URL"):
        run({"script": ["html"] * 99}, count=3)
    path = collection.output_path("questions", "mock")
    assert not path.exists() or all(row["attempts"] == 0 for _, row in jsonl.read_values(path))


def test_a_page_in_place_of_a_later_answer_costs_one_attempt():
    _, [summary] = run({"script": ["ok", "html"]}, count=4, max_concurrent=1)
    assert summary.complete == 4
    assert sorted(row["attempts"] for row in rows(summary).values()) == [1, 1, 1, 2]


def test_the_first_answer_tells_once_what_was_found():
    server, [summary] = run({}, count=6, price_in=1_000_000, price_out=2_000_000)
    told = [message for message in summary.messages if "answers for mock" in message]
    assert len(told) == 1 and "Endpoints: completions." in told[0]
    assert "(n): yes" in told[0] and "cost" in told[0]
    assert server.count == summary.requests == 6  # nothing more was paid for


def test_a_run_with_nothing_left_to_ask_finds_nothing():
    server, [_, again] = run({}, {}, {}, count=2)
    assert not again.messages and server.count == 2


@pytest.mark.parametrize("word", ["reset", "reset_in_body", "429"])
def test_a_broken_connection_or_a_rate_limit_costs_none(word):
    _, [summary] = run({"script": [word] * 2}, count=4)
    assert summary.complete == 4 and all(row["attempts"] == 1 for row in rows(summary).values())


def test_out_of_attempts_the_failure_is_stored_and_never_as_an_answer():
    def script(body):
        return "500" if "What is 2 + 1?" in prompt_of(body) else "ok"

    server, [first, second, third] = run({"script": script}, {}, {}, {"max_attempts": 4})
    row = rows(third)["q2"]
    assert (first.failed, first.remaining, first.exit_code) == (1, 1, 3)
    assert row["responses"] == [] and row["attempts"] == 4
    assert (row["error"]["kind"], row["error"]["status"]) == ("server_error", 500)
    assert server.count == 11 + 3 + 0 + 1, (
        "the second run leaves it alone, the third has one more attempt"
    )
    assert "server_error" in str(second) and "500" in second.first_error


def test_a_refused_question_is_its_own_error_and_may_be_tried_again():
    def script(body):
        return "400" if "What is 2 + 1?" in prompt_of(body) else "ok"

    _, [first, second] = run({"script": script}, {}, {})
    row = rows(second)["q2"]
    assert (first.failed, first.complete, row["error"]["kind"], row["attempts"]) == (
        1,
        11,
        "bad_request",
        2,
    )


def test_the_same_refusal_for_all_halts_the_run():
    _, [summary] = run({"script": lambda body: "400"}, count=200, max_concurrent=4, batch_size=1)
    assert summary.failed < 40 and summary.total == 200 and summary.exit_code == 3
    assert any("in a row" in message for message in summary.messages)


def test_errors_only_halt_the_run_and_spare_the_attempts_of_the_rest():
    script = iter(["ok"])
    _, [summary] = run(
        {"script": lambda body: next(script, "500")}, count=200, max_concurrent=4, batch_size=1
    )
    assert 20 <= summary.failed < 60 and len(rows(summary)) < 80


def test_errors_from_the_first_request_on_stop_the_run_and_spend_nothing():
    with pytest.raises(clients.Stopped, match=r"500.*Nothing else has come.*no attempt is spent"):
        run({"script": lambda body: "500"}, count=200, max_concurrent=4, output_file="a.jsonl")
    path = collection.output_path("x", "mock", "a.jsonl")
    assert not path.exists() or not list(collection.read_responses(path))


@pytest.mark.parametrize(
    ("word", "says"),
    [("401", "OPENAI_API_KEY"), ("403", "access"), ("404", "model 'mock'"), ("quota", "credit")],
)
def test_what_no_request_can_mend_stops_at_once(word, says):
    with pytest.raises(clients.Stopped, match=says):
        run({"script": lambda body: word})


def test_what_came_before_a_stop_is_kept():
    script = ["ok"] * 5 + ["401"] * 50
    with pytest.raises(clients.Stopped):
        run({"script": script}, max_concurrent=1, batch_size=1, output_file="a.jsonl")
    path = collection.output_path("x", "mock", "a.jsonl")
    assert sum(len(row.responses) == 3 for row in collection.read_responses(path)) == 5


def test_empty_answers_are_answers_and_are_told():
    _, [summary] = run({"script": ["empty"]}, count=1)
    assert texts(rows(summary)["q0"]) == ["", "", ""]
    assert summary.empty == 3 and "3 samples are empty" in str(summary)


def test_ten_megabytes_are_stored_whole():
    _, [summary] = run({"script": ["huge"]}, count=2, k_responses=1)
    assert sorted(len(texts(row)[0]) for row in rows(summary).values())[-1] == 10_000_000


def test_special_tokens_and_stop_strings_never_reach_the_file():
    server, [summary] = run({"script": ["special"]}, count=1)
    assert texts(rows(summary)["q0"]) == [" yes"] * 3
    assert {"<|im_end|>", "<end_of_turn>", "<|eot_id|>"} <= set(server.requests[0]["stop"])
    assert len(server.requests[0]["stop"]) <= clients.STOP_LIMIT
    server, [summary] = run(
        {"say": lambda *_: " 4\nQuestion: more"}, stop=["\n"], output_file="b.jsonl"
    )
    row = rows(summary)["q1"]
    assert texts(row) == [" 4"] * 3 and row["responses"][0]["finish_reason"] == "stop"


def test_a_remote_endpoint_gets_no_more_stop_strings_than_it_takes(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server, _ = run({"key": KEY}, api_mode="remote", stop=["\n"])
    assert server.requests[0]["stop"] == ["\n", "<|im_end|>", "<end_of_turn>", "<|eot_id|>"]


def test_a_remote_endpoint_needs_a_key():
    from routerlib import settings

    with pytest.raises(settings.MissingKey, match="OPENAI_API_KEY"):
        run({}, api_mode="remote")


def test_a_trickle_ends_at_the_time_limit():
    _, [summary] = run({"script": ["slow"]}, count=1, timeout=0.4)
    assert summary.complete == 1 and rows(summary)["q0"]["attempts"] == 2


def test_a_question_that_always_breaks_the_connection_is_given_up_without_an_attempt():
    def script(body):
        return "reset" if "What is 2 + 1?" in prompt_of(body) else "ok"

    _, [summary] = run({"script": script})
    row = rows(summary)["q2"]
    assert (summary.complete, summary.failed, row["error"]["kind"], row["attempts"]) == (
        11,
        1,
        "outage",
        0,
    )


def test_a_server_that_dies_is_waited_for_and_costs_no_attempt():
    async def main():
        async with MockServer(latency=0.01) as server:
            work = asyncio.create_task(
                collection.collect(
                    questions(60), "mock", server.base_url, max_concurrent=4, progress=False
                )
            )
            while server.count < 20:
                await asyncio.sleep(0.005)
            await server.refuse()
            await asyncio.sleep(0.5)
            during = server.count
            await server.open()
            return await work, during, server.count

    summary, during, after = asyncio.run(main())
    assert summary.complete == 60 and after > during
    assert all(row["attempts"] == 1 for row in rows(summary).values())
    told = [message for message in summary.messages if "answers for mock" not in message]
    assert summary.outages == 1 and len(told) == 2, "said once, and once that it is back"
    assert "Paused" in told[0] and "is back" in told[1]


def test_server_errors_of_a_server_that_says_it_is_ill_are_an_outage():
    async def main():
        async with MockServer(script=["500"] * 4, latency=0.01) as server:
            server.health = 503
            work = asyncio.create_task(
                collection.collect(questions(8), "mock", server.base_url, progress=False)
            )
            while server.count < 4:
                await asyncio.sleep(0.005)
            await asyncio.sleep(1.0)  # by then all four are answered and understood
            server.health = 200
            return await work

    summary = asyncio.run(main())
    assert summary.complete == 8 and all(row["attempts"] == 1 for row in rows(summary).values())


def test_a_rate_limit_waits_as_told_and_lowers_concurrency():
    def slow(server):
        server.retry_after = "1"

    started = time.monotonic()
    _server, [summary] = run(
        {"script": ["429"] * 3, "latency": 0.01}, before=slow, max_concurrent=8, count=40
    )
    assert time.monotonic() - started >= 1 and summary.rate_limits >= 1 and summary.complete == 40


def test_never_more_in_flight_than_allowed():
    server, [summary] = run({"latency": 0.02}, count=40, max_concurrent=5)
    assert server.in_flight_peak == 5 == summary.peak_in_flight


@pytest.mark.parametrize("takes_n", [True, False])
def test_a_storm_of_all_faults_ends_with_every_sample_once(takes_n):
    rng = random.Random(1)
    faults = [
        "reset",
        "reset_in_body",
        "500",
        "503",
        "429",
        "invalid_json",
        "html",
        "fewer",
        "no_choices",
        "408",
    ]
    script = [rng.choice(faults) if rng.random() < 0.3 else "ok" for _ in range(2000)]
    script[0] = "500"  # a page before any answer would end the run: it is another address
    server, [summary] = run(
        {"script": script, "takes_n": takes_n, "latency": 0.002},
        count=150,
        max_attempts=50,
        max_concurrent=12,
    )
    assert summary.complete == 150 and summary.failed == 0
    found = rows(summary).values()
    assert all(len(row["responses"]) == 3 and row["error"] is None for row in found)
    assert sum(row["usage"]["requests"] for row in found) == summary.requests < server.count
    assert sum(row["attempts"] - 1 for row in found) > 0


# --- the file ---


def file_of(name="a.jsonl"):
    return collection.output_path("x", "mock", name)


def test_a_torn_last_line_is_mended_and_told():
    _, [_first] = run({}, output_file="a.jsonl")
    whole = file_of().read_bytes()
    file_of().write_bytes(whole[:-30])
    _, [second] = run({}, output_file="a.jsonl")
    assert second.complete == 12 and second.complete_before == 11
    assert "torn" in str(second) and len(rows(second)) == 12


def test_a_last_line_that_lacks_only_its_newline_is_kept():
    run({}, output_file="a.jsonl")
    file_of().write_bytes(file_of().read_bytes()[:-1])
    server, [second] = run({}, output_file="a.jsonl")
    assert second.complete_before == 12 and server.count == 0


def test_a_damaged_line_in_the_middle_is_set_aside_and_asked_again():
    run({}, output_file="a.jsonl")
    lines = file_of().read_bytes().splitlines(keepends=True)
    file_of().write_bytes(b"".join([*lines[:4], lines[4][:50] + lines[5], *lines[6:]]))
    _, [second] = run({}, output_file="a.jsonl")
    assert (second.complete, second.complete_before, len(rows(second))) == (12, 10, 12)
    assert (
        "line 5" in str(second)
        and file_of().with_name("a.jsonl.damaged").read_bytes() == lines[4][:50] + lines[5]
    )


def test_a_file_of_an_older_version_or_of_something_else_is_refused_untouched():
    for text, says in [
        ('{"unique_id": "q0", "responses": []}\n', "older version"),
        ("a,b\n1,2", "no JSONL"),
    ]:
        file_of().write_text(text)
        with pytest.raises((LedgerMismatch, ValueError), match=says):
            run({}, output_file="a.jsonl")
        assert file_of().read_text() == text


def test_a_file_that_lacks_a_newer_setting_is_continued():
    run({}, output_file="a.jsonl")
    found = [value for _, value in jsonl.read_values(file_of())]
    for row in found:
        del row["sampling"]["extra_body"]
    jsonl.write_rows(file_of(), found[:6])
    _, [summary] = run({}, output_file="a.jsonl")
    assert (summary.complete_before, summary.complete) == (6, 12)


def test_a_second_writer_is_refused():
    with jsonl.Writer(file_of()), pytest.raises(jsonl.FileInUse, match="another process"):
        run({}, output_file="a.jsonl")


def test_a_full_disk_stops_with_a_sentence_and_whole_rows(monkeypatch):
    monkeypatch.setattr(resumable, "DISK_PATIENCE", 0.1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, before[1]))
        with pytest.raises(resumable.DiskFull, match="make room"):
            run({}, output_file="a.jsonl", max_concurrent=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)
    kept = [value for _, value in jsonl.read_values(file_of())]
    assert 1 <= len(kept) < 12
    server, [summary] = run({}, output_file="a.jsonl")
    assert summary.complete == 12 and server.count == 12 - len(kept)


def test_room_made_on_a_full_disk_lets_the_run_go_on(monkeypatch):
    write, left = jsonl.Writer.append, iter([False, False])

    def full_twice(writer, row):
        if next(left, True):
            return write(writer, row)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(jsonl.Writer, "append", full_twice)
    _, [summary] = run({}, count=3, max_concurrent=1)
    assert summary.complete == 3 and "cannot be written" in summary.messages[0]


def test_an_interrupted_run_keeps_what_it_has(capsys):
    async def main():
        async with MockServer(latency=0.02) as server:
            work = asyncio.create_task(
                collection.collect(
                    questions(100),
                    "mock",
                    server.base_url,
                    max_concurrent=4,
                    output_file="a.jsonl",
                    progress=False,
                )
            )
            while server.count < 40:
                await asyncio.sleep(0.005)
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work
            return await collection.collect(
                questions(100), "mock", server.base_url, output_file="a.jsonl", progress=False
            )

    summary = asyncio.run(main())
    assert summary.complete == 100 and summary.complete_before >= 30
    assert "Interrupted. " in capsys.readouterr().out


def test_it_runs_from_synchronous_code_inside_a_running_loop():
    async def main():
        async with MockServer() as server:
            return collection.collect_sync(questions(3), "mock", server.base_url, progress=False)

    assert asyncio.new_event_loop().run_until_complete(main()).complete == 3
    assert event_loop.run_coroutine(asyncio.sleep(0, "done")) == "done"


# --- secrets ---


def test_a_planted_key_is_nowhere(monkeypatch, caplog, capfd, elsewhere):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    said = []
    script = ["echo_key", "echo_key_in_answer", "500", "400", "429", "reset", "ok"]
    _, [summary] = run({"script": script}, api_mode="remote", count=8)
    said.append(str(summary) + repr(summary))
    for word in ("401", "403", "404", "echo_key"):
        try:
            run(
                {"script": lambda body, word=word: word},
                api_mode="remote",
                output_file=f"{word}.jsonl",
                count=1,
            )
        except clients.RequestFailure as error:
            said.append(repr(error) + str(error.__cause__) + str(error.__dict__))
    logs = "".join(record.getMessage() for record in caplog.records)
    said += [
        logs,
        *capfd.readouterr(),
        *(path.read_text() for path in elsewhere.rglob("*") if path.is_file()),
    ]
    assert all(KEY not in text for text in said)
    assert any("[key]" in text for text in said), "the server did echo it"


# --- kill -9 ---


def _collect_in_child(base_url):
    os.environ["OPENAI_API_KEY"] = KEY
    collection.collect_sync(
        questions(200),
        "mock",
        base_url,
        output_file="killed.jsonl",
        progress=False,
        max_concurrent=8,
    )


async def _kill_again_and_again(server, kills, rng):
    """Start a run and kill it, `kills` times: while it starts, or some moment after its first
       request.
    The server gives each run a few answers and then keeps it waiting, so that no machine is fast
       enough to finish.
    """
    allowed = 0
    server.script = lambda body: (
        setattr(server, "latency", 0.03 if server.count <= allowed else 3600) or "ok"
    )
    # Its children have all imported: they start in milliseconds
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["openai", "aiohttp", "routerlib.collecting.collection", "mock_server"]
    )
    for number in range(kills):
        # Of the 600 that all questions need
        asked, allowed = (
            server.count,
            server.count + 500 // kills,
        )
        child = context.Process(target=_collect_in_child, args=(server.base_url,))
        child.start()
        while number % 5 and server.count == asked and child.is_alive():
            await asyncio.sleep(0.002)
        await asyncio.sleep(rng.uniform(0, 0.15))
        while number == kills - 1 and not _complete_on_disk() and child.is_alive():
            await asyncio.sleep(0.002)
        assert child.is_alive(), "killed in the middle, not after the end"
        os.kill(child.pid, signal.SIGKILL)
        while child.is_alive():
            await asyncio.sleep(0.002)
    server.script = None
    server.latency = 0


def _complete_on_disk():
    path = collection.output_path([], "mock", "killed.jsonl")
    values = (value for _, value in jsonl.decode_lines(path)) if path.exists() else ()
    return sum(isinstance(value, dict) and len(value["responses"]) == 3 for value in values)


KILLS = int(os.environ.get("ROUTERLIB_TEST_KILLS", "20"))  # 50 take half a minute on two busy cores


@pytest.mark.timeout(240)
def test_kills_lose_double_and_tear_nothing():
    rng = random.Random(0)

    async def main():
        async with MockServer(
            keep=False, takes_n=False
        ) as server:  # so that rows are often half done
            await _kill_again_and_again(server, KILLS, rng)
            found = _complete_on_disk()
            options = {"progress": False, "max_concurrent": 8}
            mended = await collection.collect(
                questions(200), "mock", server.base_url, output_file="killed.jsonl", **options
            )
            undisturbed = await collection.collect(
                questions(200), "mock", server.base_url, output_file="calm.jsonl", **options
            )
            return found, mended, undisturbed

    found, mended, undisturbed = asyncio.run(main())
    assert mended.complete == 200 and 0 < found == mended.complete_before < 200
    assert rows(mended) == rows(undisturbed)


# --- servers as they are met: each one's way of saying something, and what the file holds in the
# end ---


def streamed(text):
    piece = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": "stop"}]}
    return f"data: {json.dumps(piece)}\n\ndata: [DONE]\n\n".encode()


def met(answer, count=8, **options):
    """Collect from a server whose every answer is written by the test; (server, summary)."""

    async def main():
        async with FakeServer(answer, latency=0.01) as server:
            summary = await collection.collect(
                questions(count), "mock", server.base_url, endpoint="chat", k_responses=1,
                progress=False, **options,
            )  # fmt: skip
            return server, summary

    return asyncio.run(main())


def refuses(*names, status=400):
    def answer(body, number):
        named = [name for name in names if name in body]
        return (status, {}, error(f"`{named[0]}` is unknown")) if named else (200, {}, chat(" 4"))

    return answer


def at_first(times, *refusal):
    return lambda body, number: refusal if number <= times else (200, {}, chat(" 4"))


WAIT = {"Retry-After": "0.02"}
MET = {
    "OpenAI's reasoning models": refuses("max_tokens", "stop", "temperature"),
    "a strict gateway (422)": refuses("stream", "stop", status=422),
    "a gateway that fails (500) at a field": refuses("stop", status=500),
    "a refusal inside a 200": lambda body, n: (
        200, {}, {"error": "'stop' is not supported"} if "stop" in body else chat("4")),
    "LM Studio, text error": lambda body, n: (
        400, {}, {"error": "Unrecognized key(s): 'temperature'"}
    ) if "temperature" in body else (200, {}, chat("4")),
    "llama.cpp loads": at_first(3, 503, WAIT, error("Loading model", code=503)),
    "Hugging Face loads": at_first(3, 503, {}, {"error": "m is loading", "estimated_time": 0.02}),
    "Claude overloaded": at_first(3, 529, WAIT, error("Overloaded", type="overloaded_error")),
    "Groq's capacity": at_first(3, 498, WAIT, error("capacity exceeded")),
    "Bedrock throttles": at_first(3, 400, WAIT, {"__type": "ThrottlingException", "message": "x"}),
    "a wait on a 500": at_first(3, 500, WAIT, "oops"),
    "a 429 in a choice": at_first(3, 200, {}, {"choices": [
        {"error": {"code": 429, "message": "retry after 0.02 seconds"}, "message": None}]}),
    "a mend in the middle": at_first(2, 200, {}, chat("half", "error")),
    "Cohere's MAX_TOKENS": lambda *_: (200, {}, chat("4", "MAX_TOKENS")),
    "streams unasked": lambda *_: (200, {"Content-Type": "text/event-stream"}, streamed("4")),
    "a BOM": lambda *_: (200, {}, b"\xef\xbb\xbf" + json.dumps(chat("4")).encode()),
    "Latin-1 bytes": lambda *_: (200, {}, json.dumps(chat("4 HERE")).encode().replace(
        b"HERE", "é".encode("latin-1"))),
    "parts": lambda *_: (200, {}, chat([{"type": "text", "text": "4"}])),
    "a completion's text in a chat": lambda *_: (
        200, {}, {"choices": [{"text": "4", "finish_reason": "stop"}]}),
    "a long header": lambda *_: (200, {"X-Trace": "a" * 20_000}, chat("4")),
    "usage as null, choices as an object": lambda *_: (
        200, {}, {"choices": {"message": {"content": "4"}}, "usage": None}),
}  # fmt: skip


@pytest.mark.parametrize("name", MET)
def test_every_paid_answer_arrives_and_costs_one_attempt(name, monkeypatch):
    monkeypatch.setattr(pace, "FIRST_WAIT", 0.02)
    _, summary = met(MET[name], max_attempts=2)
    assert summary.complete == 8, summary
    for row in rows(summary).values():
        assert row["responses"][0]["full_response"].strip().startswith("4")
        assert row["attempts"] == 1 or name == "a mend in the middle"


def test_what_was_left_out_stands_in_the_sampling_and_is_told_once():
    _, summary = met(refuses("max_tokens", "stop", "temperature"), count=24)
    assert all(
        row["sampling"]["left_out"] == ["stop", "temperature"] for row in rows(summary).values()
    )
    assert all(row["sampling"]["temperature"] == 0.7 for row in rows(summary).values())
    told = [message for message in summary.messages if "temperature" in message]
    assert len(told) == 1 and summary.complete == 24


def test_a_run_without_a_temperature_sends_none():
    server, summary = met(refuses("temperature"), temperature=None)
    assert server.count == 8 == summary.complete
    assert rows(summary)["q0"]["sampling"]["temperature"] is None


def test_a_prompt_that_a_firewall_or_a_moderation_blocks_is_that_question_s():
    def answer(body, number):
        text = prompt_of(body)
        if "What is 2 + 1?" in text:
            return 403, {"Content-Type": "text/html"}, b"<!DOCTYPE html><title>Blocked</title>"
        if "What is 5 + 1?" in text:
            return 403, {}, error("your input was flagged by moderation")
        return 200, {}, chat("4")

    _, summary = met(answer)
    assert (summary.complete, summary.failed) == (6, 2)
    assert rows(summary)["q2"]["attempts"] == 0


@pytest.mark.parametrize("key", ["EMPTY", "dummy", "ollama", "not-needed", "no-key-required"])
def test_a_key_that_is_a_word_stays_in_answers(monkeypatch, key):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    _, summary = met(lambda *_: (200, {}, chat(f"a {key} thing")), count=1)
    assert texts(rows(summary)["q0"]) == [f"a {key} thing"]


def test_two_questions_of_one_id_and_stem_with_other_options_are_two():
    def choice(options):
        return Question(
            unique_id="q", question="Which?", choices=options, choice_index_correct=0,
            answer_correct=options[0],
        )  # fmt: skip

    with pytest.raises(LedgerMismatch, match="two different texts"):
        run({}, questions=[choice(["a", "b"]), choice(["c", "d"])])
    _, [summary] = run({}, questions=[choice(["a", "b"]), choice(["a", "b"])])
    assert summary.repeated == 1


def test_what_is_collected_in_odd_forms_is_graded(tmp_path):
    from routerlib.answers import grading

    odd = [
        chat("Question: 1. Answer: 1", {"type": "stop", "matched": 2}),
        chat("1 \ud83d", "model_length"),
        chat("1", 7),
    ]
    odd[0]["choices"][0]["logprobs"] = {"content": [{"token": "1", "logprob": float("-inf")}]}
    _, summary = met(lambda body, number: (200, {}, odd[number % 3]), count=6)
    graded = grading.grade(summary.path, tmp_path / "graded.jsonl", workers=1, progress=False)
    assert graded.answers == 6


# --- log-probabilities ---


def collected(server, path, **more):
    options = {"k_responses": 2, "endpoint": "chat", "progress": False, "output_file": path}
    options |= {"model": "small", "api_base": server.url, "stop": " + "} | more
    return collection.collect_sync(questions(3), **options)


def stored(summary):
    return [value for _, value in jsonl.read_values(summary.path)]


def test_log_probabilities_are_kept_small_and_change_no_sampling(tmp_path, outputs):
    with Scripted("small") as server:
        plain = collected(server, tmp_path / "a.jsonl", k_responses=1)
        assert "logprobs" not in server.asked[0]
        summary = collected(server, tmp_path / "a.jsonl", logprobs=True)
        assert summary.path == plain.path and summary.samples == 3, "the file goes on"
        assert server.asked[-1]["logprobs"] is True and server.asked[-1]["top_logprobs"] == 5
    samples = [sample for row in stored(summary) for sample in row["responses"]]
    tokens = [sample.get("logprobs") for sample in samples]
    assert [given is None for given in tokens] == [True, False] * 3
    text = "".join(token["token"] for token in tokens[1])
    assert samples[1]["full_response"].startswith("small heard:") and "+" not in text
    assert set(tokens[1][0]) == {"token", "logprob"}
    assert stored(summary)[0]["sampling"]["logprobs"] is True
    assert collection.measure_answers(summary)["with_logprobs"] == 3


@pytest.mark.parametrize("kind", ["left out", "refused"])
def test_a_server_without_log_probabilities_is_told_and_its_answers_are_kept(
    kind, tmp_path, outputs, capsys
):
    with Scripted("small", logprobs=kind) as server:
        summary = collected(server, tmp_path / "a.jsonl", logprobs=True)
    assert (summary.complete, summary.failed) == (3, 0)
    told = capsys.readouterr().out
    assert told.count("it gives no log-probabilities, so 04 has no signals of them") == 1
    assert "Log-probabilities: no." in told
    assert not any("logprobs" in sample for row in stored(summary) for sample in row["responses"])


def test_no_logged_prompts_are_none_to_ask_and_no_error(outputs, capsys):
    assert collection.open_prompts() == "" and "left no prompts" in capsys.readouterr().out
    left = outputs / "datasets" / "prompts_logged.jsonl"
    left.touch()
    assert collection.open_prompts() == "" and "left no prompts" in capsys.readouterr().out
    left.write_text('{"id": "1", "prompt": "Hello"}\n')
    assert collection.open_prompts() == str(left)
    assert collection.open_prompts(" none ") == "" and collection.open_prompts("x.csv") == "x.csv"


@pytest.mark.parametrize(
    "output", ["memory://bucket/run/answers.jsonl", "memory://bucket/a.parquet", "a.parquet"]
)
def test_a_table_or_an_address_gets_a_copy_and_the_answers_stay_here(tmp_path, outputs, output):
    """Rows are appended as they come, which neither can; the next run goes on with the file."""
    kinds = {"output_file": output, "output_dir": tmp_path / "here"}
    _server, (first, second) = run({}, {"num_problems": 5}, {"num_problems": None}, **kinds)
    assert (second.complete_before, second.complete) == (5, 12)
    name = "answers.jsonl" if "answers" in output else "a.jsonl"
    path = tmp_path / "here" / name
    assert str(path) == first.path == second.path and path.exists()
    copy = output if "://" in output else tmp_path / "here" / output
    assert f"The same answers are at {copy}." in second.notes
    lines = tables.as_lines(copy)
    assert list(collection.read_responses(lines)) == list(collection.read_responses(path))
    if output.endswith(".jsonl"):
        assert lines.read_bytes() == path.read_bytes()
    if "://" in output:
        fsspec.filesystem("memory").rm("/bucket", recursive=True)


def test_an_address_that_cannot_be_written_to_is_told_before_anything_is_asked(tmp_path, outputs):
    with pytest.raises(tables.AddressError, match="cannot be written to"):
        run({}, output_file="nosuchprotocol://a/b.jsonl", output_dir=tmp_path)


@pytest.mark.parametrize(("content", "number"), [("", 0), ("{}\n{}\n", 2), ("{}\n{}", 2)])
def test_a_last_line_that_nothing_ends_is_counted(tmp_path, content, number):
    path = tmp_path / "questions.jsonl"
    path.write_text(content)
    assert collection.count_questions(path, None) == number


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"stop": 5}, "STOP is 5"),
        ({"stop": ["a", 1]}, "STOP is "),
        ({"extra_body": "x"}, "EXTRA_BODY is 'x'"),
        ({"questions": 5}, "QUESTIONS is 5"),
        ({"model": None}, "MODEL is None"),
        ({"model": " "}, "MODEL is ' '"),
        ({"output_file": "x.txt"}, "OUTPUT_FILE is x.txt"),
        ({"output_file": "x.jsonl.gz"}, "OUTPUT_FILE is x.jsonl.gz"),
    ],
)
def test_an_argument_that_cannot_be_is_a_sentence(tmp_path, wrong, said):
    given = {"questions": [], "model": "m", "api_base": "http://127.0.0.1:9/v1"}
    with pytest.raises(SettingError, match=said):
        collection.collect_sync(**{**given, "output_dir": tmp_path, "progress": False, **wrong})
    assert not list(tmp_path.iterdir())


def test_questions_may_be_given_as_the_fields_of_rows():
    fields = {"unique_id": "a", "question": "2 + 2?", "answer_correct": "4"}
    [one] = collection.read_questions([fields, fields], 1, [], None)
    assert one.unique_id == "a"
    with pytest.raises(RowError, match="answer_correct"):
        list(collection.read_questions([{"a": 1}], None, [], None))


def test_where_the_questions_cannot_be_read_the_file_is_free_again(tmp_path):
    """A traceback that a notebook keeps would hold it, and the mended run be told of another."""
    bad = tmp_path / "q.jsonl"
    bad.write_text('{"a": 1}\n')
    how = {"api_base": "http://127.0.0.1:9/v1", "price_in": 1.0, "output_file": "a.jsonl"}
    with pytest.raises(ValueError, match="line 1") as kept:
        collection.collect_sync(str(bad), "m", output_dir=tmp_path, progress=False, **how)
    jsonl.Writer(tmp_path / "a.jsonl").close()
    assert kept.value.__traceback__ is not None
