"""How good a router trains from a file of outcomes: APGR, calibration and paired differences, on
held-out rows.

    python benchmarks/router_quality.py --outcomes outputs/graded/outcomes.jsonl --train-share 0.8
    --seeds 5 --json table.json

Each row needs prompt, category, inferior_score and superior_score (JSONL, gzipped or not). For
every seed the rows are split by prompt group; everything is trained, chosen and calibrated on the
training share, and the rest is touched once.

Rows with inferior_signals (numbers by name) get a second table: the chosen router alone, a cascade
alone, and both, with cost areas by inferior_cost and superior_cost (and signals_cost) of the rows.
--price-ratio R prices every call of the inferior model at R, where one of the superior model costs
1: R = 0.1 is ten times cheaper. Several are welcome. The JSON then lists the policies, one
`chosen`, and the routers they stand beside, at each price ratio.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import policy_quality

from routerlib.endpoints import standins
from routerlib.rows import jsonl
from routerlib.training import (
    candidates,
    evaluation,
    examples,
    fine_tuning,
    labelled_data,
    policy_choice,
)

# The encoder's training budget over all seeds, in tokens: some 10 to 25 minutes on two cores.
TOKENS, TOKENS_PER_ROW = 1_200_000, 150


def epochs_within(rows: examples.Examples, share: float, seeds: int, most: float) -> float:
    """Epochs of fine-tuning that fit the budget of tokens.

    At most `most`, and 0 where not even one fits.
    """
    tokens = sum(min(256, len(text) / 4) for text in rows.texts) * share * seeds
    return float(min(most, (TOKENS + TOKENS_PER_ROW * len(rows.texts)) // max(tokens, 1)))


def split_parts(rows: examples.Examples, share: float, seed: int) -> dict[str, np.ndarray]:
    """Positions of the training, validation and test rows of one split."""
    shares = {"train": share * 0.85, "validation": share * 0.15, "test": 1 - share}
    return examples.split(rows.groups, shares, seed)


def one_seed(
    rows: examples.Examples, share: float, seed: int, backbone: str, epochs: float, target: str
):
    """Train everything on a share of the rows; returns the run and the scored test rows."""
    parts = split_parts(rows, share, seed)
    recipe = (
        fine_tuning.Recipe(backbone, target=target, epochs=epochs, seed=seed) if epochs else None
    )
    run = candidates.fit_candidates(
        rows.take(parts["train"]),
        rows.take(parts["validation"]),
        backbone,
        [recipe] if recipe else [],
        seed,
    )
    return run, evaluation.score_test(run, rows, parts["test"])


def splits_of(
    rows: examples.Examples, given: argparse.Namespace, runs: list, tests: list, chosen: str
) -> list[policy_quality.Split]:
    """What the policies need to know of each split."""
    splits = []
    for number, (run, tested) in enumerate(zip(runs, tests, strict=True)):
        seed = given.first_seed + number
        parts = split_parts(rows, given.train_share, seed)
        held = [run.candidates[name].held_out for name in (chosen, candidates.DEFAULT)]
        splits.append(
            policy_quality.Split(
                np.r_[parts["train"], parts["validation"]],
                tested.index,
                policy_quality.held_out_scores(*held),
                tested.after,
                seed,
            )
        )
    return splits


def draw(rows: examples.Examples, tests: list, chosen: str, path: str) -> None:
    """The curve of 05 over all splits: a row that several splits test has the mean of its scores,
    so that the band counts it once.
    """
    from routerlib.notebook import plots

    plots.use_house_style()
    index = np.concatenate([tested.index for tested in tests])
    once, place = np.unique(index, return_inverse=True)
    times = np.bincount(place)
    scores = {}
    for name in tests[0].after:
        whole = np.concatenate([tested.after[name] for tested in tests])
        scores[name] = np.bincount(place, weights=whole) / times
    tested_rows = rows.take(once)
    figure = plots.cost_quality(scores, tested_rows.inferior, tested_rows.superior, chosen)
    figure.savefig(path, dpi=110, bbox_inches="tight")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--outcomes", required=True, help="JSONL or .jsonl.gz")
    parser.add_argument(
        "--train-share", type=float, default=0.8, help="share of the rows to develop on"
    )
    parser.add_argument("--seeds", type=int, default=5, help="number of repeated splits")
    parser.add_argument(
        "--first-seed",
        type=int,
        default=0,
        help="splits that no choice was made on start at another",
    )
    parser.add_argument(
        "--backbone", help="encoder, a folder or hub name (default: the offline stand-in)"
    )
    parser.add_argument("--target", default=fine_tuning.TARGETS[0], choices=fine_tuning.TARGETS)
    parser.add_argument(
        "--epochs", type=float, default=4, help="of fine-tuning at most; 0: no encoder"
    )
    parser.add_argument("--json", help="write the table here")
    parser.add_argument("--figure", help="draw accuracy over the share of superior calls here")
    parser.add_argument(
        "--price-ratio",
        type=float,
        nargs="+",
        default=[],
        metavar="R",
        help="inferior call : superior call = R : 1, instead of the rows' own costs",
    )
    given = parser.parse_args()
    started = time.perf_counter()
    outcomes = labelled_data.read_outcomes(given.outcomes)
    rows, told = examples.from_rows(outcomes), policy_choice.outcomes(outcomes)
    backbone = given.backbone or str(standins.path("encoder"))
    epochs = epochs_within(rows, given.train_share, given.seeds, given.epochs)
    print(
        f"{len(rows):,} rows, {len(set(rows.categories))} categories; inferior "
        f"{rows.inferior.mean():.3f}, superior "
        f"{rows.superior.mean():.3f}; {given.seeds} seeds, {epochs:g} epochs of fine-tuning",
        flush=True,
    )
    runs, tests = [], []
    for number in range(given.seeds):
        seed = given.first_seed + number
        run, tested = one_seed(rows, given.train_share, seed, backbone, epochs, given.target)
        runs.append(run)
        tests.append(tested)
        done = time.perf_counter() - started
        print(
            f"split {number + 1}/{given.seeds}, seed {seed}: {len(tested.index):,} test rows, "
            f"{done:.0f} s so far",
            flush=True,
        )
    chosen, why = candidates.choose_candidate(runs)
    table = evaluation.compare(rows, tests, chosen, n=1000 if len(rows) < 5000 else 300)
    print(f"\n{evaluation.as_markdown(table)}\n\n{why} {evaluation.verdict(table)}")
    written = [row.to_dict() for row in table]
    if told.signals:
        splits = splits_of(rows, given, runs, tests, chosen)
        written, sentences = policy_quality.tables(
            splits, told, rows.groups, chosen, given.price_ratio
        )
        print(f"\n{policy_quality.as_markdown(written)}\n", *sentences, sep="\n")
    if given.json:
        jsonl.write_json(given.json, written)
    if given.figure:
        draw(rows, tests, chosen, given.figure)
    print(f"Done in {time.perf_counter() - started:.0f} s.")


if __name__ == "__main__":
    main()
