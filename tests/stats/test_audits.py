"""The audited certificate: the promise to people is kept whatever the judge is, and a good judge
saves audits.
"""

import math

import numpy as np
import pytest

from routerlib.stats import audits, certificates
from routerlib.stats.metrics import MetricError

EPSILON, DELTA = 0.05, 0.1


def population(rng, n):
    """Scores, and people's losses, which are commoner at high scores."""
    score = rng.random(n)
    only_superior, only_inferior = 0.02 + 0.45 * score**1.3, 0.08
    draw = rng.random(n)
    people = np.where(
        draw < only_superior, 1.0, np.where(draw < only_superior + only_inferior, -1.0, 0.0)
    )
    return score, people


def true_loss(threshold):
    """Mean loss of the population above at a threshold: the integral of (0.02 + 0.45 s^1.3 - 0.08)
    up to it.
    """
    return -0.06 * threshold + 0.45 * threshold**2.3 / 2.3


def judged_by(kind, people, score, rng):
    """What a planted judge says: right in 85 % of the rows, biased to the inferior model, useless,
    or adversarial.
    """
    if kind == "good":
        other = (people + 1 + rng.integers(1, 3, len(people))) % 3 - 1
        return np.where(rng.random(len(people)) < 0.85, people, other)
    if kind == "biased":
        return np.full(len(people), -1.0)
    if kind == "useless":
        return rng.integers(-1, 2, len(people)).astype(float)
    return -people


def audited(people, rng, share=0.1):
    """People's losses where a coin picked the row, else NaN; and which were picked."""
    picked = rng.random(len(people)) < share
    return np.where(picked, people, np.nan), picked


@pytest.mark.parametrize("kind", ["good", "biased", "useless", "adversarial"])
def test_the_promise_to_people_is_kept_whatever_the_judge_is(kind):
    rng = np.random.default_rng(7)
    broken, draws = 0, 60
    for _ in range(draws):
        score, people = population(rng, 600)
        found = audits.certify_audited(
            score,
            judged_by(kind, people, score, rng),
            *audited(people, rng, 0.2),
            0.2,
            EPSILON,
            DELTA,
        )
        broken += true_loss(min(found.threshold, 1.0)) > EPSILON
    # 60 draws at a risk of 0.1: 12 or more would happen by chance once in 30 times.
    assert broken < 12


def test_without_the_correction_the_same_judge_would_break_it():
    """The judge who likes the inferior model best certifies everything, once nobody checks: so the
    audit matters.
    """
    rng = np.random.default_rng(1)
    score, people = population(rng, 600)
    believed = certificates.certify_threshold(
        score, np.ones(600), np.zeros(600), EPSILON, DELTA, "betting"
    )
    assert true_loss(min(believed.threshold, 1.0)) > EPSILON
    checked = audits.certify_audited(
        score,
        judged_by("biased", people, score, rng),
        *audited(people, rng, 0.2),
        0.2,
        EPSILON,
        DELTA,
    )
    assert checked.threshold < 0.8


def test_a_good_judge_certifies_more_than_the_audited_rows_alone():
    rng = np.random.default_rng(3)
    with_judge, alone = [], []
    for _ in range(12):
        score, people = population(rng, 1500)
        seen, picked = audited(people, rng)
        judge = judged_by("good", people, score, rng)
        with_judge.append(
            audits.certify_audited(score, judge, seen, picked, 0.1, EPSILON, DELTA).threshold
        )
        mine = ~np.isnan(seen)
        alone.append(
            audits.certify_audited(
                score[mine], np.zeros(mine.sum()), people[mine], picked[mine], 1.0, EPSILON, DELTA
            ).threshold
        )
    assert np.mean(with_judge) > np.mean(alone) + 0.02


def test_nothing_is_promised_where_nobody_audited():
    score, _ = population(np.random.default_rng(2), 600)
    flattering, nobody = np.full(600, -1.0), np.full(600, np.nan)
    picked = audits.audit_picks([str(n) for n in range(600)], 0.5)
    found = audits.certify_audited(score, flattering, nobody, picked, 0.5, EPSILON, DELTA)
    assert not found.certified and "None certified" in found.sentence and found.n_audited == 0


def test_people_may_stop_at_any_time_and_what_follows_is_not_used():
    rng = np.random.default_rng(2)
    score, people = population(rng, 1500)
    seen, picked = audited(people, rng)
    stopped_at = np.flatnonzero(picked)[60]
    seen[stopped_at:] = np.nan
    found = audits.certify_audited(score, people, seen, picked, 0.1, EPSILON, DELTA)
    assert found.n_calibration == stopped_at and found.n_audited == 60


def test_a_row_that_was_audited_without_being_picked_is_refused():
    with pytest.raises(MetricError, match="Row 2 was audited but not picked"):
        audits.certify_audited([0.1, 0.2], [0, 0], [math.nan, 0], [False, False], 0.1)


def test_a_certificate_says_for_whom_it_holds_and_on_how_many_audits():
    rng = np.random.default_rng(5)
    score, people = population(rng, 1500)
    found = audits.certify_audited(score, people, *audited(people, rng), 0.1, EPSILON, DELTA)
    assert found.certified
    assert "as people would see it" in found.sentence
    assert f"{found.n_audited:,} audited" in found.sentence
    again = audits.AuditedCertificate.from_dict(found.to_dict())
    assert again.threshold == found.threshold and again.n_audited == found.n_audited


def test_picks_are_the_same_after_a_restart_and_whatever_stands_beside_them():
    ids = [f"row-{n}" for n in range(4000)]
    picked = audits.audit_picks(ids, 0.1)
    assert 330 < picked.sum() < 470
    assert (audits.audit_picks(ids[100:200], 0.1) == picked[100:200]).all()
    assert (audits.audit_picks(ids, 0.1, seed=1) != picked).any()
    more = audits.audit_picks(ids, 0.3)
    assert (more >= picked).all(), "who audits more later keeps what was audited"


@pytest.mark.parametrize(
    "change",
    [
        {"score": [1.2, 0.1]},
        {"judged": [2.0, 0.0]},
        {"audited": [3.0, math.nan]},
        {"chance": 0.0},
        {"epsilon": 1.0},
        {"delta": 0.0},
        {"judged": [0.0]},
    ],
)
def test_arguments_out_of_range_are_refused(change):
    given = {
        "score": [0.2, 0.4],
        "judged": [0.0, 1.0],
        "audited": [0.0, math.nan],
        "picked": [True, False],
        "chance": 0.5,
        "epsilon": 0.05,
        "delta": 0.1,
    } | change
    with pytest.raises(MetricError):
        audits.certify_audited(**given)
