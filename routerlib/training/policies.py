"""Policies of one or two decisions: before any answer from the prompt, and again once the inferior
model has answered.

A `Policy` is the router alone, the cascade alone or both. Each is one path: a falling threshold
moves both decisions at once, from the cheapest point to the dearest, so that a policy is certified
like a router, by one number a row. How policies are fitted, chosen and certified is in
`policy_choice`, what the answer is worth in `second_look`; asking servers and reading their answers
is the business of `serving`.

The path of `both` follows a price of accuracy, lambda (gain a unit of money). At each price every
prompt takes the step of the largest gain less lambda times its cost, in expectation: the answer
unread, the answer read and escalated where its gain is worth the superior call, or straight to the
superior model.
(Lagrangian relaxation of "most accuracy for a budget"; for cascades Dekoninck et al. 2025, arXiv
2410.10347, use the same.) As lambda falls, each step is only ever added, which makes the path
nested.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from routerlib.stats import certificates, costs, metrics
from routerlib.stats.costs import Costs, Course
from routerlib.training.second_look import SecondLook

Array = np.ndarray
ROUTER, CASCADE, BOTH = "router alone", "cascade alone", "both"
NAMES = (ROUTER, CASCADE, BOTH)
PRICES = 200  # prices of accuracy on the path of `both`

Stage = Literal["unread", "read", "up"]


@dataclass(frozen=True)
class Path:
    """The thresholds of both decisions at each price of accuracy, dearest accuracy first; all of
    shape (k,).

    prices: lambda, falling. read: a prompt whose p_superior is at or above it is read. escalate: an
    answer whose gain is at or above it escalates. up: a prompt whose p_superior is at or above it
    goes straight up. None of them rises along the path.
    """

    prices: tuple[float, ...]
    read: tuple[float, ...]
    escalate: tuple[float, ...]
    up: tuple[float, ...]

    def course(self, p_superior: Array, gain: Array) -> Course:
        """At which price each step is taken for each row."""
        return Course(
            read=self._first(self.read, p_superior),
            escalate=self._first(self.escalate, gain),
            up=self._first(self.up, p_superior),
        )

    def _first(self, thresholds: Sequence[float], values: Array) -> Array:
        """The highest price at which a value reaches its threshold; -inf where it never does."""
        rising = np.asarray(thresholds, dtype=float)[::-1]  # at rising prices
        place = np.searchsorted(rising, values, side="right") - 1
        prices = np.asarray(self.prices, dtype=float)[::-1]
        return np.where(place >= 0, prices[np.maximum(place, 0)], -np.inf)


def path_of(p_superior: ArrayLike, gain: ArrayLike, bill: Costs) -> Path:
    """The path of `both` for these held-out scores and gains, at mean prices.

    Args:
        p_superior: the router's held-out scores, (n,). gain: the second look's held-out gains,
            (n,).

    What reading a prompt is worth depends on its answer, which is not there yet; its mean is learnt
    from p_superior by isotonic regression: E[(gain - lambda d)+ | p_superior] rises and
    E[(lambda d - gain)+ | p_superior] falls, d being the price of a superior call.
    """
    from scipy.optimize import isotonic_regression

    p_superior, gain = np.asarray(p_superior, dtype=float), np.asarray(gain, dtype=float)
    first, dear, reading = (
        float(values.mean()) for values in (bill.inferior, bill.superior, bill.signals)
    )
    prices = _prices(gain, dear)
    levels, member, rows = np.unique(p_superior, return_inverse=True, return_counts=True)

    def rising(values: Array) -> Array:
        return isotonic_regression(np.bincount(member, weights=values) / rows, weights=rows).x

    expected = rising(gain)
    read, up = [], []
    for price in prices:
        worth = max(price, 0.0)
        missed = -rising(-np.maximum(worth * dear - gain, 0.0))
        goes_up = (missed <= worth * (first + reading)) & (expected >= worth * (dear - first))
        up.append(_least(levels, goes_up))
        if reading > 0:
            won = rising(np.maximum(gain - worth * dear, 0.0))
            read.append(min(_least(levels, won >= worth * reading), up[-1]))
        else:
            read.append(-np.inf)
    points = list(zip(prices, _falling(read), prices * dear, _falling(up), strict=True))
    # At the end of the path everything goes straight up.
    points.append((prices[-1] - 1.0, -np.inf, -np.inf, -np.inf))
    return Path(*zip(*_small_steps(points, np.sort(p_superior)), strict=True))


Point = tuple[float, float, float, float]  # price, read, escalate, up


def _small_steps(points: Sequence[Point], scores: Array) -> list[Point]:
    """The same path without leaps: where many prompts change their step at one price, they do so
    by their scores.

    Where the prompt says little, one price is right for all prompts, and the path would leap from
    one end to the other; no threshold between the two could then be certified.
    """
    wanted = max(1, len(scores) // PRICES)
    found = [points[0]]
    for before, after in itertools.pairwise(points):
        reading, rising = (_between(scores, after[at], before[at]) for at in (1, 3))
        steps = max(len(reading), len(rising)) // wanted
        for number in range(1, steps):
            part = number / steps
            price = before[0] + part * (after[0] - before[0])
            up = _part_of_the_way(rising, before[3], part)
            read = min(_part_of_the_way(reading, before[1], part), up)
            found.append((float(price), read, before[2], up))
        found.append(after)
    return found


def _between(scores: Array, low: float, high: float) -> Array:
    return scores[(scores >= low) & (scores < high)]


def _part_of_the_way(scores: Array, start: float, part: float) -> float:
    """A threshold that has come down by a part of these scores; the start where there is none to
    pass.
    """
    passed = round(part * len(scores))
    return float(scores[len(scores) - passed]) if passed else start


def _prices(gain: Array, dear: float) -> Array:
    """Falling prices at which about equal numbers of answers escalate, from where none does.

    A superior call that costs nothing (`dear` 0) is counted as one unit: any order of prices will
    do where there is no money to save.
    """
    levels = np.unique(np.quantile(gain, np.linspace(0, 1, PRICES), method="inverted_cdf"))
    return np.r_[np.nextafter(levels[-1], np.inf), levels[::-1]] / (dear or 1.0)


def _least(levels: Array, holds: Array) -> float:
    """The lowest level from which on a condition holds for all above; inf where it does not for
    the highest.
    """
    fails = np.flatnonzero(~holds)
    start = fails[-1] + 1 if len(fails) else 0
    return float(levels[start]) if start < len(levels) else np.inf


def _falling(thresholds: Sequence[float]) -> list[float]:
    return np.minimum.accumulate(np.asarray(thresholds, dtype=float)).tolist()


# --- a policy ---


@dataclass(frozen=True)
class Sources:
    """What has to be asked so that signals are measured as they were when the policy learnt them.

    samples: answers of the inferior model, the one that is shown included. temperature: of the
    further ones; None: the request's own. second_model: the other cheap model, by its name; empty:
    none. encoder: folder or hub id of the encoder that compares open text; empty: the offline one.
    """

    samples: int = 1
    temperature: float | None = None
    second_model: str = ""
    encoder: str = ""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Sources:
        """Back from JSON values; what they do not tell is as usual."""
        heat = values.get("temperature")
        return cls(
            samples=int(values.get("samples") or 1),
            temperature=None if heat is None else float(heat),
            second_model=str(values.get("second_model") or ""),
            encoder=str(values.get("encoder") or ""),
        )


@dataclass(frozen=True)
class Policy:
    """Which steps a prompt takes at which threshold.

    Attributes:
        name: one of NAMES. look: the second decision's gain; None for the router alone. path: of
            `both`.
        threshold: where the policy stands: a p_superior for the router alone, a gain for the
            cascade, a price of accuracy for both; at -inf everything goes straight up. certificate:
            what is promised there, or None.
        sources: what is asked for the signals. usual_costs: mean money of one call of the
            "inferior" and the "superior" model and of reading an answer ("signals") where it was
            learnt, in the unit: "dollars", or "superior calls" where no prices were known.
    """

    name: str
    look: SecondLook | None = None
    path: Path | None = None
    threshold: float = 0.0
    certificate: dict[str, Any] | None = None
    sources: Sources = field(default_factory=Sources)
    usual_costs: dict[str, float] = field(default_factory=dict)
    unit: str = "dollars"

    @property
    def signals(self) -> tuple[str, ...]:
        """The signals that the second decision looks at."""
        return tuple(self.look.signals) if self.look else ()

    def course(
        self, p_superior: ArrayLike, signals: Mapping[str, ArrayLike], gain: Array | None = None
    ) -> Course:
        """When each row takes which step.

        Args:
            p_superior: (n,). signals: by name, (n,) each, NaN where missing. gain: the second
                look's gain, where it is known already (held out).
        """
        p_superior = np.asarray(p_superior, dtype=float)
        if self.look is None:
            return costs.router_course(p_superior)
        gain = self.look.gain(p_superior, signals) if gain is None else gain
        if self.path is None:
            return costs.cascade_course(gain)
        return self.path.course(p_superior, gain)

    def thresholds(self, p_superior: ArrayLike = ()) -> Array:
        """The grid that is tested for a certificate, rising (safest first), fixed before
        calibration rows are seen.
        """
        if self.path is not None:
            return np.r_[np.sort(self.path.prices), np.nextafter(self.path.prices[0], np.inf)]
        if self.look is not None:
            return np.r_[-np.inf, np.linspace(-1, 1, 2001), np.nextafter(1.0, 2.0)]
        return np.r_[np.linspace(0, 1, 1001), certificates.ALL_INFERIOR]

    def before(self, p_superior: float) -> Stage:
        """The first decision, from the prompt alone."""
        if self.look is None:
            return "up" if p_superior >= self.threshold else "unread"
        if self.path is None:
            return "up" if self.threshold == -np.inf else "read"
        course = self.path.course(np.array([p_superior]), np.array([-np.inf]))
        if course.up[0] >= self.threshold:
            return "up"
        return "read" if course.read[0] >= self.threshold else "unread"

    def escalates(self, p_superior: float, signals: Mapping[str, float]) -> tuple[bool, float]:
        """The second decision, from the answer's signals: (whether it escalates, the expected
        gain).

        Raises:
            ValueError: the policy has no second decision.
        """
        if self.look is None:
            raise ValueError(f"The policy '{self.name}' has no second decision.")
        columns = {name: np.array([value], dtype=float) for name, value in signals.items()}
        gain = self.look.gain(np.array([p_superior]), columns)
        if self.path is None:
            return bool(gain[0] >= self.threshold), float(gain[0])
        course = self.path.course(np.array([p_superior]), gain)
        return bool(course.escalate[0] >= self.threshold), float(gain[0])

    def to_dict(self) -> dict[str, Any]:
        """The policy as JSON values; infinite thresholds become "inf" and "-inf"."""
        path = None
        if self.path is not None:
            path = {
                name: [_finite_or_none(x) for x in values]
                for name, values in asdict(self.path).items()
            }
        return {
            "name": self.name,
            "look": self.look.to_dict() if self.look else None,
            "path": path,
            "threshold": _finite_or_none(self.threshold),
            "certificate": self.certificate,
            "sources": asdict(self.sources),
            "usual_costs": self.usual_costs,
            "unit": self.unit,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Policy:
        """Back from `to_dict`.

        Raises:
            MetricError: a part is missing or is not what it should be; the text names it.
        """
        try:
            look = SecondLook.from_dict(values["look"]) if values["look"] else None
            path = _path_from(values["path"]) if values["path"] else None
            return cls(
                str(values["name"]),
                look,
                path,
                float(values["threshold"]),
                values["certificate"],
                Sources.from_dict(values.get("sources") or {}),
                {name: float(cost) for name, cost in (values.get("usual_costs") or {}).items()},
                str(values.get("unit") or "dollars"),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise metrics.MetricError(
                f"policy: {type(error).__name__} {error}. The router was not copied whole, or was "
                "made by another version: train it again with 05."
            ) from None


def _finite_or_none(value: float) -> float | str:
    """JSON knows no infinity."""
    if np.isfinite(value):
        return value
    return "inf" if value > 0 else "-inf"


def _path_from(values: Mapping[str, Any]) -> Path:
    return Path(**{name: tuple(float(x) for x in values[name]) for name in Path.__annotations__})
