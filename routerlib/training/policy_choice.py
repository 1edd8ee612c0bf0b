"""From outcomes with signals to the policy worth its money: fit the three, choose, measure once,
certify.

All is decided on development rows, by gains and courses from fits that did not see them, and
counted in money (cost area, `stats.costs`) at the prices of the rows or at a price ratio. Test rows
are touched once, by `compare_policies`; calibration rows once, by `certify_policy`. What a policy
is, is said in `policies`; nothing here asks a server or reads a file.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from routerlib.rows.schemas import LabelledPrompt
from routerlib.stats import certificates, costs, metrics
from routerlib.stats.certificates import Certificate
from routerlib.stats.costs import Costs, Course
from routerlib.stats.savings import Range
from routerlib.training import second_look
from routerlib.training.examples import folds
from routerlib.training.policies import BOTH, CASCADE, NAMES, ROUTER, Policy, Sources, path_of

Array = np.ndarray
PARTS = 5  # folds of the second look's held-out gains
RESAMPLES, BLOCK = 400, 100  # of paired intervals, drawn a block at a time
FEWEST_ROWS = 100  # a second look is not fitted on fewer
LEVEL = 0.8  # of the interval by which a second look must be better than none
# The least gain of cost area for which a second decision is taken on: it holds the answer back and
# asks more of the servers, so that a signal which adds next to nothing is left alone.
WORTH = 0.01
RATIOS = (0.02, 0.04, 0.06, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)  # of the figure over price ratios


@dataclass(frozen=True)
class Outcomes:
    """What is known of graded rows beside their prompts, one entry a row: signals by name (NaN:
    missing) and money.

    priced: whether the money was measured; where it was not, an inferior call counts as a tenth of
    a superior one.
    """

    inferior: Array
    superior: Array
    signals: dict[str, Array]
    costs: Costs
    priced: bool = True

    def __len__(self) -> int:
        return len(self.inferior)

    def take(self, index: Array) -> Outcomes:
        """The rows at these positions."""
        return Outcomes(
            self.inferior[index],
            self.superior[index],
            {name: values[index] for name, values in self.signals.items()},
            self.costs.take(index),
            self.priced,
        )

    def at_ratio(self, price_ratio: float) -> Outcomes:
        """The same rows with every call priced at price_ratio : 1, inferior to superior."""
        return replace(self, costs=self.costs.at_ratio(price_ratio), priced=True)


USUAL_RATIO = 0.1  # between prices of a small and a large model of one family


def outcomes(
    rows: Sequence[LabelledPrompt],
    inferior_cost: float | None = None,
    superior_cost: float | None = None,
) -> Outcomes:
    """The scores, signals and costs of rows, in their order; scores are NaN where a row has none.

    Args:
        inferior_cost, superior_cost: mean money of one call, for rows that carry no costs; None: an
            inferior call counts as a tenth of a superior one.

    A cost that only some rows have is filled with the others' mean; a signal that a row lacks, or
    has as null, is NaN. Where rows carry no costs (or 0 throughout, as models of one's own may),
    reading an answer costs its `signals_calls`.
    """
    inferior = _known_or_nan([row.inferior_score for row in rows])
    superior = _known_or_nan([row.superior_score for row in rows])
    first = _filled_with_nan([row.inferior_cost for row in rows])
    dear = _filled_with_nan([row.superior_cost for row in rows])
    reading = _filled_with_nan([row.signals_cost for row in rows])
    if first is not None and dear is not None and max(first.max(), dear.max()) > 0:
        bill = costs.checked_costs(first, dear, reading)
        return Outcomes(inferior, superior, _signals(rows), bill)
    priced = inferior_cost is not None and superior_cost is not None
    first = np.full(len(rows), inferior_cost if priced else USUAL_RATIO, dtype=float)
    dear = np.full(len(rows), superior_cost if priced else 1.0, dtype=float)
    calls = _filled_with_nan([row.signals_calls for row in rows])
    reading = None if calls is None else calls * first
    bill = costs.checked_costs(first, dear, reading)
    return Outcomes(inferior, superior, _signals(rows), bill, priced)


def sources_of(rows: Sequence[LabelledPrompt]) -> Sources:
    """What was asked for the signals of most rows that say so."""
    told = [json.dumps(row.signals_from, sort_keys=True) for row in rows if row.signals_from]
    if not told:
        return Sources()
    [(commonest, _)] = Counter(told).most_common(1)
    return Sources.from_dict(json.loads(commonest))


def usual_costs(told: Outcomes) -> dict[str, float]:
    """Mean money of a call of each model and of reading an answer, by its name."""
    bill = told.costs
    columns = {"inferior": bill.inferior, "superior": bill.superior, "signals": bill.signals}
    return {name: float(column.mean()) for name, column in columns.items()}


def _known_or_nan(values: Sequence[float | None]) -> Array:
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def _filled_with_nan(values: Sequence[float | None]) -> Array | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    mean = float(np.mean(known))
    return np.array([mean if value is None else value for value in values], dtype=float)


def _signals(rows: Sequence[LabelledPrompt]) -> dict[str, Array]:
    told = [row.inferior_signals or {} for row in rows]
    names = sorted({name for signals in told for name in signals})
    columns = {}
    for name in names:
        columns[name] = _known_or_nan([signals.get(name) for signals in told])
    return {name: values for name, values in columns.items() if not np.isnan(values).all()}


# --- fitting ---


@dataclass(frozen=True)
class FittedPolicies:
    """The policies of one split by name, and the courses of its development rows by fits that did
    not see them.

    index: positions of the development rows among all rows. p_superior, gain: their held-out scores
    and gains (gain is None where there is no second look).
    """

    index: Array
    p_superior: Array
    gain: Array | None
    policies: dict[str, Policy]
    held_out: dict[str, Course]

    def at(self, told: Outcomes) -> FittedPolicies:
        """The same second look at other prices: only the path of `both` depends on them."""
        if self.gain is None:
            return self
        rows, both = told.take(self.index), self.policies[BOTH]
        both = replace(both, path=path_of(self.p_superior, self.gain, rows.costs))
        course = both.course(self.p_superior, rows.signals, self.gain)
        return replace(
            self,
            policies={**self.policies, BOTH: both},
            held_out={**self.held_out, BOTH: course},
        )


def fit_policies(
    index: Array, p_superior: Array, told: Outcomes, groups: Array, seed: int = 0
) -> FittedPolicies:
    """The policies that these rows allow: the router alone, and with signals the cascade and both.

    Args:
        index: positions of the development rows among all rows.
        p_superior: scores of the development rows by fits that did not see them, in the order of
            `index`.
        told: of all rows. groups: of all rows; equal prompts share one, and no fold tears them
            apart.
    """
    index, p_superior = np.asarray(index), np.asarray(p_superior, dtype=float)
    rows = told.take(index)
    policies = {ROUTER: Policy(ROUTER, threshold=0.5)}
    courses = {ROUTER: costs.router_course(p_superior)}
    if not rows.signals or len(index) < FEWEST_ROWS:
        return FittedPolicies(index, p_superior, None, policies, courses)
    parts = folds(groups[index], PARTS, seed)
    known = (p_superior, rows.signals, rows.inferior, rows.superior)
    held = second_look.held_out(*known, parts)
    look = second_look.fit_second_look(*known)
    path = path_of(p_superior, held, rows.costs)
    for policy in (Policy(CASCADE, look), Policy(BOTH, look, path)):
        policies[policy.name] = policy
        courses[policy.name] = policy.course(p_superior, rows.signals, held)
    return FittedPolicies(index, p_superior, held, policies, courses)


# --- areas over several splits ---

Placed = tuple[Array, Course]  # positions among all rows, and their course


def _area(parts: Sequence[Placed], told: Outcomes, counts: Array | None = None) -> Array:
    """Cost area of one policy over several splits together, a value a resample."""
    sums = np.zeros((2, 1))
    for index, course in parts:
        rows = told.take(index)
        inside = None if counts is None else counts[:, index]
        sums = sums + np.array(
            costs.cost_area_parts(course, rows.inferior, rows.superior, rows.costs, inside)
        )
    return metrics.ratio(*sums)


def _apgr_of_policy(parts: Sequence[Placed], told: Outcomes, counts: Array | None = None) -> Array:
    """APGR of one policy over several splits together: calls are counted, not money."""
    sums = np.zeros((2, 1))
    for index, course in parts:
        rows = told.take(index)
        inside = None if counts is None else counts[:, index]
        sums = sums + np.array(
            metrics.apgr_parts(course.position, rows.inferior, rows.superior, inside)
        )
    return metrics.ratio(*sums)


Area = Callable[[Sequence[Placed], Outcomes, Array | None], Array]


def _drawn_areas(
    area: Area, policies: Mapping[str, Sequence[Placed]], told: Outcomes
) -> dict[str, Array]:
    """An area of each policy in every resample, the same resamples for all."""
    random = np.random.default_rng(0)
    blocks: dict[str, list[Array]] = {name: [] for name in policies}
    for _ in range(RESAMPLES // BLOCK):
        counts = random.poisson(1.0, size=(BLOCK, len(told)))
        for name, parts in policies.items():
            blocks[name].append(area(parts, told, counts))
    return {name: np.concatenate(values) for name, values in blocks.items()}


# --- choosing ---


@dataclass(frozen=True)
class Choice:
    """The policy to use at some prices.

    areas: held-out cost area of each policy. above: of each other policy, (difference, low, high)
    to the router alone, with its paired interval. sentence: why.
    """

    name: str
    areas: dict[str, float]
    above: dict[str, tuple[float, float, float]]
    price_ratio: float
    sentence: str


def choose(fitted: Sequence[FittedPolicies], told: Outcomes) -> Choice:
    """The policy to use at these prices, by cost area on held-out rows of all splits.

    The router alone is the default: it asks no model twice. Another policy takes its place only
    where its cost area is higher by at least WORTH and by an interval (80 %, paired) clear of zero;
    and both decisions take the cascade's place only where they beat it so, too. A wider interval
    would cost more in good looks passed by than it spares in bad ones taken.
    """
    names = [name for name in NAMES if all(name in one.policies for one in fitted)]
    courses = {name: [(one.index, one.held_out[name]) for one in fitted] for name in names}
    ratio = told.costs.price_ratio
    areas = {name: float(_area(courses[name], told)[0]) for name in names}
    if len(names) == 1:
        why = "these rows have no signals of the inferior model's answers"
        if told.signals:
            least = min(len(one.index) for one in fitted)
            why = f"a second look needs {FEWEST_ROWS} rows to learn from, and here are {least}"
        return Choice(ROUTER, areas, {}, ratio, f"The {ROUTER}: {why}.")
    if np.isnan(areas[ROUTER]):
        why = f"The {ROUTER}: on held-out rows the superior model is not better, or not dearer."
        return Choice(ROUTER, areas, {}, ratio, why)
    drawn = _drawn_areas(_area, courses, told)

    def above(name: str, other: str) -> tuple[float, float, float]:
        low, high = metrics.interval(drawn[name] - drawn[other], LEVEL)
        return areas[name] - areas[other], low, high

    chosen = ROUTER
    for name in names[1:]:  # the fewer decisions, the sooner
        gained, low, _ = above(name, chosen)
        if gained >= WORTH and low > 0:
            chosen = name
    above_router = {name: above(name, ROUTER) for name in names[1:]}
    shown = max(above_router, key=lambda name: areas[name]) if chosen == ROUTER else chosen
    why = _why_chosen(chosen, shown, above_router[shown], ratio)
    return Choice(chosen, areas, above_router, ratio, why)


def _why_chosen(chosen: str, best: str, above: tuple[float, float, float], ratio: float) -> str:
    gained, low, high = above
    interval = f"{100 * LEVEL:g} % interval {low:+.3f} to {high:+.3f}"
    figures = f"cost area {gained:+.3f}, {interval}, on held-out rows"
    if chosen == ROUTER:
        return (
            f"The {ROUTER}: at a price ratio of {ratio:.2g} no second look is clearly worth its "
            f"first call (the best, {best}: {figures})."
        )
    title = best[0].upper() + best[1:]
    return f"{title}: at a price ratio of {ratio:.2g} it beats the {ROUTER} ({figures})."


def over_ratios(
    fitted: Sequence[FittedPolicies], told: Outcomes, ratios: Sequence[float] = RATIOS
) -> list[Choice]:
    """The choice at each price ratio, inferior to superior, were every call of a model priced
    alike.
    """
    priced = [told.at_ratio(ratio) for ratio in ratios]
    return [choose([one.at(at) for one in fitted], at) for at in priced]


def turning_sentence(choices: Sequence[Choice]) -> str:
    """At which price ratio the second look stops to pay, in words; the choices are in rising order
    of their ratio.
    """
    pays = [choice.price_ratio for choice in choices if choice.name != ROUTER]
    if not pays:
        return (
            f"At no price ratio from {choices[0].price_ratio:g} to {choices[-1].price_ratio:g} is "
            f"a second look clearly worth its first call: the {ROUTER}."
        )
    beyond = [choice.price_ratio for choice in choices if choice.price_ratio > max(pays)]
    if not beyond:
        return f"A second look pays up to the highest price ratio tried, {max(pays):g}."
    paid = f"up to a price ratio of {max(pays):g}"
    if max(pays) == choices[0].price_ratio:
        paid = f"at {max(pays):g}, the lowest price ratio tried"
    return (
        f"A second look pays {paid}; from {min(beyond):g} on it is not clear that it does, and the "
        f"{ROUTER} is chosen."
    )


# --- measuring ---


@dataclass(frozen=True)
class TestedPolicies:
    """The courses of one split's test rows by policy (or router) name; `index`: their positions
    among all rows.
    """

    index: Array
    courses: dict[str, Course]


def on_test(
    fitted: FittedPolicies, index: Array, p_superior: Array, told: Outcomes
) -> TestedPolicies:
    """The courses of test rows, by their scores from the finished router."""
    signals = told.take(np.asarray(index)).signals
    courses = {name: policy.course(p_superior, signals) for name, policy in fitted.policies.items()}
    return TestedPolicies(np.asarray(index), courses)


@dataclass(frozen=True)
class PolicyResult:
    """What one policy is worth on test rows, by calls and by money.

    difference: its cost area above the router alone's, paired. The three figures come with their
    95 % ranges; NaN where the tests show no gap or no saving.
    """

    name: str
    chosen: bool
    price_ratio: float
    apgr: Range
    cost_area: Range
    difference: Range

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values: apgr, apgr_low, apgr_high and so on."""
        # A quotient of two sums of money: six digits say all of it, however small it is.
        ratio = float(f"{self.price_ratio:.6g}")
        found = {"name": self.name, "chosen": self.chosen, "price_ratio": ratio}
        for figure in ("apgr", "cost_area", "difference"):
            told: Range = getattr(self, figure)
            found |= {figure: told.value, f"{figure}_low": told.low, f"{figure}_high": told.high}
        return found


def compare_policies(
    tests: Sequence[TestedPolicies], told: Outcomes, chosen: str
) -> list[PolicyResult]:
    """One result a policy, best cost area first."""
    courses = {name: [(one.index, one.courses[name]) for one in tests] for name in tests[0].courses}
    calls, money = _drawn_areas(_apgr_of_policy, courses, told), _drawn_areas(_area, courses, told)
    areas = {name: _area(parts, told) for name, parts in courses.items()}
    results = [
        PolicyResult(
            name=name,
            chosen=name == chosen,
            price_ratio=told.costs.price_ratio,
            apgr=_in_range(_apgr_of_policy(parts, told), calls[name]),
            cost_area=_in_range(areas[name], money[name]),
            difference=_in_range(areas[name] - areas[ROUTER], money[name] - money[ROUTER]),
        )
        for name, parts in courses.items()
    ]
    return sorted(results, key=lambda one: -one.cost_area.value)


def _in_range(value: Array, drawn: Array) -> Range:
    """A figure, of shape (1,), with the 95 % range of its resamples."""
    return Range(float(value[0]), *metrics.interval(drawn))


# --- certifying ---


@dataclass(frozen=True)
class PolicyCertificate:
    """One promise for both decisions, and what the policy does and costs at that point on the
    calibration rows.

    promise: loss of accuracy against always-superior, as for a router (`stats.certificates`); its
    threshold moves both decisions. expenses: shares of the steps and the bill
    (`stats.costs.expenses`). instead: what is served where nothing is certified.
    """

    policy: str
    promise: Certificate
    expenses: dict[str, float]
    currency: str = ""
    instead: str = "Every prompt goes straight to the superior model."

    @property
    def sentence(self) -> str:
        """The promise in words, with calls and money; without one, what is served instead."""
        return self._promise_told if self.promise.certified else f"{self._none_told} {self.instead}"

    @property
    def _none_told(self) -> str:
        promise = self.promise
        saves_nothing = self.expenses["saved"] <= 0 < promise.epsilon
        if promise.rows_needed is None and saves_nothing:
            return (
                f"Policy '{self.policy}': no point of it is certified that also saves money "
                f"({promise.n_calibration:,} calibration rows)."
            )
        return f"Policy '{self.policy}': {promise.sentence}"

    @property
    def _promise_told(self) -> str:
        promise, at = self.promise, self.expenses
        terms = (
            f"at most {100 * promise.epsilon:g} points of {promise.measure} with "
            f"{100 * (1 - promise.delta):g} % confidence"
        )
        steps = f"{100 * at['share_up']:.1f} % of prompts go straight to the superior model"
        if at["share_read"] > 0:
            steps += (
                f", {100 * at['share_read']:.1f} % are answered and read, of which "
                f"{100 * at['share_escalated'] / at['share_read']:.1f} % escalate"
            )
        saved = f"saves {100 * at['saved']:.1f} % of what the superior model alone would cost"
        return (
            f"Policy '{self.policy}' loses {terms} against the superior model alone: {steps}; it "
            f"{saved} ({at['cost_per_1000']:.4g}{self.currency} for 1,000 prompts; "
            f"{promise.n_calibration:,} calibration rows, {promise.method} test; "
            f"{promise.measure} on these rows: {100 * at['accuracy']:.1f} %, the superior model "
            f"alone {100 * promise.superior_accuracy:.1f} %)."
        )

    def to_dict(self) -> dict[str, Any]:
        """The certificate as JSON values, with its sentence."""
        return {
            "policy": self.policy,
            "promise": self.promise.to_dict(),
            "expenses": self.expenses,
            "sentence": self.sentence,
        }


def certify_policy(
    policy: Policy,
    p_superior: Array,
    told: Outcomes,
    epsilon: float = 0.05,
    delta: float = 0.1,
    method: str = "auto",
    currency: str = "",
) -> tuple[Policy, PolicyCertificate]:
    """The policy at the cheapest point of its path whose loss is at most epsilon with risk at most
    delta.

    Args:
        p_superior, told: of fresh rows: neither the router nor the policy has seen them. The path
            is fixed before.

    The thresholds of the path are tested from the safest on, each at level delta, until one fails
    (fixed-sequence testing); all that passed hold together, so that the one with the smallest bill
    may be taken among them. Where not even that one costs less than always-superior, nothing is
    certified and every prompt goes straight up.
    """
    course = policy.course(p_superior, told.signals)
    answers = (told.inferior, told.superior)
    grid = policy.thresholds()

    def promise_up_to(threshold: float) -> Certificate:
        tested = grid[grid <= threshold]
        return certificates.certify_threshold(
            course.position, *answers, epsilon, delta, method, tested
        )

    promise = promise_up_to(np.inf)
    dearest = costs.expenses(course, *answers, told.costs, -np.inf)
    if not promise.certified:
        return _placed(
            policy, float(grid[0]), PolicyCertificate(policy.name, promise, dearest, currency)
        )
    passed = grid[grid <= promise.threshold]
    bills = _bills(course, told, passed)
    cheapest = float(passed[bills == bills.min()].max())
    if bills.min() >= told.costs.superior.mean():
        none = replace(
            promise, certified=False, threshold=0.0, loss=0.0, bound=0.0, share_superior=1.0
        )
        return _placed(
            policy, float(grid[0]), PolicyCertificate(policy.name, none, dearest, currency)
        )
    at = costs.expenses(course, *answers, told.costs, cheapest)
    found = PolicyCertificate(policy.name, promise_up_to(cheapest), at, currency)
    return _placed(policy, cheapest, found)


def _bills(course: Course, told: Outcomes, thresholds: Array) -> Array:
    """The mean bill of a prompt at each threshold."""
    steps, per_1000, _ = costs.dollar_curve(course, told.inferior, told.superior, told.costs)
    taken = len(steps) - np.searchsorted(steps[::-1], thresholds, side="left")
    return per_1000[np.maximum(taken, 1) - 1] / 1000


def _placed(
    policy: Policy, threshold: float, found: PolicyCertificate
) -> tuple[Policy, PolicyCertificate]:
    return replace(policy, threshold=threshold, certificate=found.to_dict()), found
