"""Does the certificate keep its promise, and what does the promise cost? By resampling real
outcomes.

    python benchmarks/certificate.py --outcomes FILE [--resamples 1000] [--json OUT]

FILE is JSONL (may be gzipped) with `prompt, category, inferior_score, superior_score` at the least.
TF-IDF + ridge, cross-fitted, gives every row a score; the rows are then taken as the whole
population, so the true loss of any threshold is known. Calibration sets of 300, 1,000 and 2,000
rows are drawn from it with replacement, each is
certified, and two numbers are printed side by side for each test: how often the certified threshold
truly loses more than epsilon (promise: at most delta), and what share of the calls that could be
spared within epsilon it spares. The exit status is 1 where a promise is broken more often than
chance explains.

With --judges, the promise is one about people: the rows' own grades are taken for what people would
say, planted judges (good, biased, useless, adversarial) judge 2,000 rows, about 200 of them are
audited, and 300 audited rows alone stand beside them (see audited_certificate.py).

With --policies, and rows that carry inferior_signals, the same is done for the policies of one and
two decisions, whose promise is one: thresholds of both decisions move along one path (see
policy_certificate.py).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from scipy import stats

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import audited_certificate  # noqa: E402
import policy_certificate  # noqa: E402

from routerlib.rows import jsonl  # noqa: E402
from routerlib.rows.schemas import LabelledPrompt  # noqa: E402
from routerlib.stats import calibration, certificates, metrics  # noqa: E402
from routerlib.training import examples, policy_choice  # noqa: E402
from routerlib.training.scorers import TfidfRidge  # noqa: E402

SIZES = (300, 1000, 2000)
EPSILONS = (0.02, 0.05)
METHODS = ("auto", "betting", "clopper-pearson")


def read_outcomes(file: Path) -> list[LabelledPrompt]:
    """The graded rows of a file, whatever else it holds."""
    rows = [examples.outcome_row(row) for _, row in jsonl.read_values(file)]
    return [row for row in rows if row.inferior_score is not None]


def cross_fitted(data: examples.Examples, folds: int = 5) -> np.ndarray:
    """Calibrated TF-IDF + ridge scores, each from a model that never saw its row; shape (n,)."""
    scores = np.empty(len(data))
    for held_out in examples.folds(data.groups, folds):
        seen = np.setdiff1d(np.arange(len(data)), held_out)
        model = TfidfRidge().fit(data.take(seen))
        part = data.take(held_out)
        scores[held_out] = model.score(part.texts, part.categories)
    return calibration.calibrate("platt", scores, data.p_superior)(scores)


def true_losses(score: np.ndarray, loss: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every threshold that tells two rows apart.

    With the population's mean loss there and its share of spared calls.
    """
    order = np.argsort(score, kind="stable")
    thresholds, first = np.unique(score[order], return_index=True)
    below = np.r_[first, len(score)]
    total = np.r_[0.0, np.cumsum(loss[order])][below] / len(score)
    return np.r_[thresholds, np.inf], total, below / len(score)


def measure(
    score: np.ndarray,
    data: examples.Examples,
    n: int,
    epsilon: float,
    delta: float,
    method: str,
    resamples: int,
) -> dict:
    """One row of the table: the promise and its price for calibration sets of n rows."""
    thresholds, losses, spared = true_losses(score, data.superior - data.inferior)
    possible = float(spared[losses <= epsilon].max())
    rng = np.random.default_rng(n)
    broken, kept, certified = 0, [], 0
    for _ in range(resamples):
        drawn = rng.integers(len(score), size=n)
        answers = (score[drawn], data.inferior[drawn], data.superior[drawn])
        certificate = certificates.certify_threshold(*answers, epsilon, delta, method)
        at = int(np.searchsorted(thresholds, certificate.threshold)) if certificate.certified else 0
        broken += bool(losses[at] > epsilon)
        certified += certificate.certified
        kept.append(spared[at] / possible if possible else np.nan)
    low, high = stats.binomtest(broken, resamples).proportion_ci(method="exact")
    return {
        "method": method,
        "epsilon": epsilon,
        "delta": delta,
        "rows": n,
        "violations": broken / resamples,
        "violations_low": low,
        "violations_high": high,
        "certified": certified / resamples,
        "possible_share": possible,
        **audited_certificate.spread("saving_kept", kept),
    }


def tests_table(
    score: np.ndarray, data: examples.Examples, delta: float, resamples: int
) -> list[dict]:
    """Every test at every size and epsilon, printed as it comes."""
    print(
        "test             epsilon   rows  broken (95 % interval)     certified  could spare  "
        "saving kept"
    )
    table = []
    for epsilon in EPSILONS:
        for n in SIZES:
            for method in METHODS:
                row = measure(score, data, n, epsilon, delta, method, resamples)
                table.append(row)
                print(
                    f"{method:16} {epsilon:7.2f} {n:6,}  {row['violations']:.3f} "
                    f"({row['violations_low']:.3f} to {row['violations_high']:.3f})    "
                    f"{row['certified']:7.3f} {row['possible_share']:12.3f} "
                    f"{row['saving_kept']:12.3f}",
                    flush=True,
                )
    return table


def main() -> int:
    """Print the table; 1 where a promise was broken significantly more often than delta."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--outcomes", type=Path, required=True, help="graded outcomes, JSONL or JSONL.gz"
    )
    parser.add_argument(
        "--resamples", type=int, default=1000, help="calibration sets drawn for each line"
    )
    parser.add_argument("--delta", type=float, default=0.05, help="risk of a broken promise")
    parser.add_argument("--policies", action="store_true", help="of two decisions; needs signals")
    parser.add_argument("--judges", action="store_true", help="planted judges, audited in part")
    parser.add_argument("--json", type=Path, help="also write the table to this file")
    args = parser.parse_args()
    began = time.perf_counter()
    labelled = read_outcomes(args.outcomes)
    data = examples.from_rows(labelled)
    score = cross_fitted(data)
    area = metrics.apgr(score, data.inferior, data.superior)
    print(
        f"{len(data):,} rows, inferior {data.inferior.mean():.3f}, superior "
        f"{data.superior.mean():.3f}; the scores' "
        f"APGR is {area:.3f}. delta = {args.delta:g}, {args.resamples:,} resamples a line, fitted "
        f"in "
        f"{time.perf_counter() - began:.0f} s.\n"
    )
    if args.judges:
        table = audited_certificate.table(data, score, args.delta, args.resamples)
    elif args.policies:
        told = policy_choice.outcomes(labelled)
        terms = (SIZES, EPSILONS, args.delta, args.resamples)
        table = policy_certificate.table(data, score, told, *terms)
    else:
        table = tests_table(score, data, args.delta, args.resamples)
    if args.json:
        args.json.write_text(json.dumps(table, indent=1) + "\n")
    worst = max(table, key=lambda row: row["violations"])
    broken = [row for row in table if row["violations_low"] > args.delta]
    verdict = "Promise broken" if broken else "Promise kept"
    print(
        f"\n{verdict}: at worst {worst['violations']:.3f} of certificates lose more than epsilon "
        f"(allowed: "
        f"{args.delta:g}). {time.perf_counter() - began:.0f} s in all."
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
