"""How fast answers are collected, beside bare loops that keep nothing: one run, one table.

    python benchmarks/collection.py
        a mock server: 50 ms, 300-word answers
    python benchmarks/collection.py --lm-eval PYTHON
        and lm-evaluation-harness in its own environment
    python benchmarks/collection.py --server URL --model M
        a real server: tokens/s beside a bare loop that saturates it

The contestants: our collector with everything on (checked rows, ledger, fsync, progress); a bare
loop over AsyncOpenAI with its aiohttp transport, and with its default one; bare aiohttp as the
limit. CPU is that of this process; the mock server is another process.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from routerlib.collecting import collection  # noqa: E402
from routerlib.endpoints import clients, prompts  # noqa: E402
from routerlib.rows.schemas import Question  # noqa: E402

Ask = Callable[[str], Awaitable[object]]
STOP = list(prompts.stop_strings((), clients.STOP_LIMIT))


def questions(count: int) -> list[Question]:
    return [
        Question(
            unique_id=str(number),
            question=f"What is {number} times 7?",
            answer_correct=str(number * 7),
        )
        for number in range(count)
    ]


@contextmanager
def mock_server(latency_ms: float, words: int) -> Iterator[str]:
    """The mock server in a process of its own; yields its base URL."""
    command = [sys.executable, str(ROOT / "tests/mock_server.py")]
    command += ["--latency-ms", str(latency_ms), "--words", str(words)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.wait()


def bodies(model: str, count: int, max_tokens: int) -> list[dict]:
    wording = prompts.template(None, "completions")
    settings = {"model": model, "max_tokens": max_tokens, "temperature": 0.7, "stop": STOP}
    return [settings | {"prompt": wording.fill(question)} for question in questions(count)]


async def bare_loop(
    ask: Callable[[dict], Awaitable[int]], work: list[dict], concurrent: int
) -> int:
    """Send every body, so many at once, and keep nothing; returns the tokens that came."""
    waiting = iter(work)

    async def worker() -> int:
        return sum([await ask(body) for body in waiting])

    return sum(await asyncio.gather(*(worker() for _ in range(concurrent))))


async def with_openai(base_url: str, work: list[dict], concurrent: int, transport: str) -> int:
    import openai

    http_client = openai.DefaultAioHttpClient() if transport == "aiohttp" else None
    async with openai.AsyncOpenAI(
        base_url=base_url, api_key="none", max_retries=0, http_client=http_client
    ) as client:

        async def ask(body: dict) -> int:
            return (await client.completions.create(**body)).usage.completion_tokens

        return await bare_loop(ask, work, concurrent)


async def with_aiohttp(base_url: str, work: list[dict], concurrent: int) -> int:
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def ask(body: dict) -> int:
            async with session.post(f"{base_url}/completions", json=body) as response:
                return (await response.json())["usage"]["completion_tokens"]

        return await bare_loop(ask, work, concurrent)


async def with_collector(
    base_url: str, model: str, count: int, concurrent: int, max_tokens: int, k: int = 1
) -> int:
    with (
        tempfile.TemporaryDirectory(dir=ROOT / "outputs") as folder,
        redirect_stderr(io.StringIO()),
    ):
        summary = await collection.collect(
            questions(count),
            model,
            base_url,
            k_responses=k,
            max_tokens=max_tokens,
            max_concurrent=concurrent,
            output_dir=folder,
        )
    assert summary.complete == count, summary
    return summary.completion_tokens


def measured(run: Callable[[], Awaitable[int]], repeats: int) -> dict[str, float]:
    """The best of several runs: seconds, CPU seconds of this process, tokens."""
    best = {}
    for _ in range(repeats):
        start, cpu = time.perf_counter(), time.process_time()
        tokens = asyncio.run(run())
        took = {
            "s": time.perf_counter() - start,
            "cpu": time.process_time() - cpu,
            "tokens": tokens,
        }
        best = min(best or took, took, key=lambda result: result["s"])
    return best


def compare_on_mock(count: int, repeats: int) -> None:
    names = ("our collector", "AsyncOpenAI + aiohttp", "AsyncOpenAI, default", "bare aiohttp")
    print(f"{count} questions, 1 sample each; mock server: 50 ms, 300 words; best of {repeats}\n")
    print(f"{'concurrent':>10}  {'':<24}{'requests/s':>12}{'CPU ms/request':>16}{'ours is':>10}")
    with mock_server(50, 300) as url:
        work = bodies("mock", count, 512)
        for concurrent in (16, 64, 256):
            runs = {
                names[0]: lambda c=concurrent: with_collector(url, "mock", count, c, 512),
                names[1]: lambda c=concurrent: with_openai(url, work, c, "aiohttp"),
                names[2]: lambda c=concurrent: with_openai(url, work, c, "default"),
                names[3]: lambda c=concurrent: with_aiohttp(url, work, c),
            }
            results = {name: measured(run, repeats) for name, run in runs.items()}
            for name in names:
                rate = count / results[name]["s"]
                ratio = results[name]["s"] / results[names[0]]["s"]
                cpu = 1000 * results[name]["cpu"] / count
                print(
                    f"{concurrent:>10}  {name:<24}{rate:>12,.0f}{cpu:>16.2f}{ratio:>9.2f}x",
                    flush=True,
                )


def compare_with_lm_eval(python: str, count: int, concurrent: int, k: int) -> None:
    """The same questions, k samples each, through lm-evaluation-harness's local-completions, beside
    our collector.
    """
    with mock_server(50, 300) as url, tempfile.TemporaryDirectory() as folder:
        _write_task(Path(folder), count, k)
        arguments = (
            f"model=mock,base_url={url}/completions,num_concurrent={concurrent},"
            "tokenizer_backend=None,tokenized_requests=False,max_length=8192"
        )
        command = [
            python,
            "-m",
            "lm_eval",
            "--model",
            "local-completions",
            "--model_args",
            arguments,
        ]
        command += ["--tasks", "same_questions", "--include_path", folder, "--batch_size", "1"]
        start = time.perf_counter()
        done = subprocess.run(
            command, capture_output=True, text=True, env=os.environ | {"HF_HUB_OFFLINE": "1"}
        )
        whole = time.perf_counter() - start
        if done.returncode:
            raise SystemExit(f"lm-eval failed:\n{done.stderr[-2000:]}")
        asking = _seconds_of_requests(done.stderr)
        ours = measured(lambda: with_collector(url, "mock", count, concurrent, 512, k), 2)["s"]
    print(
        f"\nlm-evaluation-harness, local-completions, {concurrent} concurrent, {count} questions, "
        f"{k} samples each:"
    )
    print(
        f"  its requests {count * k / asking:,.0f} samples/s, its whole command "
        f"{count * k / whole:,.0f}; ours {count * k / ours:,.0f} samples/s: {asking / ours:.2f}x "
        f"its requests, {whole / ours:.2f}x its command"
    )


def _write_task(folder: Path, count: int, k: int) -> None:
    rows = [json.dumps({"prompt": body["prompt"]}) for body in bodies("mock", count, 512)]
    (folder / "questions.jsonl").write_text("\n".join(rows))
    task = {
        "task": "same_questions",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(folder / "questions.jsonl")}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "{{prompt}}",
        "doc_to_target": "x",
        "repeats": k,
        "generation_kwargs": {
            "until": STOP[:4],
            "max_gen_toks": 512,
            "temperature": 0.7,
            "do_sample": True,
        },
        "metric_list": [{"metric": "exact_match"}],
    }
    (folder / "same.yaml").write_text(json.dumps(task))


def _seconds_of_requests(log: str) -> float:
    """The time of the request phase, from the last progress bar of the log: "100%|…| 500/500
    [00:12, 41.60it/s]".
    """
    count, rate, unit = re.findall(
        r"Requesting API: 100%\|[^|]*\| (\d+)/.*?([\d.]+)(it/s|s/it)", log
    )[-1]
    return int(count) / float(rate) if unit == "it/s" else int(count) * float(rate)


def compare_on_server(url: str, model: str, count: int, concurrent: int, max_tokens: int) -> None:
    """Tokens a second of a real server: a bare loop that saturates it, and our collector, in
    turn.
    """
    work = bodies(model, count, max_tokens)
    runs = {
        "bare loop": lambda: with_openai(url, work, concurrent, "aiohttp"),
        "our collector": lambda: with_collector(url, model, count, concurrent, max_tokens),
    }
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(3):
        for name, run in runs.items():
            result = measured(run, 1)
            rates[name].append(result["tokens"] / result["s"])
            print(f"  {name:<16}{rates[name][-1]:>10,.1f} tokens/s", flush=True)
    middle = {name: sorted(values)[1] for name, values in rates.items()}
    print(
        f"{url}: ours gets {middle['our collector'] / middle['bare loop']:.3f} of the bare loop's "
        "tokens/s (medians)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--questions", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument(
        "--lm-eval", metavar="PYTHON", help="the Python of an environment with lm-eval[api]"
    )
    parser.add_argument("--server", metavar="URL", help="a real server's base URL")
    parser.add_argument("--model", default="standin-superior")
    parser.add_argument("--concurrent", type=int, default=16, help="with --server and --lm-eval")
    parser.add_argument("--max-tokens", type=int, default=24, help="with --server")
    arguments = parser.parse_args()
    if arguments.server:
        return compare_on_server(
            arguments.server,
            arguments.model,
            arguments.questions,
            arguments.concurrent,
            arguments.max_tokens,
        )
    compare_on_mock(arguments.questions, arguments.repeats)
    if arguments.lm_eval:
        for k in (1, 3):
            compare_with_lm_eval(arguments.lm_eval, arguments.questions, arguments.concurrent, k)


if __name__ == "__main__":
    main()
