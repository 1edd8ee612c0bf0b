"""What sending prompts to the cheap model saves and what it loses, with 95 % ranges.

Comparisons of two answers come in, and the money of both calls; shares and their ranges come out.
Nothing is decided here: which prompts go where is a router's business (`training`), and a promise
about it is `certificates`'.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from routerlib.stats import metrics

FEWEST = 5  # prompts of one kind, below which a range says nothing


@dataclass(frozen=True)
class Range:
    """A figure with its 95 % range."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Saving:
    """What a group of prompts comes to when (some of) it goes to the inferior model.

    Fields: name: of the group. prompts: how many. lost: the share of prompts on which that costs
    quality, less the share on which it gains some, in [-1, 1]. worse, better: these two shares.
    All three are None where nobody can say. saved: the share of the superior model's bill that is
    spared; None where there is no money. spent, full: money for 1,000 prompts, as routed and with
    the superior model alone; None as above.
    """

    name: str
    prompts: int
    lost: Range | None
    worse: float | None
    better: float | None
    saved: Range | None = None
    spent: float | None = None
    full: float | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def measure_saving(
    name: str,
    worse: ArrayLike,
    better: ArrayLike,
    spent: ArrayLike | None = None,
    full: ArrayLike | None = None,
) -> Saving:
    """Quality lost and money saved over some prompts.

    Args:
        worse, better: of each prompt, how often the answer that is given is worse, or better, than
            the superior model's, in [0, 1]; both 0 where it is the superior model's own.
        spent, full: money of each prompt as routed, and with the superior model alone.

    Raises:
        metrics.MetricError: no prompts, or arrays of different lengths.
    """
    bad, good = np.asarray(worse, dtype=float), np.asarray(better, dtype=float)
    metrics.same_length(worse=bad, better=good)
    money = measure_money(name, len(bad), spent, full)
    lost = difference_of_shares(float(bad.mean()), float(good.mean()), len(bad))
    return replace(money, lost=lost, worse=float(bad.mean()), better=float(good.mean()))


def measure_money(
    name: str, prompts: int, spent: ArrayLike | None = None, full: ArrayLike | None = None
) -> Saving:
    """Money saved over some prompts, and nothing about their quality; `spent` and `full` as in
    `measure_saving`.

    Args:
        prompts: how many.

    Raises:
        metrics.MetricError: no prompts, or money of more or fewer prompts than that.
    """
    if not prompts:
        raise metrics.MetricError("There are no prompts to measure a saving on.")
    unpriced = Saving(name, prompts, lost=None, worse=None, better=None)
    if spent is None or full is None:
        return unpriced
    bill, whole = np.asarray(spent, dtype=float), np.asarray(full, dtype=float)
    metrics.same_length(prompts=np.empty(prompts), spent=bill, full=whole)
    if whole.sum() <= 0:
        return unpriced
    return replace(
        unpriced,
        saved=_saved(bill, whole),
        spent=float(1000 * bill.mean()),
        full=float(1000 * whole.mean()),
    )


def difference_of_shares(one: float, other: float, n: int) -> Range:
    """The difference of two shares that exclude each other, such as better and worse, with a range
    that stays honest where all prompts came out alike.

    Newcombe's interval for paired shares (1998, Statistics in Medicine 17, 2635-2650, method 10),
    out of Wilson's for each and their correlation, which is negative here.
    """
    low_one, high_one = metrics.wilson(one * n, n)
    low_other, high_other = metrics.wilson(other * n, n)
    spread = math.sqrt(one * (1 - one) * other * (1 - other))
    phi = -one * other / spread if spread > 0 else 0.0
    below, above = (
        _hybrid(one - low_one, high_other - other, phi),
        _hybrid(high_one - one, other - low_other, phi),
    )
    difference = one - other
    return Range(difference, max(-1.0, difference - below), min(1.0, difference + above))


def _hybrid(one: float, other: float, phi: float) -> float:
    return math.sqrt(max(0.0, one * one + other * other - 2 * phi * one * other))


def _saved(spent: np.ndarray, full: np.ndarray) -> Range:
    share = float(1 - spent.sum() / full.sum())

    def saved(bill: np.ndarray, whole: np.ndarray) -> float:
        total = whole.sum()
        return float(1 - bill.sum() / total) if total > 0 else math.nan

    low, high = metrics.bootstrap(saved, spent, full)
    if math.isnan(low) or math.isnan(high):
        return Range(share, share, share)
    return Range(share, min(low, share), max(high, share))
