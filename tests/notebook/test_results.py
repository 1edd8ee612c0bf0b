"""What a notebook leaves for machines: the numbers add up, and say None where there is none."""

from types import SimpleNamespace

import numpy as np
import pytest
from small_router import EASY, HARD, rows, small_router

from routerlib import Backend
from routerlib.labels import cleaning, labelling, training_set
from routerlib.notebook import results
from routerlib.notebook.markup import ModelAnswer
from routerlib.notebook.panel import RouterPanel
from routerlib.rows.schemas import LABELS, LabelledPrompt, Vote, VoteQuestion
from routerlib.training import evaluation, examples
from routerlib.votes import ratings


@pytest.fixture
def votes():
    pair = {"model_a": "big", "model_b": "small", "turn": 1}
    return [
        Vote(question_id=str(q), winner="model_a" if q < 6 else "tie", judge=f"j{j}", **pair)
        for q in range(10)
        for j in range(4)
    ]


def test_votes_and_labels_are_counted(votes):
    asked = {str(q): VoteQuestion(question_id=q, category="a", turns=["?"]) for q in range(10)}
    ranked = ratings.rank_models(votes, n=10)
    tiers = ratings.split_tiers(ranked)
    rows = ratings.difficulties(votes, asked, tiers)
    found = results.of_votes(votes, rows, ratings.labelled(rows), ranked, tiers)
    assert (found["n_votes"], found["n_questions"], found["n_judges"]) == (40, 10, 4)
    assert found["n_inferior"] + found["n_superior"] + found["n_undecided"] == 10
    assert found["n_labelled"] == found["n_inferior"] + found["n_superior"]
    assert found["superior_models"] == ("big",) and set(found["ratings"]) == {"big", "small"}


def test_without_two_votes_on_one_thing_there_is_no_ceiling():
    agreed, none = ratings.Agreement(1.0, 0.9, 1.0, 5), ratings.Agreement(None, None, None, 0)
    assert results.of_agreement(agreed, agreed, agreed)["ceiling"] == 1.0
    found = results.of_agreement(agreed, none, none)
    assert found["ceiling"] is None and found["label_agreement"] is None
    assert found["human_agreement"] == 1.0


def labelled(count, source):
    shared = {"p_superior": 0.9, "source": source}
    return [
        LabelledPrompt(id=f"{source}{i}", prompt=f"prompt {i}", label=LABELS[i % 2], **shared)
        for i in range(count)
    ]


def test_labels_come_with_what_the_filters_took():
    report = cleaning.Report(passed_in=10, kept=7)
    report.dropped["redacted"] = 3
    overall = labelling.compare_labels(labelled(20, "human"), labelled(20, "llm"))
    merged = training_set.merge([*labelled(4, "llm"), *labelled(2, "human")])
    run = SimpleNamespace(
        labelled=4, unparsable=1, failed=2, labels={LABELS[0]: 4}, method="logprobs"
    )
    run.summary = SimpleNamespace(cost=0.5)
    card = {"rows": 4, "counts": {"split": {"train": 4}}, "dataset_sha256": "ab"}
    found = results.of_labels(report, run, overall, {"human": overall}, merged, card)
    assert found["n_kept"] + sum(found["dropped"].values()) == found["n_read"] == 10
    assert (found["n_inferior"], found["n_superior"], found["n_failed"]) == (4, 0, 2)
    assert found["agreement_by_source"] == {"human": overall.agreement}
    assert found["n_duplicates_merged"] == 2 and found["cost"] == 0.5


def test_nothing_judged_is_told_as_that():
    nothing = {"examined": {}, "judge_is_refused": None, "judging": {}}
    assert results.of_judging([], None, None) == nothing


def test_a_router_is_kept_with_what_its_threshold_does():
    router = small_router()
    test = examples.from_rows(rows())
    after = 0.1 + 0.8 * test.p_superior
    after[np.flatnonzero(test.inferior == 0)[0]] = 0.1  # a hard one that stays with the inferior
    router.threshold = 0.5
    table = [
        SimpleNamespace(name=name, chosen=name == "kernel", apgr=a, apgr_low=0.1, apgr_high=0.9)
        for name, a in (("random", 0.5), ("kernel", 0.7))
    ]
    found = results.of_router(router, table, after, test)
    assert found["router"] == "kernel" and found["apgr"]["value"] == 0.7
    assert (found["share_superior"], found["accuracy"]) == (0.45, 0.95)
    assert found["inferior"] == evaluation.accuracies(test)["inferior"]


def test_the_panel_is_kept_as_it_was_left():
    router = small_router()
    sides = [Backend("http://127.0.0.1:9/v1", name) for name in ("small", "large")]
    panel = RouterPanel(router, *sides)
    alone, within = router.route([EASY, HARD])
    scores = np.array([0.1, 0.9, 0.9, 0.9])
    router.threshold = 0.5
    found = results.of_demo(router, scores, panel, alone, within)
    assert found["panel"] == {"decision": None, "p_superior": None} and found["answers"] == {}
    assert found["share_superior"] == 0.75
    told = {"alone": alone.p_superior, "in_conversation": within.p_superior}
    assert found["follow_up"] == told
    panel.decision = within
    panel.answers = {"superior": ModelAnswer("superior", "large", state="done", seconds=2.0)}
    found = results.of_demo(router, scores, panel, alone, within)
    assert found["panel"] == {"decision": "superior", "p_superior": within.p_superior}
    assert found["answers"]["superior"]["seconds"] == 2.0
