"""Examining a judge: its planted quality is recovered, chance is refused, and nobody asks for more
than people reach.
"""

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from fake_server import FakeServer, chat, error
from planted_judge import pairs, server, uniform

from routerlib.answers import examining
from routerlib.answers.examining import JudgeRefused, People
from routerlib.answers.judges import Judge, JudgingError
from routerlib.answers.pairs import INFERIOR, SIDES, SUPERIOR, TIE, PairsError, pairs_of_votes
from routerlib.rows import jsonl
from routerlib.rows.schemas import Message, Vote
from routerlib.votes import ratings


def examined(fake, known, folder, model="mock", **settings):
    async def run():
        async with fake:
            one = Judge(model, fake.base_url)
            return await examining.examining(
                one, known, folder, progress=False, max_concurrent=32, **settings
            )

    return asyncio.run(run())


@pytest.mark.parametrize("accuracy", [0.6, 0.85, 0.95])
def test_planted_accuracy_lies_in_the_interval(tmp_path, accuracy):
    (found,) = examined(server(accuracy=accuracy), pairs(200), tmp_path)
    assert found.agreement.low < accuracy < found.agreement.high
    assert found.agreement.high - found.agreement.low < 0.16
    assert found.leanings.consistent.value == 1 and found.is_better_than_chance
    assert found.pairs == found.votes == 200 and found.unsettled == 0


def test_order_bias_lowers_agreement_and_is_shown(tmp_path):
    (found,) = examined(server(order=0.3), pairs(200, ties=0.0), tmp_path)
    order = found.leanings.order
    assert order.low < 0.3 < order.high and order.low > 0.15
    # A verdict in one order is right in 0.7 + 0.3/2; both orders agree in 0.7 (and are right)
    assert found.single.low < 0.85 < found.single.high
    assert found.agreement.low < 0.7 < found.agreement.high


def test_the_confusion_and_the_categories_add_up(tmp_path):
    (found,) = examined(server(accuracy=0.8), pairs(90), tmp_path)
    assert sum(sum(row.values()) for row in found.confusion.values()) == 90
    right = sum(found.confusion[side][side] for side in SIDES)
    assert right / 90 == pytest.approx(found.agreement.value)
    assert sum(one.n for one in found.categories.values()) == 90
    assert set(found.categories) == {"letters", "sums", "plans"}
    text = examining.categories_as_markdown(found)
    assert "| sums | 30 |" in text and f"{found.confusion[TIE][TIE]} |" in text
    assert "fewer than" not in text
    assert "| mock | graded | 90 |" in examining.examinations_as_markdown([found])


def test_a_category_of_few_pairs_is_counted_not_shown(tmp_path):
    (found,) = examined(server(accuracy=0.8), pairs(27), tmp_path)
    text = examining.categories_as_markdown(found)
    assert "| category |" not in text
    assert "3 categories have fewer than 10 pairs each" in text and "(27 pairs)" in text


@pytest.mark.parametrize("said", ["A", "C", None])
def test_a_judge_no_better_than_chance_is_refused(tmp_path, said):
    """Always the first, always a tie, or a coin for each request."""

    def answer(body, number):
        coin = "B" if uniform("coin", body["messages"][-1]["content"]) < 0.5 else "A"
        return 200, {}, chat(said or coin)

    found = examined(FakeServer(answer), pairs(80), tmp_path)
    with pytest.raises(JudgeRefused, match=r"mock is refused.*Nothing here shows.*take another"):
        examining.accept([Judge("mock")], found)


def test_a_judge_as_poor_as_people_is_accepted(tmp_path):
    """Kappa near 0.35 is what people reach: nobody asks for 0.6."""
    (found,) = examined(server(accuracy=0.55), pairs(200), tmp_path)
    assert 0.1 < found.kappa.value < 0.55
    (kept,), sentence = examining.accept([Judge("mock")], [found])
    assert kept.weight == found.weight > 0 and "better than chance" in sentence


def test_of_a_jury_the_useless_one_is_left_out(tmp_path):
    good = examined(server(accuracy=0.9), pairs(80), tmp_path)
    poor = examined(FakeServer(lambda *_: (200, {}, chat("A"))), pairs(80), tmp_path, "poor")
    kept, sentence = examining.accept([Judge("mock"), Judge("poor")], [*good, *poor])
    assert [judge.model for judge in kept] == ["mock"] and "poor is refused" in sentence


def test_answers_that_are_the_same_say_nothing_about_a_judge(tmp_path):
    known = pairs(40, ties=0.0)
    alike = [
        replace(pair, id=f"same{n}", inferior=("a",), superior=("a",), known=("tie",))
        for n, pair in enumerate(known)
    ]
    [with_them] = examined(server(accuracy=0.6), [*known, *alike], tmp_path / "with")
    [without] = examined(server(accuracy=0.6), known, tmp_path / "without")
    assert with_them == without


def test_a_better_judge_weighs_more(tmp_path):
    good = examined(server(accuracy=0.95), pairs(150), tmp_path / "a")[0]
    fair = examined(server(accuracy=0.7), pairs(150), tmp_path / "b")[0]
    assert good.weight > fair.weight > 0


def test_few_pairs_show_nothing(tmp_path):
    (found,) = examined(server(), pairs(6), tmp_path)
    assert not found.is_better_than_chance and "So few pairs" in found.sentence
    with pytest.raises(JudgeRefused):
        examining.accept([Judge("mock")], [found])


def test_known_verdicts_that_are_all_alike_give_no_kappa(tmp_path):
    known = [pair for pair in pairs(60) if pair.known == (SUPERIOR,)]
    (found,) = examined(server(), known, tmp_path)
    assert found.kappa.value is None and "all alike" in found.sentence
    assert not found.is_better_than_chance


def test_unreadable_verdicts_are_counted_and_in_no_figure(tmp_path):
    def answer(body, number):
        text = body["messages"][-1]["content"]
        if "<prompt>\nprompt 3\n" in text:
            return 200, {}, chat("Hard to say.")
        from planted_judge import PlantedJudge

        return PlantedJudge()(body, number)

    (found,) = examined(FakeServer(answer), pairs(20), tmp_path)
    assert found.unsettled == 1 and found.pairs == 19 and found.agreement.value == 1


def test_a_judge_that_only_talks_is_refused_with_its_words(tmp_path):
    found = examined(FakeServer(lambda *_: (200, {}, chat("Hm."))), pairs(12), tmp_path)
    assert found[0].pairs == 0 and found[0].unsettled == 12 and found[0].weight == 0
    with pytest.raises(JudgeRefused, match=r"Not one of 12 pairs .* \(the first one: 'Hm\.'\)"):
        examining.accept([Judge("mock")], found)
    admission = examining.admit([Judge("mock")], found)
    assert admission.is_refused and "is refused" in admission.sentence and admission.jury


def test_a_server_that_fails_says_nothing_about_the_judge(tmp_path):
    down = FakeServer(lambda *_: (500, {}, error("out of memory")))
    with pytest.raises(JudgingError, match="got no answer"):
        examined(down, pairs(2), tmp_path, max_attempts=1)


def test_votes_count_one_by_one_and_people_are_shown_beside(tmp_path):
    known = [
        replace(pair, source="votes", known=(pair.known[0], pair.known[0], TIE))
        for pair in pairs(40, ties=0.0)
    ]
    (found,) = examined(server(), known, tmp_path)
    assert found.votes == 120 and found.agreement.value == pytest.approx(2 / 3)
    assert found.people.comparisons == 120 and found.people.agreement == pytest.approx(1 / 3)
    assert "120 pairs of votes here" in found.sentence


def test_people_where_nobody_voted_twice_are_those_of_mt_bench():
    assert examining.people_of(pairs(3)) == People()
    assert "65.5%, kappa 0.35 (on MT-Bench)" in People().sentence


def test_people_on_mt_bench_are_measured_as_published(shared_data):
    votes = list(jsonl.read_rows(shared_data / "mt_bench_human_votes.jsonl", Vote))
    talk = [Message(role="user", content="q"), Message(role="assistant", content="a")]
    told = [
        vote.model_copy(update={"conversation_a": talk, "conversation_b": talk}) for vote in votes
    ]
    tiers = ratings.split_tiers(ratings.rank_models(told, n=1))
    found = examining.people_of(pairs_of_votes(told, tiers))
    assert found.comparisons > 1000
    assert found.agreement == pytest.approx(0.684, abs=0.002)  # of votes between the tiers
    assert found.kappa == pytest.approx(0.39, abs=0.01)


def test_kappa_by_hand():
    """50 rows: 20 both, 5 and 10 one alone, 15 neither (a textbook's example: 0.4)."""
    table = np.array([[[20, 5], [10, 15]]])
    assert examining.kappa_of(table)[0] == pytest.approx(0.4)
    assert examining.kappa_of(np.array([[[10, 0], [0, 0]]]))[0] == 0


def test_the_weight_is_the_log_odds_of_balanced_accuracy():
    facts = [("g", "c", SUPERIOR, SUPERIOR)] * 9 + [("g", "c", SUPERIOR, TIE)]
    facts += [("g", "c", INFERIOR, TIE)] * 9 + [("g", "c", TIE, SUPERIOR)]
    assert examining._weight(facts) == pytest.approx(np.log(5), abs=1e-4)  # 10 of 12 on both sides
    assert examining._weight([("g", "c", SUPERIOR, TIE)] * 9) == 0


def test_pairs_to_examine_on_come_from_votes_and_grades(tmp_path):
    def row(i, model, right):
        return {
            "unique_id": str(i),
            "problem": f"q{i}",
            "is_mcq": False,
            "answer_correct": "x",
            "model": model,
            "responses": [{"full_response": f"{model} {i}", "is_correct": right}],
        }

    cheap, dear = tmp_path / "cheap.jsonl", tmp_path / "dear.jsonl"
    jsonl.write_rows(cheap, [row(i, "cheap", i % 2 == 0) for i in range(40)])
    jsonl.write_rows(dear, [row(i, "dear", i % 3 == 0) for i in range(40)])
    turns = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]
    votes = [
        Vote.model_validate(
            {
                "question_id": i,
                "model_a": "dear",
                "model_b": "cheap",
                "winner": "model_a" if i % 4 else "tie",
                "conversation_a": turns,
                "conversation_b": turns,
            }
        )
        for i in range(30)
    ]
    both = examining.known_pairs(votes, cheap, dear, limit=20)
    assert len(both) == 20 and {pair.source for pair in both} == {"votes", "graded"}
    assert examining.known_pairs(votes, cheap, dear, limit=20) == both
    assert {pair.source for pair in examining.known_pairs((), cheap, dear)} == {"graded"}
    assert len(examining.known_pairs(votes, limit=9)) == 9
    with pytest.raises(PairsError, match="Nothing is known to examine the judge on"):
        examining.known_pairs()
