"""Memory and time of collecting at scale: 1,000 against 200,000 questions of 2 KB, and resuming a
finished file.

    python benchmarks/scale.py [--questions 200000]

Requests are answered within the process (no server), so that what is measured is ours: reading,
checking, the ledger and its index. Every run is a process of its own, whose peak resident memory is
the figure.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from routerlib.collecting import collection  # noqa: E402
from routerlib.endpoints import clients  # noqa: E402


def write_questions(path: Path, count: int) -> None:
    filler = "How would you explain this to a friend who has never heard of it? " * 29
    with open(path, "w") as file:
        for number in range(count):
            row = {
                "unique_id": f"q{number}",
                "question": f"{number}: {filler}",
                "answer_correct": "1",
                "choices": None,
            }
            file.write(json.dumps(row) + "\n")


def collect_once(questions: Path, output: Path) -> None:
    """One run in this process, with answers made on the spot; prints its figures as JSON."""
    text = "The answer, after some thought about it, is one. " * 8

    async def answer_at_once(self: clients.Endpoint, prompt: str, n: int = 1) -> clients.Completion:
        await asyncio.sleep(0)
        samples = [
            {"full_response": text, "finish_reason": "stop", "completion_tokens": 80}
            for _ in range(n)
        ]
        return clients.Completion(samples, 500, 80 * n)

    clients.Endpoint.sample = answer_at_once
    start = time.perf_counter()
    summary = collection.collect_sync(
        str(questions),
        "in-process",
        "http://127.0.0.1:9/v1",
        output_file=str(output),
        max_concurrent=256,
        progress=False,
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps(
            {"s": time.perf_counter() - start, "peak_mb": peak, "complete": summary.complete}
        )
    )


def measured(questions: Path, output: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--once", str(questions), str(output)]
    return json.loads(
        subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--questions", type=int, default=200_000)
    parser.add_argument("--once", nargs=2, metavar=("QUESTIONS", "OUTPUT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.once:
        return collect_once(*map(Path, arguments.once))
    with tempfile.TemporaryDirectory(dir=ROOT / "outputs") as folder:
        results = {}
        for count in (1_000, arguments.questions):
            source, output = Path(folder) / f"q{count}.jsonl", Path(folder) / f"a{count}.jsonl"
            write_questions(source, count)
            for name in ("first run", "resumed, all done"):
                results[count, name] = result = measured(source, output)
                assert result["complete"] == count
                size = output.stat().st_size / 1e6
                print(
                    f"{count:>9,} questions, {name:<18} {result['s']:>7.1f} s  peak "
                    f"{result['peak_mb']:>6.0f} MB  ({size:,.0f} MB of answers)",
                    flush=True,
                )
        for name in ("first run", "resumed, all done"):
            more = results[arguments.questions, name]["peak_mb"] - results[1_000, name]["peak_mb"]
            print(f"{name}: {more:.0f} MB above 1,000 questions (target: at most 60)")
        print(
            f"resume: {results[arguments.questions, 'resumed, all done']['s']:.1f} s (target: "
            "under 10)"
        )


if __name__ == "__main__":
    main()
