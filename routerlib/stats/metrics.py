"""What a router is worth, in numbers: quality against cost, ranking, calibration, and how sure we
are of each.

Arrays in, floats out; numpy only, no files, no models, no figures (see `plots`). The guarantee on a
threshold lives in `certificates`. Throughout, `score` is what a router gives a prompt (higher: more
need of the superior model), `inferior` and `superior` are the two models' accuracies on each
prompt, in [0, 1] (a share of k samples, or just 0 and 1), and `y` is an outcome in [0, 1] that a
probability `p` should match (soft labels are welcome).

Functions that take `counts` compute many bootstrap resamples at once: `counts[b, i]` says how often
row i occurs in resample b, and the result has one value for each b: NaN where the resample holds no
row, as one of few rows drawn by chance (Poisson) may. That is what makes `bootstrap` fast.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
from numpy.typing import ArrayLike

from routerlib import settings
from routerlib.errors import Foreseen

Array = np.ndarray
CHUNK = 4_000_000  # entries of one block of resamples: 32 MB of float64


class MetricError(Foreseen, ValueError):
    """Numbers that a metric cannot be computed from; the text says why and what to do."""


class NoGap(MetricError):
    """The superior model is not better than the inferior one on these rows.

    So there is no gap to recover.
    """


# --- checks ---


def column(name: str, values: ArrayLike, unit: bool = False) -> Array:
    """Numbers as an array of shape (rows,), float64.

    Raises:
        MetricError: naming the first entry that is no number or, with `unit`, outside [0, 1].
    """
    numbers = np.asarray(values, dtype=float)
    if numbers.ndim != 1:
        raise MetricError(
            f"{name}: expected one number a row, found an array of shape {numbers.shape}."
        )
    if not np.isfinite(numbers).all():
        row = int(np.flatnonzero(~np.isfinite(numbers))[0])
        raise MetricError(
            f"{name}: row {row} is {numbers[row]}. Leave out rows without a number first."
        )
    outside = (numbers < 0) | (numbers > 1)
    if unit and outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise MetricError(
            f"{name}: row {row} is {numbers[row]:g}, where a number from 0 to 1 is needed."
        )
    return numbers


def same_length(**columns: Array) -> None:
    """Refuse columns of different lengths, or without a row, naming each.

    Raises:
        MetricError: with every column's length.
    """
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise MetricError(
            f"These columns must have one entry for each prompt, but their lengths differ: "
            f"{listed}."
        )
    if not next(iter(lengths.values())):
        raise MetricError("There are no rows to measure.")


def checked_outcomes(
    score: ArrayLike, inferior: ArrayLike, superior: ArrayLike
) -> tuple[Array, Array, Array]:
    columns = {
        "score": column("score", score),
        "inferior": column("inferior", inferior, unit=True),
        "superior": column("superior", superior, unit=True),
    }
    same_length(**columns)
    return columns["score"], columns["inferior"], columns["superior"]


def _forecasts(p: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    p, y = column("p", p, unit=True), column("y", y, unit=True)
    same_length(p=p, y=y)
    return p, y


def gap(inferior: ArrayLike, superior: ArrayLike) -> float:
    """Mean accuracy of the superior model minus that of the inferior one, in [-1, 1].

    Raises:
        NoGap: where it is not above zero, with both accuracies in the text.
    """
    low, high = float(np.asarray(inferior).mean()), float(np.asarray(superior).mean())
    if high - low <= 1e-12:
        raise NoGap(
            f"The superior model is right on {high:.3f} of these {len(np.asarray(superior)):,} "
            f"rows and the inferior "
            f"one on {low:.3f}: there is no gap to recover, so PGR is undefined. Use the inferior "
            f"model for all of "
            "them, or check that the two are not swapped."
        )
    return high - low


# --- quality against the share of calls ---


def _tie_groups(score: Array) -> tuple[Array, Array]:
    """Rows by descending score, and where in that order each group of equal scores starts."""
    order = np.argsort(-score, kind="stable")
    return order, np.flatnonzero(np.r_[True, np.diff(score[order]) != 0])


def _grouped(score: Array, gain: Array, counts: Array | None) -> tuple[Array, Array]:
    """Rows and summed gain of each group of equal scores, best first.

    Both of shape (resamples, groups).
    """
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


def ratio(numerator: Any, denominator: Any) -> Array:
    """numerator / denominator, NaN where the denominator is not above zero.

    No gap, no pair, no row.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(denominator > 1e-12, numerator / denominator, np.nan)


def quality_curve(
    score: ArrayLike, inferior: ArrayLike, superior: ArrayLike
) -> tuple[Array, Array]:
    """Share of calls to the superior model against accuracy, calls given out by descending score.

    Returns:
        (share, accuracy): both start with no calls to the superior model (share 0) and end with all
        (share 1), with one point for each distinct score. Between two points the curve is a
        straight line: that is the expected accuracy when ties are broken at random.
    """
    score, inferior, superior = checked_outcomes(score, inferior, superior)
    rows, gains = _grouped(score, superior - inferior, None)
    share = np.r_[0.0, np.cumsum(rows[0]) / len(score)]
    return share, inferior.mean() + np.r_[0.0, np.cumsum(gains[0]) / len(score)]


def pgr_curve(score: ArrayLike, inferior: ArrayLike, superior: ArrayLike) -> tuple[Array, Array]:
    """Performance gap recovered against the share of calls to the superior model.

    PGR(c) = (accuracy with a share c of calls to the superior model - inferior's) / (superior's -
    inferior's), as in RouteLLM (Ong et al. 2024, arXiv 2406.18665, section 2). May leave [0, 1]:
    the two models together can beat the superior one.

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
    values = np.interp(np.asarray(share), shares, curve)
    return float(values) if np.ndim(share) == 0 else values


def apgr(
    score: ArrayLike, inferior: ArrayLike, superior: ArrayLike, counts: Array | None = None
) -> Any:
    """Average performance gap recovered: the area under `pgr_curve` over all shares in [0, 1].

    The exact trapezoid over every row (RouteLLM averages ten points of the same curve). Ties count
    as their expected value under random tie-breaking, so a constant score gives exactly 0.5; a
    random one gives 0.5 in expectation; the score `superior - inferior` is the ceiling. Row i at
    mid-rank r_i (from the top, in [0, n]) lies under the curve for a share 1 - r_i/n, hence APGR =
    sum(gain_i (1 - r_i/n)) / sum(gain_i).

    Returns:
        A float; or, with `counts` of shape (resamples, rows), one value a resample, NaN where it
        has no gap.

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

    Summed over several tests before they are divided, they give one APGR of all of them, in which a
    test weighs as much as the gap it shows: a mean of ratios is torn about by the test that happens
    to show almost none.

    Returns:
        (area, gained), one entry for each resample; of shape (1,) without `counts`. 0 where a
        resample has no row.
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
    """Call-performance threshold: the least share of calls to the superior model that reaches PGR
    x.

    RouteLLM's CPT(x), with x as a share (0.5 for CPT(50 %)). Lower is better; the random router
    needs x.

    Returns:
        A share in [0, 1] (or one for each resample, NaN where there is no gap). With x <= 1 it
        always exists.

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
    """Bootstrap band of `quality_curve` at the given shares.

    (low, high), pointwise, each as long as `shares`.
    """
    score, inferior, superior = checked_outcomes(score, inferior, superior)
    curves = []
    for counts in _resamples(len(score), n, seed):
        rows, gains = _grouped(score, superior - inferior, counts)
        start = counts @ inferior / len(score)
        xs = np.pad(np.cumsum(rows, axis=1), ((0, 0), (1, 0))) / len(score)
        ys = np.pad(np.cumsum(gains, axis=1), ((0, 0), (1, 0))) / len(score)
        curves += [
            base + np.interp(np.asarray(shares), x, y)
            for base, x, y in zip(start, xs, ys, strict=True)
        ]
    tail = (1 - level) / 2
    low, high = np.quantile(np.array(curves), [tail, 1 - tail], axis=0)
    return low, high


class CurvePoint(TypedDict):
    """One point of `routing_curve`, as a saved router keeps it: pgr is None without a gap,
    cost_per_1000 without prices (in the unit of the costs).
    """

    threshold: float
    share_superior: float
    accuracy: float
    pgr: float | None
    cost_per_1000: float | None


def routing_curve(
    score: ArrayLike,
    inferior: ArrayLike,
    superior: ArrayLike,
    thresholds: ArrayLike | None = None,
    inferior_cost: ArrayLike | None = None,
    superior_cost: ArrayLike | None = None,
    points: int = 101,
) -> list[CurvePoint]:
    """What each threshold buys: a prompt goes to the superior model where its score is at least the
    threshold.

    Args:
        thresholds: the ones to list; by default those that send about 0 %, 1 %, ... 100 % of the
            calls to the superior model.
        inferior_cost, superior_cost: price of one call, a number or one for each row (see
            `prices.call_cost`).
        points: how many thresholds to list at most, where none are given.

    Returns:
        Points by ascending threshold.
    """
    score, inferior, superior = checked_outcomes(score, inferior, superior)
    chosen = (
        default_thresholds(score, points)
        if thresholds is None
        else np.unique(column("thresholds", thresholds))
    )
    span = float(superior.mean() - inferior.mean())
    curve: list[CurvePoint] = []
    for threshold in chosen:
        up = score >= threshold
        accuracy = float(np.where(up, superior, inferior).mean())
        curve.append(
            {
                "threshold": float(threshold),
                "share_superior": float(up.mean()),
                "accuracy": accuracy,
                "pgr": (accuracy - float(inferior.mean())) / span if span > 1e-12 else None,
                "cost_per_1000": _cost_per_1000(up, inferior_cost, superior_cost),
            }
        )
    return curve


def default_thresholds(score: ArrayLike, points: int = 101) -> Array:
    """Ascending thresholds that send about equal steps of the calls, from all to none.

    To the superior model.
    """
    score = column("score", score)
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


@dataclass(frozen=True)
class SharePoint:
    """What one share of calls buys: a point of `routing_curve` with the 95 % interval of its
    accuracy, and the share of always-superior's cost that it saves.

    pgr is None without a gap, cost_per_1000 and saved without prices.
    """

    threshold: float
    share_superior: float
    accuracy: float
    pgr: float | None
    cost_per_1000: float | None
    low: float
    high: float
    saved: float | None


def share_table(
    score: ArrayLike,
    inferior: ArrayLike,
    superior: ArrayLike,
    shares: Sequence[float] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0),
    inferior_cost: ArrayLike | None = None,
    superior_cost: ArrayLike | None = None,
    threshold: float | None = None,
) -> list[SharePoint]:
    """What share of calls buys what quality: points of `routing_curve` at the thresholds nearest to
    these shares, and at `threshold`, with bootstrap intervals. Ties may leave fewer points than
    shares.
    """
    score, inferior, superior = checked_outcomes(score, inferior, superior)
    descending = np.r_[np.inf, np.sort(score)[::-1]]
    wanted = [float(descending[round(share * len(score))]) for share in shares]
    thresholds = np.minimum(wanted, np.nextafter(score.max(), np.inf))
    if threshold is not None:
        thresholds = np.append(thresholds, threshold)
    rows = routing_curve(score, inferior, superior, thresholds, inferior_cost, superior_cost)[::-1]
    reached = np.array([row["share_superior"] for row in rows], dtype=float)
    low, high = quality_band(score, inferior, superior, reached)
    full = None if superior_cost is None else 1000 * float(np.asarray(superior_cost).mean())
    table = []
    for row, bottom, top in zip(rows, low, high, strict=True):
        cost = row["cost_per_1000"]
        saved = None if cost is None or not full else 1 - cost / full
        table.append(SharePoint(**row, low=float(bottom), high=float(top), saved=saved))
    return table


# --- ranking and calibration of a probability ---


def auc(score: ArrayLike, y: ArrayLike, counts: Array | None = None) -> Any:
    """Area under the ROC curve: the chance that a row with y = 1 scores above one with y = 0, ties
    one half.

    A soft y in (0, 1) counts as a share y of a positive and 1 - y of a negative row.

    Returns:
        A float in [0, 1], or one for each resample; NaN where all y are alike, so that no pair can
        be ranked.
    """
    score, y = column("score", score), column("y", y, unit=True)
    same_length(score=score, y=y)
    rows, positives = _grouped(score, y, counts)
    negatives = rows - positives
    below = negatives.sum(axis=1, keepdims=True) - np.cumsum(negatives, axis=1) + negatives / 2
    areas = ratio((positives * below).sum(axis=1), positives.sum(axis=1) * negatives.sum(axis=1))
    return float(areas[0]) if counts is None else areas


def _weighted_mean(values: Array, counts: Array | None) -> Any:
    return float(values.mean()) if counts is None else ratio(counts @ values, counts.sum(axis=1))


def brier(p: ArrayLike, y: ArrayLike, counts: Array | None = None) -> Any:
    """Mean squared difference of the probability and the outcome (Brier 1950), in [0, 1].

    Lower is better.
    """
    p, y = _forecasts(p, y)
    return _weighted_mean((p - y) ** 2, counts)


def log_loss(p: ArrayLike, y: ArrayLike, counts: Array | None = None) -> Any:
    """Mean cross-entropy of the outcome under the probability, in nats.

    P is kept 1e-7 away from 0 and 1.
    """
    forecast, outcome = _forecasts(p, y)
    inside = np.clip(forecast, 1e-7, 1 - 1e-7)
    losses = -(outcome * np.log(inside) + (1 - outcome) * np.log(1 - inside))
    return _weighted_mean(losses, counts)


def _bin_of(p: Array, bins: int, equal_mass: bool = False) -> Array:
    edges = (
        np.quantile(p, np.linspace(0, 1, bins + 1)) if equal_mass else np.linspace(0, 1, bins + 1)
    )
    return np.clip(np.searchsorted(np.unique(edges), p, side="left") - 1, 0, bins - 1)


def ece(p: ArrayLike, y: ArrayLike, bins: int = 15, counts: Array | None = None) -> Any:
    """Expected calibration error: |mean p - mean y| of each bin of equal width, weighted by its
    rows.

    Guo et al. 2017 (arXiv 1706.04599), section 2, with right-closed bins. It is biased upwards on
    few rows: `ece_by_chance` says what a perfectly calibrated router would show.
    """
    p, y = _forecasts(p, y)
    member = (_bin_of(p, bins)[:, None] == np.arange(bins)).astype(float)
    rows = np.ones((1, len(p))) if counts is None else counts
    error = ratio(np.abs(rows @ (member * (p - y)[:, None])).sum(axis=1), rows.sum(axis=1))
    return float(error[0]) if counts is None else error


def ece_by_chance(
    p: ArrayLike, bins: int = 15, samples: int = 1, n: int = 500, seed: int = 0
) -> float:
    """Mean ECE that these probabilities would show if they were exactly right, by simulating
    outcomes from them.

    Args:
        samples: how many graded samples stand behind each y (outcomes are then binomial shares).
    """
    p = column("p", p, unit=True)
    rng = np.random.default_rng(seed)
    return float(np.mean([ece(p, rng.binomial(samples, p) / samples, bins) for _ in range(n)]))


@dataclass(frozen=True)
class ReliabilityBin:
    """One point of a reliability diagram; low and high: the Wilson 95 % interval of mean_y (wide
    for soft y).
    """

    count: int
    mean_p: float
    mean_y: float
    low: float
    high: float


def reliability_bins(
    p: ArrayLike, y: ArrayLike, bins: int = 10, equal_mass: bool = True
) -> list[ReliabilityBin]:
    """The points of a reliability diagram, by ascending probability; empty bins are left out."""
    p, y = _forecasts(p, y)
    member = _bin_of(p, bins, equal_mass)
    points = []
    for number in np.unique(member):
        inside = member == number
        low, high = wilson(float(y[inside].sum()), int(inside.sum()))
        points.append(
            ReliabilityBin(
                count=int(inside.sum()),
                mean_p=float(p[inside].mean()),
                mean_y=float(y[inside].mean()),
                low=low,
                high=high,
            )
        )
    return points


# --- how sure we are ---


def _resamples(rows: int, n: int, seed: int):
    """Blocks of bootstrap counts, each of shape (resamples, rows), n resamples in all."""
    rng = np.random.default_rng(settings.seed(seed))
    while n > 0:
        block = min(n, max(1, CHUNK // rows))
        drawn = rng.integers(rows, size=(block, rows)) + rows * np.arange(block)[:, None]
        yield np.bincount(drawn.ravel(), minlength=block * rows).reshape(block, rows)
        n -= block


def _resampled_metric(
    metric: Callable[..., Any], arrays: Sequence[Array], n: int, seed: int
) -> Array:
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
    """The middle `level` of a metric's resamples: (low, high).

    (nan, nan) where more are undefined than a tail holds.
    """
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
        metric: any function of the arrays; those of this module that take `counts` are computed all
            at once. Fix further arguments with functools.partial: `partial(cpt, x=0.5)`.
        arrays: what the metric takes, all with one entry for each row.

    Returns:
        (low, high); (nan, nan) where more resamples than a tail holds leave the metric undefined:
        then these rows do not even show which model is better.
    """
    columns = [np.asarray(array) for array in arrays]
    same_length(**{f"array {i}": values for i, values in enumerate(columns)})
    return interval(_resampled_metric(metric, columns, n, seed), level)


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

    Both scores see the same resampled rows, so what the rows have in common cancels: far narrower
    than the difference of two intervals.

    Returns:
        (difference, low, high). An interval clear of zero: the rows show which one is better.
    """
    a, b, *rest = [np.asarray(array) for array in (score_a, score_b, *others)]
    same_length(score_a=a, score_b=b, **{f"array {i}": values for i, values in enumerate(rest)})
    difference = float(metric(a, *rest)) - float(metric(b, *rest))
    resampled = _resampled_metric(metric, [a, *rest], n, seed) - _resampled_metric(
        metric, [b, *rest], n, seed
    )
    return difference, *interval(resampled, level)


def wilson(successes: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval (1927) of a share: successes out of n, which need not be whole (an
    effective number).

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
    # Rounding may take an end past the share
    return max(0.0, min(low, share)), min(1.0, max(high, share))


def clopper_pearson_upper(successes: int, n: int, delta: float) -> float:
    """Exact one-sided upper bound (Clopper and Pearson 1934): too low at most `delta` of the time.

    A quantile of a beta distribution. scipy's `binomtest(...).proportion_ci(method="exact")` finds
    the same number by search, too slowly for the thousand thresholds of one certificate.
    """
    from scipy.special import betaincinv

    return 1.0 if successes >= n else float(betaincinv(successes + 1, n - successes, 1 - delta))


def pass_at_k(n: int, right: int, k: int) -> float:
    """Chance that at least one of k samples is right, unbiased, from n samples of which `right`
    are.

    1 - C(n - right, k) / C(n, k): Chen et al. 2021 (arXiv 2107.03374), section 2.1.

    Raises:
        MetricError: where k is above n: draw more samples.
    """
    if not 1 <= k <= n or not 0 <= right <= n:
        raise MetricError(
            f"pass@{k} cannot be estimated from {right} right of {n} samples: it needs 1 <= k <= n."
        )
    return 1.0 - math.comb(n - right, k) / math.comb(n, k)
