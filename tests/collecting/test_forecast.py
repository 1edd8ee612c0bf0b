"""Prompts out of a log, what a run will cost, and a budget that is kept and can be raised."""

import asyncio
import json
import re

import log_rows
import pytest
from fake_server import FakeServer, chat
from mock_server import MockServer, prompt_of

from routerlib.collecting import collection
from routerlib.collecting.forecast import Prices
from routerlib.collecting.ledger import Ledger
from routerlib.rows import jsonl
from routerlib.settings import SettingError

PRICES = {"price_in": 1000.0, "price_out": 2000.0}  # a tenth of a cent and more a token


def collect(path, *runs, model="small-model", **options):
    """Collect once for each of `runs`; returns (the server's requests, summaries)."""

    async def main():
        async with MockServer(models=(model, "big-model")) as server:
            found = []
            for changes in runs or ({},):
                how = {"endpoint": "chat", "k_responses": 1, "progress": False, "max_tokens": 50}
                how |= {"output_file": "answers.jsonl", **options, **changes}
                found.append(await collection.collect(path, model, server.base_url, **how))
            return server, found

    return asyncio.run(main())


def written(summary):
    return [row for _, row in jsonl.read_values(summary.path)]


@pytest.fixture
def log(tmp_path, outputs):
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(log_rows.lines("chat", 20)), encoding="utf-8")
    return path


def test_prompts_of_a_log_are_asked_as_they_are(log):
    server, [summary] = collect(log)
    assert (summary.complete, summary.total, summary.rejected) == (20, 20, len(log_rows.BROKEN))
    asked = {prompt_of(body) for body in server.requests}
    assert asked == set(log_rows.prompts(20))
    row = written(summary)[0]
    assert row["answer_correct"] == "" and row["problem"] in asked and not row["is_mcq"]
    assert "prompts that show a picture" in str(summary)


def test_a_logged_answer_of_this_model_is_its_first_sample(log):
    server, [summary] = collect(log, model="big-model")
    assert server.count == 0 and summary.complete == summary.brought == 20
    row = written(summary)[2]
    sample = row["responses"][0]
    assert sample["full_response"] == log_rows.answer_of(row["problem"]) and sample["from_log"]
    assert (sample["prompt_tokens"], sample["completion_tokens"]) == (30, 12)
    assert row["usage"]["requests"] == 0 and "were in the log" in str(summary)
    counted = collection.answers_counted(summary)
    assert (counted["answers"], counted["from_log"], counted["cost"]) == (20, 20, 0)


def test_more_samples_are_asked_for_beside_the_logged_one(log):
    server, [_first, second] = collect(log, {}, {"k_responses": 3}, model="big-model")
    assert [body["n"] for body in server.requests] == [2] * 20
    assert all(
        [sample.get("from_log") for sample in row["responses"]] == [True, None, None]
        for row in written(second)
    )


def test_another_models_answer_is_no_sample(log):
    server, [summary] = collect(log)
    assert server.count == 20 and summary.brought == 0


def test_a_conversation_is_asked_whole_and_kept(tmp_path, outputs):
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "A plant?"},
        {"role": "assistant", "content": "Mint."},
        {"role": "user", "content": "Another?"},
    ]
    path = tmp_path / "talks.jsonl"
    row = {"conversation_id": "t", "model": "big-model", "conversation": [*turns, turns[2]]}
    path.write_text(json.dumps(row), encoding="utf-8")
    server, [summary] = collect(path)
    assert server.requests[0]["messages"] == turns
    (row,) = written(summary)
    assert [turn["content"] for turn in row["prompt"]] == [turn["content"] for turn in turns]
    _, [logged] = collect(path, model="big-model", output_file="big.jsonl")
    assert logged.brought == 1


def test_what_02_wrote_can_be_asked(tmp_path, outputs):
    answer = {"full_response": "Four.", "model": "big-model", "completion_tokens": 2, "cost": 0.5}
    rows = [
        {"id": "a", "prompt": "Two and two?", "language": "English", "category": "sums"},
        {"id": "b", "prompt": "And three?", "category": "sums", "answer": answer},
    ]
    path = tmp_path / "prompts_clean.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    server, [summary] = collect(path, model="big-model")
    assert server.count == 1 and summary.brought == 1
    found = {row["unique_id"]: row for row in written(summary)}
    assert found["b"]["category"] == "sums"
    sample = found["b"]["responses"][0]
    assert (sample["full_response"], sample["completion_tokens"], sample["cost"]) == (
        "Four.",
        2,
        0.5,
    )


def test_questions_and_prompts_may_stand_side_by_side(log, tmp_path):
    questions = tmp_path / "questions.jsonl"
    rows = [{"unique_id": "q", "question": "2 + 2?", "answer_correct": "4"}]
    questions.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    _, [summary] = collect(f"{questions}, {log}")
    assert [row["answer_correct"] for row in written(summary)].count("") == 20
    assert summary.complete == 21


# --- money ---


def test_a_run_is_priced_before_it_asks_and_again_for_what_is_left(log):
    _server, [first, second] = collect(log, {"num_problems": 5}, {}, **PRICES)
    told = [summary.messages[0] for summary in (first, second)]
    assert told[0].startswith("5 answers to ask for, to 5 questions")
    assert told[1].startswith("15 answers to ask for, to 20 questions")
    about, most = (float(found) for found in re.findall(r"(?:about|most) ([\d.]+\d)", told[0]))
    assert 0 < about <= most and first.cost <= most
    assert f"{first.cost:,.4f} was spent before" in told[1]
    assert written(second)[0]["responses"][0]["cost"] == pytest.approx(first.cost / 5, rel=0.2)


def test_what_the_log_holds_costs_nothing(log):
    _, [summary] = collect(log, model="big-model", **PRICES)
    assert summary.messages[0].startswith("0 answers to ask for") and summary.cost == 0
    assert "20 are in the log" in summary.messages[0]


@pytest.mark.parametrize("concurrent", [1, 16])
def test_a_budget_is_never_exceeded_and_more_of_it_goes_on(log, concurrent):
    _, [whole] = collect(log, output_file="whole.jsonl", **PRICES)
    budget = whole.cost * 0.6
    options = {**PRICES, "max_concurrent": concurrent}
    server, [first, again, last] = collect(
        log, {"budget": budget}, {"budget": budget}, {"budget": 100 * budget}, **options
    )
    assert first.is_out_of_budget and 0 < first.complete < 20 and first.exit_code == 3
    assert first.cost <= budget and "BUDGET is" in " ".join(first.messages)
    assert again.cost == 0 or first.cost + again.cost <= budget
    assert last.complete == 20 and not last.is_out_of_budget
    assert server.count == 20, "nothing was asked twice"


def test_answers_dearer_than_could_be_foreseen_end_the_run_at_the_budget(log):
    def answer(body, number):
        counts = {"prompt_tokens": 1_000_000, "completion_tokens": -5}
        return 200, {}, chat("4") | {"usage": counts}

    async def main():
        how = {"endpoint": "chat", "k_responses": 1, "max_concurrent": 1, "progress": False}
        money = {"price_in": 1.0, "price_out": 1.0, "budget": 5.0}
        async with FakeServer(answer) as server:
            return server, await collection.collect(log, "m", server.base_url, **how, **money)

    server, summary = asyncio.run(main())
    assert summary.is_out_of_budget and server.count == 5


def test_a_budget_without_prices_is_told(log):
    _, [summary] = collect(log, budget=1.0)
    assert summary.complete == 20 and "nothing is counted" in summary.messages[0]


@pytest.mark.parametrize("budget", [-1, "much", float("nan")])
def test_a_budget_is_an_amount(log, budget):
    with pytest.raises(SettingError, match="BUDGET"):
        collect(log, budget=budget)


def test_the_most_a_request_can_cost_covers_every_script():
    """Chinese takes more tokens a sign than English; bytes tell both."""
    prices = Prices(1.0, 0.0)
    assert prices.most("字" * 1000, 1, 0) * 1e6 >= 1500
    assert prices.most("word " * 1000, 1, 0) * 1e6 >= 1000


def test_tokens_on_disk_count_once_where_a_later_line_holds_them_again(tmp_path):
    def row(key, samples, tokens):
        usage = {"prompt_tokens": tokens, "completion_tokens": 2 * tokens}
        return {"unique_id": key, "responses": [{}] * samples, "usage": usage}

    path = tmp_path / "answers.jsonl"
    jsonl.write_rows(path, [row("a", 1, 10), row("b", 2, 7), row("a", 2, 25), row("c", 1, 4)])
    book = Ledger(path, "unique_id", wanted=2)
    try:
        assert book.usage == {"prompt_tokens": 36, "completion_tokens": 72}
    finally:
        book.close()
