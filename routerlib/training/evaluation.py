"""From labelled prompts to the router worth saving: fit all candidates, choose, test once, certify, save.

Light scorers are judged by out-of-fold scores over training and validation rows, the fine-tuned encoder on the
validation rows; test rows are touched once, by `measure`. The notebook on fine-tuning and
benchmarks/router_quality.py call the same functions. What the metrics mean is in `metrics`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import rankdata

from routerlib import settings
from routerlib.errors import SettingError
from routerlib.progress import bar
from routerlib.rows import jsonl, sources
from routerlib.rows.schemas import LabelledPrompt, RowError
from routerlib.stats import certificates, metrics
from routerlib.training import encoders, fine_tuning, scorers
from routerlib.training.examples import Examples, folds, from_rows, outcome_row, split
from routerlib.training.router import Router
from routerlib.training.scorers import Scorer

BASELINES = (
    "random",
    "constant",
    "category mean",
    "TF-IDF + ridge",
    "embedding + logistic",
    "embedding + neighbours",
)
# Parts of the blend with the shares they have before any row speaks. The kernel sees what the other light scorers see,
# words aside; on four sets of outcomes each of them, added to it, cost more than it brought.
BLEND_OF = {"kernel": 0.9, "TF-IDF + ridge": 0.1}
ENCODER_SHARE = 0.25  # of the fine-tuned encoder, beside the light parts together
BLEND, ENCODER = "blend", "fine-tuned encoder"
NO_BREAK = "\N{NO-BREAK SPACE}"
ONE_SIGMA = 0.683


@dataclass
class Candidate:
    """A fitted router and the evidence for it.

    held_out: p_superior of the development rows by fits that did not see them, NaN where there is no such fit.
    """

    router: Router
    held_out: np.ndarray
    history: fine_tuning.History | None = None


@dataclass
class Run:
    """One split: the candidates with the rows they were developed on (`validation`: positions among them)."""

    development: Examples
    validation: np.ndarray
    candidates: dict[str, Candidate] = field(default_factory=dict)


# --- data ---


def find_data(outcomes: str = "", labelled: str = "") -> tuple[list[LabelledPrompt], str]:
    """The labelled prompts to learn from and the sentence that says where they came from.

    Args:
        outcomes: graded rows; empty: outputs/graded/outcomes.jsonl, else the shipped sample.
        labelled: prompts with labels from people or a model (several sources with commas between); empty: what
            notebooks 01 and 02 left; "none": none.
    """
    left = settings.outputs("graded") / "outcomes.jsonl"
    outcomes = outcomes or (str(left) if left.exists() else sources.SAMPLE)
    usual = [
        settings.outputs("datasets") / "router_dataset_all.jsonl",
        settings.outputs("analysis") / "labelled_questions.jsonl",
    ]
    labelled = labelled or ",".join(str(path) for path in usual if path.exists())
    rows = list(sources.load_rows(outcomes, LabelledPrompt))
    if labelled and labelled != "none":
        rows += list(sources.load_rows(labelled, LabelledPrompt))
    counts = Counter(row.source for row in rows)
    listed = ", ".join(f"{number:,} {source}" for source, number in sorted(counts.items()))
    return (
        rows,
        f"{len(rows):,} labelled prompts ({listed}), graded ones from {Path(outcomes).name}.",
    )


def read_outcomes(path: str | Path = "") -> list[LabelledPrompt]:
    """Outcomes of a file that has at the least prompt, category, inferior_score and superior_score (JSONL, .gz or not).

    Args:
        path: empty: what notebook 04 left, else the shipped sample.

    Raises:
        RowError: naming file and line of the first row that is none.
    """
    if not path:
        return [row for row in find_data("", "none")[0] if row.inferior_score is not None]
    rows = []
    for number, value in jsonl.read_values(path):
        try:
            rows.append(outcome_row(value))
        except (KeyError, TypeError, ValueError) as error:
            raise RowError(f"{path}, line {number}: not an outcome ({error}).") from None
    return rows


def split_rows(
    rows: Examples, seed: int = 0, shares: dict[str, float] | None = None
) -> dict[str, np.ndarray]:
    """Positions of train, validation, calibration and test rows; "unscored" are those left for a check of their own.

    Graded rows are split by prompt group. The others (people's and models' labels) train where their weight is
    above zero and their prompt is in no other part; those of weight zero are "unscored", unless the router has
    learnt or was calibrated on the same prompt.

    Raises:
        ValueError: there are too few graded rows to split.
    """
    graded = np.flatnonzero(rows.graded)
    if len(graded) < 20:
        raise SettingError(
            f"Only {len(graded)} graded rows: a split needs 20 at the least, some hundreds to be of use."
        )
    parts = {name: graded[at] for name, at in split(rows.groups[graded], shares, seed).items()}
    elsewhere = np.concatenate([rows.groups[at] for name, at in parts.items() if name != "train"])
    others = np.flatnonzero(~rows.graded & (rows.weights > 0) & ~np.isin(rows.groups, elsewhere))
    learnt = np.r_[
        np.concatenate([rows.groups[parts[name]] for name in parts if name != "test"]),
        rows.groups[others],
    ]
    weightless = np.flatnonzero(~rows.graded & (rows.weights == 0) & ~np.isin(rows.groups, learnt))
    return parts | {"train": np.r_[parts["train"], others], "unscored": weightless}


def tokens_per_call(folder: str | Path | None = None) -> dict[str, float]:
    """Mean prompt and answer tokens of a call, by model, as measured in the graded files; empty where none are."""
    spent: dict[str, list[int]] = {}
    base = settings.outputs("graded") if folder is None else settings.resolve(folder)
    for path in sorted(base.glob("*.jsonl")):
        for _, row in jsonl.read_values(path):
            for sample in row.get("responses", []):
                tokens = [sample.get(name) for name in ("prompt_tokens", "completion_tokens")]
                if None not in tokens:
                    spent.setdefault(row["model"], []).append(sum(tokens))
    return {model: float(np.mean(tokens)) for model, tokens in spent.items()}


# --- fitting and choosing ---


def light_scorers(
    backbone: str | Path, max_length: int = encoders.MAX_LENGTH
) -> dict[str, Callable[[], Scorer]]:
    """Name -> a new scorer, for everything that trains in seconds."""
    encoder = encoders.shared(str(backbone), max_length)
    return {
        "random": scorers.Random,
        "constant": scorers.Constant,
        "category mean": scorers.CategoryMean,
        "TF-IDF + ridge": scorers.TfidfRidge,
        "embedding + logistic": partial(scorers.EmbeddingLogistic, encoder),
        "embedding + neighbours": partial(scorers.Neighbours, encoder),
        "kernel": partial(scorers.Kernel, encoder),
    }


def fit(
    train: Examples,
    validation: Examples,
    backbone: str | Path,
    recipes: Sequence[fine_tuning.Recipe] = (),
    seed: int = 0,
    parts: int = 4,
    use_categories: bool = True,
    progress: bool = True,
) -> Run:
    """Fit every candidate: the baselines, the kernel, an encoder for each recipe (the best is kept), the blend.

    Args:
        recipes: how to fine-tune; none: no encoder. parts: folds for out-of-fold scores.
        use_categories: whether scorers are given the category of a prompt they score. Say False where
            prompts will come without one.
    """
    development = train.join(validation)
    if not use_categories:
        development = replace(development, categories=["uncategorised"] * len(development))
    run = Run(development, np.arange(len(train), len(development)))
    held = folds(development.groups, parts, seed)
    scorers = light_scorers(backbone)
    with bar(
        len(scorers), f"baselines and kernel, each {len(held)} + 1 times", "scorer", progress
    ) as counter:
        for name, build in scorers.items():
            run.candidates[name] = _light(name, build, development, held)
            counter.update()
    if recipes:
        run.candidates[ENCODER] = _best_encoder(train, validation, run, recipes, progress)
    run.candidates[BLEND] = _blend(run)
    return run


def _light(
    name: str, build: Callable[[], Scorer], rows: Examples, held: Sequence[np.ndarray]
) -> Candidate:
    scores = np.full(len(rows), np.nan)
    for part in held:
        rest = np.setdiff1d(np.arange(len(rows)), part)
        fitted = build().fit(rows.take(rest)) if len(rest) else build().fit(rows)
        scores[part] = fitted.score(
            [rows.texts[i] for i in part], [rows.categories[i] for i in part]
        )
    calibration = metrics.calibrate("platt", scores, rows.p_superior)
    return Candidate(Router(name, build().fit(rows), calibration), calibration(scores))


def _best_encoder(
    train: Examples,
    validation: Examples,
    run: Run,
    recipes: Sequence[fine_tuning.Recipe],
    progress: bool,
) -> Candidate:
    tried = [_encoder(train, validation, run, recipe, progress) for recipe in recipes]
    return max(tried, key=lambda candidate: candidate.router.metrics["validation_apgr"])


def _encoder(
    train: Examples, validation: Examples, run: Run, recipe: fine_tuning.Recipe, progress: bool
) -> Candidate:
    scorer, history = fine_tuning.fine_tune(train, validation, recipe, progress=progress)
    scores = np.full(len(run.development), np.nan)
    scores[run.validation] = scorer.score(validation.texts)
    calibration = _anchored(run, scores)
    candidate = Candidate(
        Router(ENCODER, scorer, calibration), _where_known(calibration, scores), history
    )
    reached = apgr_or_nan(scores[run.validation], validation)
    candidate.router.metrics = {
        "target": recipe.target,
        "validation_apgr": reached if reached == reached else -1.0,
    }
    if progress:
        speed = f"{history.examples_per_second:.0f} examples/s"
        print(
            f"{ENCODER}, target {recipe.target}: APGR {reached:.3f} on validation, {speed}",
            flush=True,
        )
    return candidate


def _anchored(run: Run, scores: np.ndarray) -> metrics.Calibration:
    """Platt's curve on the rows that have a score, its level taken from the kernel's, which saw more rows.

    The few validation rows say how steep the curve is; how frequent the label is, all development rows say.
    """
    known = np.flatnonzero(~np.isnan(scores))
    fitted = metrics.calibrate("platt", scores[known], run.development.p_superior[known])
    level = run.candidates["kernel"].held_out[known].mean()
    slopes = fitted.slope * metrics.log_odds(scores[known])
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if metrics.sigmoid(slopes + middle).mean() < level else (low, middle)
        )
    return replace(fitted, intercept=(low + high) / 2)


def _where_known(calibration: metrics.Calibration, scores: np.ndarray) -> np.ndarray:
    known = ~np.isnan(scores)
    calibrated = np.full(len(scores), np.nan)
    calibrated[known] = calibration(scores[known])
    return calibrated


def apgr_or_nan(score: np.ndarray, rows: Examples) -> float:
    """APGR over the graded rows; NaN where they show no gap."""
    graded = rows.graded
    try:
        return metrics.apgr(np.asarray(score)[graded], rows.inferior[graded], rows.superior[graded])
    except metrics.MetricError:
        return float("nan")


def _blend(run: Run) -> Candidate:
    """The blend: weights of the light parts from all held-out rows, the encoder's from the validation rows."""
    rows = run.development
    parts = [run.candidates[name] for name in BLEND_OF]
    held_out = [part.held_out for part in parts]
    blend = scorers.blend_weights(held_out, rows.gain, rows.weights, list(BLEND_OF.values()))
    scores = blend.mix([part.held_out for part in parts])
    if ENCODER in run.candidates:
        parts.append(run.candidates[ENCODER])
        blend = _with_encoder(blend, scores, parts[-1].held_out, rows, run.validation)
        scores = blend.mix([part.held_out for part in parts])
    calibration = _anchored(run, scores)
    scorer = _fitted_blend(blend, parts)
    return Candidate(Router(BLEND, scorer, calibration), _where_known(calibration, scores))


def _with_encoder(
    light: scorers.Blend,
    mixed: np.ndarray,
    encoder: np.ndarray,
    rows: Examples,
    validation: np.ndarray,
) -> scorers.Blend:
    outer = scorers.blend_weights(
        [mixed[validation], encoder[validation]],
        rows.gain[validation],
        rows.weights[validation],
        [1 - ENCODER_SHARE, ENCODER_SHARE],
    ).plain
    share = outer["weights"][0] / outer["scales"][0]
    return scorers.Blend(
        [],
        [share * weight for weight in light.plain["weights"]] + [outer["weights"][1]],
        [*light.plain["centres"], outer["centres"][1]],
        [*light.plain["scales"], outer["scales"][1]],
    )


def _fitted_blend(blend: scorers.Blend, parts: Sequence[Candidate]) -> scorers.Blend:
    """The blend over the parts' own scores: each part's calibration, a line in log-odds, goes into centre and scale."""
    weights, centres, scales = (blend.plain[name] for name in ("weights", "centres", "scales"))
    kept = [i for i, weight in enumerate(weights) if weight > 1e-6] or [0]
    lines = [parts[i].router.calibration for i in kept]
    return scorers.Blend(
        [parts[i].router.scorer for i in kept],
        [weights[i] for i in kept],
        [(centres[i] - line.intercept) / line.slope for i, line in zip(kept, lines, strict=True)],
        [scales[i] / line.slope for i, line in zip(kept, lines, strict=True)],
    )


def choose(runs: Sequence[Run]) -> tuple[str, str]:
    """The candidate to save, by held-out rows of all runs, and the sentence that says why.

    The blend is the default: choosing the best of nine by a few hundred rows picks the luckiest. Another one
    is chosen only where its APGR is higher by more than one standard error of the paired difference.
    """
    better: dict[str, float] = {}
    try:
        for name in runs[0].candidates:
            gained, low = _advantage(runs, name)
            better |= {name: gained} if low > 0 else {}
    except metrics.MetricError as error:
        return (
            BLEND,
            f"The {BLEND} is kept, since the validation rows cannot rank the candidates: {error}",
        )
    if not better:
        return (
            BLEND,
            f"The {BLEND} is kept: no other candidate beats it by more than one standard error on held-out rows.",
        )
    best = max(better, key=better.__getitem__)
    return (
        best,
        f"{best} is chosen: on held-out rows its APGR is {better[best]:.3f} above the {BLEND}'s.",
    )


def _advantage(runs: Sequence[Run], name: str) -> tuple[float, float]:
    """APGR above the blend's, and that less one standard error, on rows where both have held-out scores."""
    columns: list[list[np.ndarray]] = [[], [], [], []]
    for run in runs:
        pair = [run.candidates[one].held_out for one in (name, BLEND)]
        at = run.development.graded & ~np.isnan(pair[0]) & ~np.isnan(pair[1])
        values = [*pair, run.development.inferior, run.development.superior]
        for column, value in zip(columns, values, strict=True):
            column.append(value[at])
    joined = [np.concatenate(column) for column in columns]
    gained, low, _ = metrics.paired_difference(metrics.apgr, *joined, n=300, level=ONE_SIGMA)
    return gained, low


# --- measuring ---


@dataclass
class Tested:
    """Scores of one split's test rows: `index` are their positions, `after` and `before` calibration, by name."""

    index: np.ndarray
    after: dict[str, np.ndarray]
    before: dict[str, np.ndarray]


def score_test(
    run: Run, examples: Examples, index: np.ndarray, use_categories: bool = True
) -> Tested:
    """Score the test rows (positions `index` of `examples`) with every candidate of a run, once."""
    test = examples.take(index)
    tested = Tested(np.asarray(index), {}, {})
    for name, candidate in run.candidates.items():
        raw = candidate.router.scorer.score(test.texts, test.categories if use_categories else None)
        tested.before[name], tested.after[name] = raw, np.asarray(candidate.router.calibration(raw))
    return tested


def measure(
    examples: Examples, tests: Sequence[Tested], chosen: str, n: int = 1000
) -> list[dict[str, Any]]:
    """The comparison table, one row a candidate, best APGR first.

    Several tests (repeated splits) make one figure, each ranked within itself; intervals resample the rows of
    `examples`, so a row that several splits test counts as one. ECE, Brier score and log loss are of all tests' rows
    together, against p_superior. APGR and CPT are NaN where the tests together show no gap.

    Returns:
        Rows of name, chosen, apgr, apgr_low, apgr_high, difference (to the best baseline, paired) with _low and
        _high, cpt50, cpt80, auc, brier, log_loss, ece, ece_before, ece_by_chance.
    """
    names = list(tests[0].after)
    counts = np.random.default_rng(0).poisson(1.0, size=(n, len(examples))).astype(np.float32)
    point = {name: float(_apgr(examples, tests, name, None)[0]) for name in names}
    drawn = {name: _apgr(examples, tests, name, counts) for name in names}
    best = max(
        (name for name in BASELINES if name in point and name != "random"), key=point.__getitem__
    )
    rows = []
    for name in names:
        low, high = metrics.interval(drawn[name])
        least, most = metrics.interval(drawn[name] - drawn[best])
        rows.append(
            {
                "name": name,
                "chosen": name == chosen,
                "apgr": point[name],
                "apgr_low": low,
                "apgr_high": high,
            }
            | {"best_baseline": best, "difference": point[name] - point[best]}
            | {"difference_low": least, "difference_high": most}
            | _other_metrics(examples, tests, name)
        )
    return sorted(rows, key=lambda row: -row["apgr"])


def _apgr(
    examples: Examples, tests: Sequence[Tested], name: str, counts: np.ndarray | None
) -> np.ndarray:
    """APGR over all tests, each ranked within itself, of every resample; NaN where together they show no gap."""
    parts = []
    for test in tests:
        inside = None if counts is None else counts[:, test.index]
        both = (examples.inferior[test.index], examples.superior[test.index])
        parts.append(metrics.apgr_parts(test.after[name], *both, counts=inside))
    areas, gains = np.sum(parts, axis=0)
    return metrics.ratio(areas, gains)


def _other_metrics(examples: Examples, tests: Sequence[Tested], name: str) -> dict[str, float]:
    p = np.concatenate([test.after[name] for test in tests])
    raw = np.concatenate([test.before[name] for test in tests])
    index = np.concatenate([test.index for test in tests])
    y = examples.p_superior[index]
    both = (examples.inferior[index], examples.superior[index])
    ranks = np.concatenate([(rankdata(test.after[name]) - 0.5) / len(test.index) for test in tests])

    return {
        "cpt50": metrics.or_nan(partial(metrics.cpt, x=0.5), ranks, *both),
        "cpt80": metrics.or_nan(partial(metrics.cpt, x=0.8), ranks, *both),
        "auc": metrics.auc(ranks, y),
        "brier": metrics.brier(p, y),
        "log_loss": metrics.log_loss(p, y),
        "ece": metrics.ece(p, y),
        "ece_before": metrics.ece(raw, y),
        "ece_by_chance": metrics.ece_by_chance(p, n=100),
    }


def _figure(value: float, form: str = ".3f") -> str:
    return "–" if np.isnan(value) else format(value, form)


def as_markdown(rows: Sequence[dict[str, Any]]) -> str:
    """The comparison table in Markdown, each figure with its 95 % interval in brackets; the chosen router in bold."""
    lines = [
        f"| router | APGR | above best baseline | CPT 50{NO_BREAK}% | CPT 80{NO_BREAK}% | AUC | Brier | ECE |",
        "|---|---|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        name = f"**{row['name']}** (chosen)" if row["chosen"] else row["name"]
        cells = []
        for key, form in (("apgr", ".3f"), ("difference", "+.3f")):
            value, low, high = (_figure(row[key + end], form) for end in ("", "_low", "_high"))
            cells.append(f"{value} [{low}, {high}]")
        cells += [_figure(row[key], ".2f") for key in ("cpt50", "cpt80")]
        cells += [_figure(row[key]) for key in ("auc", "brier", "ece")]
        lines.append(
            "| " + " | ".join([name, *(cell.replace(" ", NO_BREAK) for cell in cells)]) + " |"
        )
    return "\n".join(lines)


def verdict(rows: Sequence[dict[str, Any]]) -> str:
    """What the table says, in words: does the chosen router beat the best baseline, and is that sure?"""
    row = next(row for row in rows if row["chosen"])
    if np.isnan(row["apgr"]):
        return "On these test rows the superior model is no better than the inferior one: there is no gap to recover, no APGR."
    low, high = (_figure(row[f"difference_{end}"], "+.3f") for end in ("low", "high"))
    interval = f"{row['difference']:+.3f} APGR (95 % interval {low} to {high})"
    if row["name"] == row["best_baseline"]:
        return f"The best baseline, {row['name']}, is itself the choice: nothing that was trained beyond it did better."
    if row["difference_low"] > 0:
        return f"The {row['name']} beats the best baseline, {row['best_baseline']}, by {interval}."
    if row["difference_high"] < 0:
        return f"A baseline wins: {row['best_baseline']} is better than the {row['name']}, whose difference is {interval}."
    side = "above" if row["difference"] >= 0 else "below"
    return (
        f"The {row['name']} is {side} the best baseline, {row['best_baseline']}, by {interval}: on so few test rows the "
        "two cannot be told apart."
    )


def on_people(router: Router, rows: Examples) -> tuple[dict[str, float], str]:
    """How the router's scores agree with labels of another kind (people's): figures and the sentence."""
    p = router.score(rows.texts)
    agreed = float(((p >= 0.5) == (rows.p_superior > 0.5)).mean())
    low, high = metrics.bootstrap(metrics.auc, p, rows.p_superior)
    found = {
        "rows": len(rows),
        "auc": metrics.auc(p, rows.p_superior),
        "auc_low": low,
        "auc_high": high,
        "brier": metrics.brier(p, rows.p_superior),
        "agreement": agreed,
        "correlation": float(np.corrcoef(p, rows.p_superior)[0, 1])
        if p.std() > 0 and rows.p_superior.std() > 0
        else 0.0,
    }
    told = "does not tell" if low <= 0.5 <= high else "tells"
    sentence = (
        f"On {len(rows):,} questions that votes have labelled and training has not seen, AUC is {found['auc']:.3f} (95 % "
        f"interval {low:.3f} to {high:.3f}): the router {told} apart what the voters found easy and hard."
    )
    return found, sentence


def accuracies(rows: Examples) -> dict[str, dict[str, dict[str, float]]]:
    """Both models' mean accuracy with its bootstrap interval: {side: {"accuracy": {value, low, high}}}."""
    found = {}
    for side in ("inferior", "superior"):
        values = getattr(rows, side)
        low, high = metrics.bootstrap(np.mean, values)
        found[side] = {"accuracy": {"value": float(values.mean()), "low": low, "high": high}}
    return found


def threshold_loss(
    score: np.ndarray, rows: Examples, threshold: float
) -> tuple[float, float, float]:
    """Mean accuracy lost against always calling the superior model, in [-1, 1], and its bootstrap interval."""
    lost = np.where(score < threshold, rows.superior - rows.inferior, 0.0)
    return float(lost.mean()), *metrics.bootstrap(np.mean, lost)


def by_category(score: np.ndarray, rows: Examples) -> list[dict[str, Any]]:
    """Results by category: rows, both accuracies, APGR (NaN where a category has no gap), mean p_superior."""
    table = []
    for name in sorted(set(rows.categories)):
        at = np.array([category == name for category in rows.categories])
        inside = rows.take(at)
        table.append(
            {
                "category": name,
                "rows": int(at.sum()),
                "inferior": float(inside.inferior.mean()),
                "superior": float(inside.superior.mean()),
                "p_superior": float(score[at].mean()),
                "apgr": apgr_or_nan(score[at], inside),
            }
        )
    return table


# --- certifying and saving ---


def certify(
    router: Router,
    calibration: Examples | str | Path,
    epsilon: float = 0.05,
    delta: float = 0.1,
    inferior_cost: float | None = None,
    superior_cost: float | None = None,
    use_categories: bool = True,
) -> certificates.Certificate:
    """Certify the router's threshold on fresh rows, and set its threshold, certificate and curve.

    Example:
        certificate = routerlib.certify(router, "fresh_outcomes.jsonl", epsilon=0.05, delta=0.1)
        print(certificate.sentence)

    Args:
        calibration: graded rows that neither the router nor its calibration has seen, or a file of them.
        inferior_cost, superior_cost: mean price of one call, in dollars.
    """
    if not isinstance(calibration, Examples):
        calibration = from_rows(read_outcomes(calibration))
    score = router.score(calibration.texts, calibration.categories if use_categories else None)
    outcomes = (calibration.inferior, calibration.superior)
    found = certificates.certify(score, *outcomes, epsilon, delta)
    router.certificate, router.threshold = found.to_dict(), found.threshold
    router.curve = metrics.routing_curve(
        score, *outcomes, inferior_cost=inferior_cost, superior_cost=superior_cost
    )
    return found


def folder_name(backbone: str | Path, at: time.struct_time | None = None) -> str:
    """<backbone>-router-finetuning-<YYYYMMDDTHHMMSS>-save."""
    stamp = time.strftime("%Y%m%dT%H%M%S", at or time.localtime())
    return f"{Path(str(backbone)).name}-router-finetuning-{stamp}-save"


def save(
    router: Router,
    backbone: str | Path,
    table: Sequence[dict[str, Any]],
    data: str,
    folder: str | Path | None = None,
) -> Path:
    """Write the router with its model card; returns the folder (a new one below outputs/models by default).

    A fine-tuned encoder's calibration goes into its last layer, so that the plain transformers pipeline gives
    calibrated probabilities (isotonic calibration cannot be put there, and is applied by `Router` alone).
    """
    target = (
        settings.outputs("models") / folder_name(backbone)
        if folder is None
        else settings.resolve(folder)
    )
    target.mkdir(parents=True, exist_ok=True)
    folded(router).save(target)
    (target / "README.md").write_text(model_card(router, table, data), encoding="utf-8")
    jsonl.write_json(target / "metrics.json", {"table": list(table)})
    return target


def folded(router: Router) -> Router:
    """The same router, with an encoder's calibration inside the encoder's last layer where that is possible."""
    line = router.calibration
    if router.kind != "encoder" or line.method not in ("platt", "temperature") or not line.logit:
        return router
    return replace(
        router,
        scorer=router.scorer.fold(line.slope, line.intercept),
        calibration=metrics.Calibration("none"),
    )


def model_card(router: Router, table: Sequence[dict[str, Any]], data: str) -> str:
    """The card: what it is, on what it was trained, how good it is, what it promises, where it ends."""
    promise = (
        router.certificate["sentence"] if router.certificate else "The threshold is not certified."
    )
    models = f"`{router.models.get('inferior', 'inferior')}` and `{router.models.get('superior', 'superior')}`"
    plain = {
        "encoder": "`transformers.pipeline('text-classification', folder)` gives the same probabilities.",
        "blend": "The folder's own transformers model, where there is one, is only one part of the blend: "
        "`Router.from_pretrained(folder)` gives the router's probabilities.",
    }.get(
        router.kind, "It is no transformers model: read it with `Router.from_pretrained(folder)`."
    )
    return (
        "\n\n".join(
            [
                "---\npipeline_tag: text-classification\ntags: [llm-router]\n---",
                f"# Router: {router.name}",
                f"Sends each prompt to one of {models}. {plain}",
                f"## Data\n\n{data}",
                f"## Figures, on test rows touched once\n\n{as_markdown(table)}"
                if table
                else "## Figures\n\nNone.",
                f"## Threshold\n\n{router.threshold:.4f}. {promise}",
                "## Limits\n\nThe figures and the certificate hold for prompts like those above. On other prompts, or after "
                "either model changes, measure and certify again. p_superior is the probability that only the superior "
                "model's answer is good; prompts are ranked by the expected gain behind it.",
            ]
        )
        + "\n"
    )
