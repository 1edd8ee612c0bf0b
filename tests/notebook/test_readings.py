"""The sentences hold the numbers that were measured, and say what is missing."""

from types import SimpleNamespace

import numpy as np
import pytest

from routerlib.labels import cleaning, labelling, training_set
from routerlib.notebook import readings
from routerlib.rows.schemas import LABELS, LabelledPrompt, Responses, Vote, VoteQuestion
from routerlib.votes import ratings


def vote(question, winner, judge="j1", models=("big", "small")):
    return Vote(
        question_id=question,
        model_a=models[0],
        model_b=models[1],
        winner=winner,
        judge=judge,
        turn=1,
    )


@pytest.fixture
def analysed():
    votes = [
        vote(str(q), "model_a" if q < 6 else "tie", f"j{j}") for q in range(10) for j in range(4)
    ]
    questions = {
        str(q): VoteQuestion(question_id=q, category="ab"[q < 6], turns=["?"]) for q in range(10)
    }
    ranked = ratings.rank_models(votes, n=10)
    tiers = ratings.split_tiers(ranked)
    return votes, questions, ranked, tiers, ratings.difficulties(votes, questions, tiers)


def test_votes_are_counted_with_what_is_missing(analysed):
    votes, questions, *_ = analysed
    said = readings.votes(votes, list(questions)[1:], 3)
    assert "40 votes (40% ties) on 10 questions, 2 models, 4 judges" in said
    assert "3 broken rows, 1 questions without a text" in said


def test_win_rates_name_the_best_model_or_say_that_the_ends_never_met(analysed):
    models, rate, number = ratings.win_rates(analysed[0])
    assert readings.about_win_rates(models, rate, number).startswith(
        "big won 80% of its 40 votes against small"
    )
    assert "never met" in readings.about_win_rates(
        ["a", "b"], np.full((2, 2), np.nan), np.zeros((2, 2))
    )


def test_the_border_of_the_tiers_says_whether_it_is_sure(analysed):
    _, _, ranked, tiers, _ = analysed
    assert "the intervals do not overlap" in readings.tiers(ranked, tiers)
    wide = [
        ratings.Rating(row.model, row.rating, row.rating - 500, row.rating + 500, row.votes)
        for row in ranked
    ]
    assert "overlap, so the border is uncertain" in readings.tiers(wide, tiers)


def test_difficulty_counts_every_question_once(analysed):
    rows = analysed[4]
    said = readings.difficulty(rows, 0.5)
    assert (
        "In 60% of 40 cross-tier votes" in said
        and "4 questions are inferior, 6 superior and **0 undecided**" in said
    )
    assert readings.about_votes_per_question(rows).startswith("Every question has 4 votes")
    assert readings.categories(rows) == (
        "The inferior side loses most in b (100% of the votes) and least in a (0%)."
    )


def test_agreement_states_the_ceiling_or_that_nothing_can_be_said(analysed):
    votes, _, _, tiers, _ = analysed
    on_answers, on_label = ratings.human_agreement(votes), ratings.label_agreement(votes, tiers)
    assert "more than 100% of single votes" in readings.agreement(on_answers, on_label, 4)
    assert "nothing can be said" in readings.agreement(
        ratings.Agreement(None, None, None, 0), on_label, 4
    )


def test_the_filters_add_up():
    report = cleaning.Report(passed_in=10, kept=7)
    report.dropped["redacted"] = 1
    report.dropped["exact duplicate"] = 2
    assert readings.filters(report) == (
        "Of 10 conversations 7 came through and 3 did not, most of them (2) for “exact duplicate”."
    )
    assert readings.filters(cleaning.Report(passed_in=1, kept=1), False).endswith("was left out.")


def labelled(source, count, p=0.9):
    return [
        LabelledPrompt(
            id=f"{source}{i}",
            prompt=f"prompt {i}",
            label=LABELS[i % 2],
            p_superior=p,
            source=source,
        )
        for i in range(count)
    ]


def test_a_labeller_is_judged_as_a_whole_and_by_source():
    human, given = labelled("human", 20), labelled("llm", 20)
    graded = [row.model_copy(update={"source": "graded", "label": LABELS[0]}) for row in human[:10]]
    checks = labelling.compare_by_source([*human, *graded], human, given)
    assert {name: check.rows for name, check in checks.items()} == {"human": 20, "graded": 10}
    said = readings.labeller(labelling.compare_labels(human, given), checks, True)
    assert "human 100% of 20" in said and "graded 50% of 10" in said and "stand-in" in said


def test_labels_that_are_all_alike_are_told_in_words():
    rows = labelled("llm", 4)
    run = SimpleNamespace(labels={LABELS[0]: 4}, labelled=4, unparsable=0)
    assert "All of them have one label" in readings.labels(run, rows)
    run.labels = {LABELS[0]: 3, LABELS[1]: 1}
    said = readings.labels(run, rows)
    assert "one label" not in said and "to the superior model" in said


def test_sources_are_compared_where_they_meet():
    table = training_set.agreement_rows([*labelled("human", 4), *labelled("llm", 4)])
    assert "human and llm on 100% of 4 prompts" in readings.sources(table)
    assert (
        readings.sources(training_set.agreement_rows(labelled("llm", 2)))
        == "No two sources labelled the same prompt."
    )


def test_cost_is_in_dollars_for_this_run_and_a_million():
    run = SimpleNamespace(
        tokens_per_prompt=lambda: (100.0, 1.0), prompt_tokens=1000, completion_tokens=10
    )
    run.labelled, run.unparsable = 10, 0
    said = readings.cost(run, 50, 2.0, 8.0)
    assert "5,000 tokens read and 50 written" in said and "a million prompts $208.00" in said


def test_answers_cut_off_get_advice_and_others_none():
    samples = [
        {"full_response": "x", "completion_tokens": n, "finish_reason": why}
        for n, why in ((2, "stop"), (32, "length"))
    ]
    row = Responses(
        unique_id="1", problem="?", is_mcq=False, answer_correct="1", model="m", responses=samples
    )
    whole = row.model_copy(update={"responses": row.responses[:1]})
    shared = whole.model_copy(deep=True)
    shared.responses[0].completion_tokens_estimated = True
    said = readings.about_answer_lengths({"superior": [shared]})
    assert "a share of them by its length, which can be beyond MAX_TOKENS" in said
    said = readings.about_answer_lengths({"inferior": [row], "superior": [whole]})
    assert "50.0% were cut off. Raise MAX_TOKENS" in said and said.endswith("0.0% were cut off.")


def test_samples_that_never_differ_raise_a_doubt():
    assert "Does the server sample at all?" in readings.about_sample_agreement(
        {"superior": 1.0}, 0.7, 3
    )
    assert (
        "All 3 samples agree, word for word, on 40% of the superior"
        in readings.about_sample_agreement({"superior": 0.4}, 0.7, 3)
    )
    assert "cannot disagree" in readings.about_sample_agreement({"superior": 1.0}, 0.7, 1)


def test_the_rule_that_found_most_is_named():
    none = {"none": {"value": 0.01}, "ambiguous": {"value": 0.0}, "truncated": {"value": 0.2}}
    summaries = [{"model": "m", "rules": {"first line": 3, "lone letter": 1}, **none}]
    said = readings.rules(summaries)
    assert "“first line” found 75% of 4 answers" in said and "cut off 20.0%" in said


def test_the_loss_says_whether_it_rose_again():
    log = [{"epoch": 1, "eval_loss": 0.6}, {"epoch": 2, "eval_loss": 0.5}]
    assert "after epoch 2 (0.5000)" in readings.loss(log) and "fell to the end" in readings.loss(
        log
    )
    assert "rose to 0.8000 by epoch 3" in readings.loss([*log, {"epoch": 3, "eval_loss": 0.8}])
    assert readings.loss([]) == "No epoch was validated."


def test_a_certificate_is_held_against_the_test_rows():
    terms = {"certified": True, "epsilon": 0.05, "delta": 0.1}
    assert "lose 2.0 points" in readings.promise(terms, 0.02, -0.01, 0.09)
    assert readings.promise(terms, 0.02, -0.01, 0.09).endswith("within the promise.")
    assert readings.promise(terms, 0.08, 0.01, 0.2).endswith("so few rows cannot tell.")
    assert readings.promise(terms, 0.12, 0.06, 0.2).endswith(
        "10% of all certificates may fail like that."
    )
    won = readings.promise(terms, -0.04, -0.093, 0.009)
    assert "win 4.0 points" in won and "of the change -0.9 to +9.3): within" in won
    assert readings.promise({"certified": False}, 0.0, 0.0, 0.0) == ""


def test_calibration_is_held_against_chance():
    assert "what remains is no more than chance" in readings.calibration(0.3, 0.05, 0.06)
    assert "0.040 of it are more than chance" in readings.calibration(0.3, 0.10, 0.06)


def test_a_router_says_where_prompts_go_and_what_a_conversation_changes():
    router = SimpleNamespace(name="blend", threshold=0.5)
    said = readings.routed(router, np.array([0.1, 0.2, 0.6, 0.9]))
    assert "sends 50% of 4 prompts" in said and "at 0.600 it would be half" in said
    alone, within = (
        SimpleNamespace(p_superior=p, model=model)
        for p, model in ((0.1, "inferior"), (0.3, "superior"))
    )
    told = readings.follow_up(alone, within)
    assert "a difference of +0.200" in told and "to the other model" in told


@pytest.mark.parametrize("p, told", [(0.109, "next to nothing"), (0.2, "does not change where")])
def test_a_conversation_that_changes_nothing_is_told_as_that(p, told):
    alone, within = (SimpleNamespace(p_superior=one, model="inferior") for one in (0.1, p))
    said = readings.follow_up(alone, within)
    assert told in said and "other model" not in said


def test_what_judging_costs_is_money_only_where_a_price_is_set():
    assert "no money is counted" in readings.judging_cost(16, 0.0)
    assert readings.judging_cost(1, 0.25) == "1 request to judges, about $0.2500."


def test_the_parts_of_a_split_are_named_in_words():
    said = readings.rows({"train": [1, 2], "held_back": [3], "unscored": []})
    assert said == "train 2, held back by 02's card 1, labelled without scores 0"


def test_where_no_price_is_set_no_money_is_told(monkeypatch):
    class Trial:
        def tokens_per_prompt(self):
            return 100.0, 1.0

    assert readings.cost(Trial(), 50, 0.0, 0.0) == (
        "Labelling 50 prompts will take about 5,000 tokens read and 50 written. "
        "No price is set, so no money is counted."
    )


def test_what_was_collected_is_a_table_with_units():
    facts = {
        "inferior": {"model": "a", "answers": 1482, "all_samples_alike": 0.2996, "seconds": 104.8},
        "superior": {"model": "b", "answers": 10, "all_samples_alike": 1.0, "seconds": None},
    }
    text = readings.collected({**facts, "third": {"cost": 0.0123, "model": "c"}})
    assert "| answers | 1,482 | 10 | – |" in text
    assert "| questions whose answers are all alike | 30% | 100% | – |" in text
    assert "| time of this run | 104.8 s | – | – |" in text and "$0.0123" in text
    assert "cost" not in readings.collected(facts)


def test_one_answer_a_question_is_not_said_to_be_alike():
    once = {"complete": 170, "answers": 170, "all_samples_alike": 1.0}
    twice = {"complete": 170, "answers": 340, "all_samples_alike": 1.0}
    text = readings.collected({"second": once, "inferior": twice})
    assert "| questions whose answers are all alike | – | 100% |" in text


def test_the_width_of_intervals_is_that_of_all_the_poorest_questions(analysed):
    rows = analysed[-1]
    said = readings.about_votes_per_question(rows)
    few = min(row.votes for row in rows)
    widths = [row.high - row.low for row in rows if row.votes == few]
    assert f"{min(widths):.2f} to {max(widths):.2f} wide" in said
