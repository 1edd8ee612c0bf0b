"""The audited certificate: the promise to people is kept whatever the judge is, and a good judge
saves audits.
"""

import hashlib
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


def test_a_judge_alone_promises_nothing_about_people_even_if_chance_picked_nobody():
    score, _ = population(np.random.default_rng(2), 600)
    flattering, nobody = np.full(600, -1.0), np.full(600, np.nan)
    none_picked = np.zeros(600, dtype=bool)
    found = audits.certify_audited(score, flattering, nobody, none_picked, 1.0, EPSILON, DELTA)
    assert not found.certified and found.n_audited == 0


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


# --- by hand ---


def bettor_by_hand(score, judged, seen, chance, epsilon, delta, threshold):
    """Log wealth after each row for one threshold, from the rule as it is written down."""
    n, target, wealth, path = len(score), math.log(1 / delta), 0.0, []
    usual = sum(chance) / n
    judged = [max(one, 0.0) for one in judged]  # for the inferior model is taken as a tie
    squares, rows = 0.1 * 2.0 / usual**2, 2.0 / usual
    together, alone = 0.8, 1.0  # people's losses times the judge's, and the judge's squared
    worst = 1 / float(np.quantile(chance, 0.9))
    for i in range(n):
        trust = min(max(together / alone, 0.0), 1.0)
        stake = math.sqrt(2 * max(target - wealth, 0.05) / ((n - i) * squares / rows))
        stake = min(stake, 0.95 / (worst - epsilon))
        loss = 0.0
        if score[i] < threshold:
            loss = trust * judged[i]
            if chance[i] < 1 / worst:  # so that loss + (1 - loss) / chance is worst at most
                loss = max(loss, (1 / chance[i] - worst) / (1 / chance[i] - 1))
            if not math.isnan(seen[i]):
                loss += (seen[i] - loss) / chance[i]
                together, alone = together + judged[i] * seen[i], alone + judged[i] ** 2
        if wealth < target:
            wealth += math.log(1 + stake * (epsilon - loss))
        squares, rows = squares + max(loss, -worst) ** 2, rows + 1
        path.append(wealth)
    return path


def made_up_rows(rng, n):
    score = np.round(rng.random(n), 2)
    people = rng.choice([-1.0, 0.0, 1.0], n, p=[0.3, 0.5, 0.2])
    judged = np.where(rng.random(n) < 0.6, people, rng.choice([-1.0, 0.0, 0.5, 1.0], n))
    chance = rng.choice([0.3, 0.6, 0.9], n)
    seen = np.where(rng.random(n) < chance, people, math.nan)
    return score, judged, seen, chance


@pytest.mark.parametrize("seed", range(4))
def test_each_bettor_plays_by_the_rule_that_is_written_down(seed):
    rng = np.random.default_rng(seed)
    score, judged, seen, chance = made_up_rows(rng, 300)
    epsilon, delta = float(rng.choice([0.02, 0.1])), 0.1
    wealth = audits._log_wealth(score, judged, seen, chance, epsilon, delta)
    for number in range(0, len(audits.GRID), 20):
        at = audits.GRID[number]
        path = bettor_by_hand(score, judged, seen, chance, epsilon, delta, at)
        assert wealth[number] == pytest.approx(path[-1], abs=1e-9), at


def test_trust_in_the_judge_stays_between_nothing_and_all():
    """For a judge who is always wrong, one who is half as sure as people, and one who is right."""
    rng = np.random.default_rng(9)
    score, people = np.zeros(400), rng.choice([-1.0, 0.0, 1.0], 400, p=[0.2, 0.65, 0.15])
    seen = np.where(rng.random(400) < 0.5, people, math.nan)
    chance = np.full(400, 0.5)
    for judged in (-people, people / 2, people):
        wealth = audits._log_wealth(score, judged, seen, chance, 0.1, 0.1)
        path = bettor_by_hand(score, judged, seen, chance, 0.1, 0.1, 0.5)
        assert wealth[100] == pytest.approx(path[-1], abs=1e-9)


def passed_where(*numbers):
    passed = np.zeros(len(audits.GRID), dtype=bool)
    passed[list(numbers)] = True
    return passed


def test_the_last_threshold_before_the_first_failure_counts():
    assert audits._last_before_a_failure(passed_where(0, 1, 2, 5, 6)) == audits.GRID[2]
    assert audits._last_before_a_failure(passed_where(1, 2)) == 0
    everything = audits._last_before_a_failure(np.ones(len(audits.GRID), dtype=bool))
    assert everything == audits.GRID[-1] > 1


def test_the_figures_of_a_certificate_are_those_of_its_threshold():
    """200 rows at 0.2 that gain more than the judge says, 100 at 0.6 that lose; half are
    audited.
    """
    score = np.tile([0.2, 0.2, 0.6], 100)
    people = np.where(score < 0.5, -1.0, 1.0)
    judged = np.where(score < 0.5, -0.5, 1.0)
    picked = np.arange(300) % 2 == 0
    seen = np.where(picked, people, math.nan)
    found = audits.certify_audited(score, judged, seen, picked, 0.5, 0.05, 0.1)
    assert found.certified and found.threshold > 0.2
    routed = score < found.threshold
    corrected = [
        j + (0 if math.isnan(p) else (p - j) / 0.5) for j, p in zip(judged, seen, strict=True)
    ]
    assert found.loss == pytest.approx(np.where(routed, corrected, 0.0).mean())
    assert found.share_superior == pytest.approx((~routed).mean())
    assert found.bound == 0.05 and found.n_audited == 150 and found.n_calibration == 300
    assert found.method == "audited betting" and math.isnan(found.superior_accuracy)


def test_a_score_at_a_threshold_is_not_routed_there():
    """Rows at 0.5 would lose everything: 0.5 may be certified, since they are not below it."""
    score = np.tile([0.1, 0.5], 400)
    people = np.where(score < 0.3, 0.0, 1.0)
    everyone = np.ones(800, dtype=bool)
    found = audits.certify_audited(score, people, people, everyone, 1.0, 0.05, 0.1)
    assert found.certified and found.threshold == 0.5 and found.share_superior == 0.5
    assert found.loss == 0


def test_many_samples_are_certified_as_each_by_itself():
    rng = np.random.default_rng(5)
    samples = [made_up_rows(rng, 250) for _ in range(3)]
    score, judged, seen, _ = (np.stack(parts) for parts in zip(*samples, strict=True))
    chance = np.full(score.shape, 0.5)
    together = audits.certified_thresholds(score, judged, seen, chance, 0.1, 0.1)
    alone = [
        audits.certified_thresholds(score[i], judged[i], seen[i], chance[i], 0.1, 0.1)
        for i in range(3)
    ]
    assert together.shape == (3,) and together.tolist() == alone


def test_rows_that_are_said_to_be_lost_are_audited_less_often():
    chance = audits.audit_chances([1.0, 0.0, -1.0, 0.5] * 25, 10)
    assert chance[0] / chance[1] == pytest.approx(0.2) and chance[1] == chance[2]
    assert chance[3] / chance[1] == pytest.approx(0.6)
    assert chance.sum() == pytest.approx(10)
    assert audits.audit_chances([0.0] * 5, 50).tolist() == [1.0] * 5
    assert audits.audit_chances([1.0, 0.0], 1, lost_rows=1.0).tolist() == [0.5, 0.5]
    for wrong in ((0, 0.5), (5, 0.0), (5, 1.5)):
        with pytest.raises(MetricError):
            audits.audit_chances([0.0], *wrong)


def test_prompts_that_look_hard_are_audited_less_often():
    hardness = np.arange(100.0)
    chance = audits.audit_chances(np.zeros(100), 10, hardness=hardness)
    assert chance.sum() == pytest.approx(10)
    assert len(set(chance[:40])) == 1 and len(set(chance[40:])) == 1
    assert chance[40] / chance[39] == pytest.approx(0.2)
    with pytest.raises(MetricError, match="both, or neither"):
        audits.audit_chances([0.0], 1, hardness=[0.0], others=([0.0], None))


def test_a_chance_depends_on_nothing_but_its_row_where_others_set_the_scale():
    others = np.array([1.0, 0.0] * 50), np.linspace(0, 1, 100)
    judged, hardness = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.1, 0.1, 0.9, 0.9])
    whole = audits.audit_chances(judged, 0.4, hardness=hardness, others=others)
    # 0.4 audits for 4 rows; of the others' rows, the mean relative chance is 0.6 x 0.52
    assert whole == pytest.approx(0.1 / (0.6 * 0.52) * np.array([1.0, 0.2, 0.2, 0.04]))
    changed = np.array([0.0, 0.0, 1.0, 1.0])
    again = audits.audit_chances(changed, 0.4, hardness=hardness, others=others)
    assert again[0] == whole[0] and again[3] == whole[3]


@pytest.mark.parametrize("chance", [1.0, 0.5, 0.2, 0.03, 1e-6])
@pytest.mark.parametrize("worst", [1.0, 3.0, 5.0])
def test_no_row_can_surprise_by_more_than_one_bound(chance, worst):
    """The bound serves all rows: a stake that followed the row it is laid on would look at it."""
    least = float(audits._least_assumed(np.array(chance), np.array(worst)))
    assert 0 <= least <= 1
    for assumed in (least, (1 + least) / 2, 1.0):
        assert assumed + (1 - assumed) / chance <= worst + 1e-6
    if least > 0:
        assert least + (1 - least) / chance == pytest.approx(worst), "and no more than needed"


def test_rows_end_at_the_first_gap():
    nan = math.nan
    seen = np.array([0.0, nan, 1.0, nan, 0.0, nan])
    picked = np.array([True, False, True, True, True, True])
    assert audits._rows_before_the_first_gap(seen, picked) == 3
    assert audits._rows_before_the_first_gap(seen[:3], picked[:3]) == 3
    with pytest.raises(MetricError, match="Row 5 was audited but not picked"):
        audits._rows_before_the_first_gap(seen, np.array([True, True, True, True, False, True]))


def test_whoever_has_won_keeps_the_promise_whatever_follows():
    """A long run of gains reaches the target; rows that lose afterwards do not take it back."""
    people = np.r_[np.full(100, -1.0), np.full(300, 1.0)]
    everyone = np.ones(400, dtype=bool)
    found = audits.certify_audited(np.full(400, 0.3), people, people, everyone, 1.0, 0.05, 0.1)
    assert found.certified and found.loss == 0.5


def test_the_picked_are_those_whose_coin_falls_below_the_share():
    """The coin is the first eight bytes of a hash of seed and id, as a share of all there are."""
    coins = [
        int(hashlib.sha256(f"3:{one}".encode()).hexdigest()[:16], 16) / 2**64 for one in "abcdefgh"
    ]
    found = audits.audit_picks("abcdefgh", 0.5, seed=3)
    assert found.tolist() == [coin < 0.5 for coin in coins] and 0 < found.sum() < 8
    assert audits.audit_picks("abcdefgh", 1.0).all()
    with pytest.raises(MetricError, match="above 0 and up to 1"):
        audits.audit_picks("abc", 0.0)


def test_a_certificate_of_people_speaks_in_full():
    made = audits.AuditedCertificate(
        True, 0.4, 0.05, 0.1, 1200, "audited betting", 0.01, 0.05, 0.25, math.nan, n_audited=150
    )
    assert made.sentence == (
        "At threshold 0.400 the router sends 75.0 % of prompts to the inferior model and loses at "
        "most 5 points of quality as people would see it, with 90 % confidence (1,200 judged rows, "
        "150 audited)."
    )


@pytest.mark.parametrize(("share", "enough"), [(0.999, False), (1.0, True)])
def test_a_threshold_passes_where_its_bettor_reached_one_over_delta(share, enough, monkeypatch):
    reached = np.full(len(audits.GRID), share * math.log(1 / 0.1))
    monkeypatch.setattr(audits, "_log_wealth", lambda *_: reached)
    nothing, picked = np.zeros(9), np.ones(9, dtype=bool)
    found = audits.certify_audited(nothing, nothing, nothing, picked, 1.0, 0.05, 0.1)
    assert found.certified is enough
