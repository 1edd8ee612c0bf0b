"""The part of router_quality.py that looks at answers: router alone, cascade alone and both, by
money.

Not run by itself. From the splits that router_quality.py has made and scored, it fits the policies
on development rows, chooses one by held-out cost area, measures all on the test rows, and certifies
each there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import stats

from routerlib.stats import costs
from routerlib.training import evaluation, policy_choice
from routerlib.training.policies import ROUTER
from routerlib.training.policy_choice import Outcomes

EPSILON, DELTA = 0.05, 0.1


@dataclass(frozen=True)
class Split:
    """One split as the routers left it.

    development, test: positions among all rows. held_out: scores of the development rows by the
    chosen router's fits that did not see them. scores: of the test rows, by router.
    """

    development: np.ndarray
    test: np.ndarray
    held_out: np.ndarray
    scores: dict[str, np.ndarray]
    seed: int


def held_out_scores(chosen: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """The chosen router's held-out scores, and the kernel's where it has none (a fine-tuned
    encoder has few).
    """
    return np.where(np.isnan(chosen), kernel, chosen)


def tables(
    splits: Sequence[Split],
    told: Outcomes,
    groups: np.ndarray,
    chosen: str,
    price_ratios: Sequence[float],
) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows of all policies and routers, at the rows' own prices or at each price ratio, and a
    sentence for each.

    Args:
        chosen: the router that stands behind all policies.
    """
    fitted = [
        policy_choice.fit_policies(one.development, one.held_out, told, groups, one.seed)
        for one in splits
    ]
    rows, sentences = [], []
    for priced in [told.at_ratio(ratio) for ratio in price_ratios] or [told]:
        here = [one.at(priced) for one in fitted]
        choice = policy_choice.choose(here, priced)
        tests = []
        for one, split in zip(here, splits, strict=True):
            tested = policy_choice.on_test(one, split.test, split.scores[chosen], priced)
            routers = {name: costs.router_course(score) for name, score in split.scores.items()}
            tests.append(replace(tested, courses=routers | tested.courses))
        certified = certified_shares(here, splits, priced, chosen)
        for found in policy_choice.compare_policies(tests, priced, choice.name):
            row = found.to_dict() | certified.get(found.name, {})
            if found.name == ROUTER:
                row["router"] = chosen
            rows.append(row)
        sentences.append(choice.sentence)
    return rows, sentences


def certified_shares(
    fitted: Sequence[policy_choice.FittedPolicies],
    splits: Sequence[Split],
    told: Outcomes,
    chosen: str,
) -> dict[str, dict[str, float]]:
    """Mean share of calls and of the bill that each policy's certificate spares, on fresh (test)
    rows of each split; with the 95 % interval (Student's t) that so many splits give the share.
    """
    found = {}
    for name in fitted[0].policies:
        spared = []
        for one, split in zip(fitted, splits, strict=True):
            fresh = told.take(split.test)
            _, certificate = policy_choice.certify_policy(
                one.policies[name], split.scores[chosen], fresh, EPSILON, DELTA
            )
            at = certificate.expenses
            spared.append((1 - at["share_superior"], at["saved"]))
        calls, money = np.mean(spared, axis=0)
        found[name] = {"certified_share": float(calls), "certified_saving": float(money)}
        if len(spared) > 1:
            error = stats.sem([share for share, _ in spared])
            arm = float(stats.t.ppf(0.975, len(spared) - 1) * error)
            found[name] |= {
                "certified_share_low": float(calls) - arm,
                "certified_share_high": float(calls) + arm,
            }
    return found


def as_markdown(rows: Sequence[dict[str, Any]]) -> str:
    """The policies' rows in Markdown, the chosen one in bold."""
    lines = [
        "| policy | price ratio | cost area | above router alone | APGR "
        "| certified: calls spared | money spared |",
        "|---|---:|---|---|---|---:|---:|",
    ]
    for row in rows:
        name = f"**{row['name']}** (chosen)" if row["chosen"] else row["name"]
        cells = [name, f"{row['price_ratio']:.3g}"]
        for figure, form in (("cost_area", ".3f"), ("difference", "+.3f"), ("apgr", ".3f")):
            told = (row[figure + end] for end in ("", "_low", "_high"))
            cells.append(evaluation.with_interval(form, *told))
        for figure in ("certified_share", "certified_saving"):
            cells.append(f"{row[figure]:.1%}" if figure in row else "")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
