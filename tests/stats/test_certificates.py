"""The promise of a certificate.

Exact sizes of its tests, violations in simulation, and its words.
"""

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from routerlib.stats import certificates
from routerlib.stats.metrics import MetricError, clopper_pearson_upper

SHARED = Path(__file__).parents[3] / "shared/data/mmlu_pro_llama31_8b_70b.jsonl.gz"


@pytest.fixture
def rng():
    return np.random.default_rng(11)


# --- the tests themselves ---


def exact_size(n, epsilon, delta, share):
    """P(the paired test rejects) where a share of losses is not 0 and their mean is epsilon.

    By enumeration.
    """
    losses = (share + epsilon) / 2
    size = 0.0
    for discordant in range(n + 1):
        outer = stats.binom.pmf(discordant, n, share)
        if outer < 1e-12:
            continue
        wins = np.arange(discordant + 1)
        inner = stats.binom.pmf(wins, discordant, min(1.0, losses / share))
        totals = 2 * wins - discordant
        rejected = [
            certificates.paired_p_value(
                int(total), discordant, n, epsilon, certificates.NUISANCE * delta
            )
            <= delta
            for total in totals
        ]
        size += outer * inner[np.array(rejected)].sum()
    return size


@pytest.mark.parametrize(("n", "epsilon"), [(40, 0.1), (40, 0.25)])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 1.0])
def test_the_paired_test_keeps_its_level_exactly(n, epsilon, share):
    assert exact_size(n, epsilon, 0.1, max(share, epsilon)) <= 0.1


def test_the_trinomial_tail_is_that_of_a_simulated_sum(rng):
    n, share, epsilon = 300, 0.2, 0.05
    chances = [(share - epsilon) / 2, 1 - share, (share + epsilon) / 2]
    drawn = rng.multinomial(n, chances, size=100_000)
    sums = drawn[:, 2] - drawn[:, 0]
    for total in (-3, 4, 10, 15, 25):
        tail = certificates._trinomial_tail(total, n, share, epsilon)
        assert tail == pytest.approx((sums <= total).mean(), abs=0.006)


@pytest.mark.parametrize("n", [100, 500, 2000])
@pytest.mark.parametrize("epsilon", [0.02, 0.1])
def test_the_worst_share_of_losses_is_the_upper_end_of_its_set(n, epsilon):
    for discordant in range(int(n * epsilon), n // 3, max(1, n // 20)):
        for total in range(-discordant, int(n * epsilon), max(1, n // 10)):
            p_value = certificates.paired_p_value(total, discordant, n, epsilon, 0.005)
            if p_value > 0.2:
                continue
            highest = clopper_pearson_upper(discordant, n, 0.005)
            inside = np.linspace(epsilon, highest, 60)
            assert p_value + 1e-9 >= 0.005 + max(
                certificates._trinomial_tail(total, n, v, epsilon) for v in inside
            )


def worst_losses(rng, n, epsilon, kind):
    """Losses whose mean is exactly epsilon, in shapes that strain a bound."""
    if kind == "rare":  # only losses, few and large
        return (rng.random(n) < epsilon).astype(float)
    if kind == "balanced":  # many losses, almost offset by gains
        return rng.choice([-1.0, 0.0, 1.0], size=n, p=[0.3 - epsilon / 2, 0.4, 0.3 + epsilon / 2])
    if kind == "shares":  # five graded samples
        return np.clip(rng.binomial(5, 0.5 + epsilon, n) / 5 - 0.5, -1, 1)
    # spike: one rare, full loss above a small one
    return np.where(rng.random(n) < 0.01, 1.0, (epsilon - 0.01) / 0.99)


@pytest.mark.parametrize(
    ("method", "kind"),
    [("paired", "rare"), ("paired", "balanced")]
    + [
        (method, kind)
        for method in ("betting", "clopper-pearson")
        for kind in ("rare", "balanced", "shares", "spike")
    ],
)
def test_a_true_loss_of_epsilon_is_rejected_at_most_delta_of_the_time(rng, kind, method):
    epsilon, delta, trials = 0.05, 0.1, 1000
    test = certificates._test_of(method, np.zeros(1))
    rejected = sum(
        test(worst_losses(rng, 400, epsilon, kind), epsilon, delta) for _ in range(trials)
    )
    assert stats.binomtest(rejected, trials, delta, alternative="greater").pvalue > 0.001


def test_the_bettor_gains_nothing_on_average_at_the_boundary(rng):
    wealth = [
        math.exp(certificates.log_wealth(worst_losses(rng, 50, 0.1, "rare"), 0.1, 0.1)[-1])
        for _ in range(20_000)
    ]
    assert np.mean(wealth) == pytest.approx(1, abs=4 * np.std(wealth) / math.sqrt(20_000))


# --- by hand and by brute force ---


def all_sums(n, share, epsilon):
    """Chance of each sum of n losses: every count of losses and of gains, one by one."""
    losing, winning = (share + epsilon) / 2, (share - epsilon) / 2
    chance = {}
    for lost in range(n + 1):
        for won in range(n + 1 - lost):
            ways = math.comb(n, lost) * math.comb(n - lost, won)
            p = ways * losing**lost * winning**won * (1 - share) ** (n - lost - won)
            chance[lost - won] = chance.get(lost - won, 0.0) + p
    return chance


@pytest.mark.parametrize("share", [0.1, 0.4, 0.9])
def test_the_trinomial_tail_is_the_sum_over_all_outcomes(share):
    chance = all_sums(12, share, 0.1)
    for total in range(-12, 13):
        wanted = sum(p for reached, p in chance.items() if reached <= total)
        assert certificates._trinomial_tail(total, 12, share, 0.1) == pytest.approx(
            wanted, abs=1e-9
        )


def test_the_paired_p_value_is_the_worse_tail_and_the_error_of_the_set():
    total, discordant, n, epsilon, beta = -2, 6, 40, 0.1, 0.01
    highest = stats.binomtest(discordant, n).proportion_ci(1 - 2 * beta, "exact").high
    tails = [
        sum(p for reached, p in all_sums(n, share, epsilon).items() if reached <= total)
        for share in (discordant / n, highest)
    ]
    found = certificates.paired_p_value(total, discordant, n, epsilon, beta)
    assert found == pytest.approx(beta + max(tails), abs=1e-6)
    assert abs(tails[0] - tails[1]) > 0.001


def test_the_paired_p_value_at_its_ends():
    assert certificates.paired_p_value(4, 10, 40, 0.1, 0.01) == 1.0
    # No loss and no gain in 1,000 rows: a mean of 0.1 is outside the confidence set.
    assert certificates.paired_p_value(0, 0, 1000, 0.1, 0.005) == 0.005


def test_the_paired_test_spends_a_tenth_of_its_risk_on_the_share_of_losses():
    for lost in range(0, 8):
        loss = np.r_[np.ones(lost), np.zeros(200 - lost)]
        p_value = certificates.paired_p_value(lost, lost, 200, 0.05, 0.1 * 0.1)
        assert certificates.paired_rejects(loss, 0.05, 0.1) == (p_value <= 0.1)


def test_the_bettor_stakes_by_the_rows_before_alone(rng):
    """Row by row: what is known before a row decides how much is staked on it."""
    loss, epsilon, delta = rng.choice([-1.0, 0.0, 1.0], 80, p=[0.2, 0.5, 0.3]), 0.05, 0.1
    wealth, total, squares, wanted, stakes = 1.0, 0.0, 0.05, [], []
    for row, one in enumerate(loss):
        variance = squares / (row + 1)
        stake = math.sqrt(2 * math.log(1 / delta) / (80 * variance))
        stakes.append(min(stake, 0.75 / (1 - epsilon)))
        wealth *= 1 + stakes[-1] * (epsilon - one)
        wanted.append(math.log(wealth))
        total += one
        squares += (one - total / (row + 2)) ** 2
    assert min(stakes) < 0.7 < max(stakes)
    assert certificates.log_wealth(loss, epsilon, delta) == pytest.approx(wanted)


def test_one_row_takes_at_most_three_quarters_of_the_wealth():
    assert math.exp(certificates.log_wealth(np.ones(1), 0.3, 0.1)[0]) == pytest.approx(0.25)


def test_a_bettor_who_was_rich_once_has_won():
    loss = np.r_[np.full(20, -1.0), np.full(60, 1.0)]
    wealth = certificates.log_wealth(loss, 0.1, 0.1)
    assert wealth.max() > math.log(10) > wealth[-1]
    assert certificates.betting_rejects(loss, 0.1, 0.1)


@pytest.mark.parametrize("delta", [0.5, 0.1, 0.001])
@pytest.mark.parametrize(("share", "is_enough"), [(0.99, False), (1.01, True)])
def test_a_bettor_has_won_where_the_wealth_reaches_one_over_delta(
    delta, share, is_enough, monkeypatch
):
    wealth = np.array([0.0, math.log(share / delta), 0.0])
    monkeypatch.setattr(certificates, "log_wealth", lambda *_: wealth)
    assert certificates.betting_rejects(np.zeros(3), 0.05, delta) == is_enough


def test_clopper_pearson_counts_losses_and_no_gains():
    """Without a loss in 100 rows the bound is 1 - delta^(1/100): 0.0295 at a risk of 0.05."""
    loss = np.r_[np.zeros(50), np.full(50, -1.0)]
    assert certificates.clopper_pearson_rejects(loss, 0.0296, 0.05)
    assert not certificates.clopper_pearson_rejects(loss, 0.0294, 0.05)


def rows_of(*blocks):
    """(score, inferior, superior) from blocks of (score, loss, rows)."""
    score = np.concatenate([np.full(rows, at) for at, _, rows in blocks])
    loss = np.concatenate([np.full(rows, lost) for _, lost, rows in blocks])
    return score, (loss <= 0).astype(float), (loss >= 0).astype(float)


def test_testing_stops_at_the_first_threshold_that_fails(rng):
    """Losses at 0.3, more gains at 0.5: all together pass, but what lies between does not."""
    mixed = rng.permutation(500)
    blocks = rows_of((0.1, 0.0, 200), (0.3, 1.0, 100), (0.5, -1.0, 200))
    data = [column[mixed] for column in blocks]
    for grid in ([0.2, 0.4, 0.6], [0.6, 0.4, 0.2]):
        for method in ("paired", "betting"):
            found = certificates.certify_threshold(*data, 0.05, 0.1, method, grid)
            assert found.certified and found.threshold == 0.2, (grid, method)
            later = certificates.certify_threshold(*data, 0.05, 0.1, method, [0.6])
            assert later.certified, "all rows together lose nothing"


def test_a_score_at_the_threshold_goes_to_the_superior_model():
    data = rows_of((0.1, 0.0, 200), (0.3, 1.0, 100), (0.5, 0.0, 200))
    found = certificates.certify_threshold(*data, 0.05, 0.1, "paired", [0.1, 0.3, 0.5])
    assert (found.threshold, found.loss, found.share_superior) == (0.3, 0.0, 0.6)
    assert found.superior_accuracy == 1.0
    strict = certificates.certify_threshold(*data, 0.05, 0.1, "paired", [0.1])
    assert not strict.certified and strict.threshold == 0 and strict.loss == 0


def test_the_figures_of_a_certificate_are_those_of_its_threshold():
    """At 0.4: 6 of 500 rows lose; above it every row would."""
    data = rows_of((0.1, 0.0, 294), (0.2, 1.0, 6), (0.7, 1.0, 200))
    found = certificates.certify_threshold(*data, 0.05, 0.1, "clopper-pearson", [0.4, 0.9])
    exact = stats.binomtest(6, 500).proportion_ci(0.8, "exact").high
    assert found.loss == pytest.approx(6 / 500) and found.share_superior == pytest.approx(0.4)
    assert exact <= found.bound <= exact + 1e-4
    assert found.sentence == (
        "At threshold 0.400 the router sends 60.0 % of prompts to the inferior model and loses at "
        "most 5 points of accuracy, with 90 % confidence (500 calibration rows, clopper-pearson "
        "test; accuracy on these rows: 98.8 %, the superior model alone 100.0 %)."
    )


@pytest.mark.parametrize("method", ["paired", "betting", "clopper-pearson"])
def test_a_bound_is_the_least_loss_that_its_test_rejects(rng, method):
    loss = rng.choice([-1.0, 0.0, 1.0], 400, p=[0.02, 0.95, 0.03])
    test = certificates._test_of(method, loss)
    bound = certificates._bound(test, loss, 0.2, 0.1)
    assert test(loss, bound, 0.1) and not test(loss, bound - 1e-4, 0.1)
    assert loss.mean() < bound < 0.1


def test_rows_needed_are_about_the_fewest_that_pass():
    score, inferior, superior = rows_of((0.1, 0.0, 19), (0.2, 1.0, 1), (0.9, 1.0, 20))
    found = certificates.certify_threshold(score, inferior, superior, 0.02, 0.1, "paired")
    # The lowest tenth of the scores holds no loss: how many such rows show less than 0.02?
    no_loss = next(
        n for n in range(41, 1000) if certificates.paired_rejects(np.zeros(n), 0.02, 0.1)
    )
    assert not found.certified and no_loss <= found.rows_needed <= 1.05 * no_loss
    assert found.sentence.endswith(
        f"About {found.rows_needed - 40} more rows like these would do ({found.rows_needed} in "
        "all)."
    )


def test_rows_needed_look_at_a_smaller_share_where_a_larger_one_loses():
    """The lowest twentieth loses nothing, the lowest tenth half of its answers."""
    data = rows_of((0.1, 0.0, 5), (0.2, 1.0, 5), (0.9, 1.0, 90))
    found = certificates.certify_threshold(*data, 0.02, 0.1, "clopper-pearson")
    # Without a loss the bound of n rows is 1 - 0.1^(1/n): below 0.02 from 114 rows on.
    assert not found.certified and 114 <= found.rows_needed <= 119
    lost = certificates.certify_threshold(*rows_of((0.1, 1.0, 5), (0.9, 0.0, 95)), 0.04, 0.1)
    assert not lost.certified and lost.rows_needed is None


def test_no_loss_at_all_may_be_promised_but_no_certainty():
    better = rows_of((0.2, -1.0, 400), (0.8, 0.0, 100))
    found = certificates.certify_threshold(*better, 0.0, 0.1, "paired", [0.5])
    assert found.certified and found.epsilon == 0
    with pytest.raises(MetricError, match="delta = 1"):
        certificates.certify_threshold(*better, 0.02, 1)


def test_ten_lost_answers_are_enough_for_the_paired_test():
    assert certificates.automatic_method(np.zeros(500), 0.02) == "paired"
    assert certificates.automatic_method(np.zeros(499), 0.02) == "betting"


def test_the_grid_of_its_own_has_steps_of_a_thousandth_and_an_end_above_one():
    grid = certificates._grid(np.array([0.0, 1.0]), None)
    assert len(grid) == 1002 and grid[:-1] == pytest.approx(np.arange(1001) / 1000)
    assert 1 < grid[-1] < 1 + 1e-9


# --- certificates ---


def population(rng, n=200_000, samples=1):
    """Scores that know how likely the superior model alone is right.

    True loss rises with the threshold.
    """
    need = rng.beta(1, 3, n)
    inferior = rng.binomial(samples, 0.85 - 0.7 * need) / samples
    superior = rng.binomial(samples, np.full(n, 0.8)) / samples
    return need, inferior, superior


@pytest.mark.parametrize(
    ("samples", "method"), [(1, "paired"), (1, "betting"), (4, "betting"), (1, "clopper-pearson")]
)
def test_the_certified_threshold_keeps_its_promise(rng, samples, method):
    epsilon, delta, trials = 0.03, 0.1, 250
    score, inferior, superior = population(rng, samples=samples)
    order = np.argsort(score)
    true_loss = np.r_[0, np.cumsum((superior - inferior)[order])] / len(score)
    ascending, broken, spared = score[order], 0, []
    for _ in range(trials):
        drawn = rng.integers(len(score), size=500)
        found = certificates.certify_threshold(
            score[drawn], inferior[drawn], superior[drawn], epsilon, delta, method
        )
        below = np.searchsorted(ascending, found.threshold)
        broken += true_loss[below] > epsilon
        spared.append(below / len(score))
    assert stats.binomtest(int(broken), trials, delta, alternative="greater").pvalue > 0.001
    assert np.mean(spared) > (0.05 if method == "clopper-pearson" else 0.3)


def test_more_rows_and_a_looser_promise_spare_more_calls(rng):
    data = population(rng, n=8000)

    def spared(rows, **terms):
        return (
            1
            - certificates.certify_threshold(
                *[column[:rows] for column in data], **terms
            ).share_superior
        )

    assert spared(8000) > spared(800)
    assert spared(8000, epsilon=0.05) > spared(8000, epsilon=0.01)
    assert spared(8000, delta=0.2) >= spared(8000, delta=0.01)
    assert spared(8000, method="paired") > spared(8000, method="clopper-pearson")


def test_a_certificate_says_what_it_promises_and_survives_json(rng):
    found = certificates.certify_threshold(*population(rng, n=2000), epsilon=0.02)
    assert found.certified and found.loss < found.bound <= 0.02 and 0 < found.share_superior < 1
    assert found.method == "paired" and found.n_calibration == 2000
    assert (
        "at most 2 points of accuracy, with 95 % confidence" in found.sentence
        and "2,000" in found.sentence
    )
    stored = json.loads(json.dumps(found.to_dict()))
    assert (
        stored["sentence"] == found.sentence and certificates.Certificate.from_dict(stored) == found
    )
    with pytest.raises(MetricError, match="'bound' is missing"):
        certificates.Certificate.from_dict(
            {key: value for key, value in stored.items() if key != "bound"}
        )


def test_none_certified_says_how_many_more_rows_would_do(rng):
    data = population(rng, n=40)
    found = certificates.certify_threshold(*data, epsilon=0.01)
    assert (
        not found.certified
        and found.threshold == 0
        and found.share_superior == 1
        and found.bound == 0
    )
    assert (
        found.sentence.startswith("None certified")
        and f"{found.rows_needed:,} in all" in found.sentence
    )
    enough = certificates.certify_threshold(*population(rng, n=3 * found.rows_needed), epsilon=0.01)
    assert enough.certified


def test_none_certified_says_where_rows_do_not_help():
    score = np.repeat(np.linspace(0.1, 0.9, 5), 100)
    found = certificates.certify_threshold(score, np.zeros(500), np.ones(500), epsilon=0.01)
    assert (
        not found.certified
        and found.rows_needed is None
        and "would not change that" in found.sentence
    )


def test_an_inferior_model_that_is_better_takes_every_prompt(rng):
    found = certificates.certify_threshold(
        rng.random(1000), np.ones(1000), rng.integers(2, size=1000), epsilon=0.02
    )
    assert found.certified and found.share_superior == 0 and found.loss < 0 and found.threshold > 1


@pytest.mark.parametrize("rows", [1, 2])
def test_a_row_or_two_certify_nothing(rows):
    found = certificates.certify_threshold(np.full(rows, 0.5), np.ones(rows), np.ones(rows))
    assert not found.certified and found.rows_needed > 100


def test_ties_are_certified_all_or_none(rng):
    outcomes = (rng.random(3000) < 0.5).astype(float)
    assert (
        certificates.certify_threshold(
            np.full(3000, 0.4), outcomes, outcomes, epsilon=0.01
        ).share_superior
        == 0
    )
    assert (
        certificates.certify_threshold(
            np.full(3000, 0.4), 0 * outcomes, outcomes, epsilon=0.01
        ).share_superior
        == 1
    )


def test_the_automatic_test_goes_by_kind_and_number_of_losses():
    assert certificates.automatic_method(np.tile([0.0, 1.0, -1.0], 400), 0.02) == "paired"
    assert certificates.automatic_method(np.tile([0.0, 1.0, -1.0], 100), 0.02) == "betting"
    assert certificates.automatic_method(np.tile([0.0, 0.5, -1.0], 400), 0.02) == "betting"


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"epsilon": 1.5}, "epsilon = 1.5"),
        ({"epsilon": -0.1}, "epsilon = -0.1"),
        ({"delta": 0}, "delta = 0"),
        ({"method": "magic"}, "'magic' is not known"),
        ({"score": [2.0, 3.0]}, "Calibrate the scores first"),
        ({"score": [0.5, math.nan]}, "score: row 1 is nan"),
        ({"inferior": [0.5, 0.5], "method": "paired"}, "one graded answer"),
    ],
)
def test_terms_that_do_not_fit_are_refused_in_words(terms, said):
    with pytest.raises(MetricError, match=said):
        certificates.certify_threshold(
            **{"score": [0.2, 0.3], "inferior": [0, 1], "superior": [1, 1], **terms}
        )


def test_thresholds_of_ones_own_allow_raw_scores(rng):
    score, inferior, superior = population(rng, n=3000)
    found = certificates.certify_threshold(
        10 * score - 4, inferior, superior, 0.03, thresholds=[-4, -3, -2.5, -2]
    )
    assert found.certified and found.threshold in (-3, -2.5, -2)


@pytest.mark.skipif(
    not SHARED.exists(), reason="needs the recorded MMLU-Pro answers beside the checkout"
)
def test_the_promise_holds_on_recorded_answers(rng):
    with gzip.open(SHARED, "rt") as lines:
        rows = [json.loads(line) for line in lines]
    inferior = np.array([float(row["inferior_correct"]) for row in rows])
    superior = np.array([float(row["superior_correct"]) for row in rows])
    score = np.argsort(np.argsort(0.8 * (superior - inferior) + rng.normal(size=len(rows)))) / len(
        rows
    )
    losses = np.r_[0, np.cumsum((superior - inferior)[np.argsort(score)])] / len(rows)
    broken = 0
    for _ in range(100):
        drawn = rng.integers(len(rows), size=1000)
        found = certificates.certify_threshold(
            score[drawn], inferior[drawn], superior[drawn], 0.05, 0.1
        )
        broken += losses[min(len(rows), math.ceil(found.threshold * len(rows)))] > 0.05
    assert stats.binomtest(int(broken), 100, 0.1, alternative="greater").pvalue > 0.001


def test_that_nothing_is_lost_cannot_be_shown_and_no_number_of_rows_is_promised():
    gains = rows_of((0.1, -1.0, 400), (0.9, 0.0, 100))
    found = certificates.certify_threshold(*gains, epsilon=0.0, delta=0.1)
    assert not found.certified and found.rows_needed is None
    assert "Allow a small loss" in found.sentence and "already" not in found.sentence
