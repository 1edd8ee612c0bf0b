"""A promise about a router: the cheapest threshold whose loss of accuracy is at most epsilon, with
a stated risk.

Scores and graded answers of a calibration split in, a `Certificate` out. The rows must be fresh
(the router and its calibration never saw them) and drawn like the prompts to come; the promise is
about such prompts, on average, not about each one, and it says nothing once the prompts change. No
files, no models.

A prompt goes to the superior model where its score is at least the threshold. The loss of a
threshold is superior - inferior for the prompts below it and 0 for the others, in [-1, 1]: it is
negative where the inferior model does better, and those gains offset losses. Learn-then-Test
(Angelopoulos et al. 2021, arXiv 2110.01052) with fixed-sequence testing: thresholds from a grid
that was fixed beforehand are tested from the safest to the cheapest, each at the full level delta,
until one fails; the last one that passed is certified. The chance that its true mean loss exceeds
epsilon is at most delta, in finite samples. Three tests of "the mean loss is above epsilon":

- `paired`: exact for losses in {-1, 0, 1} (one graded answer a model). The sum of the losses is
  trinomial; its lower tail is taken at the worst share of non-zero losses inside a confidence set
  (Berger and Boos 1994).
- `betting`: any losses in [-1, 1]. The wealth of a bettor against "above epsilon", with the stakes
  of Waudby-Smith and Ramdas (2023, arXiv 2010.09686, section 4), and Ville's inequality over the
  whole game.
- `clopper-pearson`: the share of prompts with any loss, gains ignored. Simple, and valid for both.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from routerlib.stats.metrics import MetricError, checked_outcomes, clopper_pearson_upper

Array = np.ndarray
TESTS = ("auto", "paired", "betting", "clopper-pearson")
NUISANCE = 0.1  # part of delta spent on the confidence set of the paired test
CAPITAL = 0.75  # largest part of its wealth the bettor may lose on one row
ALL_INFERIOR = math.nextafter(1.0, 2.0)  # above every probability: the last threshold of the grid
# What a certificate should at least send to the inferior model, for `rows_needed`
WANTED_SHARES = (
    0.1,
    0.05,
    0.02,
)


@dataclass(frozen=True)
class Certificate:
    """What is promised at which threshold, and what it rests on.

    Attributes:
        certified: False where these rows certify no threshold that spares a single call; the
            threshold is then 0, which sends everything to the superior model and loses nothing.
        threshold: scores at or above it go to the superior model.
        epsilon, delta: mean loss of accuracy is at most epsilon with probability at least 1 -
            delta.
        n_calibration: rows the promise rests on.
        method: the test that was used.
        loss: mean loss at the threshold on those rows; negative where routing beats the superior
            model.
        bound: upper confidence limit of that loss, by the same test, at this threshold alone; never
            above epsilon.
        share_superior: share of those rows that go to the superior model.
        superior_accuracy: its accuracy on those rows, which the loss is measured against.
        rows_needed: where nothing is certified, about how many calibration rows would do; None: no
            number would.
        judged: how many of those rows were decided by a model, and not by a known answer; what is
            promised then holds as that judge sees it.
    """

    certified: bool
    threshold: float
    epsilon: float
    delta: float
    n_calibration: int
    method: str
    loss: float
    bound: float
    share_superior: float
    superior_accuracy: float
    rows_needed: int | None = None
    judged: int = 0

    @property
    def sentence(self) -> str:
        """The certificate in words."""
        plural = "" if self.n_calibration == 1 else "s"
        rows = f"{self.n_calibration:,} calibration row{plural}"
        if self.judged:
            rows += f", {self.judged:,} of them judged by a model and not by people"
        terms = (
            f"at most {100 * self.epsilon:g} points of {self.measure}, with "
            f"{100 * (1 - self.delta):g} % confidence"
        )
        if self.certified:
            return (
                f"At threshold {self.threshold:.3f} the router sends "
                f"{100 * (1 - self.share_superior):.1f} % of prompts "
                f"to the inferior model and loses {terms} ({rows}, {self.method} test; "
                f"{self.measure} on these rows: "
                f"{100 * (self.superior_accuracy - self.loss):.1f} %, the superior model alone "
                f"{100 * self.superior_accuracy:.1f} %)."
            )
        none = (
            f"None certified: from {rows}, no threshold that spares calls can be shown to lose "
            f"{terms}."
        )
        if self.epsilon == 0:
            return (
                f"{none} More rows would not change that: the first rows that are spared a call "
                "can lose nothing, and still not show that none ever will. Allow a small loss."
            )
        if self.rows_needed is None:
            return (
                f"{none} More rows would not change that: where the router is surest of the "
                f"inferior model, it already "
                "loses more than that. Allow a larger loss, or train a better router."
            )
        more = self.rows_needed - self.n_calibration
        wanted = "1 more row" if more == 1 else f"{more:,} more rows"
        return f"{none} About {wanted} like these would do ({self.rows_needed:,} in all)."

    @property
    def measure(self) -> str:
        """What is promised: accuracy, or what a judge takes for quality."""
        return "quality as the judge sees it" if self.judged else "accuracy"

    def to_dict(self) -> dict[str, Any]:
        """The certificate as JSON values, with its sentence."""
        return {**asdict(self), "sentence": self.sentence}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Certificate:
        """Back from `to_dict`.

        Raises:
            MetricError: naming the first field that is missing.
        """
        names = [field.name for field in fields(cls)]
        known = [name for name in names if name in values]
        missing = [field.name for field in fields(cls) if field.default is MISSING]
        missing = [name for name in missing if name not in values]
        if missing:
            raise MetricError(
                f"certificate: the field {missing[0]!r} is missing. Certify the router again."
            )
        return cls(**{name: values[name] for name in known})


def certify_threshold(
    score: ArrayLike,
    inferior: ArrayLike,
    superior: ArrayLike,
    epsilon: float = 0.02,
    delta: float = 0.05,
    method: str = "auto",
    thresholds: ArrayLike | None = None,
) -> Certificate:
    """The cheapest threshold whose mean loss against always-superior is at most epsilon, with risk
    at most delta.

    Args:
        score: calibrated probabilities of the calibration rows, in [0, 1] unless `thresholds` are
            given.
        inferior, superior: accuracies of the two models on these rows, in [0, 1].
        epsilon: largest loss of mean accuracy, in [0, 1).
        delta: largest chance that the promise is broken, in (0, 1).
        method: a test by name, or `auto`: `paired` where every loss is -1, 0 or 1 and epsilon
            allows for at least ten lost answers on these rows, otherwise `betting`. That choice
            looks at the kind and number of the rows, not at how they came out, and so costs
            nothing.
        thresholds: the grid, fixed without looking at these rows (quantiles of the validation
            scores will do); by default 0, 0.001, ... 1 and one above.

    Raises:
        MetricError: for arguments outside these ranges, or losses that do not fit the test.
    """
    score, inferior, superior = checked_outcomes(score, inferior, superior)
    check_terms(epsilon, delta, method)
    grid = _grid(score, thresholds)
    loss = superior - inferior
    if method == "auto":
        method = automatic_method(loss, epsilon)
    test = _test_of(method, loss)
    passed = _last_passed(test, grid, score, loss, epsilon, delta)
    # A threshold below every score spares no call, so there is nothing to promise.
    certified = bool((score < passed).any())
    threshold = passed if certified else 0.0
    suffered = np.where(score < threshold, loss, 0.0)
    return Certificate(
        certified=certified,
        threshold=threshold,
        epsilon=float(epsilon),
        delta=float(delta),
        n_calibration=len(loss),
        method=method,
        loss=float(suffered.mean()),
        bound=_bound(test, suffered, epsilon, delta) if certified else 0.0,
        share_superior=float((score >= threshold).mean()) if certified else 1.0,
        superior_accuracy=float(superior.mean()),
        rows_needed=None if certified else _rows_needed(test, score, loss, epsilon, delta),
    )


def automatic_method(loss: ArrayLike, epsilon: float) -> str:
    """The test that `auto` takes for losses of this kind and number."""
    loss = np.asarray(loss, dtype=float)
    whole = bool(np.isin(loss, (-1.0, 0.0, 1.0)).all())
    return "paired" if whole and len(loss) * epsilon >= 10 else "betting"


def check_terms(epsilon: float, delta: float, method: str = "auto") -> None:
    """See that a promise can be made on these terms.

    Raises:
        MetricError: epsilon is no share below 1, delta none between 0 and 1, or there is no such
            test.
    """
    if not 0 <= epsilon < 1:
        raise MetricError(
            f"epsilon = {epsilon}: the allowed loss of accuracy is a share from 0 to below 1, say "
            f"0.02."
        )
    if not 0 < delta < 1:
        raise MetricError(
            f"delta = {delta}: the risk of a broken promise is a share between 0 and 1, say 0.05."
        )
    if method not in TESTS:
        raise MetricError(
            f"certificate method {method!r} is not known; it is one of {', '.join(TESTS)}."
        )


def _grid(score: Array, thresholds: ArrayLike | None) -> Array:
    if thresholds is not None:
        return np.unique(np.asarray(thresholds, dtype=float))
    if score.min() < 0 or score.max() > 1:
        raise MetricError(
            f"Scores run from {score.min():g} to {score.max():g}, but the default thresholds are "
            f"probabilities. "
            "Calibrate the scores first, or give `thresholds` that were fixed on other rows."
        )
    return np.r_[np.linspace(0, 1, 1001), ALL_INFERIOR]


Test = Callable[[Array, float, float], bool]


def _test_of(method: str, loss: Array) -> Test:
    if method == "betting":
        return betting_rejects
    if method == "clopper-pearson":
        return clopper_pearson_rejects
    if not np.isin(loss, (-1.0, 0.0, 1.0)).all():
        raise MetricError(
            "The paired test needs one graded answer of each model; for shares of samples take "
            "betting."
        )
    return paired_rejects


def _last_passed(
    test: Test, grid: Array, score: Array, loss: Array, epsilon: float, delta: float
) -> float:
    """Fixed-sequence testing from the lowest threshold up; minus infinity where none passes.

    Each distinct set of routed rows is tested once.
    """
    passed, tested = -math.inf, -1
    ascending = np.sort(score)
    for threshold in grid:
        below = int(np.searchsorted(ascending, threshold, side="left"))
        if below != tested and not test(np.where(score < threshold, loss, 0.0), epsilon, delta):
            return passed
        passed, tested = float(threshold), below
    return passed


# --- the three tests: True where "the mean loss is above epsilon" is rejected at level delta ---


def paired_rejects(loss: Array, epsilon: float, delta: float) -> bool:
    """Exact test for losses in {-1, 0, 1}, of shape (rows,)."""
    total, discordant = round(float(loss.sum())), int(np.count_nonzero(loss))
    return paired_p_value(total, discordant, len(loss), epsilon, NUISANCE * delta) <= delta


def paired_p_value(total: int, discordant: int, n: int, epsilon: float, beta: float) -> float:
    """P-value of "the mean of n losses in {-1, 0, 1} is at least epsilon", given their sum and how
    many are not 0.

    At a fixed share v of non-zero losses the lower tail of the sum is largest where the mean is
    epsilon. Over v it rises while the sum lies below the distribution's mode, so the worst v is the
    upper end of its confidence set, whose error beta is added (its observed value is looked at
    too).
    """
    if total >= n * epsilon:
        return 1.0
    highest = clopper_pearson_upper(discordant, n, beta)
    lowest = max(epsilon, 1e-12)
    if highest < lowest:
        return beta
    observed = min(max(discordant / n, lowest), highest)
    return min(
        1.0, beta + max(_trinomial_tail(total, n, share, epsilon) for share in (observed, highest))
    )


def _trinomial_tail(total: int, n: int, share: float, epsilon: float) -> float:
    """P(sum <= total) for n losses, non-zero with chance `share`, of mean epsilon.

    A binomial within a binomial.
    """
    from scipy.special import bdtr, gammaln

    share = min(share, 1 - 1e-12)
    middle, reach = n * share, 9 * math.sqrt(n * share * (1 - share)) + 9
    counts = np.arange(max(0, math.floor(middle - reach)), min(n, math.ceil(middle + reach)) + 1)
    choose = gammaln(n + 1) - gammaln(counts + 1) - gammaln(n - counts + 1)
    chances = np.exp(choose + counts * math.log(share) + (n - counts) * math.log1p(-share))
    # Losses among the non-zero ones, for a sum of at most `total`
    most = np.floor((counts + total) / 2)
    tail = np.where(
        most < 0, 0.0, bdtr(np.clip(most, 0, counts), counts, min(1.0, (1 + epsilon / share) / 2))
    )
    return float(chances @ tail)


def betting_rejects(loss: Array, epsilon: float, delta: float) -> bool:
    """Betting test for losses in [-1, 1], of shape (rows,).

    Its power depends a little on their order.
    """
    return log_wealth(loss, epsilon, delta).max() >= math.log(1 / delta)


def log_wealth(loss: Array, epsilon: float, delta: float) -> Array:
    """Log of the bettor's wealth after each row, from 1 at the start; a martingale at most where
    the mean is epsilon.

    The stake on each row comes from the rows before it: sqrt(2 log(1/delta) / (n variance)), cut so
    that one row can take at most `CAPITAL` of the wealth.
    """
    n = len(loss)
    seen = np.arange(1, n + 1)
    mean = np.cumsum(loss) / (seen + 1)
    variance = (0.05 + np.cumsum((loss - mean) ** 2)) / (seen + 1)
    before = np.r_[0.05, variance[:-1]]
    stake = np.minimum(np.sqrt(2 * math.log(1 / delta) / (n * before)), CAPITAL / (1 - epsilon))
    return np.cumsum(np.log1p(stake * (epsilon - loss)))


def clopper_pearson_rejects(loss: Array, epsilon: float, delta: float) -> bool:
    """Exact test on the share of rows with any loss, which is at least the mean loss."""
    return clopper_pearson_upper(int((loss > 0).sum()), len(loss), delta) <= epsilon


# --- beside the promise ---


def _bound(test: Test, loss: Array, epsilon: float, delta: float) -> float:
    """The least mean loss that the test rejects, to four digits, where it rejects epsilon."""
    low, high = max(0.0, float(loss.mean())), epsilon
    while high - low > 5e-5:
        middle = (low + high) / 2
        low, high = (low, middle) if test(loss, middle, delta) else (middle, high)
    return high


def _rows_needed(test: Test, score: Array, loss: Array, epsilon: float, delta: float) -> int | None:
    """About how many rows like these would certify some saving.

    The same rows over and over, until the test passes.
    """
    if epsilon == 0:
        return None  # on the safest thresholds all losses are 0, which is not below epsilon
    for share in WANTED_SHARES:
        suffered = np.where(score <= np.quantile(score, share, method="inverted_cdf"), loss, 0.0)
        if suffered.mean() < epsilon:
            break
    else:
        return None
    few, many = len(loss), 2 * len(loss)
    while not test(np.resize(suffered, many), epsilon, delta):
        few, many = many, 2 * many
        if many > 2_000_000:
            return None
    while many - few > max(1, few // 50):
        middle = (few + many) // 2
        few, many = (
            (few, middle) if test(np.resize(suffered, middle), epsilon, delta) else (middle, many)
        )
    return many
