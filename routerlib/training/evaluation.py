"""What the candidates are worth on test rows touched once, and the certificate of the one to save.

One comparison table with intervals, what it says in words, and checks by people's labels and by
category. Fitting and choosing are `candidates`' business, and what the metrics mean is in
`metrics`; the notebook on fine-tuning and benchmarks/router_quality.py call the same functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from routerlib import settings
from routerlib.endpoints.prompts import as_text
from routerlib.rows.schemas import LabelledPrompt
from routerlib.stats import audits, certificates, metrics
from routerlib.training.candidates import BASELINES, Fitted, apgr_or_nan
from routerlib.training.examples import Examples, from_rows
from routerlib.training.labelled_data import read_outcomes
from routerlib.training.router import Router

NO_BREAK = "\N{NO-BREAK SPACE}"
HEADINGS = ("router", "APGR", "above best baseline", "CPT 50%", "CPT 80%", "AUC", "Brier", "ECE")


@dataclass
class Tested:
    """Scores of one split's test rows, by candidate.

    index: positions of the rows. after, before: calibrated and raw scores, shape (rows,) each.
    """

    index: np.ndarray
    after: dict[str, np.ndarray] = field(default_factory=dict)
    before: dict[str, np.ndarray] = field(default_factory=dict)


def score_test(
    run: Fitted, examples: Examples, index: np.ndarray, use_categories: bool = True
) -> Tested:
    """Score the test rows (positions `index` of `examples`) with every candidate of a run, once."""
    test = examples.take(index)
    categories = test.categories if use_categories else None
    tested = Tested(np.asarray(index))
    for name, candidate in run.candidates.items():
        raw = candidate.router.scorer.score(test.texts, categories)
        tested.before[name] = raw
        tested.after[name] = np.asarray(candidate.router.calibration(raw))
    return tested


@dataclass(frozen=True)
class Compared:
    """One candidate's row of the comparison table, over all test rows.

    Attributes:
        apgr, apgr_low, apgr_high: with its 95 % interval; NaN where the tests show no gap.
        best_baseline: the baseline of highest APGR, random aside.
        difference: of APGR to that baseline, with its paired 95 % interval.
        cpt50, cpt80: least share of calls that recovers 50 or 80 % of the gap.
        ece: after calibration; ece_before: of the raw score; ece_by_chance: of exact probabilities.
    """

    name: str
    chosen: bool
    apgr: float
    apgr_low: float
    apgr_high: float
    best_baseline: str
    difference: float
    difference_low: float
    difference_high: float
    cpt50: float
    cpt80: float
    auc: float
    brier: float
    log_loss: float
    ece: float
    ece_before: float
    ece_by_chance: float

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON values."""
        return asdict(self)


def compare(
    examples: Examples, tests: Sequence[Tested], chosen: str, n: int = 1000
) -> list[Compared]:
    """The comparison table, one row a candidate, best APGR first.

    Several tests (repeated splits) make one figure, each ranked within itself; intervals resample
    the rows of `examples`, so a row that several splits test counts as one. ECE, Brier score and
    log loss are of all tests' rows together, against p_superior.

    Args:
        chosen: name of the candidate that will be saved. n: resamples.
    """
    names = list(tests[0].after)
    # A Poisson count for each row resamples all tests at once: the same row in two tests is one
    # row.
    counts = np.random.default_rng(0).poisson(1.0, size=(n, len(examples))).astype(np.float32)
    point = {name: float(_apgr_of_resamples(examples, tests, name, None)[0]) for name in names}
    drawn = {name: _apgr_of_resamples(examples, tests, name, counts) for name in names}
    rivals = [name for name in BASELINES if name in point and name != "random"]
    best = max(rivals, key=point.__getitem__)
    rows = []
    for name in names:
        low, high = metrics.interval(drawn[name])
        least, most = metrics.interval(drawn[name] - drawn[best])
        row = Compared(
            name=name,
            chosen=name == chosen,
            apgr=point[name],
            apgr_low=low,
            apgr_high=high,
            best_baseline=best,
            difference=point[name] - point[best],
            difference_low=least,
            difference_high=most,
            **_other_metrics(examples, tests, name),
        )
        rows.append(row)
    return sorted(rows, key=lambda row: -row.apgr)


def _apgr_of_resamples(
    examples: Examples, tests: Sequence[Tested], name: str, counts: np.ndarray | None
) -> np.ndarray:
    """APGR over all tests, each ranked within itself, of every resample.

    NaN where together they show no gap.
    """
    parts = []
    for test in tests:
        inside = None if counts is None else counts[:, test.index]
        both = (examples.inferior[test.index], examples.superior[test.index])
        parts.append(metrics.apgr_parts(test.after[name], *both, counts=inside))
    areas, gains = np.sum(parts, axis=0)
    return metrics.ratio(areas, gains)


def _other_metrics(examples: Examples, tests: Sequence[Tested], name: str) -> dict[str, float]:
    from scipy.stats import rankdata

    index = np.concatenate([test.index for test in tests])
    p = np.concatenate([test.after[name] for test in tests])
    raw = np.concatenate([test.before[name] for test in tests])
    y = examples.p_superior[index]
    both = (examples.inferior[index], examples.superior[index])
    # Two splits' scores are on two scales: ranks within each test are on one.
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


# --- in words ---


def as_markdown(rows: Sequence[Compared]) -> str:
    """The comparison table in Markdown, figures with their 95 % intervals, the choice in bold."""
    heading = " | ".join(name.replace("%", f"{NO_BREAK}%") for name in HEADINGS)
    lines = [f"| {heading} |", "|---|---|---|---:|---:|---:|---:|---:|"]
    for row in rows:
        apgr = with_interval(".3f", row.apgr, row.apgr_low, row.apgr_high)
        above = with_interval("+.3f", row.difference, row.difference_low, row.difference_high)
        cells = [
            f"**{row.name}** (chosen)" if row.chosen else row.name,
            apgr.replace(" ", NO_BREAK),
            above.replace(" ", NO_BREAK),
            *(_figure_text(value, ".2f") for value in (row.cpt50, row.cpt80)),
            *(_figure_text(value) for value in (row.auc, row.brier, row.ece)),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def with_interval(form: str, value: float, low: float, high: float) -> str:
    """A figure and its interval as a table shows them; a dash for what so few rows cannot tell."""
    return f"{_figure_text(value, form)} [{_figure_text(low, form)}, {_figure_text(high, form)}]"


def _figure_text(value: float, form: str = ".3f") -> str:
    return "–" if np.isnan(value) else format(value, form)


def verdict(rows: Sequence[Compared]) -> str:
    """What the table says: does the chosen router beat the best baseline, and is that sure?"""
    row = next(row for row in rows if row.chosen)
    if np.isnan(row.apgr):
        return (
            "On these test rows the superior model is no better than the inferior one: there is no "
            "gap to recover, no APGR."
        )
    low, high = _figure_text(row.difference_low, "+.3f"), _figure_text(row.difference_high, "+.3f")
    by = f"{row.difference:+.3f} APGR (95 % interval {low} to {high})"
    rival = row.best_baseline
    if row.name == rival:
        return (
            f"The best baseline, {rival}, is itself the choice: nothing that was trained beyond it "
            "did better."
        )
    if row.difference_low > 0:
        return f"The {row.name} beats the best baseline, {rival}, by {by}."
    if row.difference_high < 0:
        return f"A baseline wins: {rival} is better than the {row.name}, whose difference is {by}."
    side = "above" if row.difference >= 0 else "below"
    return (
        f"The {row.name} is {side} the best baseline, {rival}, by {by}: on so few test rows the "
        "two cannot be told apart."
    )


def on_people(router: Router, rows: Examples) -> tuple[dict[str, float], str]:
    """How the router's scores agree with labels of another kind: figures, and the sentence."""
    p = router.score(rows.texts)
    auc = metrics.auc(p, rows.p_superior)
    low, high = metrics.bootstrap(metrics.auc, p, rows.p_superior)
    # A constant has no correlation with anything; numpy would warn and give NaN.
    varied = np.ptp(p) > 0 and np.ptp(rows.p_superior) > 0
    found = {
        "rows": len(rows),
        "auc": auc,
        "auc_low": low,
        "auc_high": high,
        "brier": metrics.brier(p, rows.p_superior),
        "agreement": float(((p >= 0.5) == (rows.p_superior > 0.5)).mean()),
        "correlation": float(np.corrcoef(p, rows.p_superior)[0, 1]) if varied else 0.0,
    }
    told = "does not tell" if low <= 0.5 <= high else "tells"
    sentence = (
        f"On {len(rows):,} questions that votes have labelled and training has not seen, AUC is "
        f"{auc:.3f} (95 % interval {low:.3f} to {high:.3f}): the router {told} apart what the "
        "voters found easy and hard."
    )
    return found, sentence


def accuracies(rows: Examples) -> dict[str, dict[str, dict[str, float]]]:
    """Both models' mean accuracy, as {side: {"accuracy": {value, low, high}}} (bootstrap)."""
    found = {}
    for side in ("inferior", "superior"):
        values = getattr(rows, side)
        low, high = metrics.bootstrap(np.mean, values)
        found[side] = {"accuracy": {"value": float(values.mean()), "low": low, "high": high}}
    return found


def threshold_loss(
    score: np.ndarray, rows: Examples, threshold: float
) -> tuple[float, float, float]:
    """Mean accuracy lost against always-superior, in [-1, 1], with its bootstrap interval."""
    lost = np.where(score < threshold, rows.superior - rows.inferior, 0.0)
    return float(lost.mean()), *metrics.bootstrap(np.mean, lost)


@dataclass(frozen=True)
class CategoryResult:
    """Test rows of one category: both accuracies, mean p_superior, APGR (NaN without a gap)."""

    category: str
    rows: int
    inferior: float
    superior: float
    p_superior: float
    apgr: float


def by_category(score: np.ndarray, rows: Examples) -> list[CategoryResult]:
    """The results of each category, by its name."""
    table = []
    for name in sorted(set(rows.categories)):
        at = np.array([category == name for category in rows.categories])
        inside = rows.take(at)
        table.append(
            CategoryResult(
                category=name,
                rows=len(inside),
                inferior=float(inside.inferior.mean()),
                superior=float(inside.superior.mean()),
                p_superior=float(score[at].mean()),
                apgr=apgr_or_nan(score[at], inside),
            )
        )
    return table


# --- certifying ---


@settings.needing_an_extra("Certifying a threshold")
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
        calibration: graded rows that neither the router nor its calibration has seen, or a file of
            them.
        inferior_cost, superior_cost: mean price of one call, in dollars.

    Raises:
        SettingError: no rows are given, or a cost is none. RowError: a row is no outcome.
        MetricError: no certificate has such an epsilon or delta.
    """
    certificates.check_terms(epsilon, delta)
    for name, cost in (("INFERIOR_COST", inferior_cost), ("SUPERIOR_COST", superior_cost)):
        if cost is not None:
            settings.number(name, cost)
    if not isinstance(calibration, Examples):
        # Nothing would stand for the shipped sample, and certify what nobody has measured.
        if not isinstance(calibration, str | Path) or not str(calibration).strip():
            raise settings.SettingError(
                f"CALIBRATION is {str(calibration)[:60]!r}; it is the name of a file with graded "
                "rows that the router has not seen."
            )
        calibration = from_rows(read_outcomes(calibration))
    score = router.score(calibration.texts, calibration.categories if use_categories else None)
    outcomes = (calibration.inferior, calibration.superior)
    found = certificates.certify_threshold(score, *outcomes, epsilon, delta)
    found = replace(found, judged=calibration.sources.count("judged"))
    router.certificate, router.threshold = found.to_dict(), found.threshold
    router.curve = metrics.routing_curve(
        score, *outcomes, inferior_cost=inferior_cost, superior_cost=superior_cost
    )
    return found


def certify_on_audit(
    router: Router,
    labelled: Sequence[LabelledPrompt],
    epsilon: float = 0.05,
    delta: float = 0.1,
    use_categories: bool = True,
) -> audits.AuditedCertificate | None:
    """Certify the threshold as people would see it, on the judged rows of the audit's plan, and
    give it to the router; None where people have checked none, and no claim about them is made.

    Args:
        labelled: rows as `labelled_data.find_data` gives them; those of a plan carry `audit`, and
            no router has learnt from them.
    """
    planned = [(row, row.audit) for row in labelled if row.audit]
    planned.sort(key=lambda item: item[1]["place"])
    if not any(audit["loss"] is not None for _, audit in planned):
        return None
    texts = [as_text(row.prompt) for row, _ in planned]
    categories = [row.category for row, _ in planned]
    said = [audit["loss"] for _, audit in planned]
    found = audits.certify_audited(
        router.score(texts, categories if use_categories else None),
        [(row.superior_score or 0.0) - (row.inferior_score or 0.0) for row, _ in planned],
        [np.nan if loss is None else loss for loss in said],
        [audit["picked"] for _, audit in planned],
        [audit["chance"] for _, audit in planned],
        epsilon,
        delta,
    )
    router.certificate, router.threshold = found.to_dict(), found.threshold
    return found


def promises(
    certificate: certificates.Certificate, audited: audits.AuditedCertificate | None
) -> str:
    """What is promised and for whom, in words: by known answers, as the judge sees it, or as people
    would.
    """
    if audited is not None:
        return f"{audited.sentence} (As the judge alone sees it: {certificate.sentence})"
    if certificate.judged:
        return (
            f"{certificate.sentence} No claim about people is made: audit some of the judged "
            "prompts (04), then run this again."
        )
    return certificate.sentence


# --- by source ---


@dataclass(frozen=True)
class SourceResult:
    """The chosen router on test rows of one source: APGR with its interval, NaN without a gap."""

    source: str
    rows: int
    inferior: float
    superior: float
    apgr: float
    apgr_low: float
    apgr_high: float


def by_source(
    examples: Examples, tests: Sequence[Tested], chosen: str, n: int = 1000
) -> list[SourceResult]:
    """What the chosen router is worth on graded and on judged test rows, each by themselves."""
    counts = np.random.default_rng(0).poisson(1.0, size=(n, len(examples))).astype(np.float32)
    sources = np.asarray(examples.sources)
    table = []
    for source in sorted({str(name) for test in tests for name in sources[test.index]}):
        inside = [_only(test, sources[test.index] == source) for test in tests]
        index = np.concatenate([test.index for test in inside])
        low, high = metrics.interval(_apgr_of_resamples(examples, inside, chosen, counts))
        table.append(
            SourceResult(
                source=source,
                rows=len(np.unique(index)),
                inferior=float(examples.inferior[index].mean()),
                superior=float(examples.superior[index].mean()),
                apgr=float(_apgr_of_resamples(examples, inside, chosen, None)[0]),
                apgr_low=low,
                apgr_high=high,
            )
        )
    return table


def _only(test: Tested, at: np.ndarray) -> Tested:
    after = {name: scores[at] for name, scores in test.after.items()}
    before = {name: scores[at] for name, scores in test.before.items()}
    return Tested(test.index[at], after, before)


def sources_as_markdown(table: Sequence[SourceResult]) -> str:
    """The results by source in Markdown; what a judged row calls quality is the judge's opinion."""
    lines = [
        "| test rows | rows | inferior | superior | APGR |",
        "|---|---:|---:|---:|---:|",
    ]
    for row in table:
        apgr = with_interval(".3f", row.apgr, row.apgr_low, row.apgr_high)
        lines.append(
            f"| {row.source} | {row.rows:,} | {row.inferior:.3f} | {row.superior:.3f} | "
            f"{apgr.replace(' ', NO_BREAK)} |"
        )
    return "\n".join(lines)
