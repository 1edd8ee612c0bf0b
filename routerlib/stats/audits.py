"""A promise about what people would say, from losses that a judge estimated and people checked in
part.

A judge (a language model) compares two answers cheaply; its losses are not people's. People audit
some of the rows, picked at random with known chances. The corrected loss of a row is the judge's,
plus, where it was audited, the difference to people's, weighed by one over the chance of being
picked: its mean is people's mean loss whatever the judge is like (prediction-powered inference,
Angelopoulos et al. 2023, arXiv 2301.09633). A bettor then plays against "the mean loss is above
epsilon" on the corrected losses, row by row; by Ville's inequality its wealth reaches 1/delta with
a chance of at most delta if that is true, at any stopping time (Csillag et al. 2025, arXiv
2502.04294; Waudby-Smith and Ramdas 2023, arXiv 2010.09686). A poor judge costs rows, never the
promise. No files, no models; how rows are picked for people is `audit_chances` and `audit_picks`,
and who shows them is not decided here.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from routerlib.stats.certificates import ALL_INFERIOR, Certificate
from routerlib.stats.metrics import MetricError

Array = np.ndarray
METHOD = "audited betting"
GRID = np.r_[np.linspace(0, 1, 201), ALL_INFERIOR]  # fixed before any row is seen
CAPITAL = 0.95  # largest part of its wealth the bettor may lose on one row
TRUST = 0.8  # weight of the judge's losses before a single row was audited
TRUST_ROWS = 1.0  # how many rows that first belief counts for
VARIANCE = 0.2  # of people's losses, before a single row was audited
VARIANCE_ROWS = 2.0  # how many audited rows that first belief counts for
LEAST_LEFT = 0.05  # of log wealth still to win: keeps the stake away from zero at the very end
HOPED = 0.5  # of epsilon, left for the bettor to win where nothing goes wrong
RANGES = 13  # largest corrected losses that a bettor chooses from
# Audits go where they tell most. A judge who says "a tie" is seldom wrong where ties are common, so
# a row with a winner is audited half as often again. A prompt that looks too hard to be among the
# routed ones is audited less: by the square of how far it lies behind those that could be.
WINNER_NAMED = 1.5
FADING = 2.0
LEAST_EASY = 0.2  # share of the rows that count as easy, whatever the judge says of them
LEAST_SPREAD = 0.02  # a judge who sees only ties does not make people see them, too


@dataclass(frozen=True)
class AuditedCertificate(Certificate):
    """A certificate about people's verdicts; `n_calibration` counts the judged rows it rests on.

    Attributes:
        n_audited: how many of those rows people checked.
    """

    n_audited: int = 0

    @property
    def sentence(self) -> str:
        """The certificate in words: for whom it holds, and on how many audits it rests."""
        rows = f"{self.n_calibration:,} judged rows, {self.n_audited:,} audited"
        terms = (
            f"at most {100 * self.epsilon:g} points of quality as people would see it, "
            f"with {100 * (1 - self.delta):g} % confidence"
        )
        if not self.certified:
            return (
                f"None certified: from {rows}, no threshold that spares calls can be shown "
                f"to lose {terms}. "
                "Audit more rows, allow a larger loss, or train a better router."
            )
        return (
            f"At threshold {self.threshold:.3f} the router sends "
            f"{100 * (1 - self.share_superior):.1f} % of prompts to the inferior model and loses "
            f"{terms} ({rows})."
        )


def audit_chances(
    judged: ArrayLike,
    number: float,
    hardness: ArrayLike | None = None,
    others: tuple[ArrayLike, ArrayLike | None] | None = None,
    epsilon: float = 0.05,
    delta: float = 0.1,
) -> Array:
    """Each row's chance to be audited, shape (n,), so that about so many are: larger where the
    judge names a winner, smaller where the prompt looks too hard to be certified.

    Args:
        judged: the judge's losses, in [-1, 1]. number: of audits to expect, above 0.
        hardness: how likely the inferior model is to lose on each prompt, as seen from the prompt
            alone by something that has not learnt from these rows; any increasing scale. Without
            it, all count as easy.
        others: (judged, hardness) of rows from the same source that are not to be audited. They set
            the scale of the chances and what counts as hard, so that a row's chance depends on
            nothing but the row; without them, these rows do.
        epsilon, delta: of the certificate that is hoped for. Any other may be asked of the same
            audits.
    """
    judged = np.asarray(judged, dtype=float)
    if not number > 0:
        raise MetricError(f"number = {number} audits: it lies above 0.")
    looks = None if hardness is None else np.asarray(hardness, dtype=float)
    seen_judged, seen_looks = judged, looks
    if others is not None:
        seen_judged = np.asarray(others[0], dtype=float)
        seen_looks = None if others[1] is None else np.asarray(others[1], dtype=float)
    if looks is not None and seen_looks is None:
        raise MetricError("hardness is given, but not that of the others: give both, or neither.")
    easy, ranked = 1.0, np.zeros(1)
    if seen_looks is not None:
        ranked = np.sort(seen_looks)
        easy = _easy_share(seen_judged, seen_looks, number, epsilon, delta)

    def relative(losses: Array, looks: Array | None) -> Array:
        found = 1 + (WINNER_NAMED - 1) * np.abs(losses)
        if looks is None:
            return found
        rank = np.searchsorted(ranked, looks) / max(len(ranked), 1)
        return found * (easy / np.maximum(rank, easy)) ** FADING

    each = number / max(len(judged), 1)
    usual = each / max(float(relative(seen_judged, seen_looks).mean()), 1e-12)
    return np.minimum(1.0, usual * relative(judged, looks))


def _easy_share(
    judged: Array, hardness: Array, number: float, epsilon: float, delta: float
) -> float:
    """The largest share of the rows, the easiest first, that so many audits could certify if people
    agreed with the judge, in [LEAST_EASY, 1].

    All audits go to these rows; by Bernstein's inequality, `number` of them tell a mean that lies x
    below what is allowed from one that does not where number x^2 / (2 (variance + x)) reaches
    log(1/delta). What is allowed is epsilon spread over these rows alone, since the others lose
    nothing.
    """
    if not len(judged):
        return 1.0
    losses = judged[np.argsort(hardness, kind="stable")]
    count = np.arange(1, len(losses) + 1)
    share = count / len(losses)
    below = np.maximum(epsilon / share - np.cumsum(losses) / count, 0.0)
    spread = np.maximum(np.cumsum(losses**2) / count, LEAST_SPREAD)
    enough = number * below**2 / (2 * (spread + below)) >= math.log(1 / delta)
    return float(max(share[enough].max(initial=0.0), LEAST_EASY))


def audit_picks(ids: Sequence[str], share: ArrayLike, seed: int = 0) -> Array:
    """Which rows people are to check: each by itself, with chance `share`; shape (n,), True where
    picked.

    The coin of a row is a hash of its id and the seed, so that the same rows are picked again after
    a restart and whatever rows come before or after them.

    Args:
        ids: one a row. share: in (0, 1]; a number for all, or one a row.
    """
    shares = np.asarray(share, dtype=float)
    if not ((shares > 0) & (shares <= 1)).all():
        raise MetricError(f"The share of rows to audit is {shares}; it lies above 0 and up to 1.")
    return coins(ids, seed) < shares


def coins(ids: Sequence[str], seed: int = 0) -> Array:
    """A number in [0, 1) for each id, which depends on it and the seed alone; shape (n,)."""
    drawn = [
        int.from_bytes(hashlib.sha256(f"{seed}:{one}".encode()).digest()[:8], "big") / 2**64
        for one in ids
    ]
    return np.asarray(drawn, dtype=float)


def certify_audited(
    score: ArrayLike,
    judged: ArrayLike,
    audited: ArrayLike,
    picked: ArrayLike,
    chance: ArrayLike,
    epsilon: float = 0.05,
    delta: float = 0.1,
) -> AuditedCertificate:
    """The cheapest threshold whose mean loss, as people see it, is at most epsilon, with risk at
    most delta.

    Args:
        score: calibrated probabilities in [0, 1], shape (n,), of rows that the router has not seen,
            in the order in which people were shown those that were picked.
        judged: the judge's loss of sending the row to the inferior model, in [-1, 1], shape (n,): 1
            where only the superior model's answer is good, 0 for a tie, -1 where only the inferior
            model's is.
        audited: people's loss of the same row where it was picked and checked, else NaN; one that
            people skipped has to be given as 1, the worst: why they skipped may depend on the
            answers.
        picked: which rows people were to check (see `audit_picks`). The first one that is not
            checked yet ends the rows that are used: people may stop at any time.
        chance: of each row to be picked, in (0, 1], fixed before the verdicts; a number for all, or
            shape (n,).
        epsilon: largest loss of mean quality, in [0, 1). delta: largest chance that the promise is
            broken.

    Raises:
        MetricError: arguments outside these ranges, or lengths that differ.
    """
    score, judged, audited, chance = _checked(score, judged, audited, chance, epsilon, delta)
    planned = len(score)
    used = _rows_before_the_first_gap(audited, np.asarray(picked, dtype=bool))
    if not used:
        return _none_certified(epsilon, delta)
    score, judged, audited, chance = score[:used], judged[:used], audited[:used], chance[:used]
    found = certified_thresholds(score, judged, audited, chance, epsilon, delta, planned)
    certified = bool((score < found).any()) and not np.isnan(audited).all()
    at = float(found) if certified else 0.0
    routed = score < at
    corrected = judged + np.where(np.isnan(audited), 0.0, (audited - judged) / chance)
    return AuditedCertificate(
        certified=certified,
        threshold=at,
        epsilon=float(epsilon),
        delta=float(delta),
        n_calibration=len(score),
        method=METHOD,
        loss=float(np.where(routed, corrected, 0.0).mean()) if certified else 0.0,
        bound=float(epsilon) if certified else 0.0,
        share_superior=float(1 - routed.mean()) if certified else 1.0,
        superior_accuracy=math.nan,
        n_audited=int((~np.isnan(audited)).sum()),
    )


def certified_thresholds(
    score: Array,
    judged: Array,
    audited: Array,
    chance: Array,
    epsilon: float,
    delta: float,
    planned: int | None = None,
) -> Array:
    """The cheapest threshold whose loss the bettor rules out to be above epsilon, 0 where there is
    none; shape (...) for rows of shape (..., n), so that many samples are certified at once.

    The arguments are those of `certify_audited`, as arrays and unchecked; every row that was picked
    has been audited. planned: how many rows there were to be, where people stopped before the end.
    """
    wealth = _log_wealth(score, judged, audited, chance, epsilon, delta, planned)
    return _last_before_a_failure(wealth >= math.log(1 / delta))


def _rows_before_the_first_gap(audited: Array, picked: Array) -> int:
    """How many rows from the start are settled: those that people were to check have been checked.

    Raises:
        MetricError: a row was checked that was not picked: its chance is not the one that was said.
    """
    if picked.shape != audited.shape:
        raise MetricError("score, judged, audited and picked are rows of one length, at least one.")
    checked = ~np.isnan(audited)
    strays = np.flatnonzero(checked & ~picked)
    if len(strays):
        raise MetricError(
            f"Row {strays[0] + 1} was audited but not picked. "
            "Only rows picked by chance can be used."
        )
    gaps = np.flatnonzero(picked & ~checked)
    return int(gaps[0]) if len(gaps) else len(audited)


def _none_certified(epsilon: float, delta: float) -> AuditedCertificate:
    """What is said before the first picked row has been checked."""
    return AuditedCertificate(
        certified=False,
        threshold=0.0,
        epsilon=float(epsilon),
        delta=float(delta),
        n_calibration=0,
        method=METHOD,
        loss=0.0,
        bound=0.0,
        share_superior=1.0,
        superior_accuracy=math.nan,
    )


def _checked(
    score: Any, judged: Any, audited: Any, chance: Any, epsilon: float, delta: float
) -> tuple[Array, Array, Array, Array]:
    score, judged, audited = (np.asarray(x, dtype=float) for x in (score, judged, audited))
    chance = np.broadcast_to(np.asarray(chance, dtype=float), score.shape)
    if not score.shape == judged.shape == audited.shape or score.ndim != 1 or not len(score):
        raise MetricError("score, judged and audited are rows of one length, at least one.")
    if not 0 <= epsilon < 1 or not 0 < delta < 1:
        raise MetricError(f"epsilon = {epsilon} and delta = {delta}: both are shares below 1.")
    if not ((score >= 0) & (score <= 1)).all():
        raise MetricError("Scores are probabilities, from 0 to 1. Calibrate the router first.")
    if not (np.abs(judged) <= 1).all() or (np.abs(audited[~np.isnan(audited)]) > 1).any():
        raise MetricError("Losses lie between -1 and 1.")
    if not ((chance > 0) & (chance <= 1)).all():
        raise MetricError("The chance of a row to be audited lies above 0 and up to 1.")
    return score, judged, audited, chance


def _log_wealth(
    score: Array,
    judged: Array,
    audited: Array,
    chance: Array,
    epsilon: float,
    delta: float,
    planned: int | None = None,
) -> Array:
    """Log of the wealth that the bettor of each threshold of the grid ends with, from 1 at the
    start; shape (..., thresholds) for rows of shape (..., n). It passes at log(1/delta) or more.

    The stake on a row comes from the rows before it, and from how many were planned:
    sqrt(2 left / (rows to come x variance)), `left` being the log wealth still to be won, so that a
    bettor who is behind stakes more (Voráček and Orabona 2025, arXiv 2505.22422). Any stake that
    looks at earlier rows alone keeps the promise; a clever one only certifies more. When people
    stop is no part of it: who stops once the verdicts look good must gain nothing by that.

    What a row is assumed to lose, until people say otherwise, is the judge's word as far as it is
    trusted, and more where an audit is so rare that a bad surprise could not be afforded (see
    `_least_assumed`): corrected by the audit, any assumption gives people's mean. A judge who says
    that the inferior answer is the better one is taken to say "a tie": believed, a mistake of that
    kind would be the costliest of all, and the stake would have to be half as large.
    """
    n, target = score.shape[-1], math.log(1 / delta)
    planned = n if planned is None else planned
    believed = np.maximum(judged, 0.0)
    shape = (*score.shape[:-1], len(GRID))
    log_wealth, squares = np.zeros(shape), np.zeros(shape)
    # Of the routed rows so far: how many, and the sum of one over their chance of an audit.
    routed_rows, one_in = np.zeros(shape), np.zeros(shape)
    worst = np.ones(shape)
    # How far the judge's losses are to be trusted: the slope of people's losses on them, learnt
    # from audited rows.
    products, said_squares = np.full(shape, TRUST * TRUST_ROWS), np.full(shape, TRUST_ROWS)
    for i in range(n):
        is_doubled = i > 0 and i & (i - 1) == 0
        if is_doubled:
            worst = _largest_loss(score[..., :i], chance[..., :i], epsilon)
        said, seen = believed[..., i, None], audited[..., i, None]
        share = chance[..., i, None]
        routed = score[..., i, None] < GRID
        checked = ~np.isnan(seen)
        people = np.where(checked, seen, 0.0)
        # The mean square of the corrected losses, with what is believed of it beforehand.
        weight = np.where(routed_rows > 0, one_in / np.maximum(routed_rows, 1.0), 1.0)
        believed_square = VARIANCE * weight * (routed_rows + 1) / (i + 2)
        first = VARIANCE_ROWS * weight
        square = (squares + first * believed_square) / (i + first)
        left = np.maximum(target - log_wealth, LEAST_LEFT)
        stake = np.sqrt(2 * left / ((planned - i) * square))
        stake = np.minimum(stake, CAPITAL / (worst - epsilon))
        trust = np.clip(products / said_squares, 0.0, 1.0)
        assumed = np.maximum(trust * said, _least_assumed(share, worst))
        loss = assumed + np.where(checked, (people - assumed) / share, 0.0)
        loss = np.where(routed, loss, 0.0)
        # Nothing is staked on the first row: how rare audits are is not known before it. Whoever
        # has reached the target stops playing: the promise is then kept for good.
        playing = (log_wealth < target) & (i > 0)
        log_wealth = log_wealth + playing * np.log1p(stake * (epsilon - loss))
        products = products + (routed & checked) * said * people
        said_squares = said_squares + (routed & checked) * said**2
        # A rare audit that turns out well is a large gain, and no reason to stake less.
        squares = squares + np.maximum(loss, -worst) ** 2
        routed_rows, one_in = routed_rows + routed, one_in + routed / share
    return log_wealth


def _largest_loss(score: Array, chance: Array, epsilon: float) -> Array:
    """The largest corrected loss that the bettor of each threshold allows a row to have, at least
    1; shape (..., thresholds) for the rows so far, of shape (..., n).

    A large one keeps the stake small; below a small one, rows whose audit is rarer have to be
    assumed to lose much. The one is taken with which wealth would have grown most on the rows so
    far, if people had found nothing lost and half of epsilon were left to win. A row that no
    threshold has met counts for a part of one: there will be others like it.
    """
    n = score.shape[-1]
    routed = np.minimum((score[..., :, None] < GRID) + 1 / n, 1.0)
    to_win = HOPED * epsilon
    best = np.full((*score.shape[:-1], len(GRID)), -np.inf)
    found = np.ones_like(best)
    for worst in np.quantile(1 / chance, np.linspace(0, 1, RANGES), axis=-1, method="higher"):
        stake = CAPITAL / (worst[..., None] - to_win)
        gain = np.log1p(stake * to_win)
        assumed = _least_assumed(chance, worst[..., None])
        dropped = np.log1p(stake * (to_win - assumed)) - gain
        growth = gain + (dropped[..., None, :] @ routed)[..., 0, :] / n
        found = np.where(growth > best, worst[..., None], found)
        best = np.maximum(growth, best)
    return found


def _least_assumed(chance: Array, worst: Array) -> Array:
    """The smallest loss that a row may be assumed to have, in [0, 1], for its corrected loss never
    to lie above `worst`, which is assumed + (1 - assumed) / chance where people find it lost.
    """
    rare = np.minimum(chance, 1 - 1e-12)
    return np.where(chance * worst >= 1, 0.0, (1 - worst * rare) / (1 - rare))


def _last_before_a_failure(passed: Array) -> Array:
    """Fixed-sequence testing, from the safest threshold up: the last one before the first that
    failed; 0 where the first one failed. Shape (...) for `passed` of shape (..., thresholds).
    """
    number = np.cumprod(passed, axis=-1).sum(axis=-1)
    return np.where(number > 0, GRID[np.maximum(number - 1, 0)], 0.0)
