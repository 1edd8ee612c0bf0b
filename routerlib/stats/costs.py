"""What a policy of one or two decisions is worth in money: quality recovered against what it costs.

The share of calls to the superior model (`metrics`) is not the bill once the inferior model answers
first. Here the axis is money: 0 is always the inferior model, 1 always the superior one, by the
prices of each row's calls. Arrays in, floats out; how a policy decides is in `training.policies`,
its promise in `certificates`.

A `Course` says for every row at which threshold each step is taken, as the threshold falls from the
top (nothing is spent) to the bottom. It holds any policy whose steps are never taken back as money
is added:

- router alone: the prompt's score says when it goes *up*, straight to the superior model;
- cascade alone: every answer of the inferior model is *read*, and its score says when it
*escalates*;
- both: a prompt is answered unread, then read, escalated by its answer, and at last sent straight
up.

`counts` are bootstrap counts, as in `metrics`: shape (resamples, rows), one value a resample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from routerlib.stats.metrics import MetricError, checked_outcomes, gap, ratio

Array = np.ndarray
STATES = ("unread", "read", "escalated", "up")


class NoSaving(MetricError):
    """The superior model costs no more than the inferior one on these rows: there is nothing to
    save.
    """


@dataclass(frozen=True)
class Costs:
    """The money of each row's calls, in one unit (dollars, or calls of the superior model); all of
    shape (n,).

    inferior, superior: one call of each model. signals: what reading the answer costs beside the
    inferior call (another model's answer, further samples); 0 where its own text and log-
    probabilities are all.
    """

    inferior: Array
    superior: Array
    signals: Array

    def take(self, index: Array) -> Costs:
        """The rows at these positions."""
        return Costs(self.inferior[index], self.superior[index], self.signals[index])

    @property
    def span(self) -> float:
        """What always-superior costs more than always-inferior, a row.

        Raises:
            NoSaving: where it is not above zero.
        """
        low, high = float(self.inferior.mean()), float(self.superior.mean())
        if high - low <= 1e-12:
            raise NoSaving(
                f"A call of the superior model costs {high:g} and one of the inferior model "
                f"{low:g}: there is no money to save. Check the prices, or whether the two "
                "models are swapped."
            )
        return high - low

    @property
    def price_ratio(self) -> float:
        """Mean price of an inferior call over that of a superior one; NaN where that is free."""
        return float(ratio(self.inferior.mean(), self.superior.mean()))

    def at_ratio(self, price_ratio: float) -> Costs:
        """Every inferior call at `price_ratio`, every superior one at 1, signals as dear to the
        inferior call as here.

        Raises:
            MetricError: the ratio is not in [0, 1).
        """
        if not 0 <= price_ratio < 1:
            raise MetricError(
                f"price ratio {price_ratio}: give the inferior call's price as a share of the "
                "superior call's, from 0 to below 1, such as 0.1."
            )
        usual = float(self.inferior.mean())
        reading = float(self.signals.mean()) / usual if usual > 0 else 0.0
        ones = np.ones(len(self.inferior))
        return Costs(price_ratio * ones, ones, price_ratio * reading * ones)


def checked_costs(
    inferior: ArrayLike, superior: ArrayLike, signals: ArrayLike | None = None
) -> Costs:
    """Costs from one number a row, or one number for all.

    Raises:
        MetricError: a cost is negative or no number, or the lengths differ.
    """
    rows = max(np.size(inferior), np.size(superior), np.size(0.0 if signals is None else signals))
    columns = []
    given = {
        "inferior": inferior,
        "superior": superior,
        "signals": 0.0 if signals is None else signals,
    }
    for name, values in given.items():
        column = np.asarray(values, dtype=float)
        if column.ndim and len(column) != rows:
            raise MetricError(f"{name} cost: {len(column)} numbers for {rows} rows.")
        column = np.broadcast_to(column, (rows,))
        if not (np.isfinite(column).all() and (column >= 0).all()):
            row = int(np.flatnonzero(~(np.isfinite(column) & (column >= 0)))[0])
            raise MetricError(
                f"{name} cost: row {row} is {column[row]}, where money of at least 0 is needed."
            )
        columns.append(column)
    return Costs(*columns)


@dataclass(frozen=True)
class Course:
    """At which threshold each step is taken for each row; a step is taken where its entry is at or
    above it.

    read: the inferior answer's signals are looked at (and paid for). escalate: the answer, if read,
    is not good enough. up: the prompt goes straight to the superior model, unanswered before.
    `inf`: at every threshold; `-inf`: at none. All of shape (n,).
    """

    read: Array
    escalate: Array
    up: Array

    @property
    def position(self) -> Array:
        """The highest threshold at which the superior model answers, shape (n,), finite: a score
        like any router's.
        """
        superior = np.maximum(self.up, np.minimum(self.read, self.escalate))
        known = superior[np.isfinite(superior)]
        low, high = (known.min(), known.max()) if len(known) else (0.0, 0.0)
        return np.clip(superior, low - 1.0, high + 1.0)

    def take(self, index: Array) -> Course:
        """The rows at these positions."""
        return Course(self.read[index], self.escalate[index], self.up[index])

    def states(self, threshold: float | Array) -> Array:
        """What happens to each row at a threshold: positions in STATES."""
        read = self.read >= threshold
        escalated = read & (self.escalate >= threshold)
        answered = read.astype(int) + escalated
        return np.where(self.up >= threshold, STATES.index("up"), answered)


def router_course(score: ArrayLike) -> Course:
    """The router alone: a prompt goes straight up where its score is at or above the threshold."""
    score = np.asarray(score, dtype=float)
    never = np.full(len(score), -np.inf)
    return Course(read=never, escalate=never, up=score)


def cascade_course(score: ArrayLike) -> Course:
    """The cascade alone: every answer is read, and escalates where its score is at or above the
    threshold.
    """
    score = np.asarray(score, dtype=float)
    return Course(read=np.full(len(score), np.inf), escalate=score, up=np.full(len(score), -np.inf))


def spent(course: Course, costs: Costs, threshold: float) -> Array:
    """The money of each row at a threshold, shape (n,)."""
    return _price_of(course.states(threshold), costs)


def _price_of(state: Array, costs: Costs) -> Array:
    read = costs.inferior + costs.signals
    return np.choose(state, [costs.inferior, read, read + costs.superior, costs.superior])


# --- curves and areas ---


def _events(course: Course, gain: Array, costs: Costs) -> tuple[Array, Array, Array, Array]:
    """Every change of a row as the threshold falls, highest first.

    Returns:
        (row, at, gained, paid): what the change adds to the row's accuracy and to its bill. Money
        that is paid at every threshold (a cascade reads every answer) is an event at infinity.
    """
    steps = np.sort(np.stack([course.read, course.escalate, course.up]), axis=0)[::-1]
    before = np.zeros(len(gain), dtype=int)
    rows, at, gained, paid = [], [], [], []
    for step in steps:
        state = course.states(step)
        change = (state != before) & (step > -np.inf)
        rows.append(np.flatnonzero(change))
        at.append(step[change])
        up = (state >= 2).astype(float) - (before >= 2)
        gained.append((up * gain)[change])
        paid.append((_price_of(state, costs) - _price_of(before, costs))[change])
        before = np.where(change, state, before)
    row, place = np.concatenate(rows), np.concatenate(at)
    order = np.argsort(-place, kind="stable")
    return row[order], place[order], np.concatenate(gained)[order], np.concatenate(paid)[order]


def _polyline(
    course: Course, gain: Array, costs: Costs, counts: Array | None
) -> tuple[Array, Array, Array]:
    """Thresholds (highest first), and summed money above always-inferior and summed gain there:
    (points), 2 x (b, points).

    The first point is always-inferior, before any threshold. Equal thresholds make one point, so
    that between two points ties are broken at random.
    """
    row, at, gained, paid = _events(course, gain, costs)
    weights = np.ones((1, len(row))) if counts is None else np.atleast_2d(counts)[:, row]
    starts = np.flatnonzero(np.r_[True, at[1:] != at[:-1]]) if len(at) else np.zeros(0, dtype=int)
    money, quality = weights * paid, weights * gained
    if len(starts) < len(at):
        money = np.add.reduceat(money, starts, axis=1)
        quality = np.add.reduceat(quality, starts, axis=1)
    first = ((0, 0), (1, 0))
    thresholds = np.r_[np.inf, at[starts]]
    return (
        thresholds,
        np.pad(np.cumsum(money, axis=1), first),
        np.pad(np.cumsum(quality, axis=1), first),
    )


def _checked_course(
    course: Course, inferior: ArrayLike, superior: ArrayLike, costs: Costs
) -> tuple[Array, Array]:
    _, inferior, superior = checked_outcomes(course.position, inferior, superior)
    if len(costs.inferior) != len(inferior):
        raise MetricError(f"{len(costs.inferior)} costs for {len(inferior)} rows.")
    return inferior, superior


def cost_curve(
    course: Course, inferior: ArrayLike, superior: ArrayLike, costs: Costs
) -> tuple[Array, Array]:
    """PGR against money: what share of the gap between the models a policy recovers for which part
    of the bill.

    The money axis is (cost - always-inferior's) / (always-superior's - always-inferior's); PGR as
    in RouteLLM (Ong et al. 2024, arXiv 2406.18665, section 2), whose axis is the share of calls
    instead. Comparing cascades by the area over cost is FrugalGPT's idea (Chen et al. 2023, arXiv
    2305.05176, section 4).

    Returns:
        (money, pgr), from the cheapest point on. A cascade may end beyond 1: escalating everything
        pays both calls.

    Raises:
        NoGap, NoSaving: the superior model is not better, or not dearer, on these rows.
    """
    inferior, superior = _checked_course(course, inferior, superior, costs)
    rows = len(inferior)
    _, money, gained = _polyline(course, superior - inferior, costs, None)
    return money[0] / rows / costs.span, gained[0] / rows / gap(inferior, superior)


def cost_area(
    course: Course,
    inferior: ArrayLike,
    superior: ArrayLike,
    costs: Costs,
    counts: Array | None = None,
) -> Any:
    """Cost area: the area under `cost_curve` over the whole bill from always-inferior (0) to
    always-superior (1).

    The exact trapezoid over every row. What a policy spends beyond 1 does not count: always-
    superior is cheaper there. Spending at random gives 0.5; a router's cost area is its APGR where
    all calls of a model cost the same. A cascade pays the first call everywhere: at a price ratio r
    it sees only a part 1 - r of its own APGR curve.

    Returns:
        A float; or, with `counts`, one value a resample, NaN where it has no gap or no saving.

    Raises:
        NoGap, NoSaving: as `cost_curve`, without `counts`.
    """
    area, full = cost_area_parts(course, inferior, superior, costs, counts)
    if counts is not None:
        return ratio(area, full)
    gap(inferior, superior)
    _ = costs.span
    return float(area[0] / full[0])


def cost_area_parts(
    course: Course,
    inferior: ArrayLike,
    superior: ArrayLike,
    costs: Costs,
    counts: Array | None = None,
) -> tuple[Array, Array]:
    """The two numbers whose ratio is `cost_area`, to be summed over several tests before they are
    divided.

    Returns:
        (area, full): the area under summed gain over summed money, and the gap times the span of
        the bill; one entry a resample, of shape (1,) without `counts`; full is 0 where a resample
        has no gap or no saving.
    """
    inferior, superior = _checked_course(course, inferior, superior, costs)
    weights = np.ones((1, len(inferior))) if counts is None else np.atleast_2d(counts)
    gained = np.maximum(weights @ (superior - inferior), 0.0)
    span = np.maximum(weights @ (costs.superior - costs.inferior), 0.0)
    _, money, quality = _polyline(course, superior - inferior, costs, counts)
    return _area_up_to(money, quality, span), gained * span


def _area_up_to(money: Array, quality: Array, end: Array) -> Array:
    """Signed area under each polyline (b, points) from 0 to `end`, flat where it stops short of the
    end: a row that no threshold sends up stays with the inferior model.

    A policy may spend a little less at a lower threshold (an answer escalates for both calls'
    price, and then goes straight up for one): such a step back takes away what lies under it.
    """
    end = end[:, None]
    inside = np.minimum(money, end)
    step = money[:, 1:] - money[:, :-1]
    kept = inside[:, 1:] - inside[:, :-1]
    slope = ratio(quality[:, 1:] - quality[:, :-1], np.abs(step)) * np.sign(step)
    slope = np.nan_to_num(slope)
    # Heights at the two ends of what is inside: on the segment itself, or where it crosses the end.
    left = quality[:, :-1] + slope * (inside[:, :-1] - money[:, :-1])
    right = quality[:, 1:] + slope * (inside[:, 1:] - money[:, 1:])
    area = (kept * (left + right) / 2).sum(axis=1)
    rest = np.maximum(end[:, 0] - money[:, -1], 0.0)
    return area + rest * quality[:, -1]


def expenses(
    course: Course,
    inferior: ArrayLike,
    superior: ArrayLike,
    costs: Costs,
    threshold: float,
) -> dict[str, float]:
    """What one threshold does: accuracy, the share of each step, and the bill for 1,000 prompts.

    Returns:
        threshold, accuracy, share_up (straight to the superior model), share_read, share_escalated,
        share_superior (both ways to it together), cost_per_1000, and saved: the share of always-
        superior's bill that is spared, negative where it is exceeded.
    """
    inferior, superior = _checked_course(course, inferior, superior, costs)
    state = course.states(threshold)
    reached = state >= STATES.index("escalated")
    bill = float(_price_of(state, costs).mean())
    full = float(costs.superior.mean())
    return {
        "threshold": float(threshold),
        "accuracy": float(np.where(reached, superior, inferior).mean()),
        "share_up": float((state == STATES.index("up")).mean()),
        "share_read": float(np.isin(state, (1, 2)).mean()),
        "share_escalated": float((state == STATES.index("escalated")).mean()),
        "share_superior": float(reached.mean()),
        "cost_per_1000": 1000 * bill,
        "saved": 1 - bill / full if full > 0 else 0.0,
    }


def dollar_curve(
    course: Course, inferior: ArrayLike, superior: ArrayLike, costs: Costs
) -> tuple[Array, Array, Array]:
    """Accuracy over dollars per 1,000 prompts: (thresholds, cost_per_1000, accuracy), from the
    cheapest point on.
    """
    inferior, superior = _checked_course(course, inferior, superior, costs)
    rows = len(inferior)
    thresholds, money, gained = _polyline(course, superior - inferior, costs, None)
    base = float(costs.inferior.mean())
    accuracy = inferior.mean() + gained[0] / rows
    return thresholds, 1000 * (base + money[0] / rows), accuracy


def oracle_course(inferior: ArrayLike, superior: ArrayLike, costs: Costs) -> Course:
    """The ceiling: calls given out by gain for the money, knowing both answers; nothing is read."""
    gain = np.asarray(superior, dtype=float) - np.asarray(inferior, dtype=float)
    extra = np.maximum(costs.superior - costs.inferior, 1e-12)
    return router_course(gain / extra)
