"""What the superior model would add once the inferior model's answer is known: the gain, learnt
from its signals.

A `SecondLook` maps the router's p_superior and the answer's signals (`answers.signals`, or any
numbers by name) to an expected gain, superior's minus inferior's accuracy. It has few inputs, and
every one acts in one direction only: which one is learnt, because a model's confidence may mislead.
A signal that does not visibly say more than the prompt does is left out. What is done with the
gain, and what it costs, is the business of `policies`.

It is a logistic regression of "only the superior model is right", whose probability is then turned
into the gain by a straight line. Regressing the gain itself ranks prompts worse: where only the
inferior model is right is mostly chance, and a straight sum knows no "both must hold".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from routerlib.stats.calibration import sigmoid
from routerlib.stats.metrics import MetricError

Array = np.ndarray
KNOTS = 21  # quantiles that a signal's ranks are kept at
CLEAR = 2.5  # standard errors that a signal's correlation with the rest of the gain is above zero
PULL = 1.0  # of the penalty on squared weights
CERTAIN = (1e-4, 1 - 1e-4)  # p_superior is kept between these
FEWEST = 50  # rows with a value, of each kind, that a signal needs to be looked at
BENDS = (-0.5, 0.5)  # where the response to a signal may become steeper


@dataclass(frozen=True)
class Ranks:
    """A number as its rank among the training rows, from -1 (lowest) to 1, by straight lines
    between quantiles.

    Numbers that were frequent (a signal that is 0 or 1) stand at the middle of their ranks. `sign`
    is +1 where a high number speaks for the superior model, -1 where a low one does.
    """

    at: tuple[float, ...]
    rank: tuple[float, ...]
    sign: int = 1

    def __call__(self, values: ArrayLike) -> Array:
        """Signed ranks in [-1, 1]; 0 where a value is missing (NaN)."""
        values = np.asarray(values, dtype=float)
        ranks = np.interp(values, self.at, self.rank)
        return np.where(np.isnan(values), 0.0, self.sign * ranks)


def ranks_of(values: ArrayLike, knots: int = KNOTS) -> Ranks:
    """The ranks of these values (NaN left out), at up to `knots` quantiles and, if fewer, at every
    distinct value.
    """
    known = np.asarray(values, dtype=float)
    known = np.sort(known[~np.isnan(known)])
    levels = np.unique(known)
    if len(levels) > knots:
        levels = np.unique(np.quantile(known, np.linspace(0, 1, knots), method="inverted_cdf"))
    below = np.searchsorted(known, levels, side="left")
    up_to = np.searchsorted(known, levels, side="right")
    middle = (below + up_to) / (2 * len(known))
    return Ranks(tuple(levels.tolist()), tuple((2 * middle - 1).tolist()))


@dataclass(frozen=True)
class SecondLook:
    """The fitted gain: level + slope * probability that only the superior model is right.

    The log-odds of that probability are intercept + prompt * log-odds of p_superior + the signals,
    each a sum of rising bends with weights of at least 0, as `prompt` and `slope` are.

    signals: ranks by name. weights: of each signal's bends, by name. missing: what it adds that a
    signal has no value on a row.
    """

    prompt: float
    signals: dict[str, Ranks] = field(default_factory=dict)
    weights: dict[str, tuple[float, ...]] = field(default_factory=dict)
    missing: dict[str, float] = field(default_factory=dict)
    intercept: float = 0.0
    slope: float = 1.0
    level: float = 0.0

    def gain(self, p_superior: ArrayLike, signals: Mapping[str, ArrayLike]) -> Array:
        """Expected gain of each row, in [-1, 1], shape (n,).

        Args:
            p_superior: the router's scores, (n,).
            signals: by name, (n,) each, NaN where missing. A signal that is not there at all counts
                as missing everywhere; one that was not learnt is not looked at.
        """
        p_superior = np.asarray(p_superior, dtype=float)
        total = self.intercept + self.prompt * _log_odds(p_superior)
        nothing = np.full(len(p_superior), np.nan)
        for name, ranks in self.signals.items():
            values = np.asarray(signals.get(name, nothing), dtype=float)
            moved = _bends(ranks(values)) @ np.array(self.weights[name])
            total = total + np.where(np.isnan(values), self.missing.get(name, 0.0), moved)
        return np.clip(self.level + self.slope * sigmoid(total), -1.0, 1.0)

    def to_dict(self) -> dict[str, Any]:
        """The model as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SecondLook:
        """Back from `to_dict`.

        Raises:
            KeyError, TypeError, ValueError: a part is missing or is not what it should be.
        """
        return cls(
            prompt=float(values["prompt"]),
            signals={name: _ranks_from(ranks) for name, ranks in values["signals"].items()},
            weights={name: tuple(map(float, given)) for name, given in values["weights"].items()},
            missing={name: float(given) for name, given in values["missing"].items()},
            intercept=float(values["intercept"]),
            slope=float(values["slope"]),
            level=float(values["level"]),
        )


def _ranks_from(values: Mapping[str, Any]) -> Ranks:
    at, rank = (tuple(map(float, values[name])) for name in ("at", "rank"))
    return Ranks(at, rank, int(values["sign"]))


def _bends(ranks: Array) -> Array:
    """Rising pieces of a rank in [-1, 1]: the line, and what lies below and above the bends; shape
    (n, 3).
    """
    low, high = BENDS
    return np.stack([ranks, np.minimum(ranks - low, 0.0), np.maximum(ranks - high, 0.0)], axis=1)


def _log_odds(p: Array) -> Array:
    p = np.clip(p, *CERTAIN)
    return np.log(p) - np.log1p(-p)


def fit_second_look(
    p_superior: ArrayLike,
    signals: Mapping[str, ArrayLike],
    inferior: ArrayLike,
    superior: ArrayLike,
) -> SecondLook:
    """Learn the gain from rows whose p_superior is held out.

    Args:
        p_superior: scores by fits that did not see these rows, (n,).
        signals: by name, (n,) each, NaN where missing.
        inferior, superior: the two models' accuracies, (n,) each, in [0, 1].

    Raises:
        MetricError: there are no rows, or the lengths differ.
    """
    columns = {name: np.asarray(values, dtype=float) for name, values in signals.items()}
    p_superior, inferior, superior = (
        np.asarray(values, dtype=float) for values in (p_superior, inferior, superior)
    )
    for name, values in {"p_superior": p_superior, "superior": superior, **columns}.items():
        if len(values) != len(inferior) or not len(inferior):
            raise MetricError(f"{name}: {len(values)} numbers for {len(inferior)} rows.")
    only = superior * (1 - inferior)
    prompt = {"prompt": _log_odds(p_superior)[:, None]}
    left_open = only - _solve(prompt, {}, only).fitted
    kept = {}
    for name, values in columns.items():
        ranks = _ranks_where_telling(values, left_open)
        if ranks is not None:
            kept[name] = ranks
    blocks = {name: _bends(ranks(columns[name])) for name, ranks in kept.items()}
    blocks = {name: block * _where_known(columns[name])[:, None] for name, block in blocks.items()}
    gaps = {name: 1.0 - _where_known(columns[name]) for name in kept}
    gaps = {name: gap for name, gap in gaps.items() if gap.sum() >= FEWEST}
    solved = _solve(prompt | blocks, gaps, only)
    slope, level = _line_of_gains(solved.fitted, superior - inferior)
    return SecondLook(
        prompt=solved.weights.pop("prompt")[0],
        signals=kept,
        weights=solved.weights,
        missing=solved.missing,
        intercept=solved.intercept,
        slope=slope,
        level=level,
    )


def _line_of_gains(p: Array, gain: Array) -> tuple[float, float]:
    """Slope (at least 0) and level of the straight line from probabilities to gains."""
    spread = float(np.var(p))
    slope = float(np.mean((p - p.mean()) * gain)) / spread if spread > 1e-12 else 0.0
    slope = max(slope, 0.0)
    return slope, float(gain.mean() - slope * p.mean())


def _where_known(values: Array) -> Array:
    return (~np.isnan(values)).astype(float)


def _ranks_where_telling(values: Array, left_open: Array) -> Ranks | None:
    """The ranks of a signal with the sign it speaks with; None where it is not clear that it
    speaks at all.
    """
    known = ~np.isnan(values)
    if known.sum() < FEWEST or values[known].max() <= values[known].min():
        return None
    ranks = ranks_of(values[known])
    x = ranks(values[known])
    slopes = (x - x.mean()) * (left_open[known] - left_open[known].mean())
    error = np.sqrt((slopes**2).sum())
    sum_of_slopes = float(slopes.sum())
    if abs(sum_of_slopes) <= CLEAR * error:
        return None
    return Ranks(ranks.at, ranks.rank, 1 if sum_of_slopes > 0 else -1)


@dataclass(frozen=True)
class _Solved:
    weights: dict[str, tuple[float, ...]]
    missing: dict[str, float]
    intercept: float
    fitted: Array


def _solve(blocks: Mapping[str, Array], gaps: Mapping[str, Array], only: Array) -> _Solved:
    """Logistic regression with a small pull to zero.

    Weights of blocks are at least 0, those of gaps and the intercept are free.
    """
    from scipy.optimize import minimize

    rising = np.concatenate(list(blocks.values()), axis=1)
    free = np.stack([*gaps.values(), np.ones(len(only))], axis=1)
    both = np.concatenate([rising, free], axis=1)
    pull = np.r_[np.full(both.shape[1] - 1, PULL), 0.0]  # not on the intercept

    def cost(weights: Array) -> tuple[float, Array]:
        total = both @ weights
        lost = np.logaddexp(0.0, total) - only * total
        slopes = both.T @ (sigmoid(total) - only)
        return float(lost.sum() + pull @ weights**2 / 2), slopes + pull * weights

    bounds = [(0.0, None)] * rising.shape[1] + [(None, None)] * free.shape[1]
    start = np.zeros(both.shape[1])
    found = minimize(cost, start, jac=True, bounds=bounds, method="L-BFGS-B").x
    weights, first = {}, 0
    for name, block in blocks.items():
        weights[name] = tuple(found[first : first + block.shape[1]].tolist())
        first += block.shape[1]
    missing = {name: float(found[first + number]) for number, name in enumerate(gaps)}
    return _Solved(weights, missing, float(found[-1]), sigmoid(both @ found))


def held_out(
    p_superior: Array,
    signals: Mapping[str, Array],
    inferior: Array,
    superior: Array,
    parts: Sequence[Array],
) -> Array:
    """The gain of every row by a second look that was fitted on the other parts; shape (n,)."""
    found = np.empty(len(inferior))
    for part in parts:
        rest = np.setdiff1d(np.arange(len(inferior)), part)
        rest = rest if len(rest) else part
        look = fit_second_look(
            p_superior[rest],
            {name: values[rest] for name, values in signals.items()},
            inferior[rest],
            superior[rest],
        )
        found[part] = look.gain(
            p_superior[part], {name: values[part] for name, values in signals.items()}
        )
    return found
