"""One call from routers to policies: fitted, chosen, measured and certified, and told in
sentences.
"""

import functools
from dataclasses import replace

import numpy as np
import pytest
from outcomes_with_signals import made_up

from routerlib.rows.schemas import LabelledPrompt
from routerlib.stats.savings import Range
from routerlib.training import candidates, competition, evaluation, examples
from routerlib.training.policies import ROUTER
from routerlib.training.router import Router
from routerlib.training.scorers import Scorer

ROWS, DEVELOPED, TESTED = 1500, 900, 300


class Known(Scorer):
    """Gives each text the score that is written in it."""

    kind = "known, for tests"

    def fit(self, examples):
        return self

    def score(self, texts, categories=None):
        return np.array([float(text) for text in texts])


@functools.lru_cache
def competing(kind, human=0, signals=True):
    score, told = made_up(kind, ROWS)
    labelled = []
    for i in range(ROWS):
        row = LabelledPrompt(
            id=str(i), prompt=repr(float(score[i])), label="ROUTE_TO_INFERIOR", p_superior=0.0,
            source="graded", inferior_score=told.inferior[i], superior_score=told.superior[i],
        )  # fmt: skip
        if signals:
            row.inferior_signals = {name: float(v[i]) for name, v in told.signals.items()}
        labelled.append(row)
    for row in labelled[:human]:
        row.inferior_score = row.superior_score = None
    rows = examples.from_rows(labelled)
    part = {
        "train": np.arange(DEVELOPED - 100),
        "validation": np.arange(DEVELOPED - 100, DEVELOPED),
        "test": np.arange(DEVELOPED, DEVELOPED + TESTED),
        "calibration": np.arange(DEVELOPED + TESTED, ROWS),
    }
    kernel = candidates.Candidate(Router("kernel", Known()), score[:DEVELOPED])
    run = candidates.Fitted(rows.take(np.arange(DEVELOPED)), part["validation"], {"kernel": kernel})
    tested = evaluation.Tested(part["test"], {"kernel": score[part["test"]]}, {})
    found = competition.compete(labelled, rows, [part], [run], [tested], "kernel", 0.0002, 0.002)
    return found, rows, part, kernel.router


def test_an_informative_look_wins_and_is_said_to_pay():
    found, *_ = competing("informative")
    assert found.choice.name != ROUTER
    assert [row.name for row in found.table if row.chosen] == [found.choice.name]
    assert "costs 0.1 of one of the superior" in found.sentences
    assert "pays up to" in found.sentences
    assert found.sentences.count(". ") == 4  # five sentences


@pytest.mark.parametrize(
    ("area", "low", "said"),
    [
        (0.7, 0.6, "is 0.700 (95 % interval 0.600 to 0.800), where spending at random has 0.5"),
        (0.7, np.nan, "is 0.700 (too few test rows for an interval), where"),
        (np.nan, np.nan, "there is no cost area."),
    ],
)
def test_what_few_test_rows_cannot_tell_is_no_number_in_the_sentences(area, low, said):
    found, *_ = competing("informative")
    high = np.nan if np.isnan(low) else 0.8
    few = Range(area, low, high)
    table = [replace(row, cost_area=few) for row in found.table]
    told = replace(found, table=table).sentences
    assert said in told and "nan" not in told


@pytest.mark.parametrize(
    ("difference", "said"),
    [
        (Range(0.1, 0.05, 0.2), "0.5; that is +0.100 (+0.050 to +0.200) against the router alone."),
        (Range(0.1, -0.1, 0.2), "the router alone, which so many rows cannot tell from nothing."),
    ],
)
def test_a_difference_on_test_rows_that_may_be_nothing_is_called_that(difference, said):
    found, *_ = competing("informative")
    table = [replace(row, difference=difference) for row in found.table]
    assert said in replace(found, table=table).sentences


def test_a_useless_look_leaves_the_router_alone():
    found, *_ = competing("useless")
    assert found.choice.name == ROUTER and found.policy.name == ROUTER
    assert "At no price ratio" in found.sentences


def test_rows_that_nobody_graded_are_not_learnt_from():
    found, *_ = competing("informative", human=100)
    assert found.choice.name != ROUTER


def test_without_signals_there_is_the_router_and_a_sentence():
    found, *_ = competing("informative", signals=False)
    assert found.table == [] and found.over_ratios == []
    assert found.policy.name == ROUTER and "no signals" in found.sentences


def test_the_router_gets_the_certified_policy():
    found, rows, part, router = competing("informative")
    certificate = competition.certify_choice(found, router, rows, part["calibration"], 0.1, 0.1)
    assert certificate.promise.certified and "dollars" in certificate.sentence
    assert router.policy.name == found.choice.name
    assert router.policy.certificate["sentence"] == certificate.sentence
    found, rows, part, router = competing("useless")
    competition.certify_choice(found, router, rows, part["calibration"], 0.1, 0.1)
    assert router.policy is None


@pytest.mark.parametrize("alone", [None, {"certified": False}, {"certified": True}])
def test_a_policy_without_a_certificate_gives_way_to_a_router_that_has_one(alone):
    found, rows, part, router = competing("informative")
    router.certificate = alone
    few = part["calibration"][:30]
    certificate = competition.certify_choice(found, router, rows, few, 0.001, 0.01)
    assert not certificate.promise.certified and "None certified" in certificate.sentence
    if alone and alone["certified"]:
        assert router.policy is None and "router alone is served" in certificate.sentence
        assert "is at most 2%" in certificate.sentence, "two promises, each at 1 %"
        assert "goes straight" not in certificate.sentence
    else:
        assert router.policy.before(0.0) == "up"
        assert "Every prompt goes straight" in router.policy.certificate["sentence"]


def test_scores_that_the_chosen_router_lacks_are_the_kernels():
    encoder = candidates.Candidate(Router("e", Known()), np.array([np.nan, 0.2]))
    kernel = candidates.Candidate(Router("k", Known()), np.array([0.1, 0.9]))
    run = candidates.Fitted(None, np.array([1]), {"kernel": kernel, "encoder": encoder})
    assert competition.held_out_scores(run, "encoder") == pytest.approx([0.1, 0.2])
