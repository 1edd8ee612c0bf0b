"""The part of certificate.py for policies of two decisions: is their one promise kept?

Not run by itself. Half of the rows fit the policies, whose paths then stand; the other half is
taken as the whole population, so that the true loss of every threshold is known. Calibration sets
are drawn from it with replacement.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import binomtest

from routerlib.stats import costs
from routerlib.stats.costs import STATES
from routerlib.training import examples, policy_choice
from routerlib.training.policies import Policy


def measure(
    policy: Policy,
    score: np.ndarray,
    population: policy_choice.Outcomes,
    n: int,
    epsilon: float,
    delta: float,
    resamples: int,
) -> dict[str, Any]:
    """One row of the table: how often the promise from n calibration rows is broken, and what it
    spares.
    """
    course = policy.course(score, population.signals)
    lost = population.superior - population.inferior
    rng = np.random.default_rng(n)
    broken, certified, calls, money = 0, 0, [], []
    for _ in range(resamples):
        drawn = rng.integers(len(score), size=n)
        placed, found = policy_choice.certify_policy(
            policy, score[drawn], population.take(drawn), epsilon, delta
        )
        state = course.states(placed.threshold)
        kept = state < STATES.index("escalated")
        broken += bool(np.where(kept, lost, 0.0).mean() > epsilon)
        certified += found.promise.certified
        bill = costs.spent(course, population.costs, placed.threshold).mean()
        calls.append(kept.mean())
        money.append(1 - bill / population.costs.superior.mean())
    low, high = binomtest(broken, resamples).proportion_ci(method="exact")
    return {
        "policy": policy.name,
        "epsilon": epsilon,
        "delta": delta,
        "rows": n,
        "violations": broken / resamples,
        "violations_low": low,
        "violations_high": high,
        "certified": certified / resamples,
        "calls_spared": float(np.mean(calls)),
        "money_spared": float(np.mean(money)),
    }


def table(
    data: examples.Examples,
    score: np.ndarray,
    told: policy_choice.Outcomes,
    sizes: tuple[int, ...],
    epsilons: tuple[float, ...],
    delta: float,
    resamples: int,
) -> list[dict[str, Any]]:
    """Every policy at every size and epsilon, printed as it comes.

    Args:
        score: held-out scores of all rows, from fits that did not see them.
    """
    halves = examples.split(data.groups, {"fit": 0.5, "population": 0.5})
    fitted = policy_choice.fit_policies(halves["fit"], score[halves["fit"]], told, data.groups)
    population = told.take(halves["population"])
    print(
        "policy           epsilon   rows  broken (95 % interval)     certified  calls spared  "
        "money spared"
    )
    rows = []
    for policy in fitted.policies.values():
        for epsilon in epsilons:
            for n in sizes:
                row = measure(
                    policy, score[halves["population"]], population, n, epsilon, delta, resamples
                )
                rows.append(row)
                print(
                    f"{row['policy']:16} {epsilon:7.2f} {n:6,}  {row['violations']:.3f} "
                    f"({row['violations_low']:.3f} to {row['violations_high']:.3f})    "
                    f"{row['certified']:7.3f} {row['calls_spared']:13.3f} "
                    f"{row['money_spared']:13.3f}",
                    flush=True,
                )
    return rows
