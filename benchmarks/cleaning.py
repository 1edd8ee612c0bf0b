"""Memory, time and accounts of cleaning a stream: 10,000 against 100,000 synthetic conversations, a
tenth of them spoilt.

    python benchmarks/cleaning.py [--rows 100000] [--embed]

The rows are those of tests/labels/test_cleaning.py: duplicates, other languages, contaminated,
flagged, redacted and broken rows, planted in known numbers. Every run is a process of its own,
whose peak resident memory is the figure. --embed adds the check of the meaning with the stand-in
encoder, which takes most of the time.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/labels")]

from test_cleaning import QUESTIONS, planted  # noqa: E402

from routerlib.endpoints import standins  # noqa: E402
from routerlib.labels import cleaning  # noqa: E402
from routerlib.rows import sources  # noqa: E402
from routerlib.rows.schemas import Conversation, VoteQuestion  # noqa: E402
from routerlib.training import encoders  # noqa: E402


def write_stream(path: Path, count: int) -> dict[str, int]:
    """The planted rows as JSONL; returns how many each filter should take."""
    expected = {}
    with open(path, "w") as file:
        for row, expected in planted(count):  # noqa: B007 - the last one is the total
            file.write(json.dumps(row) + "\n")
    return {str(name): number for name, number in expected.items()}


def clean_once(path: Path, embed: bool) -> None:
    """One run in this process; prints its figures as JSON."""
    encoder = encoders.SentenceEncoder(standins.path("encoder"), 128).embed if embed else None
    questions = [
        VoteQuestion(question_id=i, category="c", turns=[text]) for i, text in enumerate(QUESTIONS)
    ]
    report, start = cleaning.Report(), time.perf_counter()
    rejects = cleaning.RejectedConversations(report, path.with_suffix(".rejected.jsonl"))
    rows = sources.load_rows(path, Conversation, rejects=rejects)
    evaluation = cleaning.Evaluation(questions, embed=encoder)
    kept = sum(1 for _ in cleaning.clean(rows, cleaning.Filters(), report, evaluation))
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures = {"read": report.read, "kept": kept, "counts": report.counts(), "mb": megabytes}
    print(json.dumps(figures | {"seconds": time.perf_counter() - start}))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--embed", action="store_true")
    parser.add_argument("--once", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.once:
        clean_once(arguments.once, arguments.embed)
        return
    with tempfile.TemporaryDirectory() as folder:
        for count in sorted({min(10_000, arguments.rows), arguments.rows}):
            path = Path(folder) / f"{count}.jsonl"
            expected = write_stream(path, count)
            command = [
                sys.executable,
                __file__,
                "--once",
                str(path),
                *(["--embed"] if arguments.embed else []),
            ]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            show(count, expected, json.loads(done.stdout.splitlines()[-1]))


def show(count: int, expected: dict[str, int], found: dict) -> None:
    accounted = found["kept"] + sum(found["counts"].values())
    print(f"\n{count:,} rows: {found['seconds']:.1f} s ({count / found['seconds']:,.0f}/s), peak "
          f"{found['mb']:,.0f} MB, "
          f"{accounted:,} of {found['read']:,} accounted for")  # fmt: skip
    print(f"  {'kept':<45}{expected['None']:>8,} planted {found['kept']:>8,} found")
    for name, number in found["counts"].items():
        print(f"  {name:<45}{expected.get(name, 0):>8,} planted {number:>8,} found")


if __name__ == "__main__":
    main()
