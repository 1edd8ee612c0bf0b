"""What a router is worth, in numbers: quality against cost, ranking, calibration, and how sure we are of each.

Arrays in, floats out; numpy only, no files, no models, no figures (see `plots`). The guarantee on a threshold
lives in `certificates`. Throughout, `score` is what a router gives a prompt (higher: more need of the superior
model), `inferior` and `superior` are the two models' accuracies on each prompt, in [0, 1] (a share of k samples,
or just 0 and 1), and `y` is an outcome in [0, 1] that a probability `p` should match (soft labels are welcome).

Functions that take `counts` compute many bootstrap resamples at once: `counts[b, i]` says how often row i occurs
in resample b, and the result has one value for each b: NaN where the resample holds no row, as one of few rows
drawn by chance (Poisson) may. That is what makes `bootstrap` fast.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from routerlib import settings
from routerlib.errors import Foreseen

Array = np.ndarray
CHUNK = 4_000_000  # entries of one block of resamples: 32 MB of float64


class MetricError(Foreseen, ValueError):
    """Numbers that a metric cannot be computed from; the text says why and what to do."""


class NoGap(MetricError):
    """The superior model is not better than the inferior one on these rows, so there is no gap to recover."""


# --- checks ---


def _column(name: str, values: ArrayLike, unit: bool = False) -> Array:
    column = np.asarray(values, dtype=float)
    if column.ndim != 1:
        raise MetricError(
            f"{name}: expected one number a row, found an array of shape {column.shape}."
        )
    if not np.isfinite(column).all():
        row = int(np.flatnonzero(~np.isfinite(column))[0])
        raise MetricError(
            f"{name}: row {row} is {column[row]}. Leave out rows without a number before measuring."
        )
    if unit and column.size and not (column.min() >= 0 and column.max() <= 1):
        row = int(np.flatnonzero((column < 0) | (column > 1))[0])
        raise MetricError(
            f"{name}: row {row} is {column[row]:g}, where a number from 0 to 1 is needed."
        )
    return column


def _same_length(**columns: Array) -> None:
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise MetricError(
            f"These columns must have one entry for each prompt, but their lengths differ: {listed}."
        )
    if not next(iter(lengths.values())):
        raise MetricError("There are no rows to measure.")


def checked_outcomes(
    score: ArrayLike, inferior: ArrayLike, superior: ArrayLike
) -> tuple[Array, Array, Array]:
    columns = {
        "score": _column("score", score),
        "inferior": _column("inferior", inferior, unit=True),
        "superior": _column("superior", superior, unit=True),
    }
    _same_length(**columns)
    return columns["score"], columns["inferior"], columns["superior"]


def _forecasts(p: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    p, y = _column("p", p, unit=True), _column("y", y, unit=True)
    _same_length(p=p, y=y)
    return p, y


def gap(inferior: ArrayLike, superior: ArrayLike) -> float:
    """Mean accuracy of the superior model minus that of the inferior one, in [-1, 1].

    Raises:
        NoGap: where it is not above zero, with both accuracies in the text.
    """
    low, high = float(np.mean(inferior)), float(np.mean(superior))
    if high - low <= 1e-12:
        raise NoGap(
            f"The superior model is right on {high:.3f} of these {len(np.asarray(superior)):,} rows and the inferior "
            f"one on {low:.3f}: there is no gap to recover, so PGR is undefined. Use the inferior model for all of "
            "them, or check that the two are not swapped."
        )
    return high - low


# --- quality against the share of calls ---


def _tie_groups(score: Array) -> tuple[Array, Array]:
    """Rows by descending score, and where in that order each group of equal scores starts."""
    order = np.argsort(-score, kind="stable")
    return order, np.flatnonzero(np.r_[True, np.diff(score[order]) != 0])


def _grouped(score: Array, gain: Array, counts: Array | None) -> tuple[Array, Array]:
    """Rows and summed gain of each group of equal scores, best first; both of shape (resamples, groups)."""
    order, starts = _tie_groups(score)
    rows = (
        np.ones((1, len(score)))
        if counts is None
        else np.atleast_2d(counts)[:, order].astype(float)
    )
    gains = rows * gain[order]
    if len(starts) == len(score):
        return rows, gains
    return np.add.reduceat(rows, starts, axis=1), np.add.reduceat(gains, starts, axis=1)


def ratio(numerator: ArrayLike, denominator: ArrayLike) -> Array:
    """numerator / denominator, NaN where the denominator is not above zero: no gap, no pair, no row."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(denominator > 1e-12, numerator / denominator, np.nan)


def quality_curve(
    score: ArrayLike, inferior: ArrayLike, superior: ArrayLike
) -> tuple[Array, Array]:
    """Share of calls to the superior model against accuracy, calls given out by descending score.

    Returns:
        (share, accuracy): both start with no calls to the superior model (share 0) and end with all (share 1),
        with one point for each distinct score. Between two points the curve is a straight line: that is
        the expected accuracy when ties are broken at random.
    """
    score, inferior, superior = checked_outcomes(score, inferior, superior)
    rows, gains = _grouped(score, superior - inferior, None)
    share = np.r_[0.0, np.cumsum(rows[0]) / len(score)]
    return share, inferior.mean() + np.r_[0.0, np.cumsum(gains[0]) / len(score)]


def pgr_curve(score: ArrayLike, inferior: ArrayLike, superior: ArrayLike) -> tuple[Array, Array]:
    """Performance gap recovered against the share of calls to the superior model.

    PGR(c) = (accuracy with a share c of calls to the superior model - inferior's) / (superior's - inferior's),
    as in RouteLLM (Ong et al. 2024, arXiv 2406.18665, section 2). May leave [0, 1]: the two models together can
    beat the superior one.

    Returns:
        (share, pgr): as `quality_curve`.

    Raises:
        NoGap: where the superior model is not better on these rows.
    """
    share, accuracy = quality_curve(score, inferior, superior)
    return share, (accuracy - accuracy[0]) / gap(inferior, superior)


def pgr(score: ArrayLike, inferior: ArrayLike, superior: ArrayLike, share: ArrayLike) -> Any:
    """PGR at one share of calls to the superior model (or at an array of them), in [0, 1]."""
    shares, curve = pgr_curve(score, inferior, superior)
    values = np.interp(share, shares, curve)
    return float(values) if np.ndim(share) == 0 else values


def apgr(
    score: ArrayLike, inferior: ArrayLike, superior: ArrayLike, counts: Array | None = None
) -> Any:
    """Average performance gap recovered: the area under `pgr_curve` over all shares in [0, 1].

    The exact trapezoid over every row (RouteLLM averages ten points of the same curve). Ties count as
    their expected value under random tie-breaking, so a constant score gives exactly 0.5; a random one gives
    0.5 in expectation; the score `superior - inferior` is the ceiling. Row i at mid-rank r_i (from the
    top, in [0, n]) lies under the curve for a share 1 - r_i/n, hence APGR = sum(gain_i (1 - r_i/n)) / sum(gain_i).

    Returns:
        A float; or, with `counts` of shape (resamples, rows), one value a resample, NaN where it has no gap.

    Raises:
        NoGap: without `counts`, where the superior model is not better on these rows.
    """
    area, gained = apgr_parts(score, inferior, superior, counts)
    if counts is not None:
        return ratio(area, gained)
    gap(inferior, superior)
    return float(area[0] / gained[0])


def apgr_parts(
    score: ArrayLike, inferior: ArrayLike, superior: ArrayLike, counts: Array | None = None
) -> tuple[Array, Array]:
    """The sums over the rows whose ratio is `apgr`: gain_i (1 - r_i/n), and gain_i.

    Summed over several tests before they are divided, they give one APGR of all of them, in which a test weighs as
    much as the gap it shows: a mean of ratios is torn about by the test that happens to show almost none.

    Returns:
        (area, gained), one entry for each resample; of shape (1,) without `counts`. 0 where a resample has no row.
    """
    score, inferior, superior = checked_outcomes(score, inferior, superior)
    rows, gains = _grouped(score, superior - inferior, counts)
    middle = np.cumsum(rows, axis=1) - rows / 2
    drawn = np.maximum(rows.sum(axis=1, keepdims=True), 1)
    return (gains * (1 - middle / drawn)).sum(axis=1), gains.sum(axis=1)


def cpt(
    score: ArrayLike,
    inferior: ArrayLike,
    superior: ArrayLike,
    x: float,
    counts: Array | None = None,
) -> Any:
    """Call-performance threshold: the least share of calls to the superior model that reaches PGR x.

    RouteLLM's CPT(x), with x as a share (0.5 for CPT(50 %)). Lower is better; the random router needs x.

    Returns:
        A share in [0, 1] (or one for each resample, NaN where there is no gap). With x <= 1 it always exists.

    Raises:
        NoGap: without `counts`, where the superior model is not better on these rows.
        MetricError: if x is not in (0, 1].
    """
    if not 0 < x <= 1:
        raise MetricError(
            f"x = {x}: CPT needs a share of the gap above 0 and up to 1, such as 0.5."
        )
    score, inferior, superior = checked_outcomes(score, inferior, superior)
    rows, gains = _grouped(score, superior - inferior, counts)
    totals = gains.sum(axis=1, keepdims=True)
    if counts is None:
        gap(inferior, superior)
    recovered = np.pad(ratio(np.cumsum(gains, axis=1), totals), ((0, 0), (1, 0)))
    shares = np.pad(
        ratio(np.cumsum(rows, axis=1), rows.sum(axis=1, keepdims=True)), ((0, 0), (1, 0))
    )
    crossing = np.maximum((recovered >= x - 1e-12).argmax(axis=1), 1)
    at = np.arange(len(rows))
    step = ratio(
        x - recovered[at, crossing - 1], recovered[at, crossing] - recovered[at, crossing - 1]
    )
    least = shares[at, crossing - 1] + step * (shares[at, crossing] - shares[at, crossing - 1])
    return float(least[0]) if counts is None else np.where(totals[:, 0] > 1e-12, least, np.nan)


def quality_band(
    score: ArrayLike,
    inferior: ArrayLike,
    superior: ArrayLike,
    shares: ArrayLike,
    n: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[Array, Array]:
    """Bootstrap band of `quality_curve` at the given shares: (low, high), pointwise, each as long as `shares`."""
    score, inferior, superior = checked_outcomes(score, inferior, superior)
    curves = []
    for counts in _resamples(len(score), n, seed):
        rows, gains = _grouped(score, superior - inferior, counts)
        start = counts @ inferior / len(score)
        xs = np.pad(np.cumsum(rows, axis=1), ((0, 0), (1, 0))) / len(score)
        ys = np.pad(np.cumsum(gains, axis=1), ((0, 0), (1, 0))) / len(score)
        curves += [base + np.interp(shares, x, y) for base, x, y in zip(start, xs, ys, strict=True)]
    tail = (1 - level) / 2
    low, high = np.quantile(np.array(curves), [tail, 1 - tail], axis=0)
    return low, high


def routing_curve(
    score: ArrayLike,
    inferior: ArrayLike,
    superior: ArrayLike,
    thresholds: ArrayLike | None = None,
    inferior_cost: ArrayLike | None = None,
    superior_cost: ArrayLike | None = None,
    points: int = 101,
) -> list[dict[str, float | None]]:
    """What each threshold buys: a prompt goes to the superior model where its score is at least the threshold.

    Args:
        thresholds: the ones to list; by default those that send about 0 %, 1 %, ... 100 % of the calls to the
            superior model.
        inferior_cost, superior_cost: price of one call, a number or one for each row (see `call_cost`).
        points: how many thresholds to list at most, where none are given.

    Returns:
        Rows by ascending threshold: threshold, share_superior, accuracy, pgr (None without a gap) and
        cost_per_1000 (None without prices; in the unit of the costs).
    """
    score, inferior, superior = checked_outcomes(score, inferior, superior)
    chosen = (
        default_thresholds(score, points)
        if thresholds is None
        else np.unique(_column("thresholds", thresholds))
    )
    span = float(superior.mean() - inferior.mean())
    rows = []
    for threshold in chosen:
        up = score >= threshold
        accuracy = float(np.where(up, superior, inferior).mean())
        rows.append(
            {
                "threshold": float(threshold),
                "share_superior": float(up.mean()),
                "accuracy": accuracy,
                "pgr": (accuracy - float(inferior.mean())) / span if span > 1e-12 else None,
                "cost_per_1000": _cost_per_1000(up, inferior_cost, superior_cost),
            }
        )
    return rows


def default_thresholds(score: ArrayLike, points: int = 101) -> Array:
    """Ascending thresholds that send about equal steps of the calls, from all to none, to the superior model."""
    score = _column("score", score)
    levels = np.unique(score)
    if len(levels) >= points:
        levels = np.unique(np.quantile(score, np.linspace(0, 1, points), method="inverted_cdf"))
    return np.r_[levels, np.nextafter(levels[-1], np.inf)]


def _cost_per_1000(
    up: Array, inferior_cost: ArrayLike | None, superior_cost: ArrayLike | None
) -> float | None:
    if inferior_cost is None or superior_cost is None:
        return None
    return 1000 * float(np.where(up, superior_cost, inferior_cost).mean())


def share_table(
    score: ArrayLike,
    inferior: ArrayLike,
    superior: ArrayLike,
    shares: Sequence[float] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0),
    inferior_cost: ArrayLike | None = None,
    superior_cost: ArrayLike | None = None,
) -> list[dict[str, float | None]]:
    """What share of calls buys what quality: rows of `routing_curve` at the thresholds nearest to these shares.

    Each row has `low` and `high` besides (bootstrap 95 % interval of its accuracy), and `saved`: the share of
    always-superior's cost that it saves (None without prices). Ties may leave fewer rows than shares.
    """
    score, inferior, superior = checked_outcomes(score, inferior, superior)
    descending = np.r_[np.inf, np.sort(score)[::-1]]
    wanted = [float(descending[round(share * len(score))]) for share in shares]
    thresholds = np.minimum(wanted, np.nextafter(score.max(), np.inf))
    rows = routing_curve(score, inferior, superior, thresholds, inferior_cost, superior_cost)[::-1]
    low, high = quality_band(score, inferior, superior, [row["share_superior"] for row in rows])
    full = None if superior_cost is None else 1000 * float(np.mean(superior_cost))
    for row, bottom, top in zip(rows, low, high, strict=True):
        cost = row["cost_per_1000"]
        saved = None if cost is None or not full else 1 - cost / full
        row.update(low=float(bottom), high=float(top), saved=saved)
    return rows


def call_cost(
    prompt_tokens: ArrayLike, completion_tokens: ArrayLike, input_price: float, output_price: float
) -> Any:
    """Price of calls: tokens times the endpoint's prices per million tokens, in the unit of the prices."""
    return (
        np.asarray(prompt_tokens) * input_price + np.asarray(completion_tokens) * output_price
    ) / 1e6


# --- ranking and calibration of a probability ---


def auc(score: ArrayLike, y: ArrayLike, counts: Array | None = None) -> Any:
    """Area under the ROC curve: the chance that a row with y = 1 scores above one with y = 0, ties one half.

    A soft y in (0, 1) counts as a share y of a positive and 1 - y of a negative row.

    Returns:
        A float in [0, 1], or one for each resample; NaN where all y are alike, so that no pair can be ranked.
    """
    score, y = _column("score", score), _column("y", y, unit=True)
    _same_length(score=score, y=y)
    rows, positives = _grouped(score, y, counts)
    negatives = rows - positives
    below = negatives.sum(axis=1, keepdims=True) - np.cumsum(negatives, axis=1) + negatives / 2
    areas = ratio((positives * below).sum(axis=1), positives.sum(axis=1) * negatives.sum(axis=1))
    return float(areas[0]) if counts is None else areas


def _mean(values: Array, counts: Array | None) -> Any:
    return float(values.mean()) if counts is None else ratio(counts @ values, counts.sum(axis=1))


def brier(p: ArrayLike, y: ArrayLike, counts: Array | None = None) -> Any:
    """Mean squared difference of the probability and the outcome (Brier 1950), in [0, 1]; lower is better."""
    p, y = _forecasts(p, y)
    return _mean((p - y) ** 2, counts)


def log_loss(p: ArrayLike, y: ArrayLike, counts: Array | None = None) -> Any:
    """Mean cross-entropy of the outcome under the probability, in nats; p is kept 1e-7 away from 0 and 1."""
    p, y = _forecasts(p, y)
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return _mean(-(y * np.log(p) + (1 - y) * np.log(1 - p)), counts)


def _bin_of(p: Array, bins: int, equal_mass: bool = False) -> Array:
    edges = (
        np.quantile(p, np.linspace(0, 1, bins + 1)) if equal_mass else np.linspace(0, 1, bins + 1)
    )
    return np.clip(np.searchsorted(np.unique(edges), p, side="left") - 1, 0, bins - 1)


def ece(p: ArrayLike, y: ArrayLike, bins: int = 15, counts: Array | None = None) -> Any:
    """Expected calibration error: |mean p - mean y| of each bin of equal width, weighted by its rows.

    Guo et al. 2017 (arXiv 1706.04599), section 2, with right-closed bins. It is biased upwards on few
    rows: `ece_by_chance` says what a perfectly calibrated router would show.
    """
    p, y = _forecasts(p, y)
    member = (_bin_of(p, bins)[:, None] == np.arange(bins)).astype(float)
    rows = np.ones((1, len(p))) if counts is None else counts
    error = ratio(np.abs(rows @ (member * (p - y)[:, None])).sum(axis=1), rows.sum(axis=1))
    return float(error[0]) if counts is None else error


def ece_by_chance(
    p: ArrayLike, bins: int = 15, samples: int = 1, n: int = 500, seed: int = 0
) -> float:
    """Mean ECE that these probabilities would show if they were exactly right, by simulating outcomes from them.

    Args:
        samples: how many graded samples stand behind each y (outcomes are then binomial shares).
    """
    p = _column("p", p, unit=True)
    rng = np.random.default_rng(seed)
    return float(np.mean([ece(p, rng.binomial(samples, p) / samples, bins) for _ in range(n)]))


def reliability_bins(
    p: ArrayLike, y: ArrayLike, bins: int = 10, equal_mass: bool = True
) -> list[dict[str, float]]:
    """The points of a reliability diagram, by ascending probability; empty bins are left out.

    Returns:
        Rows of count, mean_p, mean_y, and low and high: the Wilson 95 % interval of mean_y (wide for soft y).
    """
    p, y = _forecasts(p, y)
    member = _bin_of(p, bins, equal_mass)
    rows = []
    for number in np.unique(member):
        inside = member == number
        low, high = wilson(float(y[inside].sum()), int(inside.sum()))
        rows.append(
            {
                "count": int(inside.sum()),
                "mean_p": float(p[inside].mean()),
                "mean_y": float(y[inside].mean()),
                "low": low,
                "high": high,
            }
        )
    return rows


# --- calibration ---

METHODS = ("none", "temperature", "platt", "isotonic")


@dataclass(frozen=True)
class Calibration:
    """A fitted map from a router's raw score to a probability; call it on one score or an array of them.

    `none`: the score itself. `temperature` (slope) and `platt` (slope, intercept): a logistic curve over the
    score's log-odds (`logit`) or the score as it is; they never change the order. `isotonic`: straight
    lines between knots; it may tie neighbours but never reverses them.
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
            mapped = sigmoid(
                self.slope * (log_odds(values) if self.logit else values) + self.intercept
            )
        return float(mapped) if np.ndim(scores) == 0 else mapped

    def to_dict(self) -> dict[str, Any]:
        """The calibration as JSON values."""
        if self.method == "isotonic":
            return {"method": self.method, "knots": [list(knot) for knot in self.knots]}
        if self.method == "none":
            return {"method": self.method}
        return {
            "method": self.method,
            "slope": self.slope,
            "intercept": self.intercept,
            "logit": self.logit,
        }

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
        method: `temperature` (one number; scores must be probabilities), `platt` (two), `isotonic` (any
            rising shape; wants some 1,000 rows), `none`, or `auto`: whichever of them has the least
            5-fold cross-validated log loss on these rows.
        scores: raw scores, higher for more need of the superior model. Scores that all lie in [0, 1] are taken
            as probabilities, whose log-odds are mapped; others as they are.
        targets: outcomes in [0, 1]; soft ones are welcome.

    Raises:
        MetricError: for a method that is not known, or scores that do not fit it.
    """
    scores, targets = _column("scores", scores), _column("targets", targets, unit=True)
    _same_length(scores=scores, targets=targets)
    logit = bool(scores.min() >= 0 and scores.max() <= 1)
    if method == "auto":
        return calibrate(_best_method(scores, targets, logit), scores, targets)
    if method in ("none", "temperature") and not logit:
        raise MetricError(
            f"{method} needs probabilities from 0 to 1, but scores reach {scores.max():g}: use platt."
        )
    if method == "none":
        return Calibration("none")
    if method in ("temperature", "platt"):
        x = log_odds(scores) if logit else scores
        slope, intercept = _fit_logistic(x, targets, with_intercept=method == "platt")
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


def _fit_logistic(x: Array, y: Array, with_intercept: bool) -> tuple[float, float]:
    """Slope and intercept of least cross-entropy, by Newton steps; the slope is kept above zero.

    One pseudo-row of each outcome at the middle of x, in the spirit of Platt (1999), keeps the fit finite where
    the outcomes can be separated.
    """
    centre, scale = (
        (float(x.mean()), float(x.std()) or 1.0)
        if with_intercept
        else (0.0, float(np.abs(x).max()) or 1.0)
    )
    z = np.r_[(x - centre) / scale, 1.0, 1.0, -1.0, -1.0]
    y = np.r_[y, 1.0, 0.0, 1.0, 0.0]
    weight = np.r_[np.ones(len(x)), 0.25, 0.25, 0.25, 0.25]
    columns = np.stack([z, np.ones_like(z)], axis=1) if with_intercept else z[:, None]
    beta = _newton(columns, y, weight)
    floor = 1e-3  # a score that points the wrong way becomes (almost) the base rate, never its own reverse
    if beta[0] < floor:
        rest = _newton(columns[:, 1:], y, weight, offset=floor * z) if with_intercept else []
        beta = np.r_[floor, rest]
    slope = float(beta[0] / scale)
    return slope, float(beta[1] - slope * centre) if with_intercept else 0.0


def _newton(columns: Array, y: Array, weight: Array, offset: ArrayLike = 0.0) -> Array:
    def cost(beta: Array) -> float:
        eta = columns @ beta + offset
        return float(weight @ (np.logaddexp(0, eta) - y * eta))

    beta = np.zeros(columns.shape[1])
    for _ in range(100):
        p = sigmoid(columns @ beta + offset)
        gradient = columns.T @ (weight * (p - y))
        hessian = (columns * (weight * p * (1 - p))[:, None]).T @ columns
        step = np.linalg.solve(hessian + 1e-9 * np.eye(len(beta)), gradient)
        while cost(beta - step) > cost(beta) + 1e-12 and np.abs(step).max() > 1e-10:
            step = step / 2
        beta = beta - step
        if np.abs(step).max() < 1e-9:
            break
    return beta


def _isotonic_knots(scores: Array, targets: Array) -> tuple[tuple[float, float], ...]:
    from scipy.optimize import isotonic_regression

    xs, member, rows = np.unique(scores, return_inverse=True, return_counts=True)
    means = np.bincount(member, weights=targets) / rows
    fitted = isotonic_regression(means, weights=rows).x
    margin = 1 / (
        len(scores) + 2
    )  # no finite sample shows that something is certain (Laplace's rule)
    fitted = np.clip(fitted, margin, 1 - margin)
    bends = np.r_[True, np.diff(fitted) != 0] | np.r_[np.diff(fitted) != 0, True]
    return tuple((float(x), float(y)) for x, y in zip(xs[bends], fitted[bends], strict=True))


def _best_method(scores: Array, targets: Array, logit: bool, folds: int = 5) -> str:
    methods = METHODS if logit else ("platt", "isotonic")
    if len(scores) < 2 * folds:
        return "platt"
    fold = np.random.default_rng(0).permutation(len(scores)) % folds
    losses = dict.fromkeys(methods, 0.0)
    for k in range(folds):
        inside, outside = fold == k, fold != k
        for method in methods:
            fitted = calibrate(method, scores[outside], targets[outside])
            losses[method] += log_loss(fitted(scores[inside]), targets[inside]) * inside.sum()
    return min(losses, key=losses.__getitem__)


# --- how sure we are ---


def _resamples(rows: int, n: int, seed: int):
    """Blocks of bootstrap counts, each of shape (resamples, rows), n resamples in all."""
    rng = np.random.default_rng(settings.seed(seed))
    while n > 0:
        block = min(n, max(1, CHUNK // rows))
        drawn = rng.integers(rows, size=(block, rows)) + rows * np.arange(block)[:, None]
        yield np.bincount(drawn.ravel(), minlength=block * rows).reshape(block, rows)
        n -= block


def _resampled(metric: Callable[..., Any], arrays: Sequence[Array], n: int, seed: int) -> Array:
    values = []
    vectorised = "counts" in inspect.signature(metric).parameters
    for counts in _resamples(len(arrays[0]), n, seed):
        if vectorised:
            values.append(metric(*arrays, counts=counts))
        else:
            picks = (np.repeat(np.arange(len(row)), row) for row in counts)
            values.append(
                np.array([or_nan(metric, *(array[pick] for array in arrays)) for pick in picks])
            )
    return np.concatenate(values)


def or_nan(metric: Callable[..., Any], *arrays: ArrayLike) -> float:
    """The metric of these arrays, NaN where they show no gap."""
    try:
        return float(metric(*arrays))
    except NoGap:
        return math.nan


def interval(values: Array, level: float = 0.95) -> tuple[float, float]:
    """The middle `level` of a metric's resamples: (low, high); (nan, nan) where more are undefined than a tail holds."""
    tail = (1 - level) / 2
    if np.isnan(values).mean() > tail:
        return math.nan, math.nan
    low, high = np.nanquantile(values, [tail, 1 - tail])
    return float(low), float(high)


def bootstrap(
    metric: Callable[..., Any],
    *arrays: ArrayLike,
    n: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile bootstrap interval of a metric over the rows of its arrays (Efron 1979).

    Args:
        metric: any function of the arrays; those of this module that take `counts` are computed all at
            once. Fix further arguments with functools.partial: `partial(cpt, x=0.5)`.
        arrays: what the metric takes, all with one entry for each row.

    Returns:
        (low, high); (nan, nan) where more resamples than a tail holds leave the metric undefined: then these rows
        do not even show which model is better.
    """
    columns = [np.asarray(array) for array in arrays]
    _same_length(**{f"array {i}": column for i, column in enumerate(columns)})
    return interval(_resampled(metric, columns, n, seed), level)


def paired_difference(
    metric: Callable[..., Any],
    score_a: ArrayLike,
    score_b: ArrayLike,
    *others: ArrayLike,
    n: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float, float]:
    """metric(score_a, *others) - metric(score_b, *others), with its paired bootstrap interval.

    Both scores see the same resampled rows, so what the rows have in common cancels: far narrower than the
    difference of two intervals.

    Returns:
        (difference, low, high). An interval clear of zero: the rows show which one is better.
    """
    a, b, *rest = [np.asarray(array) for array in (score_a, score_b, *others)]
    _same_length(score_a=a, score_b=b, **{f"array {i}": column for i, column in enumerate(rest)})
    difference = float(metric(a, *rest)) - float(metric(b, *rest))
    resampled = _resampled(metric, [a, *rest], n, seed) - _resampled(metric, [b, *rest], n, seed)
    return difference, *interval(resampled, level)


def wilson(successes: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval (1927) of a share: successes out of n, which need not be whole (an effective number).

    Returns:
        (low, high), with 0 <= low <= share <= high <= 1; (0, 1) where n is 0.
    """
    from statistics import NormalDist

    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = min(max(successes / n, 0.0), 1.0)
    centre = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = (centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)
    return max(0.0, min(low, share)), min(
        1.0, max(high, share)
    )  # rounding may take an end past the share


def clopper_pearson(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Exact interval (Clopper and Pearson 1934) of a share; covers it at least `level` of the time."""
    tail = (1 - level) / 2
    return 1 - clopper_pearson_upper(n - successes, n, tail), clopper_pearson_upper(
        successes, n, tail
    )


def clopper_pearson_upper(successes: int, n: int, delta: float) -> float:
    """Exact one-sided upper bound of a share: too low at most `delta` of the time."""
    from scipy.special import betaincinv

    return 1.0 if successes >= n else float(betaincinv(successes + 1, n - successes, 1 - delta))


def pass_at_k(n: int, right: int, k: int) -> float:
    """Chance that at least one of k samples is right, unbiased, from n samples of which `right` are.

    1 - C(n - right, k) / C(n, k): Chen et al. 2021 (arXiv 2107.03374), section 2.1.

    Raises:
        MetricError: where k is above n: draw more samples.
    """
    if not 1 <= k <= n or not 0 <= right <= n:
        raise MetricError(
            f"pass@{k} cannot be estimated from {right} right of {n} samples: it needs 1 <= k <= n."
        )
    return 1.0 - math.comb(n - right, k) / math.comb(n, k)
