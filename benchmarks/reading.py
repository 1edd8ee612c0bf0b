"""What reading an answer adds to a call before it is shown: p50 and p99 of one core's work, in
milliseconds.

    python benchmarks/reading.py [--rows 494] [--json OUT]

The shipped sample's recorded answers are read as a server reads them: the inferior model's first
answer alone (its form and its log-probabilities, made up here), all its samples compared with one
another, and with one answer of a second model (the superior model's record stands in), by the
process that may be killed.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from routerlib.rows import jsonl, sources  # noqa: E402
from routerlib.rows.schemas import Responses, Sample  # noqa: E402
from routerlib.serving.reading import AnswerReader  # noqa: E402
from routerlib.training.policies import CASCADE, Policy  # noqa: E402
from routerlib.training.second_look import Ranks, SecondLook  # noqa: E402

ROWS = Path(sources.__file__).parents[1] / "samples"
WAYS = {
    "the answer alone": ("mean_logprob", "letter_margin", "length"),
    "its samples compared": ("sample_agreement",),
    "with a second model": ("second_agreement",),
}


def policy(names: tuple[str, ...]) -> Policy:
    """A policy that looks at these signals."""
    ranks = Ranks((0.0, 1.0), (-1.0, 1.0))
    return Policy(CASCADE, SecondLook(0.0, dict.fromkeys(names, ranks)))


def with_logprobs(sample: Sample) -> Sample:
    """The sample with a log-probability and five alternatives for each word."""
    words = sample.full_response.split(" ")
    likely = [{"token": letter, "logprob": -1.0} for letter in "ABCDE"]
    tokens = [{"token": f"{word} ", "logprob": -0.5, "top_logprobs": likely} for word in words]
    return sample.model_copy(update={"logprobs": {"content": tokens}})


def measure(way: str, pairs: list[tuple[Responses, Responses]]) -> dict[str, object]:
    """Milliseconds to read each question's answers in one way."""
    reader = AnswerReader(policy(WAYS[way]))
    reader.warm()
    took = []
    for row, other in pairs:
        samples = row.responses if way == "its samples compared" else row.responses[:1]
        second = other.responses[:1] if way == "with a second model" else []
        samples = [with_logprobs(sample) for sample in samples]
        start = time.perf_counter()
        reader.read(row.as_prompt(), samples, second)
        took.append(1000 * (time.perf_counter() - start))
    reader.close()
    p50, p90, p99 = np.quantile(took, (0.5, 0.9, 0.99)).tolist()
    return {"way": way, "rows": len(took), "p50_ms": p50, "p90_ms": p90, "p99_ms": p99}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=494)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    sides = [
        jsonl.read_rows(ROWS / f"responses_{side}.jsonl", Responses)
        for side in ("inferior", "superior")
    ]
    pairs = list(zip(*sides, strict=True))[: args.rows]
    print("what is read             rows      p50      p90      p99  (ms)")
    table = [measure(way, pairs) for way in WAYS]
    for row in table:
        print(
            f"{row['way']:22} {row['rows']:6} {row['p50_ms']:8.2f} {row['p90_ms']:8.2f} "
            f"{row['p99_ms']:8.2f}"
        )
    if args.json:
        jsonl.write_json(args.json, table)


if __name__ == "__main__":
    main()
