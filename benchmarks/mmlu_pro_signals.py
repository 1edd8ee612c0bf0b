"""Outcomes of MMLU-Pro with signals: two models' recorded answers, and whether other cheap models
agree.

    python benchmarks/mmlu_pro_signals.py --pair PAIR --others OTHERS --second mathstral-7B --output
    FILE

PAIR has a question a line, with inferior_output and superior_output; OTHERS the outputs of other
cheap models to the same questions, by question_id (both JSONL, may be gzipped; `mmlu_pro_data.py`
makes them of what is published). All are graded
here, by routerlib's own grader; the signals are what `answers.signals` reads off the inferior
output and one other model's. Prices: --price-ratio for a call of each cheap model, 1 for the
superior model's, times the length of the answer over the mean length.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from routerlib.answers import correctness, grading, signals
from routerlib.answers.killable import Crew
from routerlib.rows import jsonl
from routerlib.rows.schemas import Responses


def responses(question: dict[str, Any], model: str, output: str) -> Responses:
    """One recorded output as a row of responses."""
    letter = ord(question["answer"]) - ord("A")
    return Responses(
        unique_id=question["question_id"],
        problem=question["question"],
        is_mcq=True,
        choices=question["options"],
        choice_index_correct=letter,
        answer_correct=question["options"][letter],
        category=question["category"],
        model=model,
        responses=[{"full_response": output}],
    )


def pairs_of(
    pair_file: Path, other_file: Path, second: str, inferior: str = ""
) -> list[tuple[Responses, Responses, Responses | None]]:
    """(inferior, superior, second model or None) of every question that has both.

    Args:
        inferior: one of OTHERS, to take the place of the pair's own inferior model; empty: that.
    """
    others = {row["question_id"]: row for _, row in jsonl.read_values(other_file)}
    found = []
    for _, row in jsonl.read_values(pair_file):
        beside = others.get(row["question_id"], {})
        cheap = beside.get(inferior) if inferior else row["inferior_output"]
        if not cheap:
            continue
        said = beside.get(second)
        found.append(
            (
                responses(row, inferior or row["inferior_model"], cheap),
                responses(row, row["superior_model"], row["superior_output"]),
                responses(row, second, said) if said else None,
            )
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pair", type=Path, required=True)
    parser.add_argument("--others", type=Path, required=True)
    parser.add_argument("--inferior", default="", help="one of OTHERS, in place of PAIR's")
    parser.add_argument("--second", default="mathstral-7B", help="the other cheap model")
    parser.add_argument("--price-ratio", type=float, default=0.1)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    rows = pairs_of(args.pair, args.others, args.second, args.inferior)
    with Crew("routerlib.answers.correctness:grade_answer") as crew:
        items = [correctness.item_of(one, one.responses[0]) for row in rows for one in row[:2]]
        verdicts = list(crew.map(items))
    with Crew("routerlib.answers.signals:measure") as crew:
        measured = list(crew.map([signals.signals_item(row[0], row[2]) for row in rows]))
    lengths = np.array([[_length(one) for one in row] for row in rows])
    scale = lengths.mean(axis=0)
    written = []
    for number, (row, found) in enumerate(zip(rows, measured, strict=True)):
        right = [verdicts[2 * number + side]["is_correct"] for side in (0, 1)]
        cost = lengths[number] / scale
        written.append(
            {
                "id": row[0].unique_id,
                "prompt": grading.prompt_of(row[0]),
                "category": row[0].category,
                "inferior_score": float(right[0]),
                "superior_score": float(right[1]),
                "inferior_signals": found,
                "inferior_cost": args.price_ratio * cost[0],
                "superior_cost": cost[1],
                "signals_cost": args.price_ratio * cost[2],
            }
        )
    jsonl.write_rows(args.output, written)
    accuracies = [
        np.mean([row[f"{side}_score"] for row in written]) for side in ("inferior", "superior")
    ]
    print(f"{len(written):,} rows, inferior {accuracies[0]:.3f}, superior {accuracies[1]:.3f}.")


def _length(row: Responses | None) -> int:
    return len(row.responses[0].full_response) if row else 0


if __name__ == "__main__":
    main()
