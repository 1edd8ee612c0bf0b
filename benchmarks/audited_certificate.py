"""The part of certificate.py for promises about people, made from a judge's losses and an audit.

Not run by itself. The rows' own grades are taken for people's verdicts, and a planted judge for the
one whose losses are known everywhere: good (right on 85 % of the rows), biased (always for the
inferior model), useless (a die) and adversarial (the opposite of people). The promise has to be
kept with all four, and has to be worth its audits with the good one: 2,000 judged rows, 200 of them
audited, against 300 audited rows without a judge.

The rows are cut in two halves. From the first one comes what sets the chances of an audit: how
common each kind of row is, and which scores are high. The second one is the population from which
the rows to certify are drawn, and whose true losses count. What was chosen by hand
(audits.WINNER_NAMED, FADING and the like) was chosen on made-up populations, none of them a file's:
any outcomes show what it is worth on yours.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binomtest

from routerlib.stats import audits
from routerlib.training import examples

EPSILONS = (0.02, 0.05)
JUDGES = ("good", "biased", "useless", "adversarial")
ACCURACY = 0.85
JUDGED, AUDITED, ALONE = 2000, 200, 300
AT_ONCE = 50  # samples that are certified together: memory for 50 x 202 thresholds


def judge(kind: str, people: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What a planted judge says where people's losses (-1, 0, 1) are these."""
    if kind == "biased":
        return np.full(people.shape, -1.0)
    if kind == "useless":
        return rng.integers(-1, 2, people.shape).astype(float)
    if kind == "adversarial":
        return -people
    other = (people + 1 + rng.integers(1, 3, people.shape)) % 3 - 1
    return np.where(rng.random(people.shape) < ACCURACY, people, other)


def thresholds(
    score: np.ndarray,
    people: np.ndarray,
    kind: str,
    rows: int,
    epsilon: float,
    delta: float,
    resamples: int,
    known: tuple[np.ndarray, np.ndarray],
    evenly: bool = False,
) -> np.ndarray:
    """The certified threshold of each resample, 0 where there is none; shape (resamples,).

    Args:
        kind: of the judge; "none": every row is audited and nobody judges. known: scores and
            people's losses of the rows that set the chances. evenly: every row with the same one.
    """
    rng = np.random.default_rng(rows)
    others = judge(kind, known[1], rng) if kind != "none" else known[1], known[0]
    found = []
    for start in range(0, resamples, AT_ONCE):
        shape = (min(AT_ONCE, resamples - start), rows)
        drawn = rng.integers(len(score), size=shape)
        truth = people[drawn]
        judged, chance = np.zeros(shape), np.ones(shape)
        if kind != "none":
            judged = judge(kind, truth, rng)
            chance = np.full(shape, AUDITED / rows)
        if kind != "none" and not evenly:
            chance = np.stack(
                [
                    audits.audit_chances(losses, AUDITED, hardness=looks, others=others)
                    for losses, looks in zip(judged, score[drawn], strict=True)
                ]
            )
        seen = np.where(rng.random(shape) < chance, truth, np.nan)
        found.append(
            audits.certified_thresholds(score[drawn], judged, seen, chance, epsilon, delta)
        )
    return np.concatenate(found)


def table(
    data: examples.Examples, score: np.ndarray, delta: float, resamples: int
) -> list[dict[str, Any]]:
    """Every judge at every epsilon, printed as it comes."""
    loss = data.superior - data.inferior
    first, second = np.array_split(np.random.default_rng(0).permutation(len(loss)), 2)
    known = score[first], loss[first]
    score, loss = score[second], loss[second]
    order = np.argsort(score, kind="stable")
    sorted_scores = score[order]
    total = np.r_[0.0, np.cumsum(loss[order])] / len(score)
    print(
        "judge, rows (audited)             epsilon  broken (95 % interval)     certified  "
        "could spare  saving kept"
    )
    lines: list[dict[str, Any]] = []
    cases = [("none", ALONE, False), *((kind, JUDGED, False) for kind in JUDGES)]
    cases.append(("good", JUDGED, True))
    for epsilon in EPSILONS:
        possible = max(_possible(sorted_scores, total, epsilon), 1e-12)
        for kind, rows, evenly in cases:
            at = thresholds(score, loss, kind, rows, epsilon, delta, resamples, known, evenly)
            below = np.searchsorted(sorted_scores, at, side="left")
            broken = int((total[below] > epsilon).sum())
            low, high = binomtest(broken, resamples).proportion_ci(method="exact")
            lines.append(
                {
                    "judge": kind,
                    "epsilon": epsilon,
                    "delta": delta,
                    "rows": rows,
                    "audited": ALONE if kind == "none" else AUDITED,
                    "evenly": evenly,
                    "violations": broken / resamples,
                    "violations_low": low,
                    "violations_high": high,
                    "certified": float((at > 0).mean()),
                    "possible_share": possible,
                    **spread("saving_kept", below / len(score) / possible),
                }
            )
            print(_line(lines[-1]), flush=True)
    return lines


def spread(name: str, of_draws: ArrayLike) -> dict[str, float]:
    """The mean of a number over the draws, and between which values 95 % of the draws lie."""
    low, high = np.quantile(of_draws, [0.025, 0.975])
    return {name: float(np.mean(of_draws)), f"{name}_low": float(low), f"{name}_high": float(high)}


def _possible(sorted_scores: np.ndarray, total: np.ndarray, epsilon: float) -> float:
    """The largest share of calls that a threshold spares within epsilon."""
    _, first = np.unique(sorted_scores, return_index=True)
    below = np.r_[first, len(sorted_scores)]
    return float(below[total[below] <= epsilon].max()) / len(sorted_scores)


def _line(row: dict[str, Any]) -> str:
    name = f"{row['judge']}, {row['rows']:,} ({row['audited']})"
    if row["evenly"]:
        name += " evenly"
    return (
        f"{name:33} {row['epsilon']:7.2f}  {row['violations']:.3f} "
        f"({row['violations_low']:.3f} to {row['violations_high']:.3f})    "
        f"{row['certified']:7.3f} {row['possible_share']:12.3f} {row['saving_kept']:12.3f}"
    )
