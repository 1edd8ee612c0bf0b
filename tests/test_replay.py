"""The command `replay`: a log in any format goes in, a page comes out; a second run pays nothing, a
budget is kept, and nothing that a log or a model wrote gets into the page as markup.
"""

import asyncio
import functools
import json
import re

import log_rows
import pytest
from mock_server import MockServer, prompt_of

from routerlib import __main__, replay
from routerlib.answers import examining
from routerlib.endpoints import servers
from routerlib.errors import Foreseen
from routerlib.rows import jsonl

LOGS = ("chat", "LiteLLM", "Langfuse", "OpenTelemetry")


def asked_for_answers(server):
    """The prompts that the inferior model was asked."""
    return [prompt_of(body) for body in server.requests if is_for_an_answer(body)]


def is_for_an_answer(body):
    text = prompt_of(body)
    return "Question" in text and "<answer_a>" not in text


def say(request, index):
    """The inferior model's answer; the judge prefers the logged one to every third prompt."""
    text = prompt_of(request)
    if "<answer_a>" not in text:
        return f"cheap words on {text[:40]}"
    first, _ = re.findall(r"<answer_[ab]>\n(.*?)\n</answer_[ab]>", text, re.DOTALL)
    number = re.search(r"Question (\d+):", text)
    if not number or int(number[1]) % 3:
        return "C"
    return "B" if first.startswith("cheap") else "A"


def knowing(request, index):
    """As `say`, from a judge that also knows the right answers to the shipped questions."""
    text = prompt_of(request)
    if "<answer_a>" not in text or "Question" in text:
        return say(request, index)
    asked = re.search(r"<prompt>\n(.*?)\n</prompt>", text, re.DOTALL)[1]
    first = re.search(r"<answer_a>\n(.*?)\n</answer_a>", text, re.DOTALL)[1]
    pair = next((pair for pair in shipped_pairs() if pair.prompt == asked), None)
    if pair is None:  # the question with which the way of asking is chosen
        return "A"
    right = pair.superior[0] if pair.known == ("superior",) else pair.inferior[0]
    return "A" if first == right else "B"


@functools.cache
def shipped_pairs():
    return examining.sample_pairs(40)


def run(path, *runs, says=say, **settings):
    """Replay once for each of `runs`; returns (the server, what each came to)."""
    settings = {"known": "none", **settings}

    async def main():
        async with MockServer(say=says, models=("small", "judge"), takes_n=False) as server:
            found = []
            for changes in runs or ({},):
                named = f"small@{server.base_url}", f"judge@{server.base_url}"
                found.append(
                    await replay.replay(
                        str(path), *named, progress=False, **{**settings, **changes}
                    )
                )
            return server, found

    return asyncio.run(main())


@pytest.fixture(autouse=True)
def no_router(outputs, monkeypatch):
    """Fitting takes seconds and has tests of its own; one test here does it."""

    def fit(*args, **kwargs):
        raise Foreseen("left out of this test")

    monkeypatch.setattr(replay.fitting, "fit", fit)
    return fit


def log_of(kind, tmp_path, number=30):
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(log_rows.lines(kind, number)), encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", LOGS)
def test_a_log_of_each_kind_becomes_a_page(kind, tmp_path):
    server, [done] = run(log_of(kind, tmp_path))
    page = done.page
    assert done.exit_code == 0 and page.whole.prompts == 30
    assert page.superior == log_rows.MODEL and page.inferior == "small"
    assert page.whole.lost.value == pytest.approx(10 / 30)
    assert page.whole.lost.low < 10 / 30 < page.whole.lost.high
    assert len(asked_for_answers(server)) == 30, "the superior model's answers are in the log"
    has_money = kind in ("LiteLLM", "Langfuse")
    assert (page.whole.saved is not None) == has_money
    assert ("no money is told" in str(done)) != has_money
    assert done.path.exists() and str(done.path) in str(done)


def test_an_answer_may_be_as_long_as_the_longest_in_the_log(tmp_path):
    rows = [log_rows.litellm(place, text) for place, text in enumerate(log_rows.prompts(4))]
    rows[2]["completion_tokens"] = 75
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    server, _ = run(path)
    limits = {body["max_tokens"] for body in server.requests if is_for_an_answer(body)}
    assert limits == {80}
    server, _ = run(path, max_tokens=7, output=str(tmp_path / "short"))
    assert {body["max_tokens"] for body in server.requests if is_for_an_answer(body)} == {7}


def test_money_and_quality_are_those_of_the_answers(tmp_path):
    prices = {"inferior_price_in": 1.0, "inferior_price_out": 2.0, "judge_price_in": 1.0}
    _, [done] = run(log_of("LiteLLM", tmp_path), **prices)
    whole = done.page.whole
    rows = [row for _, row in jsonl.read_values(done.path.with_name("inferior.jsonl"))]
    spent = sum(sample["cost"] for row in rows for sample in row["responses"])
    assert whole.full == pytest.approx(2.0) and whole.spent == pytest.approx(1000 * spent / 30)
    assert whole.saved.value == pytest.approx(1 - spent / (30 * 0.002))
    assert dict(done.page.costs)["answers of small"] == pytest.approx(spent)
    assert dict(done.page.costs)["judging"] > 0


def test_a_second_run_pays_nothing_and_says_the_same(tmp_path, capsys):
    prices = {"inferior_price_out": 2.0, "judge_price_in": 1.0}
    server, [first, second] = run(log_of("chat", tmp_path), {}, {}, **prices)
    assert first.exit_code == second.exit_code == 0
    assert first.page.whole == second.page.whole
    assert dict(first.page.costs) == pytest.approx(dict(second.page.costs))
    assert len(asked_for_answers(server)) == 30
    verdicts = [body for body in server.requests if "Question" in prompt_of(body)]
    assert len(verdicts) == 30 + 60
    told = capsys.readouterr().out
    assert "30 prompts with an answer of big-model to replay" in told


def test_a_run_says_what_it_will_cost_before_it_asks(tmp_path, capsys):
    prices = {"inferior_price_out": 100.0}
    _, [done] = run(log_of("chat", tmp_path), **prices)
    told = capsys.readouterr().out
    total = float(re.search(r"in all about ([\d.]+\d)", told)[1])
    assert 0.3 * total < sum(cost for _, cost in done.page.costs) < 3 * total


def test_a_budget_ends_the_run_and_more_of_it_goes_on(tmp_path):
    prices = {"inferior_price_out": 1000.0, "max_tokens": 20}
    path = log_of("LiteLLM", tmp_path)
    server, [whole] = run(path, **prices, output=str(tmp_path / "whole"))
    budget = 0.5 * sum(cost for _, cost in whole.page.costs)
    options = {**prices, "output": str(tmp_path / "part")}
    server, [part, rest] = run(path, {"budget": budget}, {"budget": 10 * budget}, **options)
    spent = sum(cost for _, cost in part.page.costs)
    assert part.exit_code == 3 and 0 < part.page.whole.prompts < 30 and spent <= budget
    assert "The same command goes on" in str(part)
    assert rest.exit_code == 0 and rest.page.whole == whole.page.whole
    assert len(asked_for_answers(server)) == 30


def test_the_servers_of_all_stand_ins_are_started_before_the_first_is_waited_for(
    tmp_path, monkeypatch, outputs
):
    events = []

    def begin(begun, model, api_base, temperature=None):
        events.append(("begun", model))
        begun.append(servers.Place(model, api_base, temperature))

    def release(*places):
        events.append(("let go of", *(place.model for place in places)))

    def ensure(model, api_base, temperature=None):
        events.append(("waited for", model))
        raise servers.ServerError("it does not come up")

    monkeypatch.setattr(servers, "begin", begin)
    monkeypatch.setattr(servers, "release", release)
    monkeypatch.setattr(servers, "ensure", ensure)
    with pytest.raises(servers.ServerError, match="does not come up"):
        asyncio.run(
            replay.replay(
                log_of("chat", tmp_path), "standin-inferior", "standin-superior", known="none"
            )
        )
    both = ("standin-superior", "standin-inferior")
    begun = [("begun", model) for model in both]
    assert events == [*begun, ("waited for", "standin-superior"), ("let go of", *both)]


@pytest.mark.parametrize("budget,share", [(None, None), (8.0, 7.0), (2.0, 1.5)])
def test_a_budget_leaves_room_for_the_judge(budget, share):
    """All that the judging does not need; where it does not do for both, each gets its part."""
    assert replay.ReplayPlan(10, 20, answering=3.0, judging=1.0, budget=budget).for_answers == share


def test_the_judge_gets_what_the_answers_left(tmp_path, monkeypatch):
    given = []
    judge = replay.judging.judge

    async def watched(*args, **kwargs):
        given.append(kwargs["budget"])
        return await judge(*args, **kwargs)

    monkeypatch.setattr(replay.judging, "judge", watched)
    _, [done] = run(log_of("LiteLLM", tmp_path), inferior_price_out=1000.0, budget=50.0)
    assert given == [pytest.approx(50.0 - dict(done.page.costs)["answers of small"])]


def test_a_judge_is_examined_before_it_is_trusted(tmp_path, capsys):
    server, [done, again] = run(log_of("LiteLLM", tmp_path), {}, {}, says=knowing, known="sample")
    assert done.page.whole.lost.value == pytest.approx(10 / 30)
    [said] = [text for text in done.page.judging if "It is better than chance" in text]
    assert "On 40 pairs the judge judge agrees with the grades in 100%" in said
    assert "not on the prompts of this log" in said and said in done.path.read_text("utf-8")
    assert again.page.judging == done.page.judging
    verdicts = [body for body in server.requests if "<answer_a>" in prompt_of(body)]
    # Two for each known pair and each prompt; and one a run, to see how this judge can be asked
    assert 2 * 40 + 2 * 30 <= len(verdicts) <= 2 * 40 + 2 * 30 + 2
    assert "and 140 verdicts" in capsys.readouterr().out


def test_a_judge_at_chance_is_refused_and_hardly_paid(tmp_path):
    """It always prefers the inferior answer: by that, nothing would be lost."""

    def flattering(request, index):
        text = prompt_of(request)
        if "<answer_a>" not in text:
            return say(request, index)
        return "A" if index % 2 else "B"

    prices = {"judge_price_in": 1000.0, "judge_price_out": 1000.0}
    server, [done] = run(log_of("LiteLLM", tmp_path), says=flattering, known="sample", **prices)
    page = done.page
    assert page.whole.prompts == 30 and page.whole.lost is None and page.whole.saved is not None
    assert "How much quality that would have cost is not known" in page.headline
    assert "The judge is refused" in str(done) and "no promise" in page.certificate
    assert "not known" in done.path.read_text("utf-8") and page.routed is None
    assert not (done.path.parent / "router").exists() and done.exit_code == 0
    judged = [body for body in server.requests if "Question" in prompt_of(body)]
    assert len(judged) - 30 == 2 * replay.REFUSED_PAIRS
    costs = dict(page.costs)
    assert costs["examining the judge"] > costs["judging"] > 0
    assert jsonl.read_json(done.path.with_name("replay.json"))["all"]["lost"] is None


def test_an_unexamined_judge_is_called_that(tmp_path):
    _, [done] = run(log_of("chat", tmp_path))
    assert "nobody has measured" in str(done) and "examining the judge" not in str(done)


def test_a_judge_is_examined_on_votes_of_ones_own(tmp_path):
    """Ten people said which of two answers is better, half of them each; the judge says so too."""
    lines = []
    for place in range(20):
        turns = [
            [
                {"role": "user", "content": f"Topic {place}?"},
                {"role": "assistant", "content": f"{word} words"},
            ]
            for word in ("dear", "cheap")
        ]
        lines.append(
            {
                "question_id": f"v{place}",
                "model_a": "big-model",
                "model_b": "small",
                "winner": "model_b" if place % 4 == 0 else "model_a",
                "conversation_a": turns[0],
                "conversation_b": turns[1],
            }
        )
    votes = tmp_path / "votes.jsonl"
    votes.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")

    def agreeing(request, index):
        text = prompt_of(request)
        topic = re.search(r"Topic (\d+)", text)
        if not topic:
            return say(request, index)
        first = re.search(r"<answer_a>\n(.*?)\n</answer_a>", text, re.DOTALL)[1]
        wanted = "cheap" if int(topic[1]) % 4 == 0 else "dear"
        return "A" if first.startswith(wanted) else "B"

    _, [done] = run(log_of("chat", tmp_path), says=agreeing, known=str(votes))
    assert "On 20 pairs the judge judge agrees with people in 100%" in str(done)
    with pytest.raises(replay.ReplayError, match="KNOWN names 3 files"):
        run(log_of("chat", tmp_path), known="a.jsonl,b.jsonl,c.jsonl")


def test_the_examination_is_paid_from_the_budget():
    plan = replay.ReplayPlan(10, 28, answering=3.0, judging=1.0, budget=8.0, examining=0.5)
    assert plan.total == 4.5 and "0.5000 of it" in plan.sentence("big")
    rest = plan.after_examining(0.75)
    assert (rest.budget, rest.total, rest.for_answers) == (7.25, 4.0, 6.25)
    assert plan.after_examining(9.0).budget == 0.0


def test_a_budget_that_allows_nothing_is_told(tmp_path):
    path = log_of("LiteLLM", tmp_path)
    with pytest.raises(replay.ReplayError, match="BUDGET"):
        run(path, inferior_price_out=1000.0, budget=0.0001)


def test_a_verdict_that_cannot_be_read_is_told_and_not_asked_again(tmp_path):
    """The run is complete all the same: asking that judge once more would change nothing."""

    def prose(request, index):
        text = prompt_of(request)
        is_of_one = "<answer_a>" in text and "Question 3:" in text
        return "Well, who can say?" if is_of_one else say(request, index)

    server, [first, second] = run(log_of("chat", tmp_path), {}, {}, says=prose)
    assert first.page.whole.prompts == 29 and first.exit_code == second.exit_code == 0
    assert "2 verdicts could not be read" in str(first) and "Not complete" not in str(first)
    assert sum("Question 3:" in prompt_of(body) for body in server.requests) == 3


@pytest.mark.parametrize("known", ("none", "sample"))
def test_a_judge_that_only_talks_still_leaves_the_money_on_the_page(known, tmp_path):
    def prose(request, index):
        is_judge = "<answer_a>" in prompt_of(request)
        return "Both have their merits." if is_judge else say(request, index)

    server, [done, again] = run(log_of("LiteLLM", tmp_path), {}, {}, says=prose, known=known)
    page = done.page
    assert page.whole.prompts == 30 and page.whole.saved is not None and page.whole.lost is None
    assert "No router, and no promise" in page.certificate
    assert "could not be read, the first one 'Both have their merits.'" in str(done)
    assert done.exit_code == again.exit_code == 0 and done.path.exists()
    assert len(asked_for_answers(server)) == 30


def test_what_a_log_says_is_no_markup(tmp_path):
    evil = "<script>alert(1)</script>"
    rows = [log_rows.chat(place, text) for place, text in enumerate(log_rows.prompts(12))]
    for row in rows:
        row["model"], row["category"] = f"big{evil}", f"kind{evil}"
    rows[0]["category"] = "other"
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    _, [done] = run(path)
    html = done.path.read_text(encoding="utf-8")
    assert "&lt;script&gt;" in html and "<script" not in html and "http" not in html


def test_prompts_without_a_category_are_sorted_by_their_words(tmp_path):
    _, [done] = run(log_of("LiteLLM", tmp_path, 60))
    assert len(done.page.kinds) >= 2
    assert sum(kind.prompts for kind in done.page.kinds) == 60


def test_the_model_of_most_answers_is_the_superior_one(tmp_path):
    rows = [log_rows.chat(2, text) for text in log_rows.prompts(12)]
    for place, row in enumerate(rows):
        row["id"] = f"r{place}"
        row["model"] = row["request"]["model"] = "two" if place < 4 else "one"
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    _, [first, second] = run(path, {}, {"superior": "two", "output": str(tmp_path / "two")})
    assert (first.page.superior, first.page.whole.prompts) == ("one", 8)
    assert (second.page.superior, second.page.whole.prompts) == ("two", 4)
    assert "4 prompts without an answer of one" in str(first)


def test_masking_reaches_no_server_and_no_file(tmp_path):
    rows = [log_rows.chat(1, f"{text} Write to jane@example.org") for text in log_rows.prompts(8)]
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    server, [done] = run(path, mask="standard")
    assert server.requests and "jane@" not in json.dumps(server.requests)
    for file in done.path.parent.rglob("*.*"):
        assert "jane@" not in file.read_text(encoding="utf-8"), file


@pytest.mark.parametrize(
    "changes,told",
    [
        ({"inferior": "small"}, "Write it as MODEL@URL"),
        ({"inferior": "@http://127.0.0.1:1/v1"}, "a model and its address"),
        ({"judge": "big"}, "JUDGE is 'big'"),
        ({"budget": -3.0}, "BUDGET"),
        ({"budget": 5.0}, "neither small nor judge has a price, so it would end nothing"),
        ({"budget": 5.0, "superior_price_out": 8.0}, "has a price"),
        ({"budget": 5.0, "judge_price_in": 2.0}, "Nothing answers"),
        ({"budget": 5.0, "judge_price_out": 2.0}, "Nothing answers"),
        ({"budget": 5.0, "inferior_price_out": 2.0}, "Nothing answers"),
        ({"mask": "nothing:here"}, "cannot be loaded"),
        ({"epsilon": float("nan")}, "share from 0 to below 1"),
        ({"epsilon": 2.0}, "share from 0 to below 1"),
        ({"delta": 0.0}, "share between 0 and 1"),
        ({"inferior": "small@http://[::1"}, "no base URL"),
        ({"max_concurrent": 0}, "MAX_CONCURRENT is 0"),
        ({"limit": 0}, "LIMIT is 0"),
        ({"max_tokens": 0}, "MAX_TOKENS is 0"),
        ({"temperature": 5.0}, "TEMPERATURE is 5.0"),
        ({"judge_max_tokens": -1}, "JUDGE_MAX_TOKENS is -1"),
        ({"known_pairs": 0}, "KNOWN_PAIRS is 0"),
        ({"known": "no_votes.jsonl"}, "There is no file"),
        ({"superior_price_out": -1.0}, "SUPERIOR_PRICE_OUT is -1.0"),
        ({}, "Nothing answers at http://127.0.0.1:1/v1"),
    ],
)
def test_what_cannot_be_is_told_before_any_work(changes, told, tmp_path):
    named = {"inferior": "small@http://127.0.0.1:1/v1", "judge": "judge@http://127.0.0.1:1/v1"}
    output = tmp_path / "output"
    given = {**named, "output": str(output), **changes}
    with pytest.raises(Foreseen, match=told):
        asyncio.run(replay.replay(str(log_of("chat", tmp_path)), **given))
    assert not output.exists(), "the log was read and written first"


def test_a_log_without_answers_of_the_superior_model_says_whose_it_has(tmp_path):
    with pytest.raises(Foreseen, match="answers: 30 of big-model"):
        run(log_of("chat", tmp_path), superior="nobody", output=str(tmp_path / "output"))


def test_the_command_line(tmp_path, capsys):
    given = __main__.parse("replay", ["my.jsonl", "--inferior", "a@u", "--judge", "b@u"])
    assert given["logs"] == "my.jsonl" and given["budget"] is None
    given = __main__.parse(
        "replay", ["my.jsonl", "--inferior", "a@u", "--judge", "b@u", "--budget", "5"]
    )
    assert given["budget"] == 5
