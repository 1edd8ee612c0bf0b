"""Fit every candidate for a router on the same rows, and choose one on rows that its fit has not
seen.

Light scorers are judged by out-of-fold scores over training and validation rows, the fine-tuned
encoder on the validation rows. Nothing here looks at calibration or test rows: those are
`evaluation`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from routerlib.progress import bar
from routerlib.stats import calibration, metrics
from routerlib.training import encoders, scorers
from routerlib.training.examples import Examples, folds
from routerlib.training.router import Router
from routerlib.training.scorers import Scorer

if TYPE_CHECKING:  # loads torch and transformers
    from routerlib.training.fine_tuning import History, Recipe

CATEGORY_MEAN = "category mean"
BASELINES = (
    "random",
    "constant",
    CATEGORY_MEAN,
    "TF-IDF + ridge",
    "embedding + logistic",
    "embedding + neighbours",
)
DEFAULT = "kernel"
ENCODER = "fine-tuned encoder"
# Level of the interval whose lower end is one standard error below the mean.
ONE_SIGMA = 0.683


@dataclass
class Candidate:
    """A fitted router and the evidence for it.

    held_out: p_superior of the development rows by fits that did not see them, NaN where there is
    no such fit.
    """

    router: Router
    held_out: np.ndarray
    history: History | None = None


@dataclass
class Fitted:
    """One split: the candidates with the rows they were developed on.

    validation: positions of the validation rows among the development rows.
    """

    development: Examples
    validation: np.ndarray
    candidates: dict[str, Candidate] = field(default_factory=dict)


def light_scorers(
    backbone: str | Path,
    max_length: int = encoders.MAX_LENGTH,
    use_categories: bool = True,
) -> dict[str, Callable[[], Scorer]]:
    """Name -> a new scorer, for everything that trains in seconds.

    Without categories the category mean is left out, since it would be the constant again.
    """
    encoder = encoders.shared(str(backbone), max_length)
    builders: dict[str, Callable[[], Scorer]] = {
        "random": scorers.Random,
        "constant": scorers.Constant,
        CATEGORY_MEAN: scorers.CategoryMean,
        "TF-IDF + ridge": scorers.TfidfRidge,
        "embedding + logistic": partial(scorers.EmbeddingLogistic, encoder),
        "embedding + neighbours": partial(scorers.Neighbours, encoder),
        DEFAULT: partial(scorers.Kernel, encoder),
    }
    if not use_categories:
        del builders[CATEGORY_MEAN]
    return builders


def fit_candidates(
    train: Examples,
    validation: Examples,
    backbone: str | Path,
    recipes: Sequence[Recipe] = (),
    seed: int = 0,
    parts: int = 4,
    use_categories: bool = True,
    progress: bool = True,
) -> Fitted:
    """Fit every candidate: the baselines, the kernel, an encoder for each recipe (the best is
    kept).

    Args:
        recipes: how to fine-tune; none: no encoder. parts: folds for out-of-fold scores.
        use_categories: whether scorers are given the category of a prompt they score. Say False
            where prompts will come without one.
    """
    development = train.join(validation)
    if not use_categories:
        development = replace(development, categories=["uncategorised"] * len(development))
    fitted = Fitted(development, np.arange(len(train), len(development)))
    held = folds(development.groups, parts, seed)
    named = use_categories and len(set(development.categories)) > 1
    builders = light_scorers(backbone, use_categories=named)
    title = f"baselines and kernel, each {len(held)} + 1 times"
    with bar(len(builders), title, "scorer", progress) as counter:
        for name, build in builders.items():
            fitted.candidates[name] = _light(name, build, development, held)
            counter.update()
    if recipes:
        tried = [_encoder(train, validation, fitted, recipe, progress) for recipe in recipes]
        best = max(tried, key=lambda one: one.router.metrics["validation_apgr"])
        fitted.candidates[ENCODER] = best
    return fitted


def out_of_fold(
    build: Callable[[], Scorer], rows: Examples, held: Sequence[np.ndarray]
) -> np.ndarray:
    """Each row's score by a scorer that has learnt from the other parts, shape (n,).

    Args:
        build: makes a scorer to fit. held: the parts, as `examples.folds` gives them.
    """
    scores = np.full(len(rows), np.nan)
    for part in held:
        rest = np.setdiff1d(np.arange(len(rows)), part)
        # One group alone makes one part: then there is nothing else to learn from.
        learnt = rows.take(rest) if len(rest) else rows
        left_out = rows.take(part)
        scores[part] = build().fit(learnt).score(left_out.texts, left_out.categories)
    return scores


def _light(
    name: str, build: Callable[[], Scorer], rows: Examples, held: Sequence[np.ndarray]
) -> Candidate:
    """A light scorer fitted on all rows, judged by fits that each leave one part out."""
    scores = out_of_fold(build, rows, held)
    line = calibration.calibrate("platt", scores, rows.p_superior)
    return Candidate(Router(name, build().fit(rows), line), line(scores))


def _encoder(
    train: Examples, validation: Examples, fitted: Fitted, recipe: Recipe, progress: bool
) -> Candidate:
    """An encoder fine-tuned on the training rows, judged on the validation rows alone."""
    from routerlib.training.fine_tuning import fine_tune

    scorer, history = fine_tune(train, validation, recipe, progress=progress)
    scores = scorer.score(validation.texts)
    line = _anchored(fitted, scores)
    held_out = np.full(len(fitted.development), np.nan)
    held_out[fitted.validation] = line(scores)
    reached = apgr_or_nan(scores, validation)
    router = Router(ENCODER, scorer, line)
    router.metrics = {
        "target": recipe.target,
        "validation_apgr": -1.0 if np.isnan(reached) else reached,
    }
    if progress:
        print(
            f"{ENCODER}, target {recipe.target}: {_reached(scores, validation)}; "
            f"{history.examples_per_second:.0f} examples/s",
            flush=True,
        )
    return Candidate(router, held_out, history)


def _anchored(fitted: Fitted, scores: np.ndarray) -> calibration.Calibration:
    """Platt's curve on the validation rows, its level taken from the kernel's, which saw more rows.

    The few validation rows say how steep the curve is; how frequent the label is, all development
    rows say.
    """
    at = fitted.validation
    line = calibration.calibrate("platt", scores, fitted.development.p_superior[at])
    wanted = float(fitted.candidates[DEFAULT].held_out[at].mean())
    level = calibration.level_for(line.slope * calibration.log_odds(scores), wanted)
    return replace(line, intercept=level)


def apgr_or_nan(score: np.ndarray, rows: Examples) -> float:
    """APGR over the graded rows; NaN where they show no gap."""
    graded = rows.graded
    both = rows.inferior[graded], rows.superior[graded]
    try:
        return float(metrics.apgr(np.asarray(score)[graded], *both))
    except metrics.MetricError:
        return float("nan")


def _reached(score: np.ndarray, rows: Examples) -> str:
    """APGR over the graded rows in words, with how little so few rows can tell."""
    graded = rows.graded
    both = np.asarray(score)[graded], rows.inferior[graded], rows.superior[graded]
    many = f"{int(np.sum(graded)):,} validation rows"
    reached = apgr_or_nan(score, rows)
    low, high = metrics.bootstrap(metrics.apgr, *both) if np.any(graded) else (np.nan, np.nan)
    if np.isnan(reached) or np.isnan(low):
        return f"{many}, too few for an APGR"
    return f"APGR {reached:.3f} on {many} (95 % interval {low:.3f} to {high:.3f})"


# --- choosing ---


def choose_candidate(runs: Sequence[Fitted]) -> tuple[str, str]:
    """The candidate to save, from held-out scores of one or several splits, and the reason in
    words.

    The kernel, unless another one's APGR is higher by more than one standard error of the paired
    difference: the best of many on few rows is often the luckiest, so luck does not choose.
    """
    better: dict[str, float] = {}
    try:
        for name in runs[0].candidates:
            gained, least = _advantage(runs, name)
            if least > 0:
                better[name] = gained
    except metrics.MetricError as error:
        reason = f"since the held-out rows cannot rank the candidates: {error}"
        return DEFAULT, f"The {DEFAULT} is kept, {reason}"
    if not better:
        reason = "no other candidate beats it by more than one standard error on held-out rows"
        return DEFAULT, f"The {DEFAULT} is kept: {reason}."
    best = max(better, key=better.__getitem__)
    above = f"its APGR is {better[best]:.3f} above the {DEFAULT}'s"
    return best, f"{best} is chosen: on held-out rows {above}."


def _advantage(runs: Sequence[Fitted], name: str) -> tuple[float, float]:
    """APGR above the default's, and that less one standard error.

    On rows where both are held out.
    """
    ours, default, inferior, superior = [], [], [], []
    for run in runs:
        one, other = run.candidates[name].held_out, run.candidates[DEFAULT].held_out
        at = run.development.graded & ~np.isnan(one) & ~np.isnan(other)
        ours.append(one[at])
        default.append(other[at])
        inferior.append(run.development.inferior[at])
        superior.append(run.development.superior[at])
    columns = [np.concatenate(column) for column in (ours, default, inferior, superior)]
    gained, least, _ = metrics.paired_difference(metrics.apgr, *columns, n=300, level=ONE_SIGMA)
    return gained, least
