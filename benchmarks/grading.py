"""How fast and how safely answers are graded on this machine, against the limits we promise, in one
run.

    python benchmarks/grading.py [--workers 2]

Promised on two cores: 8,000 multiple-choice outputs in 10 s, 1,000 mathematical ones in 10 s, and
20 hostile expressions each graded or given up within its time limit while the run goes on. The
outputs are made here: reasoning of 200 to 4,000 characters with an answer in one of several styles;
expressions of several kinds. For orientation, the same multiple-choice outputs go through one
regular expression, the reading that most scripts use: what care costs.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

STYLES = (
    "The answer is ({}).",
    "**Answer:** {}",
    r"Therefore $\boxed{{{}}}$",
    "Option {} is correct.",
    "So it must be ({}).",
)
EXPRESSIONS = (
    (r"\frac{{{a}}}{{{b}}}", r"{a}/{b}"),
    (r"{a}\sqrt{{{b}}}", r"\sqrt{{{c}}}"),
    ("x^2 + {a}x + {b}", "{b} + x({a} + x)"),
    ("({a}, {b})", r"\left({a}, {b}\right)"),
    (r"\{{{a}, {b}\}}", r"\{{{b}, {a}\}}"),
    ("{a}", "{b}"),
)
HOSTILE = (
    "9^{9^{9^{9}}}",
    "10^{10^{10}}",
    "2^{2^{2^{2^{2^{2}}}}}",
    "9**9**9**9",
    "(10^9)!",
    "99999999!!",
    r"\binom{10^8}{5\cdot 10^7}",
    r"\sum_{k=1}^{10^{9}} \frac{1}{k^{k}}",
    r"\int_0^1 e^{e^{e^{x}}} dx",
    r"\prod_{n=1}^{100000} n",
    r"7^{7^{7^7}} \bmod 1000",
    "9" * 10_000,
    "1" + "0" * 10_000 + ".5",
    "{" * 3_000,
    "(" * 1_500 + "1" + ")" * 1_500,
    r"\sqrt{" * 300 + "2" + "}" * 300,
    r"\frac{" * 200 + "1" + "}{2}" * 200,
    r"\left(" * 500,
    "(((((x+1)^{10})^{10})^{10})^{10})^{10}",
    r"\sin(\cos(\tan(" * 60 + "x" + ")" * 180,
)


def main() -> None:
    """Time the three jobs and print each beside its limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2)
    workers = parser.parse_args().workers
    with tempfile.TemporaryDirectory() as folder:
        choices, maths, hostile = choice_rows(8_000), maths_rows(1_000), hostile_rows()
        seconds, result = graded(Path(folder, "choice.jsonl"), choices, workers)
        print(
            f"multiple choice: 8,000 outputs in {seconds:.1f} s (limit 10 s), {share(result):.1%} "
            "read as written"
        )
        print(f"  one regular expression on the same outputs: {simple(choices):.2f} s")
        seconds, result = graded(Path(folder, "maths.jsonl"), maths, workers)
        print(f"mathematics: 1,000 outputs in {seconds:.1f} s (limit 10 s)")
        seconds, result = graded(Path(folder, "hostile.jsonl"), hostile, workers, timeout=5.0)
        limit = 5.0 * len(HOSTILE) / workers
        print(
            f"hostile: {len(HOSTILE)} expressions in {seconds:.1f} s (if all hung: {limit:.0f} s), "
            f"{result.lost} given up; harmless answers between them read: {share(result) * 2:.0%}"
        )


def graded(
    path: Path, rows: list[dict], workers: int, timeout: float = 5.0
) -> tuple[float, object]:
    from routerlib.answers import grading

    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    started = time.perf_counter()
    result = grading.grade(path, path.parent / "graded", workers, timeout, progress=False)
    return time.perf_counter() - started, result


def share(result: object) -> float:
    return result.summaries[0]["accuracy"]["value"]


def simple(rows: list[dict]) -> float:
    pattern = re.compile(r"answer is \(?([A-J])\)?")
    started = time.perf_counter()
    for row in rows:
        pattern.findall(row["responses"][0]["full_response"])
    return time.perf_counter() - started


def choice_rows(count: int) -> list[dict]:
    draw = random.Random(0)
    words = [
        "the",
        "rate",
        "of",
        "change",
        "is",
        "therefore",
        "given",
        "by",
        "mass",
        "times",
        "speed",
        "and",
        "so",
        "we",
        "find",
        "that",
        "energy",
        "(joules)",
        "of",
        "it",
        "stays",
    ]
    rows = []
    for i in range(count):
        right = draw.randrange(10)
        prose = " ".join(draw.choices(words, k=draw.randrange(40, 800)))
        options = [f"{draw.randrange(1, 999)} J of kind {j}" for j in range(10)]
        rows.append(
            row(i, STYLES[i % len(STYLES)].format("ABCDEFGHIJ"[right]), prose, options, right)
        )
    return rows


def maths_rows(count: int) -> list[dict]:
    draw = random.Random(1)
    rows = []
    for i in range(count):
        a, b = draw.randrange(2, 60), draw.randrange(2, 60)
        gold, said = (
            text.format(a=a, b=b, c=a * a * b) for text in EXPRESSIONS[i % len(EXPRESSIONS)]
        )
        rows.append(
            row(
                i,
                rf"so we get \(\boxed{{{said}}}\).",
                "We compute step by step. " * 20,
                None,
                None,
                gold,
            )
        )
    return rows


def hostile_rows() -> list[dict]:
    texts = [text for hard in HOSTILE for text in (hard, "0.5 x^2")]
    return [
        row(i, rf"\boxed{{{text}}}", "", None, None, r"\frac{x^2}{2}")
        for i, text in enumerate(texts)
    ]


def row(
    i: int, said: str, prose: str, options: list[str] | None, right: int | None, gold: str = ""
) -> dict:
    return {
        "unique_id": str(i),
        "problem": f"Question number {i}?",
        "is_mcq": options is not None,
        "choices": options,
        "choice_index_correct": right,
        "answer_correct": options[right] if options else gold,
        "category": "made here",
        "model": "none",
        "responses": [{"full_response": f"{prose}. {said}", "finish_reason": "stop"}],
    }


if __name__ == "__main__":
    main()
