"""Judging: labels of judges of known quality, order taken out, nothing paid twice, nothing
guessed.
"""

import asyncio
import json
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import planted_judge
import pytest
from fake_server import FakeServer, chat, error
from planted_judge import PlantedJudge, pairs, server

from routerlib.answers import judging
from routerlib.answers.judges import Judge, JudgingError
from routerlib.answers.judging import Comparison
from routerlib.answers.pairs import INFERIOR, SUPERIOR, TIE, Pair
from routerlib.collecting.ledger import LedgerMismatch
from routerlib.rows import jsonl
from routerlib.rows.schemas import LabelledPrompt

ROOT = Path(__file__).parents[2]


def judged(fake, given, folder, jury=("mock",), **settings):
    """Judge pairs on a fake server; returns the run."""

    async def run():
        async with fake:
            models = [Judge(name, fake.base_url, timeout=20.0) for name in jury]
            return await judging.judge(given, models, folder, progress=False, **settings)

    return asyncio.run(run())


def test_a_right_judge_gives_right_outcomes(tmp_path):
    given = pairs(30)
    found = judged(server(), given, tmp_path)
    rows = list(jsonl.read_rows(found.path, LabelledPrompt))
    assert [row.id for row in rows] == [pair.id for pair in given]
    for row, pair in zip(rows, given, strict=True):
        loss = {SUPERIOR: 1.0, TIE: 0.0, INFERIOR: -1.0}[pair.known[0]]
        assert row.superior_score - row.inferior_score == loss
        assert row.p_superior == (loss == 1.0)
        assert row.source == "judged" and row.judges == ["mock"] and row.doubt == 0
        assert row.prompt == pair.prompt and row.category == pair.category
        assert {one["verdict"] for one in row.verdicts} == {pair.known[0]}
    assert found.exit_code == 0 and found.what_is_missing() == ""


def test_the_judge_sees_no_models_name_and_each_answer_first_once(tmp_path):
    fake = server()
    given = [replace(pair, inferior_model="cheapo", superior_model="dearest") for pair in pairs(4)]
    judged(fake, given, tmp_path)
    messages = [json.dumps(body) for body in fake.requests]
    assert not any("cheapo" in text or "dearest" in text for text in messages)
    seen = [planted_judge.shown(body["messages"][-1]["content"]) for body in fake.requests]
    for pair in given:
        orders = [(a, b) for prompt, a, b in seen[1:] if prompt == pair.prompt]
        assert sorted(orders) == sorted(
            [(pair.inferior[0], pair.superior[0]), (pair.superior[0], pair.inferior[0])]
        )


@pytest.mark.parametrize("logprobs", [False, True])
def test_order_bias_is_found_and_taken_out(tmp_path, logprobs):
    given = pairs(300, ties=0.0)
    found = judged(server(order=0.3, logprobs=logprobs), given, tmp_path, max_concurrent=32)
    leaning = found.leanings()["mock"]
    assert leaning.order.low < 0.3 < leaning.order.high
    assert leaning.order.low > 0.2
    assert leaning.consistent.low < 0.7 < leaning.consistent.high
    assert "likes the first answer" in leaning.sentence
    # Neither side gains: decided verdicts are right, the flipped ones ties
    for row, pair in zip(found.rows, given, strict=True):
        loss = row.superior_score - row.inferior_score
        assert loss in (0, {SUPERIOR: 1, INFERIOR: -1}[pair.known[0]])
    flipped = [pair for row, pair in zip(found.rows, given, strict=True) if row.doubt > 0]
    share = sum(pair.known[0] == SUPERIOR for pair in flipped) / len(flipped)
    assert 0.35 < share < 0.65


def test_a_judge_without_leanings_is_told_to_have_none(tmp_path):
    found = judged(server(), pairs(60, ties=0.0), tmp_path)
    leaning = found.leanings()["mock"]
    assert leaning.order.value == 0 and leaning.consistent.value == 1
    assert "No liking for a place" in leaning.sentence


def test_a_liking_for_length_is_reported(tmp_path):
    found = judged(server(longer=0.8), pairs(200, ties=0.0), tmp_path, max_concurrent=32)
    longer = found.leanings()["mock"].longer
    assert longer.low > 0.7
    assert "read some of them" in found.leanings()["mock"].sentence


def test_with_logprobs_the_verdict_is_one_token(tmp_path):
    fake = server(logprobs=True)
    found = judged(fake, pairs(5), tmp_path)
    assert found.methods == {"mock": "logprobs"}
    assert all(body["max_tokens"] == 1 and body["top_logprobs"] for body in fake.requests)
    row = json.loads(found.verdict_files[0].read_text().splitlines()[0])
    assert sum(row["verdicts"][0]["chances"].values()) == pytest.approx(1)


def test_several_samples_make_a_soft_label(tmp_path):
    pair = Pair("x", "prompt", ("good a", "poor b", "even c"), ("poor d", "good e", "even f"))
    found = judged(server(), [pair], tmp_path)
    (row,) = found.rows
    assert row.p_superior == pytest.approx(1 / 3, abs=1e-5)
    assert row.inferior_score == row.superior_score == pytest.approx(2 / 3, abs=1e-5)
    assert len(row.verdicts) == 3 and row.doubt > 0
    again = judged(server(), [pair], tmp_path / "one", comparisons=1)
    assert again.rows[0].p_superior == 0 and len(again.rows[0].verdicts) == 1


def test_the_same_answer_twice_is_a_tie_that_nobody_is_paid_for(tmp_path):
    fake = server(order=1.0)  # this judge would say that the first one is better, each time
    given = pairs(4)
    given[0] = replace(given[0], inferior=("alike",), superior=(" alike\n",))
    given[1] = replace(given[1], inferior=("alike", "poor one"), superior=("alike", "good one"))
    found = judged(fake, given, tmp_path)
    seen = [planted_judge.shown(body["messages"][-1]["content"]) for body in fake.requests][1:]
    assert len(seen) == 2 * 3 and not any(a.strip() == b.strip() for _, a, b in seen)
    assert judging.estimate_judging(given, [Judge("mock")])[0] == 2 * 3
    first, second = found.rows[:2]
    assert (first.p_superior, first.inferior_score, first.superior_score) == (0.0, 1.0, 1.0)
    assert first.doubt == 0 and first.judging_cost == 0
    assert [one.get("same_answer") for one in first.verdicts] == [True]
    assert [one.get("same_answer") for one in second.verdicts] == [True, None]
    assert found.leanings()["mock"].order.n == 3, "the judge said nothing about the others"
    assert found.leanings()["mock"].consistent.value == 0
    assert "2 of 5 comparisons are of the same answer twice" in str(found)
    assert found.exit_code == 0 and found.unanswered == 0


def test_where_all_answers_are_alike_there_is_nothing_to_ask(tmp_path):
    fake = server()
    given = [replace(pair, inferior=("a",), superior=("a",)) for pair in pairs(3)]
    found = judged(fake, given, tmp_path)
    assert len(fake.requests) <= 1 and [row.p_superior for row in found.rows] == [0.0] * 3
    assert "not known" in found.leanings()["mock"].sentence


def test_a_jury_counts_by_weight(tmp_path):
    given = pairs(12, ties=0.0)

    def answer(body, number):
        return PlantedJudge(accuracy=float(body["model"] == "right"))(body, number)

    async def run():
        async with FakeServer(answer) as fake:
            right = Judge("right", fake.base_url, weight=3.0)
            wrong = Judge("wrong", fake.base_url, weight=1.0)
            return await judging.judge(given, [right, wrong], tmp_path, progress=False)

    found = asyncio.run(run())
    assert len(found.verdict_files) == 2 and set(found.methods) == {"right", "wrong"}
    for row, pair in zip(found.rows, given, strict=True):
        assert len(row.judges) == 2
        if pair.known[0] == SUPERIOR:
            assert row.p_superior >= 0.75
        else:
            assert row.p_superior <= 0.25


def test_a_second_run_pays_nothing_and_asks_only_what_is_new(tmp_path):
    given = pairs(10)
    first = server()
    judged(first, given[:6], tmp_path)
    second = server()
    found = judged(second, given, tmp_path)
    assert second.count == 8 and len(found.rows) == 10
    third = server()
    again = judged(third, given, tmp_path)
    assert third.count == 0 and again.spent == 0
    assert [row.model_dump() for row in again.rows] == [row.model_dump() for row in found.rows]


def test_money_is_counted_with_every_verdict(tmp_path):
    given = pairs(5)

    async def run():
        async with server() as fake:
            one = Judge("mock", fake.base_url, method="text", price_in=1000.0, price_out=2000.0)
            return await judging.judge(given, one, tmp_path, progress=False)

    found = asyncio.run(run())
    each = (5 * 1000 + 7 * 2000) / 1e6
    assert found.spent == pytest.approx(10 * each) and found.cost == pytest.approx(10 * each)
    assert all(row.judging_cost == pytest.approx(2 * each) for row in found.rows)
    assert all(row.attempts == 2 for row in found.rows)


def test_a_run_is_priced_before_it_begins():
    given = pairs(10)
    requests, money = judging.estimate_judging(given, [Judge("m", price_in=2.0)])
    assert requests == 20
    _, twice = judging.estimate_judging(given, [Judge("m", price_in=2.0), Judge("n", price_in=2.0)])
    assert 0 < money < 0.05 and twice == pytest.approx(2 * money)


# --- judges that misbehave ---


def test_prose_and_refusals_are_counted_and_never_guessed(tmp_path):
    words = {"p1": "I am sorry, I cannot compare these.", "p2": "Both have their merits, A and B."}

    def answer(body, number):
        prompt = planted_judge.shown(body["messages"][-1]["content"])[0]
        said = words.get(prompt.replace("prompt ", "p"))
        return (200, {}, chat(said)) if said else PlantedJudge()(body, number)

    found = judged(FakeServer(answer), pairs(6), tmp_path)
    assert len(found.rows) == 4 and found.unjudged == 2 and found.unreadable == 4
    assert "4 verdicts could not be read" in str(found) and "not guessed" in str(found)
    unjudged = [row for _, row in jsonl.read_values(found.unjudged_path)]
    assert [row["id"] for row in unjudged] == ["p1", "p2"]
    assert found.exit_code == 3
    # They are paid for: another run does not ask them again
    again = FakeServer(answer)
    judged(again, pairs(6), tmp_path)
    assert again.count == 0


def test_a_judge_that_only_talks_ends_with_a_sentence(tmp_path):
    fake = FakeServer(lambda body, number: (200, {}, chat("What a lovely pair of answers!")))
    with pytest.raises(JudgingError, match=r"Not one of 3 pairs has a verdict.*lovely pair"):
        judged(fake, pairs(3), tmp_path)


def test_one_unreadable_order_leaves_the_comparison_open(tmp_path):
    def answer(body, number):
        _, first, _ = planted_judge.shown(body["messages"][-1]["content"])
        said = "A" if first.startswith("good") else "hm, well"
        return 200, {}, chat(said)

    pair = Pair("x", "prompt", ("poor",), ("good",))
    with pytest.raises(JudgingError, match="1 verdicts could not be read"):
        judged(FakeServer(answer), [pair], tmp_path)


def test_a_judge_that_changes_its_mind_makes_ties(tmp_path):
    fake = FakeServer(lambda body, number: (200, {}, chat("A")))
    found = judged(fake, pairs(20, ties=0.0), tmp_path)
    assert all(row.p_superior == 0 and row.superior_score == 1 for row in found.rows)
    leaning = found.leanings()["mock"]
    assert leaning.consistent.value == 0 and leaning.order.value == 1


def test_errors_cost_attempts_and_are_asked_again_by_the_next_run(tmp_path):
    def answer(body, number):
        prompt = planted_judge.shown(body["messages"][-1]["content"])[0]
        if prompt == "prompt 2":
            return 500, {}, error("out of memory")
        return PlantedJudge()(body, number)

    found = judged(FakeServer(answer), pairs(5), tmp_path, max_attempts=2)
    assert found.unanswered == 2 and len(found.rows) == 4 and "Run this again" in str(found)
    mended = server()
    again = judged(mended, pairs(5), tmp_path)
    assert mended.count == 2 and len(again.rows) == 5 and again.unjudged == 0
    assert not again.unjudged_path.exists()


def test_a_judge_that_times_out_is_a_failure_and_no_verdict(tmp_path):
    async def run():
        async with FakeServer(PlantedJudge(), latency=5.0) as fake:
            one = Judge("mock", fake.base_url, method="text", timeout=0.3)
            return await judging.judge(pairs(2), one, tmp_path, max_attempts=1, progress=False)

    with pytest.raises(JudgingError, match="got no answer"):
        asyncio.run(run())


def test_a_verdict_file_of_another_judge_is_refused_and_kept(tmp_path):
    given = pairs(3)
    found = judged(server(), given, tmp_path)
    (path,) = found.verdict_files
    before = path.read_bytes()
    other = Judge("other", "http://127.0.0.1:9/v1")
    path.rename(path.with_name(f"{other.stem}.jsonl"))

    async def run():
        async with server() as fake:
            one = replace(other, api_base=fake.base_url)
            return await judging.judge(given, one, tmp_path, progress=False)

    with pytest.raises(LedgerMismatch, match="verdicts of another run: model 'mock', not 'other'"):
        asyncio.run(run())
    assert path.with_name(f"{other.stem}.jsonl").read_bytes() == before


def test_verdicts_about_other_answers_are_told_and_left_alone(tmp_path):
    judged(server(), pairs(3), tmp_path)
    changed = [replace(pair, superior=(pair.superior[0] + "!",)) for pair in pairs(3)]
    fake = server()
    found = judged(fake, changed, tmp_path)
    assert fake.count == 7 - 1 and "6 verdicts about other answers" in str(found)


def test_an_edited_prompt_is_another_judge(tmp_path):
    given = pairs(2)
    judged(server(), given, tmp_path)

    async def run():
        async with server() as fake:
            text = Judge("m").prompt + "\nBe strict.\n"
            one = Judge("mock", fake.base_url, prompt=text)
            return await judging.judge(given, one, tmp_path, progress=False), fake

    found, fake = asyncio.run(run())
    assert len(list((tmp_path / "verdicts").glob("*.jsonl"))) == 2 and len(found.rows) == 2
    assert "Be strict." in fake.requests[-1]["messages"][-1]["content"]


@pytest.mark.parametrize(
    ("given", "jury", "told"),
    [
        ([], [Judge("m")], "not one pair"),
        (pairs(2), [], "no judge"),
        (pairs(2), [Judge("m", weight=0.0)], "no judge"),
        (pairs(2), [Judge("m"), Judge("m")], "named twice"),
        ([*pairs(1), *pairs(1)], [Judge("m")], "the id 'p0'"),
    ],
)
def test_what_cannot_be_judged_is_a_sentence(tmp_path, given, jury, told):
    with pytest.raises(JudgingError, match=told):
        judging.judge_pairs(given, jury, tmp_path)


def test_a_flip_is_a_tie_and_a_gap_is_none():
    def verdict(one, other):
        return Comparison("m", 0, 0, one, other, None).verdict

    assert verdict(SUPERIOR, SUPERIOR) == SUPERIOR
    assert verdict(SUPERIOR, INFERIOR) == verdict(SUPERIOR, TIE) == TIE
    assert verdict(None, SUPERIOR) is None


# --- kills ---

CHILD = """
import asyncio, sys
sys.path[:0] = [{tests!r}, {answers!r}]
from planted_judge import pairs
from routerlib.answers import judging
from routerlib.answers.judges import Judge
one = Judge("mock", {base!r}, method="text")
found = judging.judge_pairs(pairs(60), one, {folder!r}, max_concurrent=8, progress=False)
print(len(found.rows))
"""


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_killed_in_mid_judging_nothing_is_lost_or_paid_twice(tmp_path, sign):
    async def run():
        fake = FakeServer(PlantedJudge(), latency=0.05)
        async with fake:
            tests = ROOT / "tests"
            code = textwrap.dedent(CHILD).format(
                tests=str(tests),
                answers=str(tests / "answers"),
                base=fake.base_url,
                folder=str(tmp_path),
            )
            for wanted in (20, 60):
                child = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
                deadline = time.monotonic() + 60
                while fake.count < wanted and time.monotonic() < deadline:
                    await asyncio.sleep(0.02)
                child.send_signal(sign)
                await asyncio.to_thread(child.wait, 60)
            (file,) = (tmp_path / "verdicts").glob("*.jsonl")
            kept = file.read_bytes().count(b"\n")
            before = fake.count
            one = Judge("mock", fake.base_url, method="text")
            found = await judging.judge(pairs(60), one, tmp_path, progress=False)
            return found, fake.count - before, kept

    found, asked, kept = asyncio.run(run())
    assert len(found.rows) == 60 and kept >= 20
    assert asked <= 120 - kept + 1  # a last line that was torn is asked again
    lines = [json.loads(line) for line in found.verdict_files[0].read_text().splitlines()]
    assert len(lines) == len({line["key"] for line in lines}) == 120
