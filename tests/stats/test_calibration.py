"""Calibration against independent fits.

It rises, stays finite, keeps the mean, and survives JSON.
"""

import json

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from routerlib.stats import calibration, metrics


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def test_platt_finds_the_curve_that_made_the_outcomes(rng):
    x = rng.normal(size=20_000)
    y = (rng.random(20_000) < 1 / (1 + np.exp(-(2 * x - 1)))).astype(float)
    fitted = calibration.calibrate("platt", x, y)
    reference = LogisticRegression(C=1e6).fit(x[:, None], y)
    assert (fitted.slope, fitted.intercept) == pytest.approx((2, -1), abs=0.1)
    assert (fitted.slope, fitted.intercept) == pytest.approx(
        (reference.coef_[0, 0], reference.intercept_[0]), abs=2e-3
    )


def test_temperature_undoes_overconfidence(rng):
    true = rng.beta(2, 3, 20_000)
    y = (rng.random(20_000) < true).astype(float)
    loud = 1 / (1 + (1 / true - 1) ** 3)  # log-odds times three
    fitted = calibration.calibrate("temperature", loud, y)
    assert fitted.slope == pytest.approx(1 / 3, abs=0.02)
    assert metrics.ece(fitted(loud), y) < 0.015 < metrics.ece(loud, y)


def test_isotonic_agrees_with_scikit_learn(rng):
    x = np.round(rng.normal(size=800), 1)
    y = rng.binomial(3, 1 / (1 + np.exp(-x))) / 3
    reference = IsotonicRegression(out_of_bounds="clip").fit(x, y)
    fitted = calibration.calibrate("isotonic", x, y)
    seen = np.r_[-50, np.unique(x), 50]
    assert fitted(seen) == pytest.approx(
        np.clip(reference.predict(seen), 1 / 802, 801 / 802), abs=1e-9
    )


@pytest.mark.parametrize("method", ["none", "temperature", "platt", "isotonic", "auto"])
def test_every_calibration_is_a_rising_probability_and_survives_json(rng, method):
    scores = rng.random(300)
    y = (rng.random(300) < 0.3 + 0.3 * scores).astype(float)
    fitted = calibration.calibrate(method, scores, y)
    p = fitted(np.linspace(0, 1, 200))
    assert (np.diff(p) >= 0).all() and p.min() >= 0 and p.max() <= 1
    assert isinstance(fitted(0.5), float)
    assert calibration.Calibration.from_dict(json.loads(json.dumps(fitted.to_dict()))) == fitted


@pytest.mark.parametrize("method", ["temperature", "platt"])
def test_a_score_that_points_the_wrong_way_is_flattened_not_reversed(rng, method):
    scores = rng.random(500)
    y = (rng.random(500) < 1 - scores).astype(float)
    p = calibration.calibrate(method, scores, y)(np.sort(scores))
    assert (np.diff(p) > 0).all() and p.max() - p.min() < 0.05


def test_a_few_rows_that_point_the_wrong_way_are_flattened_around_their_mean():
    """The four quarters of pseudo-rows weigh as much as one row, half of it right."""
    p = calibration.calibrate("platt", [0.1, 0.2, 0.9], [1, 1, 0])(np.array([0.1, 0.9]))
    assert p == pytest.approx((2 + 0.5) / 4, abs=0.02)


@pytest.mark.parametrize("method", ["temperature", "platt", "isotonic", "auto"])
@pytest.mark.parametrize(
    ("scores", "y"),
    [([0.3], [1]), ([0.2] * 12, [0, 1] * 6), ([0.1, 0.9] * 10, [0, 1] * 10), ([0.0, 1.0], [1, 1])],
)
def test_calibration_stays_finite_on_few_or_separable_rows(method, scores, y):
    p = calibration.calibrate(method, scores, y)(np.array(scores))
    assert np.isfinite(p).all() and (p > 0).all() and (p < 1).all()


def test_calibration_keeps_the_mean_and_takes_any_real_score(rng):
    scores = rng.normal(3, 10, 1000)
    y = (rng.random(1000) < 0.2).astype(float)
    for method in ("platt", "isotonic", "auto"):
        assert calibration.calibrate(method, scores, y)(scores).mean() == pytest.approx(
            y.mean(), abs=0.01
        )
    with pytest.raises(metrics.MetricError, match="needs probabilities"):
        calibration.calibrate("temperature", scores, y)
    with pytest.raises(metrics.MetricError, match="'spline' is not known"):
        calibration.calibrate("spline", scores, y)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "None is not known; it is one of none, temperature, platt, isotonic"),
        ({"method": "platt"}, "slope"),
        ({"method": "isotonic"}, "knots"),
    ],
)
def test_a_calibration_that_does_not_fit_is_refused(fields, said):
    with pytest.raises(metrics.MetricError, match=said):
        calibration.Calibration.from_dict(fields)


def test_auto_takes_what_predicts_best_out_of_fold(rng):
    """Steps want isotonic, twisted log-odds platt, exact probabilities next to nothing."""
    p = rng.beta(2, 3, 6000)
    stepped = np.where(p < 0.3, 0.1, np.where(p < 0.6, 0.8, 0.2 + 0.7 * (p > 0.8)))
    odds = calibration.log_odds(p)
    for wanted, true in (
        ("isotonic", stepped),
        ("platt", calibration.sigmoid(2.5 * odds + 1.5)),
    ):
        y = (rng.random(6000) < true).astype(float)
        assert calibration.calibrate("auto", p, y).method == wanted
    exact = (rng.random(6000) < p).astype(float)
    assert calibration.calibrate("auto", p, exact).method in ("none", "temperature")
    assert calibration.calibrate("auto", odds, exact).method == "platt"
    assert calibration.calibrate("auto", p[:9], exact[:9]).method == "platt"


def test_level_for_moves_the_mean_to_the_one_wanted(rng):
    odds, weight = rng.normal(size=300) * 3, rng.random(300)
    for wanted in (0.01, 0.4, 0.99):
        level = calibration.level_for(odds, wanted)
        assert calibration.sigmoid(odds + level).mean() == pytest.approx(wanted, abs=1e-9)
        level = calibration.level_for(odds, wanted, weight)
        mean = np.average(calibration.sigmoid(odds + level), weights=weight)
        assert mean == pytest.approx(wanted, abs=1e-9)


def test_soft_logistic_is_the_fit_on_rows_counted_by_share(rng):
    x = rng.normal(size=(200, 3))
    y, weights = rng.random(200), rng.random(200) + 0.1
    found, intercept = calibration.soft_logistic(x, y, weights, 0.5)
    reference = LogisticRegression(C=0.5, tol=1e-10, max_iter=1000)
    counts = np.r_[y * weights, (1 - y) * weights]
    reference.fit(np.r_[x, x], np.r_[np.ones(200), np.zeros(200)], sample_weight=counts)
    assert found == pytest.approx(reference.coef_[0], abs=1e-4)
    assert intercept == pytest.approx(reference.intercept_[0], abs=1e-4)
    for label, certain in ((1.0, 10.0), (0.0, -10.0)):
        alike = calibration.soft_logistic(x, np.full(200, label), weights, 0.5)
        assert alike[0].tolist() == [0, 0, 0] and alike[1] == certain
