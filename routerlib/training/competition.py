"""Notebook 05's question in one call: does a second look at the inferior model's answer pay?

From the routers that were fitted and tested on repeated splits, the policies are fitted on the same
development rows, chosen by held-out cost area, measured on the same test rows and certified on the
same calibration rows. What a policy is, is in `policies`; how one is chosen in `policy_choice`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from routerlib.rows.schemas import LabelledPrompt
from routerlib.stats.costs import Course
from routerlib.training import policy_choice
from routerlib.training.candidates import DEFAULT, Fitted
from routerlib.training.evaluation import Tested
from routerlib.training.examples import Examples
from routerlib.training.policies import ROUTER, Policy
from routerlib.training.policy_choice import (
    Choice,
    Outcomes,
    PolicyCertificate,
    PolicyResult,
    turning_sentence,
)
from routerlib.training.router import Router

__all__ = ["Competition", "certify_choice", "compete", "held_out_scores", "turning_sentence"]
Array = np.ndarray
ALONE = (
    "So the router alone is served, whose own threshold is certified. Both were tested on these "
    "rows, so that the risk of being served a promise that does not hold is at most {risk:.0%}."
)


@dataclass(frozen=True)
class Competition:
    """What came of it.

    told: signals and costs of all rows. choice: the policy to use at these prices, and why.
    table: the policies on test rows (`policy_choice.compare_policies`); over_ratios: the choice at
    other price ratios; both empty without signals. policy: the first split's, not certified yet.
    test, courses: positions of the first split's test rows, and what each policy does with them.
    """

    told: Outcomes
    choice: Choice
    table: list[PolicyResult]
    over_ratios: list[Choice]
    policy: Policy
    test: Array
    courses: dict[str, Course]

    @property
    def sentences(self) -> str:
        """When a second look pays, in five sentences."""
        if not self.table:
            return self.choice.sentence
        told = self.told
        ratio = told.costs.price_ratio
        reading = float(told.costs.signals.mean() / told.costs.inferior.mean())
        ours = next(row for row in self.table if row.chosen)
        prices = "At these prices" if told.priced else "With no prices given"
        extra = (
            f"reading its answer takes {reading:.1f} calls more (the further answers that it is "
            "compared with)"
            if reading
            else "reading is free"
        )
        return " ".join(
            [
                f"{prices} a call of the inferior model costs {ratio:.2g} of one of the superior "
                f"model, and {extra}.",
                self.choice.sentence,
                _area_told(ours),
                turning_sentence(self.over_ratios),
                "What a second look adds is worth its money where few prompts need both "
                "calls; where the first call is expensive, or the answer gives nothing away, it is "
                "not.",
            ]
        )


def _area_told(row: PolicyResult) -> str:
    """The chosen policy's cost area on test rows in words, or why there is none."""
    area, low, high = row.cost_area.value, row.cost_area.low, row.cost_area.high
    if np.isnan(area):
        return (
            "On test rows the superior model is not better, or not more expensive: there is no "
            "cost area."
        )
    interval = f"95 % interval {low:.3f} to {high:.3f}"
    if np.isnan(low):
        interval = "too few test rows for an interval"
    return (
        f"On test rows the cost area of '{row.name}' is {area:.3f} ({interval}), where spending "
        f"at random has 0.5{_above_the_router(row)}."
    )


def _above_the_router(row: PolicyResult) -> str:
    """How far the policy is above the router alone on test rows, as the end of a sentence."""
    by, low, high = row.difference.value, row.difference.low, row.difference.high
    if row.name == ROUTER or np.isnan(low):
        return ""
    told = f"{by:+.3f} ({low:+.3f} to {high:+.3f}) against the router alone"
    if low <= 0 <= high:
        told += ", which so many rows cannot tell from nothing"
    return f"; that is {told}"


def compete(
    labelled: Sequence[LabelledPrompt],
    rows: Examples,
    parts: Sequence[Mapping[str, Array]],
    runs: Sequence[Fitted],
    tests: Sequence[Tested],
    chosen: str,
    inferior_cost: float | None = None,
    superior_cost: float | None = None,
) -> Competition:
    """Fit, choose and measure the policies behind the chosen router.

    Args:
        labelled, rows: the same rows, as they were read and as arrays. parts, runs, tests: of each
            split. chosen: name of the router that stands behind all policies.
        inferior_cost, superior_cost: mean money of one call, where the rows carry none.
    """
    told = policy_choice.outcomes(labelled, inferior_cost, superior_cost)
    fitted, tested = [], []
    for seed, (part, run, test) in enumerate(zip(parts, runs, tests, strict=True)):
        index = np.r_[part["train"], part["validation"]]
        held_out = held_out_scores(run, chosen)
        graded = rows.graded[index]
        here = policy_choice.fit_policies(index[graded], held_out[graded], told, rows.groups, seed)
        fitted.append(here)
        tested.append(policy_choice.on_test(here, test.index, test.after[chosen], told))
    choice = policy_choice.choose(fitted, told)
    looked = len(fitted[0].policies) > 1
    table = policy_choice.compare_policies(tested, told, choice.name) if looked else []
    over_ratios = policy_choice.over_ratios(fitted, told) if looked else []
    return Competition(
        told=told,
        choice=choice,
        table=table,
        over_ratios=over_ratios,
        policy=replace(
            fitted[0].policies[choice.name],
            sources=policy_choice.sources_of(labelled),
            usual_costs=policy_choice.usual_costs(told),
            unit="dollars" if told.priced else "superior calls",
        ),
        test=tests[0].index,
        courses=tested[0].courses,
    )


def held_out_scores(run: Fitted, chosen: str) -> Array:
    """Held-out scores of the development rows: the chosen router's, the kernel's where it has none.

    A fine-tuned encoder has held-out scores of its validation rows only.
    """
    ours, kernel = (run.candidates[name].held_out for name in (chosen, DEFAULT))
    return np.where(np.isnan(ours), kernel, ours)


def certify_choice(
    found: Competition,
    router: Router,
    rows: Examples,
    calibration: Array,
    epsilon: float,
    delta: float,
    use_categories: bool = False,
) -> PolicyCertificate:
    """Certify the chosen policy on the calibration rows, and give it to the router.

    A router whose policy is the router alone keeps the threshold and the certificate that it has;
    so does one whose certificate is about people, which no policy of two decisions has, and one
    that is certified by itself where its policy is not. Each of the two promises is made at risk
    delta by a test of its own; which of them is served is seen on the same calibration rows, so
    that one of them fails at risk 2 delta at most (Bonferroni).
    """
    kept_back = rows.take(calibration)
    score = router.score(kept_back.texts, kept_back.categories if use_categories else None)
    told = found.told.take(calibration)
    placed, certificate = policy_choice.certify_policy(
        found.policy, score, told, epsilon, delta, currency=" dollars" if told.priced else ""
    )
    judged = kept_back.sources.count("judged")
    certificate = replace(certificate, promise=replace(certificate.promise, judged=judged))
    alone = router.certificate or {}
    is_safer_alone = bool(alone.get("certified")) and not certificate.promise.certified
    if is_safer_alone:
        certificate = replace(certificate, instead=ALONE.format(risk=min(1.0, 2 * delta)))
    is_about_people = "n_audited" in alone
    keeps_router = placed.name == ROUTER or is_about_people or is_safer_alone
    router.policy = None if keeps_router else replace(placed, certificate=certificate.to_dict())
    return certificate
