"""What each notebook leaves in metrics.json, for machines: counts and shares that the run has
found, under names that stay the same from version to version.

A notebook calls one function here in its last cell, and adds what only it knows: its parameters.
Nothing is measured here beyond counting; the sentences for people are `readings`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from routerlib.answers import examining, grading
from routerlib.rows.schemas import (
    ROUTE_TO_INFERIOR,
    ROUTE_TO_SUPERIOR,
    LabelledPrompt,
    Vote,
)
from routerlib.stats import metrics
from routerlib.training import evaluation
from routerlib.votes import ratings

if TYPE_CHECKING:
    import numpy as np

    from routerlib.answers.judging import Judging
    from routerlib.labels.cleaning import Report
    from routerlib.labels.labelling import Check, LabellingRun
    from routerlib.labels.training_set import Merged
    from routerlib.notebook.panel import RouterPanel
    from routerlib.training.competition import Competition
    from routerlib.training.evaluation import Compared
    from routerlib.training.examples import Examples
    from routerlib.training.policy_choice import PolicyCertificate
    from routerlib.training.router import Decision, Router


def of_votes(
    votes: Sequence[Vote],
    rows: Sequence[ratings.Difficulty],
    labelled: Sequence[LabelledPrompt],
    ranked: Sequence[ratings.Rating],
    tiers: ratings.Tiers,
) -> dict[str, Any]:
    """01: how many votes, questions and labels there are, and where the models stand."""
    verdicts = Counter(row.verdict for row in rows)
    return {
        "n_votes": len(votes),
        "n_questions": len({vote.question_id for vote in votes}),
        "n_models": len(ratings.models_voted_on(votes)),
        "n_judges": len({vote.judge for vote in votes}),
        "n_cross_tier_votes": sum(row.votes for row in rows),
        "n_labelled": len(labelled),
        "n_undecided": verdicts[ratings.UNDECIDED],
        "n_inferior": verdicts[ROUTE_TO_INFERIOR],
        "n_superior": verdicts[ROUTE_TO_SUPERIOR],
        "superior_models": tiers.superior,
        "inferior_models": tiers.inferior,
        "split_rule": tiers.rule,
        "ratings": {row.model: round(row.rating, 1) for row in ranked},
    }


def of_agreement(
    on_answers: ratings.Agreement,
    without_ties: ratings.Agreement,
    on_label: ratings.Agreement,
) -> dict[str, float | None]:
    """01: how far votes agree, and the ceiling that follows; None where no two votes meet."""
    has_pairs = on_label.share is not None
    return {
        "human_agreement": on_answers.share,
        "human_agreement_without_ties": without_ties.share,
        "label_agreement": on_label.share,
        "ceiling": ratings.ceiling(on_label.share or 0.0) if has_pairs else None,
    }


def of_labels(
    report: Report,
    run: LabellingRun,
    overall: Check,
    checks: Mapping[str, Check],
    merged: Merged,
    card: Mapping[str, Any],
) -> dict[str, Any]:
    """02: what the filters took, what the labeller said and is worth, and the training set."""
    return {
        "n_read": report.read,
        "n_kept": report.kept,
        "dropped": report.counts(),
        "n_labelled": run.labelled,
        "n_unparsable": run.unparsable,
        "n_failed": run.failed,
        "n_inferior": run.labels.get(ROUTE_TO_INFERIOR, 0),
        "n_superior": run.labels.get(ROUTE_TO_SUPERIOR, 0),
        "method": run.method,
        **overall.numbers(),
        "agreement_by_source": {name: check.agreement for name, check in checks.items()},
        "cost": run.summary.cost,
        "n_dataset": card["rows"],
        "splits": card["counts"]["split"],
        "n_duplicates_merged": merged.duplicates,
        "dataset_sha256": card["dataset_sha256"],
    }


def of_grades(
    result: grading.Grading,
    inferior: dict[str, Any],
    superior: dict[str, Any],
    counts: Mapping[str, float],
) -> dict[str, Any]:
    """04: both models' accuracy, the outcomes that they make, and what grading took."""
    return {
        "inferior": inferior,
        "superior": superior,
        "reading": grading.reading_gap(inferior, superior),
        "outcomes": counts,
        "answers": result.answers,
        "rejected_rows": result.rejected,
        "lost_to_timeouts": result.lost,
        "seconds": round(result.seconds, 2),
    }


def of_judging(
    examined: Sequence[examining.Examination],
    admission: examining.Admission | None,
    judged: Judging | None,
) -> dict[str, Any]:
    """04: what the judges' examination showed, and what they then said; None: nothing to judge."""
    return {
        "examined": examining.examination_figures(examined),
        "judge_is_refused": admission.is_refused if admission else None,
        "judging": judged.numbers() if judged else {},
    }


def of_router(
    router: Router, table: Sequence[Compared], after: np.ndarray, test: Examples
) -> dict[str, Any]:
    """05: the router that is saved, how good it is, and what its threshold does on test rows.

    Args:
        table: all candidates; one is chosen. after: calibrated scores of the test rows, (n,).
    """
    best = next(row for row in table if row.chosen)
    [reached] = metrics.routing_curve(after, test.inferior, test.superior, [router.threshold])
    return {
        "router": best.name,
        "kind": router.kind,
        **evaluation.accuracies(test),
        "apgr": {"value": best.apgr, "low": best.apgr_low, "high": best.apgr_high},
        "threshold": router.threshold,
        "share_superior": reached["share_superior"],
        "accuracy": reached["accuracy"],
        "certificate": router.certificate,
    }


def of_policies(found: Competition, certificate: PolicyCertificate) -> dict[str, Any]:
    """05: the policy of one or two decisions that was chosen, and those it stood beside."""
    return {
        "policy": {"name": found.choice.name, "sentence": certificate.sentence},
        "policies": [row.to_dict() for row in found.table],
    }


def of_demo(
    router: Router, scores: np.ndarray, panel: RouterPanel, alone: Decision, within: Decision
) -> dict[str, Any]:
    """06: where the sample prompts go, what the panel shows, and what a conversation changes.

    Args:
        scores: p_superior of the sample prompts, (n,). alone, within: the follow-up's decisions.
    """
    decision = panel.decision
    return {
        "router": {"name": router.name, "kind": router.kind, "threshold": router.threshold},
        "sample_prompts": len(scores),
        "share_superior": float((scores >= router.threshold).mean()),
        "panel": {
            "decision": decision.model if decision else None,
            "p_superior": decision.p_superior if decision else None,
        },
        "answers": {
            side: {
                "state": given.state,
                "seconds": given.seconds,
                "completion_tokens": given.completion_tokens,
            }
            for side, given in panel.answers.items()
        },
        "follow_up": {"alone": alone.p_superior, "in_conversation": within.p_superior},
    }
