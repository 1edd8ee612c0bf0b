"""From a router's raw score to a probability: fitted on rows that the router was not trained on.

A `Calibration` is a rising map, so that it never changes which prompt needs the superior model
more; it is fitted by `calibrate` and kept as JSON beside the router. How good the probabilities are
is measured in `metrics`; what may be promised about a threshold on them is `certificates`'
business.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from routerlib.stats.metrics import Array, MetricError, column, log_loss, same_length

METHODS = ("none", "temperature", "platt", "isotonic")
# A score that points the wrong way becomes (almost) the base rate, never its own reverse.
FLATTEST = 1e-3
CERTAIN = 10.0  # log-odds where only one outcome was seen
FOLDS = 5


@dataclass(frozen=True)
class Calibration:
    """A fitted map from a raw score to a probability; call it on one score or an array of them.

    `none`: the score itself. `temperature` (slope) and `platt` (slope, intercept): a logistic curve
    over the score's log-odds (`logit`) or the score as it is; they never change the order.
    `isotonic`: straight lines between knots; it may tie neighbours but never reverses them.
    """

    method: str
    slope: float = 1.0
    intercept: float = 0.0
    logit: bool = False
    knots: tuple[tuple[float, float], ...] = ()

    def __call__(self, scores: ArrayLike) -> Any:
        values = np.asarray(scores, dtype=float)
        if self.method == "isotonic":
            xs, ys = zip(*self.knots, strict=True)
            mapped = np.interp(values, xs, ys)
        elif self.method == "none":
            mapped = np.clip(values, 0.0, 1.0)
        else:
            x = log_odds(values) if self.logit else values
            mapped = sigmoid(self.slope * x + self.intercept)
        return float(mapped) if np.ndim(scores) == 0 else mapped

    def to_dict(self) -> dict[str, Any]:
        """The calibration as JSON values."""
        if self.method == "isotonic":
            return {"method": self.method, "knots": [list(knot) for knot in self.knots]}
        if self.method == "none":
            return {"method": self.method}
        line = {"slope": self.slope, "intercept": self.intercept, "logit": self.logit}
        return {"method": self.method, **line}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Calibration:
        """Back from `to_dict`.

        Raises:
            MetricError: naming what is missing or not known.
        """
        method = fields.get("method")
        if method not in METHODS:
            raise MetricError(
                f"calibration: method {method!r} is not known; it is one of {', '.join(METHODS)}."
            )
        needed = {"isotonic": ("knots",), "none": ()}.get(method, ("slope", "intercept", "logit"))
        missing = [name for name in needed if name not in fields]
        if missing:
            raise MetricError(
                f"calibration: {method} needs the field {missing[0]!r}, which is not there."
            )
        if method == "isotonic":
            return cls(method, knots=tuple((float(x), float(y)) for x, y in fields["knots"]))
        if method == "none":
            return cls(method)
        return cls(
            method, float(fields["slope"]), float(fields["intercept"]), bool(fields["logit"])
        )


def calibrate(method: str, scores: ArrayLike, targets: ArrayLike) -> Calibration:
    """Fit a map from raw scores to probabilities on rows that the router was not trained on.

    Args:
        method: `temperature` (one number; scores must be probabilities), `platt` (two), `isotonic`
            (any rising shape; wants some 1,000 rows), `none`, or `auto`: whichever of them has the
            least 5-fold cross-validated log loss on these rows.
        scores: raw scores, higher for more need of the superior model. Scores that all lie in [0,
            1] are taken as probabilities, whose log-odds are mapped; others as they are.
        targets: outcomes in [0, 1]; soft ones are welcome.

    Raises:
        MetricError: for a method that is not known, or scores that do not fit it.
    """
    scores, targets = column("scores", scores), column("targets", targets, unit=True)
    same_length(scores=scores, targets=targets)
    logit = bool(scores.min() >= 0 and scores.max() <= 1)
    if method == "auto":
        return calibrate(_best_method(scores, targets, logit), scores, targets)
    if method in ("none", "temperature") and not logit:
        raise MetricError(
            f"{method} needs probabilities from 0 to 1, but scores reach {scores.max():g}: use "
            "platt."
        )
    if method == "none":
        return Calibration("none")
    if method in ("temperature", "platt"):
        x = log_odds(scores) if logit else scores
        slope, intercept = _logistic_line(x, targets, with_intercept=method == "platt")
        return Calibration(method, slope, intercept, logit)
    if method == "isotonic":
        return Calibration("isotonic", knots=_isotonic_knots(scores, targets))
    raise MetricError(
        f"calibration method {method!r} is not known; it is one of {', '.join(METHODS)}, auto."
    )


def sigmoid(x: Array) -> Array:
    """Log-odds to probability, without overflow."""
    with np.errstate(invalid="ignore"):  # NaN stays NaN
        return np.exp(-np.logaddexp(0.0, -np.asarray(x, dtype=float)))


def log_odds(p: Array) -> Array:
    """Probability to log-odds, kept finite."""
    p = np.clip(np.asarray(p, dtype=float), 1e-6, 1 - 1e-6)
    return np.log(p) - np.log1p(-p)


def _logistic_line(x: Array, y: Array, with_intercept: bool) -> tuple[float, float]:
    """Slope and intercept of least cross-entropy; the slope is kept above zero.

    Half a pseudo-row of each outcome on both sides of the middle of x, in the spirit of Platt
    (1999), keeps the fit finite where the outcomes can be separated.
    """
    if with_intercept:
        centre, scale = float(x.mean()), float(x.std()) or 1.0
    else:
        centre, scale = 0.0, float(np.abs(x).max()) or 1.0
    z = np.r_[(x - centre) / scale, 1.0, 1.0, -1.0, -1.0]
    outcome = np.r_[y, 1.0, 0.0, 1.0, 0.0]
    weight = np.r_[np.ones(len(x)), 0.25, 0.25, 0.25, 0.25]
    (steepness,), level = soft_logistic(
        z[:, None], outcome, weight, np.inf, with_intercept=with_intercept
    )
    if steepness < FLATTEST:
        steepness = FLATTEST
        level = _level(FLATTEST * z, outcome, weight) if with_intercept else 0.0
    slope = float(steepness / scale)
    return slope, float(level - slope * centre) if with_intercept else 0.0


def _level(known: Array, y: Array, weight: Array) -> float:
    """What to add to these log-odds so that they mean what the outcomes mean."""
    wanted = float(np.average(y, weights=weight))
    return level_for(known, wanted, weight)


def level_for(odds: Array, wanted: float, weight: Array | None = None) -> float:
    """The number to add to log-odds so that the mean of their probabilities is the one wanted.

    Args:
        odds: log-odds, shape (n,). wanted: the mean probability, inside (0, 1).
    """
    from scipy.optimize import brentq

    def excess(level: float) -> float:
        return float(np.average(sigmoid(odds + level), weights=weight)) - wanted

    reach = 30.0 + float(np.abs(odds).max())
    return float(brentq(excess, -reach, reach))


def soft_logistic(
    features: Array, y: Array, weights: Array, c: float, with_intercept: bool = True
) -> tuple[Array, float]:
    """Logistic regression on soft labels: a row counts as y of a positive and 1 - y of a negative.

    Args:
        features: shape (n, width). y: in [0, 1]. weights: of the rows, at least 0.
        c: the inverse of the penalty on squared weights; infinity: no penalty.

    Returns:
        (weights of shape (width,), intercept).
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    outcome = np.r_[np.ones(len(y)), np.zeros(len(y))]
    counts = np.r_[y * weights, (1 - y) * weights]
    keep = counts > 0
    if len(np.unique(outcome[keep])) < 2:
        # Every row came out the same: as sure as is safe, whatever the features say.
        certain = CERTAIN if outcome[keep][0] else -CERTAIN
        return np.zeros(features.shape[1]), certain
    model = LogisticRegression(
        C=c, max_iter=100, tol=1e-6, solver="newton-cholesky", fit_intercept=with_intercept
    )
    with warnings.catch_warnings():
        # Where the start is the best there is to the last digit, no step improves it: that is said
        # as a failure, and none.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(np.r_[features, features][keep], outcome[keep], sample_weight=counts[keep])
    return model.coef_[0], float(np.ravel(model.intercept_)[0])


def _isotonic_knots(scores: Array, targets: Array) -> tuple[tuple[float, float], ...]:
    from scipy.optimize import isotonic_regression

    xs, member, rows = np.unique(scores, return_inverse=True, return_counts=True)
    means = np.bincount(member, weights=targets) / rows
    fitted = isotonic_regression(means, weights=rows).x
    # No finite sample shows that something is certain (Laplace's rule).
    margin = 1 / (len(scores) + 2)
    fitted = np.clip(fitted, margin, 1 - margin)
    steps = np.diff(fitted) != 0
    bends = np.r_[True, steps] | np.r_[steps, True]
    return tuple((float(x), float(y)) for x, y in zip(xs[bends], fitted[bends], strict=True))


def _best_method(scores: Array, targets: Array, logit: bool) -> str:
    """The method of least cross-validated log loss; Platt's where a fold would hold one row."""
    methods = METHODS if logit else ("platt", "isotonic")
    if len(scores) < 2 * FOLDS:
        return "platt"
    fold = np.random.default_rng(0).permutation(len(scores)) % FOLDS
    losses = dict.fromkeys(methods, 0.0)
    for k in range(FOLDS):
        inside, outside = fold == k, fold != k
        for method in methods:
            fitted = calibrate(method, scores[outside], targets[outside])
            losses[method] += log_loss(fitted(scores[inside]), targets[inside]) * inside.sum()
    return min(losses, key=losses.__getitem__)
