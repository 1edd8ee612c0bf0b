"""What the superior model would add once the inferior model's answer is known: the gain, learnt from its signals.

A `SecondLook` maps the router's p_superior and the answer's signals (`answers.signals`, or any numbers by name)
to an expected gain, superior's minus inferior's accuracy. It has few inputs, and every one acts in one direction
only: which one is learnt, because a model's confidence may mislead. A signal that does not visibly say more than
the prompt does is left out, and one that is missing on a row moves nothing. What is done with the gain, and what it
costs, is the business of `policies`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from routerlib.stats.metrics import MetricError

Array = np.ndarray
KNOTS = 21  # quantiles that a signal's ranks are kept at
CLEAR = 2.5  # standard errors by which a signal's correlation with what the prompt leaves open is clear of zero
PRIOR_ROWS = 5.0  # how many rows' worth of evidence pulls every weight to zero
FEWEST = 50  # rows with a value, of each kind, that a signal needs to be looked at
BENDS = (-0.5, 0.5)  # where the response to a signal may become steeper


@dataclass(frozen=True)
class Ranks:
    """A number as its rank among the training rows, from -1 (lowest) to 1, by straight lines between quantiles.

    Numbers that were frequent (a signal that is 0 or 1) stand at the middle of their ranks. `sign` is +1 where a high
    number speaks for the superior model, -1 where a low one does.
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
    """The ranks of these values (NaN left out), at up to `knots` quantiles and, if fewer, at every distinct value."""
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
    """The fitted gain: intercept + prompt + signals, each a sum of rising bends with weights of at least 0.

    prompt: ranks of p_superior. signals: ranks by name. weights: of each input's bends, by name ("prompt" for
    p_superior). missing: what it adds that a signal has no value on a row.
    """

    prompt: Ranks
    signals: dict[str, Ranks] = field(default_factory=dict)
    weights: dict[str, tuple[float, ...]] = field(default_factory=dict)
    missing: dict[str, float] = field(default_factory=dict)
    intercept: float = 0.0

    def gain(self, p_superior: ArrayLike, signals: Mapping[str, ArrayLike]) -> Array:
        """Expected gain of each row, in [-1, 1], shape (n,).

        Args:
            p_superior: the router's scores, (n,). signals: by name, (n,) each, NaN where missing; a signal that is
                not there at all counts as missing everywhere, one that was not learnt is not looked at.
        """
        p_superior = np.asarray(p_superior, dtype=float)
        total = self.intercept + _bends(self.prompt(p_superior)) @ np.array(self.weights["prompt"])
        nothing = np.full(len(p_superior), np.nan)
        for name, ranks in self.signals.items():
            values = np.asarray(signals.get(name, nothing), dtype=float)
            known = ~np.isnan(values)
            moved = _bends(ranks(values)) @ np.array(self.weights[name])
            total = total + np.where(known, moved, self.missing.get(name, 0.0))
        return np.clip(total, -1.0, 1.0)

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
            prompt=_ranks_from(values["prompt"]),
            signals={name: _ranks_from(ranks) for name, ranks in values["signals"].items()},
            weights={name: tuple(map(float, given)) for name, given in values["weights"].items()},
            missing={name: float(given) for name, given in values["missing"].items()},
            intercept=float(values["intercept"]),
        )


def _ranks_from(values: Mapping[str, Any]) -> Ranks:
    at, rank = (tuple(map(float, values[name])) for name in ("at", "rank"))
    return Ranks(at, rank, int(values["sign"]))


def _bends(ranks: Array) -> Array:
    """Rising pieces of a rank in [-1, 1]: the line, and what lies below and above the bends; shape (n, 3)."""
    low, high = BENDS
    return np.stack([ranks, np.minimum(ranks - low, 0.0), np.maximum(ranks - high, 0.0)], axis=1)


def fit(
    p_superior: ArrayLike,
    signals: Mapping[str, ArrayLike],
    gain: ArrayLike,
) -> SecondLook:
    """Learn the gain by least squares, no weight below zero, from rows whose p_superior is held out.

    Args:
        p_superior: scores by fits that did not see these rows, (n,). signals: by name, (n,) each, NaN where missing.
        gain: superior's minus inferior's accuracy, (n,).

    Raises:
        MetricError: there are no rows, or the lengths differ.
    """
    p_superior, gain = np.asarray(p_superior, dtype=float), np.asarray(gain, dtype=float)
    columns = {name: np.asarray(values, dtype=float) for name, values in signals.items()}
    for name, values in {"p_superior": p_superior, **columns}.items():
        if len(values) != len(gain) or not len(gain):
            raise MetricError(f"{name}: {len(values)} numbers for {len(gain)} rows.")
    prompt = ranks_of(p_superior)
    by_prompt = _solve({"prompt": _bends(prompt(p_superior))}, {}, gain)
    left_open = gain - by_prompt.fitted
    kept = {}
    for name, values in columns.items():
        ranks = _telling(values, left_open)
        if ranks is not None:
            kept[name] = ranks
    blocks = {"prompt": _bends(prompt(p_superior))}
    blocks |= {
        name: _bends(ranks(columns[name])) * _known(columns[name])[:, None]
        for name, ranks in kept.items()
    }
    gaps = {name: 1.0 - _known(columns[name]) for name in kept}
    solved = _solve(blocks, {name: gap for name, gap in gaps.items() if gap.sum() >= FEWEST}, gain)
    return SecondLook(prompt, kept, solved.weights, solved.missing, solved.intercept)


def _known(values: Array) -> Array:
    return (~np.isnan(values)).astype(float)


def _telling(values: Array, left_open: Array) -> Ranks | None:
    """The ranks of a signal with the sign it speaks with; None where it is not clear that it speaks at all."""
    known = ~np.isnan(values)
    if known.sum() < FEWEST or np.ptp(values[known]) <= 0:
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


def _solve(blocks: Mapping[str, Array], gaps: Mapping[str, Array], gain: Array) -> _Solved:
    """Least squares with a small pull to zero: weights of bends at least 0, those of gaps and intercept free."""
    from scipy.optimize import lsq_linear

    rising = np.concatenate(list(blocks.values()), axis=1)
    free = np.stack([*gaps.values(), np.ones(len(gain))], axis=1)
    both = np.concatenate([rising, free], axis=1)
    pull = np.sqrt(PRIOR_ROWS) * np.eye(both.shape[1])[:-1]  # not on the intercept
    low = np.r_[np.zeros(rising.shape[1]), np.full(free.shape[1], -np.inf)]
    found = lsq_linear(
        np.concatenate([both, pull]),
        np.r_[gain, np.zeros(len(pull))],
        bounds=(low, np.inf),
    ).x
    weights, start = {}, 0
    for name, block in blocks.items():
        weights[name] = tuple(found[start : start + block.shape[1]].tolist())
        start += block.shape[1]
    missing = {name: float(found[start + number]) for number, name in enumerate(gaps)}
    return _Solved(weights, missing, float(found[-1]), both @ found)


def held_out(
    p_superior: Array,
    signals: Mapping[str, Array],
    gain: Array,
    parts: Sequence[Array],
) -> Array:
    """The gain of every row by a second look that was fitted on the other parts; shape (n,)."""
    found = np.empty(len(gain))
    for part in parts:
        rest = np.setdiff1d(np.arange(len(gain)), part)
        rest = rest if len(rest) else part
        look = fit(
            p_superior[rest],
            {name: values[rest] for name, values in signals.items()},
            gain[rest],
        )
        found[part] = look.gain(
            p_superior[part], {name: values[part] for name, values in signals.items()}
        )
    return found
