"""Collecting and grading over a cluster of two nodes on this machine: rates, memory, and kills.

    python benchmarks/cluster.py collect [--questions 1000000] [--servers 8]
        how near to the rate that the scripted servers can give together; peak memory of the driver
        and of each worker
    python benchmarks/cluster.py kill [--workers 20] [--drivers 3] [--nodes 1]
        the same with kills at random moments: lost, doubled and paid twice are counted at the
        servers, and the rate and memory are told
    python benchmarks/cluster.py grade [--outputs 200000]
        one node of one core against two
    python benchmarks/cluster.py small
        the shipped sample with CLUSTER = "local" and without

It needs the extra [cluster]. The servers run in processes of their own, give each answer after
--latency-ms, and log every question that they answer. They give at most servers × --concurrent ÷
latency questions a second; where a bare loop of requests reaches less than that, the cores are the
bound, and the loop is what ours is compared with. Everything listens on 127.0.0.1.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests/cluster")]

from two_nodes import TwoNodes  # noqa: E402

from routerlib.collecting import ledger_parts  # noqa: E402

K = 3
SERVER = """
import asyncio, sys
sys.path.insert(0, {tests!r})
from mock_server import MockServer, prompt_of
log = open({log!r}, "ab", buffering=0)
def say(request, index):
    if index == 0:
        number = prompt_of(request).rsplit("Number ", 1)[1].split(":")[0]
        log.write(f"{{number}} {{request.get('n', 1)}}\\n".encode())
    return " the answer is 7, after some thought about it"
async def main():
    async with MockServer(latency={latency}, say=say, keep=False) as server:
        print(server.base_url, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


@contextmanager
def servers(count: int, latency: float, folder: Path) -> Iterator[tuple[list[str], list[Path]]]:
    """Scripted servers: their addresses, and the logs of what each has answered."""
    logs = [folder / f"server-{number}.log" for number in range(count)]
    started = []
    try:
        for log in logs:
            code = SERVER.format(tests=str(ROOT / "tests"), log=str(log), latency=latency)
            command = [sys.executable, "-c", code]
            started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        yield [process.stdout.readline().strip() for process in started], logs
    finally:
        for process in started:
            process.terminate()
            process.wait()


def write_questions(path: Path, count: int) -> None:
    with open(path, "w") as file:
        for number in range(count):
            text = f"Number {number}: how many days has a week?"
            row = {"unique_id": f"q{number}", "question": text, "answer_correct": "7"}
            file.write(json.dumps(row) + "\n")


def driver(
    questions: Path, output: Path, urls: list[str], concurrent: int, nodes: TwoNodes
) -> subprocess.Popen:
    """`collect` as a user runs it, in a process that can be killed."""
    command = [sys.executable, "-m", "routerlib", "collect", "--questions", str(questions)]
    command += ["--model", "mock", "--api-base", ",".join(urls), "--k-responses", str(K)]
    command += ["--max-concurrent", str(concurrent), "--output-file", str(output)]
    command += ["--cluster", "auto"]
    environment = {**os.environ, **nodes.environment, "PYTHONPATH": str(ROOT)}
    quiet = subprocess.DEVNULL
    return subprocess.Popen(
        command, env=environment, stdout=quiet, stderr=quiet, start_new_session=True, cwd=ROOT
    )


def collectors(nodes: TwoNodes) -> list[psutil.Process]:
    """The worker processes on the nodes."""
    found = []
    for node in nodes.nodes:
        for process in psutil.Process(node.pid).children(recursive=True):
            try:
                if "Collector" in " ".join(process.cmdline()):
                    found.append(process)
            except psutil.Error:  # it has just ended
                continue
    return found


def megabytes(process: psutil.Process) -> float:
    """Memory that is this process's own; what it shares with Ray's store is not counted."""
    try:
        return process.memory_full_info().uss / 1e6
    except psutil.Error:
        return 0.0


def answered(logs: list[Path]) -> Counter[str]:
    """How many samples each question got, at the servers."""
    found: Counter[str] = Counter()
    for log in logs:
        for line in log.read_text().splitlines() if log.exists() else ():
            number, samples = line.split()
            found[number] += int(samples)
    return found


class Counted:
    """How many questions the servers have answered, read off their logs as these grow."""

    def __init__(self, logs: list[Path]):
        self.read = dict.fromkeys(logs, 0)
        self.questions: set[str] = set()

    def __len__(self) -> int:
        for log, start in self.read.items():
            if not log.exists():
                continue
            with open(log, "rb") as file:
                file.seek(start)
                lines = file.read()
            whole = lines[: lines.rfind(b"\n") + 1]
            self.read[log] += len(whole)
            self.questions.update(line.split()[0].decode() for line in whole.splitlines())
        return len(self.questions)


class Memory:
    """The peak memory of the driver and of each worker, looked at every two seconds."""

    def __init__(self, nodes: TwoNodes):
        self.nodes, self.driver, self.peaks = nodes, 0, {"driver": 0.0, "worker": 0.0}
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self) -> None:
        while not self.over.wait(2.0):
            try:
                drivers = [psutil.Process(self.driver)] if self.driver else []
                workers = collectors(self.nodes)
            except psutil.Error:  # one has just been killed
                continue
            self.peaks["driver"] = max([self.peaks["driver"], *map(megabytes, drivers)])
            self.peaks["worker"] = max([self.peaks["worker"], *map(megabytes, workers)])

    def stop(self) -> str:
        self.over.set()
        self.thread.join()
        return ", ".join(f"{name} {peak:.0f} MB" for name, peak in self.peaks.items())


def on_disk(output: Path) -> set[str]:
    """Questions whose answers are all on disk, in the file or its parts."""
    files = [file for file in (output, *ledger_parts.files_of(output)) if file.exists()]
    best = ledger_parts.best_rows(files, "unique_id")
    return {key[1:] for key, (row, _) in best.items() if len(row["responses"]) == K}


def collect(arguments: argparse.Namespace, folder: Path) -> None:
    source, output = folder / "questions.jsonl", folder / "answers.jsonl"
    write_questions(source, arguments.questions)
    latency = arguments.latency_ms / 1000
    limit = arguments.servers * arguments.concurrent / latency
    with servers(arguments.servers, latency, folder) as (urls, logs), TwoNodes() as nodes:
        memory = Memory(nodes)
        run = driver(source, output, urls, arguments.concurrent, nodes)
        memory.driver, first = run.pid, None
        while run.poll() is None:
            if first is None and any(log.exists() and log.stat().st_size for log in logs):
                first = time.monotonic()
            time.sleep(0.2)
        seconds = time.monotonic() - (first or time.monotonic())
        peaks = memory.stop()
    found = answered(logs)
    rate = arguments.questions / seconds
    print(f"{arguments.questions:,} questions, k = {K}, {arguments.servers} servers, exit code "
          f"{run.returncode}: {rate:,.0f} questions/s from the first answer to the end; the "
          f"servers could give {limit:,.0f} ({rate / limit:.0%})")  # fmt: skip
    print(
        f"  samples at the servers: {sum(found.values()):,} of {K * arguments.questions:,}; "
        f"peak memory: {peaks}"
    )


def kill(arguments: argparse.Namespace, folder: Path) -> None:
    source, output = folder / "questions.jsonl", folder / "answers.jsonl"
    write_questions(source, arguments.questions)
    rng = random.Random(arguments.seed)
    kinds = ["worker"] * arguments.workers + ["driver"] * arguments.drivers
    kinds += ["node"] * arguments.nodes
    rng.shuffle(kinds)
    latency, notes = arguments.latency_ms / 1000, []
    with servers(arguments.servers, latency, folder) as (urls, logs), TwoNodes() as nodes:
        memory, counted = Memory(nodes), Counted(logs)
        run = driver(source, output, urls, arguments.concurrent, nodes)
        started = time.monotonic()
        for number, kind in enumerate(kinds):
            memory.driver = run.pid
            goal = (number + rng.random()) / (len(kinds) + 1) * arguments.questions
            while len(counted) < goal and run.poll() is None:
                time.sleep(0.1)
            if run.poll() is not None:
                raise SystemExit(
                    f"The run ended (exit code {run.returncode}) before kill {number}: give more "
                    "--questions."
                )
            run = _kill_one(kind, rng, run, (source, output, urls, arguments.concurrent), nodes)
            notes.append((on_disk(output), [log.stat().st_size for log in logs]))
            print(f"{time.monotonic() - started:6.0f} s, {len(counted):,} questions: killed a "
                  f"{kind}", flush=True)  # fmt: skip
        memory.driver = run.pid
        run.wait()
        code, seconds, peaks = run.returncode, time.monotonic() - started, memory.stop()
    _tell(arguments, output, logs, notes, kinds, code)
    limit = arguments.servers * arguments.concurrent / latency
    print(f"  {seconds:,.0f} s with all starts and counts: {arguments.questions / seconds:,.0f} "
          f"questions/s; the servers could give {limit:,.0f}; peak memory: {peaks}")  # fmt: skip


def _kill_one(
    kind: str, rng: random.Random, run: subprocess.Popen, job: tuple, nodes: TwoNodes
) -> subprocess.Popen:
    if kind == "node":
        nodes.kill(nodes.nodes[1])
        nodes.start_another()
    elif kind == "driver":
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        return driver(*job, nodes)
    else:
        while not (alive := collectors(nodes)) and run.poll() is None:
            time.sleep(0.05)
        if alive:
            rng.choice(alive).send_signal(signal.SIGKILL)
    return run


def _tell(arguments, output, logs, notes, kinds, code) -> None:
    keys, doubled = Counter[str](), 0
    for line in output.read_bytes().splitlines():
        row = json.loads(line)
        keys[row["unique_id"]] += len(row["responses"]) == K
    doubled = sum(count > 1 for count in keys.values())
    lost = arguments.questions - sum(count > 0 for count in keys.values())
    twice = 0
    for done, sizes in notes:
        for log, size in zip(logs, sizes, strict=True):
            with open(log, "rb") as file:
                file.seek(size)
                later = {line.split()[0] for line in file.read().decode().splitlines() if line}
            twice += len(later & done)
    again = sum(answered(logs).values()) - K * arguments.questions
    told = ", ".join(f"{count} of a {kind}" for kind, count in Counter(kinds).items())
    print(f"{arguments.questions:,} questions, kills: {told}; exit code {code}: {lost} lost, "
          f"{doubled} doubled, {twice} asked again after their answers were on disk; {again} "
          "samples were under way at a kill and were asked for again")  # fmt: skip


def grade(arguments: argparse.Namespace, folder: Path) -> None:
    source = folder / "responses" / "m.jsonl"
    source.parent.mkdir()
    sample = (ROOT / "routerlib/samples/responses_superior.jsonl").read_text().splitlines()
    with open(source, "w") as file:
        for number in range(arguments.outputs // K):
            row = json.loads(sample[number % len(sample)]) | {"unique_id": f"q{number}"}
            file.write(json.dumps(row) + "\n")
    rates = {}
    for count in (1, 2):
        with TwoNodes(nodes=count) as nodes:
            environment = {**os.environ, **nodes.environment, "PYTHONPATH": str(ROOT)}
            command = [sys.executable, "-m", "routerlib", "grade", "--input", str(source)]
            command += ["--output", str(folder / f"graded-{count}"), "--cluster", "auto"]
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, check=True, cwd=ROOT
            )
        told = re.search(r"answers graded in ([\d.]+) s", done.stdout)
        rates[count] = arguments.outputs / float(told[1])
        print(f"{count} node(s) of one core: {rates[count]:,.0f} outputs/s", flush=True)
    same = (folder / "graded-1/m.jsonl").read_bytes() == (folder / "graded-2/m.jsonl").read_bytes()
    print(f"two nodes: {rates[2] / rates[1]:.2f} times one (target 1.7); the same file: {same}")


def small(arguments: argparse.Namespace, folder: Path) -> None:
    with servers(1, 0.02, folder) as (urls, _):
        seconds = {}
        for cluster in ("", "local"):
            source = folder / "few.jsonl"
            write_questions(source, 100)
            command = [sys.executable, "-m", "routerlib", "collect", "--questions", str(source)]
            command += ["--model", "mock", "--api-base", urls[0]]
            command += ["--output-file", str(folder / f"answers-{cluster}.jsonl")]
            command += ["--cluster", cluster] if cluster else []
            started = time.monotonic()
            subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
            seconds[cluster] = time.monotonic() - started
    print(f"100 questions: {seconds['']:.1f} s without, {seconds['local']:.1f} s with CLUSTER = "
          f"local: {seconds['local'] - seconds['']:.1f} s more (target 15)")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["collect", "kill", "grade", "small"])
    parser.add_argument("--questions", type=int, default=1_000_000)
    parser.add_argument("--outputs", type=int, default=200_000)
    parser.add_argument("--servers", type=int, default=8)
    parser.add_argument("--concurrent", type=int, default=16, help="requests at one server")
    parser.add_argument("--latency-ms", type=float, default=400)
    parser.add_argument("--workers", type=int, default=20, help="kills of workers")
    parser.add_argument("--drivers", type=int, default=3, help="kills of the driver")
    parser.add_argument("--nodes", type=int, default=1, help="kills of a node")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=ROOT / "outputs") as folder:
        run = {"collect": collect, "kill": kill, "grade": grade, "small": small}
        run[arguments.what](arguments, Path(folder))


if __name__ == "__main__":
    main()
