"""Metrics against independent implementations, their defining properties.

And the inputs people really have.
"""

import json
import math
from functools import partial

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.metrics import log_loss as sklearn_log_loss

from routerlib.stats import metrics


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def outcomes(rng, n=400, signal=0.5, samples=1, levels=None):
    inferior = rng.binomial(samples, 0.45, n) / samples
    superior = rng.binomial(samples, 0.65, n) / samples
    score = signal * (superior - inferior) + rng.normal(size=n)
    return (score if levels is None else np.round(score * levels) / levels), inferior, superior


def shuffled_area(score, inferior, superior, rng):
    """APGR by its definition.

    Ties broken by a coin, calls given out one by one, trapezoid over the steps.
    """
    order = np.lexsort((rng.random(len(score)), -score))
    recovered = np.r_[0, np.cumsum((superior - inferior)[order])] / (superior - inferior).sum()
    return np.trapezoid(recovered, dx=1 / len(score))


# --- PGR, APGR, CPT ---


@pytest.mark.parametrize("samples", [1, 5])
def test_apgr_is_the_mean_over_random_tie_breaking(rng, samples):
    data = outcomes(rng, n=60, samples=samples, levels=1)
    areas = [shuffled_area(*data, rng) for _ in range(4000)]
    assert metrics.apgr(*data) == pytest.approx(
        np.mean(areas), abs=4 * np.std(areas) / math.sqrt(4000)
    )


def test_apgr_without_ties_is_the_exact_trapezoid(rng):
    data = outcomes(rng)
    assert metrics.apgr(*data) == pytest.approx(shuffled_area(*data, rng), abs=1e-12)
    assert metrics.apgr(*data) == pytest.approx(
        np.trapezoid(*metrics.pgr_curve(*data)[::-1]), abs=1e-12
    )


def test_a_constant_score_has_exactly_one_half_and_a_random_one_in_expectation(rng):
    _, inferior, superior = outcomes(rng)
    assert metrics.apgr(np.full(400, 0.3), inferior, superior) == 0.5
    areas = [metrics.apgr(rng.random(400), inferior, superior) for _ in range(2000)]
    assert np.mean(areas) == pytest.approx(0.5, abs=4 * np.std(areas) / math.sqrt(2000))


def test_the_oracle_is_the_ceiling_and_its_reverse_the_floor(rng):
    score, inferior, superior = outcomes(rng, samples=4)
    best = metrics.apgr(superior - inferior, inferior, superior)
    worst = metrics.apgr(inferior - superior, inferior, superior)
    assert best + worst == pytest.approx(1)
    assert all(
        worst <= metrics.apgr(rng.permutation(score), inferior, superior) <= best for _ in range(50)
    )


def test_only_the_order_of_scores_matters(rng):
    score, inferior, superior = outcomes(rng, levels=2)
    assert metrics.apgr(np.exp(score), inferior, superior) == pytest.approx(
        metrics.apgr(score, inferior, superior)
    )
    turn = rng.permutation(len(score))
    assert metrics.apgr(score[turn], inferior[turn], superior[turn]) == pytest.approx(
        metrics.apgr(score, inferior, superior)
    )


def test_the_curve_starts_at_the_inferior_and_ends_at_the_superior_model(rng):
    score, inferior, superior = outcomes(rng)
    share, accuracy = metrics.quality_curve(score, inferior, superior)
    assert (share[0], share[-1]) == (0, 1)
    assert accuracy[0] == pytest.approx(inferior.mean()) and accuracy[-1] == pytest.approx(
        superior.mean()
    )
    assert metrics.pgr(score, inferior, superior, 1.0) == pytest.approx(1)
    assert metrics.pgr(np.ones(400), inferior, superior, 0.3) == pytest.approx(0.3)


def test_cpt_is_the_first_share_that_reaches_the_target(rng):
    score, inferior, superior = outcomes(rng, levels=3)
    share, recovered = metrics.pgr_curve(score, inferior, superior)
    for x in (0.2, 0.5, 0.8, 1.0):
        at = metrics.cpt(score, inferior, superior, x)
        assert np.interp(at, share, recovered) == pytest.approx(x)
        assert (
            np.interp(np.linspace(0, max(0, at - 1e-9), 500), share, recovered) < x + 1e-9
        ).all()
    assert metrics.cpt(np.ones(400), inferior, superior, 0.5) == pytest.approx(0.5)


def test_no_gap_is_said_in_words_with_both_accuracies():
    for metric in (metrics.apgr, metrics.pgr_curve, partial(metrics.cpt, x=0.5)):
        with pytest.raises(metrics.NoGap, match=r"right on 0\.000 .* inferior one on 1\.000"):
            metric([0.1, 0.2], [1, 1], [0, 0])
    assert math.isnan(metrics.bootstrap(metrics.apgr, [0.1, 0.2], [1, 1], [1, 1])[0])


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (([0.1, math.nan], [0, 0], [1, 1]), "score: row 1 is nan"),
        (([0.1, 0.2], [0, 2], [1, 1]), "inferior: row 1 is 2, where a number from 0 to 1"),
        (([0.1, 0.2], [0, 0], [1]), "score 2, inferior 2, superior 1"),
        (([], [], []), "no rows"),
        (([[0.1]], [0], [1]), r"shape \(1, 1\)"),
    ],
)
def test_columns_that_do_not_fit_are_named(columns, said):
    with pytest.raises(metrics.MetricError, match=said):
        metrics.apgr(*columns)


def test_one_row_is_enough_for_a_number():
    assert metrics.apgr([0.7], [0], [1]) == 0.5
    assert metrics.cpt([0.7], [0], [1], 0.5) == 0.5
    assert metrics.ece([0.7], [1]) == pytest.approx(0.3)
    with pytest.raises(metrics.MetricError, match="x = 0"):
        metrics.cpt([0.7], [0], [1], 0)


def test_routing_curve_agrees_with_routing_by_hand(rng):
    score, inferior, superior = outcomes(rng, n=300)
    cheap, dear = rng.random(300), 5 + rng.random(300)
    rows = metrics.routing_curve(score, inferior, superior, inferior_cost=cheap, superior_cost=dear)
    assert len(rows) <= 102 and [row["threshold"] for row in rows] == sorted(
        row["threshold"] for row in rows
    )
    assert (rows[0]["share_superior"], rows[-1]["share_superior"]) == (1, 0)
    for row in rows[::17]:
        up = score >= row["threshold"]
        assert row["accuracy"] == pytest.approx((superior[up].sum() + inferior[~up].sum()) / 300)
        assert row["cost_per_1000"] == pytest.approx((dear[up].sum() + cheap[~up].sum()) / 0.3)
    reverse = metrics.routing_curve(score, superior, inferior)
    assert all(row["pgr"] is None and row["cost_per_1000"] is None for row in reverse)
    json.dumps(rows)


def test_share_table_lists_the_shares_that_were_asked_for(rng):
    score, inferior, superior = outcomes(rng, n=1000)
    rows = metrics.share_table(score, inferior, superior, inferior_cost=0.1, superior_cost=1.0)
    assert [row.share_superior for row in rows] == pytest.approx(
        [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1]
    )
    assert all(row.low < row.accuracy < row.high for row in rows)
    assert [rows[0].saved, rows[5].saved, rows[-1].saved] == pytest.approx([0.9, 0.45, 0])
    own = float(np.sort(score)[-123])
    more = metrics.share_table(score, inferior, superior, threshold=own)
    (marked,) = [row for row in more if row.threshold == own]
    assert marked.share_superior == pytest.approx(0.123)
    others = [row.share_superior for row in more if row is not marked]
    assert others == [row.share_superior for row in rows], "it takes no share's place"
    above = metrics.share_table(score, inferior, superior, threshold=99.0)
    assert (above[0].threshold, above[0].share_superior) == (99.0, 0.0), "kept as it is"
    tied = metrics.share_table(np.ones(1000), inferior, superior)
    assert [row.share_superior for row in tied] == [0, 1] and tied[0].saved is None


# --- AUC, Brier, log loss, ECE ---


def test_probability_metrics_agree_with_scikit_learn(rng):
    p = np.round(rng.random(500), 2)
    y = (rng.random(500) < p).astype(float)
    assert metrics.auc(p, y) == pytest.approx(roc_auc_score(y, p))
    assert metrics.brier(p, y) == pytest.approx(brier_score_loss(y, p))
    inside = np.clip(p, 0.01, 0.99)
    assert metrics.log_loss(inside, y) == pytest.approx(sklearn_log_loss(y, inside))


def test_soft_outcomes_count_as_shares_of_both_classes(rng):
    p, y = np.round(rng.random(300), 1), rng.binomial(4, 0.4, 300) / 4
    doubled, weight = np.r_[np.ones(300), np.zeros(300)], np.r_[y, 1 - y]
    assert metrics.auc(p, y) == pytest.approx(
        roc_auc_score(doubled, np.r_[p, p], sample_weight=weight)
    )
    inside = np.clip(p, 0.05, 0.95)
    expected = sklearn_log_loss(doubled, np.r_[inside, inside], sample_weight=weight)
    assert metrics.log_loss(inside, y) == pytest.approx(expected)


def test_auc_ranks_shares_alone():
    with pytest.raises(metrics.MetricError, match="y: row 1 is 2, where a number from 0 to 1"):
        metrics.auc([0.1, 0.2], [0, 2])


def test_auc_of_one_class_is_undefined():
    assert math.isnan(metrics.auc([0.1, 0.9], [1, 1]))


def test_ece_by_hand():
    p, y = [0.0, 0.05, 0.95, 1.0, 0.5], [0, 1, 1, 0, 1]
    assert metrics.ece(p, y, bins=10) == pytest.approx((abs(0.05 - 1) + abs(1.95 - 1) + 0.5) / 5)


def test_ece_by_chance_is_what_perfect_calibration_shows(rng):
    p = rng.beta(2, 5, 250)
    shown = [metrics.ece(p, rng.random(250) < p) for _ in range(400)]
    assert metrics.ece_by_chance(p) == pytest.approx(np.mean(shown), abs=0.004)
    assert metrics.ece_by_chance(p, samples=16) < metrics.ece_by_chance(p) / 2


@pytest.mark.parametrize("equal_mass", [True, False])
def test_reliability_bins_hold_every_row_once(rng, equal_mass):
    p = rng.beta(2, 5, 333)
    y = (rng.random(333) < p).astype(float)
    rows = metrics.reliability_bins(p, y, bins=8, equal_mass=equal_mass)
    assert sum(row.count for row in rows) == 333
    assert sum(row.count * row.mean_y for row in rows) == pytest.approx(y.sum())
    assert all(row.low <= row.mean_y <= row.high for row in rows)
    assert metrics.reliability_bins(np.full(9, 0.4), np.ones(9)) and metrics.reliability_bins(
        [1.0], [1.0]
    )


# --- intervals ---


@pytest.mark.parametrize(
    "metric",
    [metrics.apgr, partial(metrics.cpt, x=0.5), partial(metrics.cpt, x=0.8)],
)
def test_counts_give_what_repeating_rows_gives(rng, metric):
    data = outcomes(rng, n=120, samples=2, levels=2)
    assert_counts_match(metric, data, rng)


@pytest.mark.parametrize("metric", [metrics.auc, metrics.brier, metrics.log_loss, metrics.ece])
def test_counts_of_forecasts_give_what_repeating_rows_gives(rng, metric):
    p = np.round(rng.random(120), 1)
    assert_counts_match(metric, (p, (rng.random(120) < p).astype(float)), rng)


@pytest.mark.parametrize("metric", [metrics.apgr, partial(metrics.cpt, x=0.5)])
def test_a_resample_without_a_row_is_undefined_and_says_nothing_else(metric, recwarn):
    counts = np.array([[0, 0, 0], [1, 1, 1]])
    drawn = metric([0.9, 0.5, 0.1], [0, 0, 1], [1, 1, 1], counts=counts)
    assert np.isnan(drawn).tolist() == [True, False] and not recwarn.list


@pytest.mark.parametrize("metric", [metrics.auc, metrics.brier, metrics.log_loss, metrics.ece])
def test_a_resample_of_forecasts_without_a_row_is_undefined_too(metric, recwarn):
    drawn = metric([0.9, 0.5, 0.1], [1, 1, 0], counts=np.array([[0, 0, 0], [1, 1, 1]]))
    assert np.isnan(drawn).tolist() == [True, False] and not recwarn.list


def assert_counts_match(metric, data, rng):
    counts = rng.multinomial(120, np.full(120, 1 / 120), size=25)
    expected = [metric(*[np.repeat(column, row) for column in data]) for row in counts]
    assert metric(*data, counts=counts) == pytest.approx(expected)


def test_bootstrap_of_a_mean_is_the_usual_interval(rng):
    x = rng.random(400)
    half = 1.96 * x.std() / 20
    plain = metrics.bootstrap(lambda values: values.mean(), x, n=4000)
    assert plain == pytest.approx((x.mean() - half, x.mean() + half), abs=0.003)
    p, y = x, np.zeros(400)
    assert metrics.bootstrap(metrics.brier, p, y, seed=3) == metrics.bootstrap(
        metrics.brier, p, y, seed=3
    )


def test_bootstrap_interval_of_apgr_covers_the_population(rng):
    population = outcomes(rng, n=20_000, signal=0.8)
    truth = metrics.apgr(*population)
    covered = 0
    for seed in range(150):
        drawn = rng.integers(20_000, size=400)
        low, high = metrics.bootstrap(
            metrics.apgr, *[column[drawn] for column in population], n=300, seed=seed
        )
        covered += low <= truth <= high
    assert stats.binomtest(covered, 150, 0.95).pvalue > 0.001


def test_paired_difference_is_narrower_than_two_intervals_and_has_a_sign(rng):
    score, inferior, superior = outcomes(rng, n=600, signal=1.0)
    near = score + 0.1 * rng.normal(size=600)
    difference, low, high = metrics.paired_difference(metrics.apgr, score, near, inferior, superior)
    alone = metrics.bootstrap(metrics.apgr, score, inferior, superior)
    assert low <= difference <= high and high - low < (alone[1] - alone[0]) / 2
    swapped = metrics.paired_difference(metrics.apgr, near, score, inferior, superior)
    assert swapped == pytest.approx((-difference, -high, -low))
    assert (
        metrics.paired_difference(metrics.apgr, score, rng.random(600), inferior, superior)[1] > 0
    )


def test_quality_band_holds_the_curve_and_meets_the_two_models(rng):
    score, inferior, superior = outcomes(rng, n=300)
    shares = np.linspace(0, 1, 21)
    low, high = metrics.quality_band(score, inferior, superior, shares, n=400)
    curve = np.interp(shares, *metrics.quality_curve(score, inferior, superior))
    assert ((low <= curve) & (curve <= high)).all()
    assert (low[0], high[0]) == pytest.approx(
        metrics.bootstrap(lambda x: x.mean(), inferior, n=400)
    )


@pytest.mark.parametrize(("right", "n"), [(0, 10), (3, 10), (10, 10), (431, 1000)])
def test_intervals_of_a_share_agree_with_scipy(right, n):
    reference = stats.binomtest(right, n)
    wilson = reference.proportion_ci(0.95, method="wilson")
    assert metrics.wilson(right, n) == pytest.approx((wilson.low, wilson.high), abs=1e-9)
    exact = reference.proportion_ci(0.95, method="exact")
    assert metrics.clopper_pearson_upper(right, n, 0.025) == pytest.approx(exact.high, abs=1e-9)
    assert metrics.wilson(0, 0) == (0, 1)


def test_a_wilson_interval_holds_its_share(rng):
    whole = [(right, n) for n in range(1, 60) for right in range(n + 1)]
    effective = [(n * share, n) for n, share in rng.random((2000, 2)) * (300, 1) + (0.01, 0)]
    for right, n in [*whole, *effective, (1000 / 3, 1000 / 3)]:
        low, high = metrics.wilson(right, n)
        assert 0 <= low <= right / n <= high <= 1, (right, n)


def test_pass_at_k_is_the_chance_over_subsets(rng):
    right = np.r_[np.ones(3), np.zeros(5)]
    drawn = [rng.permutation(right)[:2].any() for _ in range(20_000)]
    assert metrics.pass_at_k(8, 3, 2) == pytest.approx(np.mean(drawn), abs=0.015)
    assert (metrics.pass_at_k(5, 0, 3), metrics.pass_at_k(5, 5, 3)) == (0, 1)
    assert metrics.pass_at_k(10, 3, 1) == pytest.approx(0.3)
    assert metrics.pass_at_k(10, 1, 5) == pytest.approx(0.5)
    assert metrics.pass_at_k(4, 0, 4) == 0.0 and metrics.pass_at_k(10, 9, 2) == 1.0
    with pytest.raises(metrics.MetricError, match="pass@9"):
        metrics.pass_at_k(8, 3, 9)


# --- by hand ---


def test_models_of_equal_accuracy_show_no_gap():
    with pytest.raises(metrics.NoGap):
        metrics.gap([0, 1], [1, 0])
    assert metrics.gap([0, 1, 0, 0], [1, 1, 0, 1]) == pytest.approx(0.5)


def test_pgr_and_apgr_of_three_rows():
    """Gains 1, -1, 1 by descending score: accuracy 1/3, 2/3, 1/3, 2/3."""
    columns = [0.9, 0.5, 0.1], [0, 1, 0], [1, 0, 1]
    share, recovered = metrics.pgr_curve(*columns)
    assert share == pytest.approx([0, 1 / 3, 2 / 3, 1]) and recovered == pytest.approx([0, 1, 0, 1])
    assert metrics.apgr(*columns) == pytest.approx(0.5)
    assert metrics.cpt(*columns, 1.0) == pytest.approx(1 / 3)
    assert metrics.pgr(*columns, [0.0, 1 / 6, 1.0]) == pytest.approx([0, 0.5, 1])


def test_a_target_reached_by_the_first_row_starts_from_no_calls():
    """The first of two rows brings the whole gap: half of it needs half of that row's share."""
    assert metrics.cpt([0.9, 0.1], [0, 1], [1, 1], 0.5) == pytest.approx(0.25)
    assert metrics.cpt([0.9, 0.1], [0, 1], [1, 1], 1e-13) == pytest.approx(0)


def test_a_target_that_is_reached_twice_needs_the_calls_of_the_first_time():
    """The first of three rows brings half of the gap, the second nothing, the third the rest."""
    outcomes = [0.9, 0.5, 0.1], [0, 1, 0], [1, 1, 1]
    assert metrics.cpt(*outcomes, 0.5) == pytest.approx(1 / 3)
    assert metrics.cpt(*outcomes, 0.52) == pytest.approx(2 / 3 + 0.04 / 3)


def test_a_paired_difference_is_the_first_less_the_second():
    better, worse, both = [4, 3, 2, 1], [1, 2, 3, 4], ([0, 0, 1, 1], [1, 1, 1, 1])
    difference, *_ = metrics.paired_difference(metrics.apgr, better, worse, *both, n=10)
    assert difference == pytest.approx(0.75 - 0.25)


def test_a_sure_forecast_that_is_wrong_costs_the_most_that_is_counted():
    assert metrics.log_loss([0.0], [1]) == pytest.approx(-math.log(1e-7))
    assert metrics.log_loss([1.0], [1]) == pytest.approx(1e-7, rel=1e-3)
    assert metrics.log_loss([0.001], [0]) == pytest.approx(-math.log(0.999))


def test_a_bin_holds_its_upper_end():
    """An edge belongs to the bin below it; there are fifteen bins where no number is named."""
    edges = [0.0, 0.25, 0.26, 0.5, 0.75, 1.0]
    assert metrics._bin_of(np.array(edges), 4).tolist() == [0, 0, 1, 1, 2, 3]
    apart, y = [0.62, 0.64], [1, 0]
    assert metrics.ece(apart, y, bins=10) == pytest.approx(abs(1.26 - 1) / 2)
    # Of fifteenths, 0.6 and 0.667 are edges and 0.7 is none.
    both = [0.59, 0.61]
    assert metrics.ece(both, y) == pytest.approx((0.41 + 0.61) / 2)
    assert metrics.ece([0.67, 0.73], y) == pytest.approx(abs(1.40 - 1) / 2)
    assert metrics.ece([0.65, 0.68], y) == pytest.approx((0.35 + 0.68) / 2)


def test_bins_of_equal_mass_hold_equally_many_rows():
    p = np.array([0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.9, 0.95])
    y = np.array([0, 0, 0, 1, 0, 0, 1, 1])
    rows = metrics.reliability_bins(p, y, bins=4)
    assert [row.count for row in rows] == [2, 2, 2, 2]
    assert [row.mean_y for row in rows] == [0, 0.5, 0, 1]
    assert [row.mean_p for row in rows] == pytest.approx([0.015, 0.035, 0.055, 0.925])
    wide = metrics.reliability_bins(p, y, bins=4, equal_mass=False)
    assert [row.count for row in wide] == [6, 2]
    assert (wide[0].low, wide[0].high) == metrics.wilson(1, 6)


def test_ece_by_chance_of_one_row_by_hand():
    """p = 0.5 and one sample: always off by 0.5. Of two samples: 0, 0.5 or 1, so 0.25 on
    average.
    """
    assert metrics.ece_by_chance([0.5], n=50) == pytest.approx(0.5)
    assert metrics.ece_by_chance([0.5], samples=2, n=2000) == pytest.approx(0.25, abs=0.02)


def test_there_are_as_many_resamples_as_asked_for_each_of_all_rows(monkeypatch):
    monkeypatch.setattr(metrics, "CHUNK", 40)
    blocks = list(metrics._resamples(10, 23, 5))
    assert [len(block) for block in blocks] == [4, 4, 4, 4, 4, 3]
    counts = np.concatenate(blocks)
    assert counts.shape == (23, 10) and (counts.sum(axis=1) == 10).all() and counts.max() > 1
    again = np.concatenate(list(metrics._resamples(10, 23, 5)))
    other = np.concatenate(list(metrics._resamples(10, 23, 6)))
    assert np.array_equal(counts, again) and not np.array_equal(counts, other)
    assert len({tuple(row) for row in counts}) > 15


def test_an_interval_is_the_middle_part_and_undefined_where_much_is():
    values = np.arange(101.0)
    assert metrics.interval(values, 0.9) == pytest.approx((5, 95))
    few = np.r_[np.full(2, math.nan), np.arange(98.0)]
    assert metrics.interval(few) == pytest.approx((0.025 * 97, 0.975 * 97))
    many = np.r_[np.full(6, math.nan), np.arange(94.0)]
    assert all(math.isnan(end) for end in metrics.interval(many))


def test_paired_difference_of_a_score_and_itself_is_nothing_in_every_resample(rng):
    score, inferior, superior = outcomes(rng, n=200)
    assert metrics.paired_difference(metrics.apgr, score, score, inferior, superior) == (0, 0, 0)


def test_default_thresholds_are_scores_that_occur():
    score = np.array([0.1, 0.2, 0.4, 0.8])
    every = metrics.default_thresholds(score)
    assert every[:-1].tolist() == score.tolist() and 0.8 < every[-1] < 0.8 + 1e-9
    some = metrics.default_thresholds(np.arange(10.0) ** 2, points=5)
    assert set(some[:-1]) <= set(np.arange(10.0) ** 2) and len(some) == 6 and some[0] == 0


def test_share_table_of_four_rows():
    rows = metrics.share_table(
        [0.9, 0.7, 0.3, 0.1], [0, 0, 1, 1], [1, 1, 1, 1], [0, 0.5, 1], 1.0, 4.0
    )
    assert [row.share_superior for row in rows] == [0, 0.5, 1]
    assert [row.accuracy for row in rows] == [0.5, 1, 1]
    assert [row.pgr for row in rows] == [0, 1, 1]
    assert [row.cost_per_1000 for row in rows] == [1000, 2500, 4000]
    assert [row.saved for row in rows] == [0.75, 0.375, 0]


def test_clopper_pearson_at_its_ends():
    assert metrics.clopper_pearson_upper(0, 10, 0.05) == pytest.approx(1 - 0.05**0.1)
    assert metrics.clopper_pearson_upper(10, 10, 0.05) == 1.0
    assert metrics.clopper_pearson_upper(9, 10, 0.05) == pytest.approx(0.95**0.1)


@pytest.mark.parametrize("forecast", [metrics.brier, metrics.ece])
@pytest.mark.parametrize(("p", "y"), [([0.5, 1.5], [0, 1]), ([0.5, 0.5], [0, 2])])
def test_a_forecast_is_a_probability_of_a_share(forecast, p, y):
    with pytest.raises(metrics.MetricError, match="where a number from 0 to 1 is needed"):
        forecast(p, y)
