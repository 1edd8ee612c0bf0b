"""When does a second look pay? Made-up outcomes whose answer is known, at price ratios from 0.02
to 0.4.

    python benchmarks/second_look.py [--rows 4000] [--seeds 5]

Three kinds of signals: informative, useless, and misleading (the model is surest where only the
superior one is right). For each kind and price ratio: which policy is chosen by held-out cost area,
and its cost area on 20,000 fresh rows beside those of all three. The exit status is 1 where the
chosen policy lies more than 0.02 below the better of router and cascade, or a second look is chosen
that loses to the router alone.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import numpy as np  # noqa: E402
from outcomes_with_signals import made_up  # noqa: E402

from routerlib.stats import costs  # noqa: E402
from routerlib.training import policy_choice  # noqa: E402
from routerlib.training.policies import CASCADE, NAMES, ROUTER  # noqa: E402

FRESH = 20_000
ALLOWED, SLACK = 0.02, 0.002  # the second: what 20,000 rows cannot tell apart


def one_seed(kind: str, rows: int, seed: int) -> list[tuple[float, str, dict[str, float]]]:
    """At each price ratio: what is chosen, and the cost areas on fresh rows."""
    score, told = made_up(kind, rows, seed)
    fitted = policy_choice.fit_policies(np.arange(rows), score, told, np.arange(rows))
    fresh_score, fresh = made_up(kind, FRESH, seed + 1000)
    found = []
    for ratio in policy_choice.RATIOS:
        priced, population = told.at_ratio(ratio), fresh.at_ratio(ratio)
        here = fitted.at(priced)
        chosen = policy_choice.choose([here], priced).name
        areas = {}
        for name, policy in here.policies.items():
            course = policy.course(fresh_score, population.signals)
            outcomes = (population.inferior, population.superior, population.costs)
            areas[name] = costs.cost_area(course, *outcomes)
        found.append((ratio, chosen, areas))
    return found


def main() -> int:
    """Print the table; 1 where a choice was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    wrong = 0
    print("signals      price ratio  " + "  ".join(NAMES) + "   chosen")
    for kind in ("informative", "useless", "misleading"):
        seeds = [one_seed(kind, args.rows, seed) for seed in range(args.seeds)]
        for at in zip(*seeds, strict=True):
            chosen = Counter(name for _, name, _ in at)
            means = {name: np.mean([areas[name] for _, _, areas in at]) for name in NAMES}
            for _, name, areas in at:
                short = max(areas[ROUTER], areas[CASCADE]) - areas[name]
                wrong += short > ALLOWED or areas[name] < areas[ROUTER] - SLACK
            figures = "  ".join(f"{means[name]:{len(name)}.3f}" for name in NAMES)
            listed = ", ".join(f"{name} {count}" for name, count in chosen.most_common())
            print(f"{kind:12} {at[0][0]:11.2f}  {figures}   {listed}", flush=True)
    print(f"\n{wrong} wrong choices." if wrong else "\nNo wrong choice.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
