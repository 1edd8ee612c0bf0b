"""Patience: a busy server, and refusals that others decide about."""

import asyncio
import functools
import json

import pytest

from routerlib.collecting import pace, resumable
from routerlib.collecting.ledger import Ledger
from routerlib.collecting.resumable import Job, run_job, why_empty
from routerlib.endpoints import refusals
from routerlib.endpoints.clients import Busy, Completion, FailedAttempt, Outage, Stopped
from routerlib.rows import jsonl

ANSWER = Completion([{"full_response": "4", "finish_reason": "stop"}], 5, 7)


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(pace, "FIRST_WAIT", 0.02)
    monkeypatch.setattr(resumable.random, "uniform", lambda *_: 0.02)


def run(tmp_path, ask, items=20, concurrent=4, ask_slowly=None, first_contact=600.0, **options):
    """A job whose items are numbers, asked by `ask(item)`, or by a coroutine."""

    async def asked(item, n):
        await asyncio.sleep(0.001)
        return ask(item)

    def row(item, state):
        return {
            "id": item,
            "samples": state.samples,
            "attempts": state.attempts,
            "error": state.error,
        }

    async def main():
        job = Job(key=str, ask=ask_slowly or asked, row=lambda i, s: row(str(i), s), **options)
        ledger = Ledger(tmp_path / "a.jsonl", "id", samples="samples")
        return await run_job(
            range(items), job, ledger, concurrent, progress=False, first_contact=first_contact
        )

    return asyncio.run(main())


def stopped(status, body):
    return Stopped(f"{status}", status, refusals.read_refusal(status, body))


FIREWALL = (403, "<!DOCTYPE html><title>blocked</title>")
NO_KEY = (401, "who?")


def test_a_busy_server_costs_no_attempt_and_is_quoted(tmp_path, capsys):
    left = iter(range(6))

    def ask(item):
        if next(left, None) is not None:
            raise Busy("http://x is busy (503: server busy)", 0.01, 503)
        return ANSWER

    summary = run(tmp_path, ask)
    assert summary.complete == 20 and summary.rate_limits == 6 and summary.failed == 0


def test_an_item_that_alone_meets_a_busy_server_is_given_up_without_an_attempt(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(resumable, "BUSY_FORGIVEN", 1)
    monkeypatch.setattr(resumable, "RESETS_FORGIVEN", 1)
    monkeypatch.setattr(pace, "FIRST_WAIT", 0.001)

    def ask(item):
        if item == 2:
            raise Busy("busy", 0.0, 503)
        return ANSWER

    summary = run(tmp_path, ask, items=50)
    assert summary.complete == 49 and summary.errors == {"outage": 1}
    row = Ledger(tmp_path / "a.jsonl", "id", samples="samples").latest("2")
    assert row["attempts"] == 0


def test_an_item_that_failed_before_the_first_answer_and_then_came_has_one_line(tmp_path):
    tries = iter(range(2))

    def ask(item):
        if item == 0 and next(tries, None) is not None:
            raise FailedAttempt("no sense in it", 200)
        return ANSWER

    summary = run(tmp_path, ask, items=2, concurrent=1)
    assert summary.complete == 2
    ids = [row["id"] for _, row in jsonl.read_values(tmp_path / "a.jsonl")]
    assert sorted(ids) == ["0", "1"]


def test_a_firewall_s_page_for_one_item_is_that_item_s_and_costs_no_attempt(tmp_path):
    def ask(item):
        if item == 0:
            raise stopped(*FIREWALL)
        return ANSWER

    summary = run(tmp_path, ask)
    assert (summary.complete, summary.errors) == (19, {"bad_request": 1})
    row = Ledger(tmp_path / "a.jsonl", "id", samples="samples").latest("0")
    assert row["attempts"] == 0 and row["error"]["status"] == 403


def test_a_firewall_s_page_for_all_items_stops_the_run(tmp_path):
    def ask(item):
        raise stopped(*FIREWALL)

    with pytest.raises(Stopped):
        run(tmp_path, ask)


def test_a_key_refused_from_the_start_stops_at_once(tmp_path):
    asked = []

    def ask(item):
        asked.append(item)
        raise stopped(*NO_KEY)

    with pytest.raises(Stopped):
        run(tmp_path, ask, concurrent=1)
    assert asked == [0]


def test_a_key_refused_once_after_answers_is_one_item_s_matter(tmp_path):
    def ask(item):
        if item == 9:
            raise stopped(*NO_KEY)
        return ANSWER

    summary = run(tmp_path, ask)
    assert summary.complete == 19 and summary.failed == 1


def test_a_key_refused_again_and_again_after_answers_stops(tmp_path):
    asked = []

    def ask(item):
        asked.append(item)
        if item > 9:
            raise stopped(*NO_KEY)
        return ANSWER

    with pytest.raises(Stopped):
        run(tmp_path, ask, items=100, concurrent=1)
    assert len(asked) == 10 + resumable.STOPS_IN_A_ROW


def test_no_credit_stops_at_once_and_keeps_what_was_under_way(tmp_path):
    """The first item is slow; its answer comes after the refusal of the second, and is paid for."""

    async def asked(item, n):
        if item == 1:
            await asyncio.sleep(0.05)
            raise stopped(402, "pay")
        await asyncio.sleep(0.3)
        return ANSWER

    async def main():
        def row(item, state):
            error = state.error
            return {"id": str(item), "samples": state.samples, "attempts": 0, "error": error}

        ledger = Ledger(tmp_path / "a.jsonl", "id", samples="samples")
        await run_job(range(50), Job(str, asked, row), ledger, 2, progress=False)

    with pytest.raises(Stopped):
        asyncio.run(main())
    ledger = Ledger(tmp_path / "a.jsonl", "id", samples="samples")
    assert ledger.found_done == 1 and ledger.is_done("0")


def test_news_about_the_server_are_told_once_with_the_next_answer(tmp_path, capsys):
    news = []

    def ask(item):
        if item == 3:
            news.append("the server takes no `stop`")
        return ANSWER

    summary = run(tmp_path, ask, news=news)
    assert sum("takes no `stop`" in message for message in summary.messages) == 1


def test_a_failed_attempt_costs_one(tmp_path):
    failed = iter([1])

    def ask(item):
        if next(failed, None):
            raise FailedAttempt("oops", 500)
        return ANSWER

    assert run(tmp_path, ask, items=1).complete == 1


# --- a server that has never answered ---


def on_disk(tmp_path):
    path = tmp_path / "a.jsonl"
    return {row["id"]: row for _, row in jsonl.read_values(path)} if path.exists() else {}


def no_choices():
    return FailedAttempt("the answer holds no choices", kind="invalid_answer")


@pytest.mark.parametrize(
    ("failure", "most"),
    [
        (no_choices(), 4 * resumable.IN_VAIN),
        (FailedAttempt("answered 500", 500), 6 * resumable.IN_VAIN),
        (Outage("the answer broke off"), 12 * resumable.IN_VAIN),
    ],
)
def test_a_server_that_always_fails_stops_the_run_and_nothing_is_spent(tmp_path, failure, most):
    asked = []

    def ask(item):
        asked.append(item)
        raise failure

    with pytest.raises(Stopped, match=f"{failure}. Nothing else has come") as told:
        run(tmp_path, ask, items=200)
    assert len(asked) <= most and on_disk(tmp_path) == {}
    assert "no attempt is spent" in str(told.value)


def test_a_lone_failure_costs_its_item_an_attempt_whenever_it_comes(tmp_path):
    left = {3: 1, 12: 2}

    def ask(item):
        if left.get(item, 0) > 0:
            left[item] -= 1
            raise no_choices()
        return ANSWER

    summary = run(tmp_path, ask, items=20)
    attempts = {key: row["attempts"] for key, row in on_disk(tmp_path).items()}
    assert summary.complete == 20 and attempts == {str(i): 1 for i in range(20)} | {"3": 2, "12": 3}


def test_a_failure_after_an_answer_is_on_disk_before_the_next_try(tmp_path):
    """A run that is killed then has not forgotten it."""
    seen = []

    def ask(item):
        if item == 0:
            return ANSWER
        seen.append({key: row["attempts"] for key, row in on_disk(tmp_path).items()})
        raise FailedAttempt("no", kind="timeout")

    run(tmp_path, ask, items=2, concurrent=1)
    assert [rows.get("1", 0) for rows in seen] == [0, 1, 2]


def test_the_first_items_fail_for_good_and_an_answer_is_on_its_way(tmp_path):
    """The run waits for it, and goes on; what failed is written then."""

    async def slowly(item, n):
        await asyncio.sleep(0.3 if item >= resumable.IN_VAIN else 0.001)
        if item < resumable.IN_VAIN:
            raise no_choices()
        return ANSWER

    summary = run(tmp_path, None, items=8, concurrent=8, ask_slowly=slowly)
    rows = on_disk(tmp_path)
    assert summary.complete == 3 and summary.failed == 5 and len(rows) == 8
    assert {rows[str(i)]["attempts"] for i in range(5)} == {resumable.TOLD_TWICE}


def test_a_few_items_without_any_answer_are_written_and_keep_an_attempt(tmp_path):
    def ask(item):
        raise no_choices()

    summary = run(tmp_path, ask, items=2)
    rows = on_disk(tmp_path)
    assert summary.failed == 2 and {row["attempts"] for row in rows.values()} == {2}
    assert rows["0"]["error"]["message"] == "the answer holds no choices"


def test_what_an_earlier_run_had_answered_counts(tmp_path):
    used = {"prompt_tokens": 5, "completion_tokens": 7, "requests": 1}
    done = {"id": "0", "samples": ANSWER.samples, "attempts": 1, "error": None, "usage": used}
    (tmp_path / "a.jsonl").write_text(json.dumps(done) + "\n")

    def ask(item):
        raise no_choices()

    summary = run(tmp_path, ask, items=9)
    assert summary.failed == 8 and on_disk(tmp_path)["5"]["attempts"] == 3


@pytest.mark.parametrize(
    ("sample", "why"),
    [
        ({"finish_reason": "content_filter"}, "content filter"),
        ({"finish_reason": "length", "reasoning": "hm"}, "reasoning took all"),
        ({"finish_reason": "length"}, "MAX_TOKENS"),
        ({"finish_reason": "tool_calls"}, "called a tool"),
        ({"finish_reason": "stop"}, "before the first word"),
    ],
)
def test_the_cause_of_an_empty_answer_is_told(sample, why):
    assert why in why_empty(sample)


def test_answers_that_were_cut_off_are_told_and_empty_ones_only_once(tmp_path):
    def ask(item):
        text = "" if item < 3 else "The answer is"
        return Completion([{"full_response": text, "finish_reason": "length"}], 5, 7)

    told = str(run(tmp_path, ask, items=10))
    assert (
        "7 samples were cut off at the limit of tokens that was given." in told
        and "3 samples are empty" in told
    )


@pytest.mark.parametrize(("answers_before", "names_a_time"), [(0, False), (1, False), (0, True)])
def test_a_server_that_has_only_said_that_it_is_busy_is_not_waited_for_for_good(
    tmp_path, answers_before, names_a_time
):
    """As 200 with {"error": "overloaded"}. One that has answered, or says how long, is."""
    asked = []

    def ask(item):
        asked.append(item)
        if len(asked) <= answers_before or len(asked) > 60:
            return ANSWER
        raise Busy("http://x is busy (overloaded)", 0.001 if names_a_time else None, None)

    pace.FIRST_WAIT, longest = 0.001, pace.LONGEST_WAIT
    pace.LONGEST_WAIT = 0.02
    try:
        work = functools.partial(run, tmp_path, ask, concurrent=1, first_contact=0.1)
        if answers_before or names_a_time:
            assert work().complete == 20
            return
        with pytest.raises(Stopped, match=r"busy \(overloaded\)\. It has said so for .*run stops"):
            work()
    finally:
        pace.LONGEST_WAIT = longest
    assert not (tmp_path / "a.jsonl").exists(), "no attempt is spent"


def test_a_server_that_breaks_off_what_is_too_much_at_once_gets_less(tmp_path):
    """As servers do that take few connections: none is given up, though most are broken off."""
    under_way = 0

    async def ask(item, n):
        nonlocal under_way
        under_way += 1
        try:
            if under_way > 2:
                raise Outage("the connection was reset")
            await asyncio.sleep(0.005)
            return ANSWER
        finally:
            under_way -= 1

    async def is_up():
        return True

    summary = run(tmp_path, None, 40, 16, ask_slowly=ask, is_up=is_up)
    assert (summary.complete, summary.failed) == (40, 0)


def test_a_fault_at_one_item_lets_the_answers_under_way_arrive(tmp_path):
    """They are paid for, whoever is to blame."""

    async def ask(item, n):
        await asyncio.sleep(0.05)
        if item == 0:
            raise TypeError("no such thing")
        await asyncio.sleep(0.2)
        return ANSWER

    with pytest.raises(TypeError):
        run(tmp_path, None, 4, ask_slowly=ask)
    assert len(list(jsonl.read_values(tmp_path / "a.jsonl"))) == 3
