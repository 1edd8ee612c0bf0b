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
    samples = [population(rng, 600) for _ in range(60)]
    score, people = (np.stack(parts) for parts in zip(*samples, strict=True))
    judged = np.stack([judged_by(kind, one, None, rng) for one in people])
    seen = np.where(rng.random(people.shape) < 0.2, people, np.nan)
    chance = np.full(people.shape, 0.2)
    found = audits.certified_thresholds(score, judged, seen, chance, EPSILON, DELTA)
    broken = (true_loss(np.minimum(found, 1.0)) > EPSILON).sum()
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
    samples = [population(rng, 1500) for _ in range(12)]
    score, people = (np.stack(parts) for parts in zip(*samples, strict=True))
    judged = np.stack([judged_by("good", one, None, rng) for one in people])
    chance = np.full(people.shape, 0.1)
    seen = np.where(rng.random(people.shape) < 0.1, people, np.nan)
    with_judge = audits.certified_thresholds(score, judged, seen, chance, EPSILON, DELTA)
    alone = []
    for scores, said in zip(score, seen, strict=True):
        mine = ~np.isnan(said)
        rows = scores[mine], np.zeros(mine.sum()), said[mine], np.ones(mine.sum())
        alone.append(audits.certified_thresholds(*rows, EPSILON, DELTA))
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


def largest_loss_by_hand(score, chance, epsilon, threshold):
    """The largest corrected loss to allow after these rows, from the rule as it is written down."""
    best = None
    for part in range(13):
        rank = math.ceil(part / 12 * (len(chance) - 1) - 1e-9)
        worst = sorted(1 / one for one in chance)[rank]
        stake, total = 0.95 / (worst - epsilon / 2), 0.0
        for at, one in zip(score, chance, strict=True):
            assumed = max(0.0, (1 - worst * one) / (1 - one)) if one < 1 / worst else 0.0
            weight = min(1.0, (at < threshold) + 1 / len(score))
            total += weight * math.log(1 + stake * (epsilon / 2 - assumed))
            total += (1 - weight) * math.log(1 + stake * epsilon / 2)
        if best is None or total > best[0] + 1e-12:
            best = total, worst
    return best[1]


def bettor_by_hand(score, judged, seen, chance, epsilon, delta, threshold, planned=None):
    """Log wealth after each row for one threshold, from the rule as it is written down."""
    n, target, wealth, path = planned or len(score), math.log(1 / delta), 0.0, []
    judged = [max(one, 0.0) for one in judged]  # for the inferior model is taken as a tie
    together, alone = 0.8, 1.0  # people's losses times the judge's, and the judge's squared
    losses, rarity, worst = [], [], 1.0
    for i in range(len(score)):
        if i in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024):
            worst = largest_loss_by_hand(score[:i], chance[:i], epsilon, threshold)
        one_in = sum(rarity) / len(rarity) if rarity else 1.0
        believed = 0.2 * one_in * (len(rarity) + 1) / (i + 2)
        squares = sum(max(loss, -was) ** 2 for loss, was in losses) + 2 * one_in * believed
        trust = min(max(together / alone, 0.0), 1.0)
        stake = math.sqrt(2 * max(target - wealth, 0.05) / ((n - i) * squares / (i + 2 * one_in)))
        stake = min(stake, 0.95 / (worst - epsilon))
        loss = 0.0
        if score[i] < threshold:
            loss = trust * judged[i]
            if chance[i] < 1 / worst:  # so that loss + (1 - loss) / chance is worst at most
                loss = max(loss, (1 / chance[i] - worst) / (1 / chance[i] - 1))
            if not math.isnan(seen[i]):
                loss += (seen[i] - loss) / chance[i]
                together, alone = together + judged[i] * seen[i], alone + judged[i] ** 2
            rarity.append(1 / chance[i])
        if wealth < target and i > 0:
            wealth += math.log(1 + stake * (epsilon - loss))
        losses.append((loss, worst))
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


def test_rows_whose_winner_the_judge_names_are_audited_oftener():
    chance = audits.audit_chances([1.0, 0.0, -1.0, 0.5] * 25, 10)
    assert chance[0] == chance[2] == pytest.approx(1.5 * chance[1])
    assert chance[3] / chance[1] == pytest.approx(1.25)
    assert chance.sum() == pytest.approx(10)
    assert audits.audit_chances([0.0] * 5, 50).tolist() == [1.0] * 5
    with pytest.raises(MetricError, match="above 0"):
        audits.audit_chances([0.0], 0)


def test_prompts_that_look_too_hard_are_audited_less_often():
    """400 rows, of which the judge says that the hardest half is lost: the easy ones are those that
    could be certified, and behind them the chance falls by the square of the rank.
    """
    hardness = np.arange(400.0)
    judged = np.where(hardness < 200, 0.0, 1.0)
    chance = audits.audit_chances(judged, 100, hardness=hardness) / (1 + judged / 2)
    assert chance @ (1 + judged / 2) == pytest.approx(100)
    easy = int((chance == chance[0]).sum())
    # 100 audits of ties in half of the rows: 0.1 is allowed there, and log(10) needs 0.077.
    assert 200 < easy < 220
    assert chance[399] / chance[0] == pytest.approx((easy / 399) ** 2, rel=0.02)
    assert (np.diff(chance) <= 0).all()
    with pytest.raises(MetricError, match="both, or neither"):
        audits.audit_chances([0.0], 1, hardness=[0.0], others=([0.0], None))


@pytest.mark.parametrize(
    ("judged", "number", "share"),
    [
        ([0.0] * 100, 1000, 1.0),  # nothing is lost, as the judge sees it
        ([1.0] * 100, 1000, 0.2),  # all is
        ([0.0] * 100, 1, 0.2),  # one audit shows nothing
        ([0.0] * 50 + [1.0] * 50, 10**6, 0.52),  # 0.05 of all rows may be lost, and is not, at 0.55
    ],
)
def test_how_many_rows_count_as_easy(judged, number, share):
    found = audits._easy_share(np.array(judged), np.arange(100.0), number, 0.05, 0.1)
    assert found == pytest.approx(share, abs=0.03)


def test_a_chance_depends_on_nothing_but_its_row_where_others_set_the_scale():
    others = np.array([0.0] * 50 + [1.0] * 50), np.linspace(0, 1, 100)
    judged, hardness = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.1, 0.1, 0.9, 0.9])
    whole = audits.audit_chances(judged, 0.4, hardness=hardness, others=others)
    assert whole[1] / whole[0] == whole[3] / whole[2] == pytest.approx(1.5)
    assert whole[2] < 0.5 * whole[0]
    changed = np.array([0.0, 0.0, 1.0, 1.0])
    again = audits.audit_chances(changed, 0.4, hardness=hardness, others=others)
    assert again[0] == whole[0] and again[3] == whole[3]


def test_two_hundred_audits_and_a_good_judge_do_what_three_hundred_audits_do(monkeypatch):
    monkeypatch.setattr(audits, "GRID", np.linspace(0, 1.05, 22))
    rng = np.random.default_rng(8)
    samples = [population(rng, 2000) for _ in range(80)]
    score, people = (np.stack(parts) for parts in zip(*samples, strict=True))
    judged = np.stack([judged_by("good", one, None, rng) for one in people])
    known_score, known = population(rng, 2000)
    others = judged_by("good", known, None, rng), known_score
    chance = np.stack(
        [audits.audit_chances(j, 200, s, others) for j, s in zip(judged, score, strict=True)]
    )
    assert chance.sum(axis=1).mean() == pytest.approx(200, rel=0.1)
    seen = np.where(rng.random(score.shape) < chance, people, np.nan)
    both = audits.certified_thresholds(score, judged, seen, chance, EPSILON, DELTA)
    few = np.s_[:, :300]
    alone = audits.certified_thresholds(
        score[few], 0 * judged[few], people[few], np.ones((80, 300)), EPSILON, DELTA
    )
    assert both.mean() > alone.mean()


def test_no_stake_looks_at_what_comes_later():
    """The wealth after 150 of 300 planned rows, whatever follows, and whenever people stop."""
    rng = np.random.default_rng(4)
    score, judged, seen, chance = made_up_rows(rng, 300)
    first = [part[:150] for part in (score, judged, seen, chance)]
    stopped = audits._log_wealth(*first, 0.1, 0.1, planned=300)
    path = bettor_by_hand(score, judged, seen, chance, 0.1, 0.1, audits.GRID[100])
    assert stopped[100] == pytest.approx(path[149], abs=1e-9)
    till_then = np.where(np.arange(300) < 150, seen, np.nan)
    picked = ~np.isnan(till_then) | (np.arange(300) >= 150)
    found = audits.certify_audited(score, judged, till_then, picked, chance, 0.1, 0.1)
    expected = audits._last_before_a_failure(stopped >= math.log(10))
    assert found.n_calibration == 150 and found.threshold == expected


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


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"judged": [0.1]}, "are rows of one length, at least one"),
        ({"score": [], "judged": [], "audited": []}, "are rows of one length, at least one"),
        ({"epsilon": 1}, "epsilon = 1 and delta = 0.1: both are shares below 1"),
        ({"score": [0.1, 1.1]}, "Scores are probabilities, from 0 to 1"),
        ({"judged": [1.1, 0]}, "^Losses lie between -1 and 1.$"),
        ({"audited": [np.nan, -2]}, "^Losses lie between -1 and 1.$"),
        ({"chance": 0}, "lies above 0 and up to 1"),
    ],
)
def test_what_cannot_be_certified_is_told(changed, told):
    given = {"score": [0.1, 0.9], "judged": [0, 1], "audited": [np.nan, 1], "chance": 0.5}
    with pytest.raises(MetricError, match=told):
        audits._checked(**(given | {"epsilon": 0.1, "delta": 0.1} | changed))
