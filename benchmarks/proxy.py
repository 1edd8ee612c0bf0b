"""What `serve-router` adds to a call, beside LiteLLM's proxy, which does no routing: p50 and p99 in
one run.

    python benchmarks/proxy.py --litellm ~/litellm/bin/litellm [--router DIR] [--delay 0.1]

All three ways lead to the same mock model, which answers after `--delay` seconds: straight to it,
through the router's server (a saved router decides on every call), and through LiteLLM's proxy (one
worker, no database, no callback; in an environment of its own: `python -m venv ~/litellm &&
~/litellm/bin/pip install 'litellm[proxy]'`). Each level of concurrency is a closed loop of so many
callers. The ways take turns, and what is *added* is the median over the rounds of a quantile's
difference to the straight way. Everything runs on this machine, so all share its cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import aiohttp
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from routerlib.endpoints import addresses, engines  # noqa: E402

CONCURRENCY = (1, 16, 64)
PROMPTS = (
    "What is the capital of Australia?",
    "Write a polite e-mail that moves a meeting from Tuesday to Thursday.",
    (
        "A train leaves at 14:05 and arrives at 17:50. How long does the journey take? Explain "
        "each step."
    ),
    (
        "Prove that the square root of two is irrational, then say where the proof would fail for "
        "four."
    ),
)
# Neither way checks a key: the least work
NO_KEY = {"LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"}


def router_server(port: int, upstream: str, router: str | None) -> None:
    from routerlib.serving.proxy import serve_router

    serve_router(
        router,
        inferior=upstream,
        superior=upstream,
        inferior_model="mock",
        superior_model="mock",
        port=port,
    )


async def calls(url: str, model: str, concurrency: int, count: int) -> list[float]:
    """The durations, in seconds, of `count` calls by `concurrency` callers."""
    durations: list[float] = []
    numbers = iter(range(count))

    async def caller(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            # no two alike: no cache
            prompt = f"{PROMPTS[number % len(PROMPTS)]} (Request {random.getrandbits(32)}.)"
            body = {"model": model, "messages": [{"role": "user", "content": prompt}]}
            start = time.perf_counter()
            async with session.post(f"{url}/chat/completions", json=body) as response:
                answer = await response.json()
            durations.append(time.perf_counter() - start)
            if response.status != 200:
                raise SystemExit(f"{url} answered {response.status}: {json.dumps(answer)[:300]}")

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(caller(session) for _ in range(concurrency)))
    return durations


def measure(
    ways: dict[str, tuple[str, str]], rounds: int, calls_each: int
) -> dict[int, dict[str, np.ndarray]]:
    """p50 and p99 in milliseconds of each round, shape (rounds, 2), by concurrency and way; the
    ways take turns.
    """
    taken: dict[int, dict[str, list[np.ndarray]]] = {
        level: {way: [] for way in ways} for level in CONCURRENCY
    }
    for level in CONCURRENCY:
        count = calls_each if level == 1 else max(2 * calls_each, 12 * level)
        for turn in range(rounds + 1):  # the first turn warms up and does not count
            for way, (url, model) in ways.items():
                durations = asyncio.run(calls(url, model, level, count if turn else count // 4))
                if turn:
                    taken[level][way].append(1000 * np.quantile(durations, [0.5, 0.99]))
        print(f"  {level:>3} concurrent: {rounds} rounds of {count} calls each way", flush=True)
    return {
        level: {way: np.array(found) for way, found in by_way.items()}
        for level, by_way in taken.items()
    }


def report(taken: dict[int, dict[str, np.ndarray]]) -> dict:
    """Print what each way adds: the median over the rounds of a quantile's difference to the
    straight way.
    """
    results: dict = {}
    print(f"\n{'concurrent':>10} {'way':>10} {'p50 added':>12} {'p99 added':>12}   (milliseconds)")
    for level, ways in taken.items():
        results[level] = {}
        for way in (way for way in ways if way != "straight"):
            p50, p99 = np.median(ways[way] - ways["straight"], axis=0)
            results[level][way] = {"p50_ms": round(p50, 2), "p99_ms": round(p99, 2)}
            print(f"{level:>10} {way:>10} {p50:>12.1f} {p99:>12.1f}")
        if "litellm" in results[level]:
            ours, theirs = results[level]["router"], results[level]["litellm"]
            ratios = [theirs[name] / ours[name] for name in ("p50_ms", "p99_ms")]
            print(f"{'':>10} {'ratio':>10} {ratios[0]:>11.1f}x {ratios[1]:>11.1f}x")
    return results


def wait_for(url: str, process: subprocess.Popen, log: Path, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"The server for {url} ended; its log ends:\n{engines.tail(log)}")
        try:
            urllib.request.urlopen(url, timeout=2)
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise SystemExit(f"{url} did not answer within {seconds:.0f} s.")


def start_all(
    options: argparse.Namespace, folder: Path, started: list[subprocess.Popen]
) -> dict[str, tuple[str, str]]:
    """Start the mock, the router's server and LiteLLM's; return where each is and which model to
    ask for.
    """
    me, port = [sys.executable, __file__], addresses.free_port()
    upstream = f"http://127.0.0.1:{port}/v1"
    ways = {"straight": (upstream, "mock")}
    mock = [sys.executable, str(ROOT / "tests" / "mock_server.py"), "--port", str(port)]
    launch(started, [*mock, "--latency-ms", str(1000 * options.delay)], folder / "mock.log")
    wait_for(f"http://127.0.0.1:{port}/health", started[-1], folder / "mock.log")
    port = addresses.free_port()
    command = [*me, "--as-router", str(port), "--upstream", upstream]
    launch(
        started,
        command + (["--router", options.router] if options.router else []),
        folder / "router.log",
    )
    wait_for(f"http://127.0.0.1:{port}/health", started[-1], folder / "router.log")
    ways["router"] = (f"http://127.0.0.1:{port}/v1", "router")
    if options.litellm:
        port = addresses.free_port()
        model = {"model": "openai/mock", "api_base": upstream, "api_key": "none"}
        config = folder / "litellm.yaml"
        # JSON is YAML
        config.write_text(
            json.dumps({"model_list": [{"model_name": "mock", "litellm_params": model}]})
        )
        command = [
            options.litellm,
            "--config",
            str(config),
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ]
        launch(
            started,
            [*command, "--num_workers", "1", "--telemetry", "False"],
            folder / "litellm.log",
        )
        wait_for(f"http://127.0.0.1:{port}/health/liveliness", started[-1], folder / "litellm.log")
        ways["litellm"] = (f"http://127.0.0.1:{port}/v1", "mock")
    return ways


def launch(started: list[subprocess.Popen], command: list[str], log: Path) -> None:
    with open(log, "wb") as stream:
        started.append(
            subprocess.Popen(
                command, stdout=stream, stderr=subprocess.STDOUT, env=os.environ | NO_KEY
            )
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--router", help="a router's folder (default: the newest below outputs/models)"
    )
    parser.add_argument(
        "--litellm", help="the `litellm` command of an environment that has litellm[proxy]"
    )
    parser.add_argument("--delay", type=float, default=0.1, help="seconds the mock model takes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--calls", type=int, default=150, help="calls of one round by a single caller"
    )
    parser.add_argument("--out", help="write the numbers to this JSON file")
    parser.add_argument("--as-router", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--upstream", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.as_router:
        return router_server(options.as_router, options.upstream, options.router)
    started: list[subprocess.Popen] = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            ways = start_all(options, Path(folder), started)
            results = report(measure(ways, options.rounds, options.calls))
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait(timeout=20)
    if options.out:
        Path(options.out).write_text(
            json.dumps({"delay_s": options.delay, "added": results}, indent=2)
        )


if __name__ == "__main__":
    main()
