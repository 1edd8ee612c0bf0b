"""The heavy steps over a cluster of two nodes on this machine: rates, memory, and kills.

    python benchmarks/cluster.py collect [--questions 1000000] [--servers 8]
        how near to the rate that the scripted servers can give together; peak memory of the driver
        and of each worker
    python benchmarks/cluster.py kill [--workers 20] [--drivers 3] [--nodes 1]
        the same with kills at random moments: lost, doubled and paid twice are counted at the
        servers, and the rate and memory are told
    python benchmarks/cluster.py grade [--outputs 200000]
        one node of one core against two, each kept to a core of its own: a worker is two processes,
        which would otherwise use two
    python benchmarks/cluster.py clean [--conversations 1000000]
        made-up conversations with near duplicates far apart: rate, and memory and room on disk as
        the work goes on
    python benchmarks/cluster.py small
        the shipped sample with CLUSTER = "local" and without
    python benchmarks/cluster.py alone [--questions 1000000]
        one process and one server, no cluster: questions an hour

It needs the extra [cluster]. The servers (`scripted_server.py`) run in processes of their own, work
on --at-once requests each, for --latency-ms, and log every question that they answer. Together they
give at most servers × at-once ÷ latency questions a second; bare loops over the SDK that we use,
which keep nothing, are run against them first, a process for each core: where they reach less than
that, the cores are the bound. With --folder and --minutes a long run is interrupted as by Ctrl-C,
and the same command goes on with it. Everything listens on 127.0.0.1.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pickle
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests/cluster")]

from two_nodes import TwoNodes  # noqa: E402

from routerlib.collecting import ledger_parts  # noqa: E402
from routerlib.endpoints import clients, prompts  # noqa: E402
from routerlib.rows.schemas import Question  # noqa: E402

K = 3
QUESTION = re.compile(rb'"unique_id": ?"q(\d+)"')
NOT_YET = -1
BARE_SECONDS = 10
BARE = """
import asyncio, json, resource, sys, time
import openai
urls, concurrent, seconds = sys.argv[1].split(","), int(sys.argv[2]), float(sys.argv[3])
ASKED = json.loads(sys.argv[4])
def processor_time():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
async def main():
    made, over, before = 0, time.monotonic() + seconds, processor_time()
    async def ask(client):
        nonlocal made
        while time.monotonic() < over:
            await client.completions.create(**ASKED)
            made += 1
    clients = [openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0,
               http_client=openai.DefaultAioHttpClient()) for url in urls]
    await asyncio.gather(*(ask(client) for client in clients for _ in range(concurrent)))
    print(made, processor_time() - before)
    await asyncio.gather(*(client.close() for client in clients))
asyncio.run(main())
"""


@contextmanager
def servers(
    count: int, latency_ms: float, at_once: int, folder: Path
) -> Iterator[tuple[list[str], list[Path]]]:
    """Scripted servers: their addresses, and the logs of what each has answered."""
    logs = [folder / f"server-{number}.log" for number in range(count)]
    started = []
    try:
        for log in logs:
            command = [sys.executable, str(ROOT / "benchmarks/scripted_server.py")]
            command += [str(log), str(latency_ms), str(at_once)]
            started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        yield [process.stdout.readline().strip() for process in started], logs
    finally:
        for process in started:
            process.terminate()
            process.wait()


def bare_rate(urls: list[str], concurrent: int) -> tuple[float, float]:
    """What loops over the SDK reach that keep nothing, in a process for each core: requests a
    second, and milliseconds of processor time that a request takes.
    """
    cores = os.cpu_count() or 1
    shares = [urls[number::cores] for number in range(min(cores, len(urls)))]
    command = [sys.executable, "-c", BARE]
    running = [
        subprocess.Popen(
            [*command, ",".join(share), str(concurrent), str(BARE_SECONDS), json.dumps(_asked())],
            stdout=subprocess.PIPE,
            text=True,
        )
        for share in shares
    ]
    told = [process.communicate()[0].split() for process in running]
    made = sum(int(count) for count, _ in told)
    return made / BARE_SECONDS, 1000 * sum(float(used) for _, used in told) / max(made, 1)


def _asked() -> dict[str, Any]:
    """The request that `collect` sends for a question, but for the question's number, by which the
    servers would count it.
    """
    question = Question(unique_id="q", question="How many days has a week?", answer_correct="7")
    prompt = prompts.template(None, clients.COMPLETIONS).fill(question)
    stop = list(prompts.stop_strings((), clients.STOP_LIMIT))
    return {"model": "mock", "max_tokens": 512, "temperature": 0.7, "n": K, "stop": stop,
            "prompt": prompt}  # fmt: skip


def write_questions(path: Path, count: int) -> None:
    with open(path, "w") as file:
        for number in range(count):
            text = f"Number {number}: how many days has a week?"
            row = {"unique_id": f"q{number}", "question": text, "answer_correct": "7"}
            file.write(json.dumps(row) + "\n")


def collect_command(questions: Path, output: Path, urls: list[str], concurrent: int) -> list[str]:
    command = [sys.executable, "-m", "routerlib", "collect", "--questions", str(questions)]
    command += ["--model", "mock", "--api-base", ",".join(urls), "--k-responses", str(K)]
    return [*command, "--max-concurrent", str(concurrent), "--output-file", str(output)]


def collectors(nodes: TwoNodes) -> list[psutil.Process]:
    """The worker processes on the nodes that collect."""
    found = []
    for node in nodes.nodes:
        for process in psutil.Process(node.pid).children(recursive=True):
            try:
                if "Collector" in " ".join(process.cmdline()):
                    found.append(process)
            except psutil.Error:  # it has just ended
                continue
    return found


class Answered:
    """What the servers have answered, read off their logs as these grow.

    Attributes:
        samples: of each question. asked_again: questions that were answered after their answers
            had been found on disk. repeated: answers to questions that had one already.
    """

    def __init__(self, logs: list[Path], questions: int):
        self.places = dict.fromkeys(logs, 0)
        self.samples = bytearray(questions)
        self.done = 0
        self.repeated = 0
        self.asked_again: set[int] = set()

    def read(self, is_on_disk: Callable[[int], bool]) -> int:
        """Take in what is new; returns how many questions have been answered."""
        for log, place in self.places.items():
            if not log.exists():
                continue
            with open(log, "rb") as file:
                file.seek(place)
                lines = file.read()
            whole = lines[: lines.rfind(b"\n") + 1]
            self.places[log] += len(whole)
            for line in whole.splitlines():
                number, samples = map(int, line.split())
                self._note(number, samples, is_on_disk)
        return self.done

    def _note(self, number: int, samples: int, is_on_disk: Callable[[int], bool]) -> None:
        if self.samples[number]:
            self.repeated += 1
        else:
            self.done += 1
        if is_on_disk(number):
            self.asked_again.add(number)
        self.samples[number] = min(255, self.samples[number] + samples)


class OnDisk:
    """The questions whose answers are all on disk, in the file or its parts.

    What `look` has found counts from `believe` on: between the two, the servers' logs are read, so
    that an answer which came before we looked is not taken for one that came after.
    """

    def __init__(self, output: Path, questions: int):
        self.output, self.inode, self.place = output, 0, 0
        self.seen = bytearray(questions)
        self.believed = bytearray(questions)

    def __call__(self, number: int) -> bool:
        return bool(self.believed[number])

    def believe(self) -> None:
        """Count what was seen."""
        self.believed[:] = self.seen

    def look(self) -> None:
        """See what is there now. Parts first: what is in none of them is in the file."""
        for part in ledger_parts.files_of(self.output):
            try:
                self._take(part.read_bytes())
            except FileNotFoundError:  # it has just been taken in
                continue
        if not self.output.exists():
            return
        with open(self.output, "rb") as file:
            inode = os.fstat(file.fileno()).st_ino
            if inode != self.inode:
                self.inode, self.place = inode, 0
            file.seek(self.place)
            self.place += self._take(file.read())

    def _take(self, lines: bytes) -> int:
        whole = lines[: lines.rfind(b"\n") + 1]
        for line in whole.splitlines():
            found = QUESTION.search(line)
            if found and line.count(b'"full_response"') == K:
                self.seen[int(found[1])] = 1
        return len(whole)


# What a process is, by a word of its command line; the first that fits
DRIVER, WORKERS, SERVERS, COUNTING = "driver", "workers", "servers", "counting"
HELPERS = "Ray's other helpers"
DISK = "disk"
KINDS = {
    "scripted_server.py": SERVERS,
    "-m routerlib": DRIVER,
    "ray::": WORKERS,
    "killable": WORKERS,
    "gcs/gcs_server": "Ray's gcs",
    "raylet/raylet": "Ray's raylets",
    "ray": HELPERS,
}


def _room_of(folder: Path) -> int:
    """Bytes that the files below a folder take on disk."""
    room = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # it has just been removed
                room += 512 * os.lstat(os.path.join(place, name)).st_blocks
    return room


def _seconds_of(process: psutil.Process) -> float:
    """Processor time of a process so far; nothing where it has ended."""
    try:
        return float(sum(process.cpu_times()[:2]))
    except psutil.Error:
        return 0.0


class Use:
    """What all processes of a run use, looked at every few seconds: peaks of resident memory, and
    processor time by what they are.

    Args:
        folder: whose room on disk is looked at as well.

    Attributes:
        curve: memory at each look, in MB; one's own is that without files and stores that are
            mapped, which the system takes back where it needs room.
    """

    PAUSE = 3.0  # seconds between two looks, each of which takes some 20 ms

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self.curve: list[dict[str, float]] = []
        self.busy: list[float] = []
        self.me = psutil.Process()
        self.kinds: dict[psutil.Process, str] = {}
        self.seconds: dict[psutil.Process, float] = {}
        self.before: dict[psutil.Process, float] = {}
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def begin(self) -> None:
        """Count processor time from now on: what all have used to start is left out."""
        self.before = {process: _seconds_of(process) for process in self._all()}

    def _all(self) -> list[psutil.Process]:
        return [self.me, *self.me.children(recursive=True)]

    def _watch(self) -> None:
        psutil.cpu_percent()
        while not self.over.wait(self.PAUSE):
            self.busy.append(psutil.cpu_percent())
            self.curve.append({DRIVER: 0.0, f"{DRIVER}'s own": 0.0, WORKERS: 0.0})
            for process in self._all():
                with contextlib.suppress(psutil.Error):  # it has just ended
                    self._look_at(process)
            if self.folder is not None:
                self.curve[-1][DISK] = _room_of(self.folder) / 1e6

    def _look_at(self, process: psutil.Process) -> None:
        kind = self.kinds.get(process, HELPERS)
        if kind == HELPERS:  # or a worker, which gets its name after its start
            line = " ".join(process.cmdline())
            kind = next((kind for word, kind in KINDS.items() if word in line), "others")
            self.kinds[process] = COUNTING if process == self.me else kind
        self.seconds[process] = _seconds_of(process)
        now = self.curve[-1]
        if kind in now:
            memory = process.memory_info()
            now[kind] = max(now[kind], memory.rss / 1e6)
            if kind == DRIVER:
                now[f"{DRIVER}'s own"] = (memory.rss - memory.shared) / 1e6

    def stop(self) -> str:
        self.over.set()
        self.thread.join()
        names = self.curve[0] if self.curve else ()
        most = {name: max(now.get(name, 0.0) for now in self.curve) for name in names}
        peaks = ", ".join(f"{name} {peak:.0f} MB" for name, peak in most.items())
        busy = statistics.mean(self.busy) if self.busy else 0.0
        return f"at most: {peaks}; the cores were busy {busy:.0f} % of the time"

    def milliseconds(self, questions: int) -> str:
        """Processor time a question since `begin`, by what used it."""
        whole: Counter[str] = Counter()
        for process, seconds in self.seconds.items():
            used = seconds - self.before.get(process, 0.0)
            whole[self.kinds[process]] += 1000 * used / max(1, questions)
        parts = ", ".join(f"{kind} {used:.2f}" for kind, used in whole.most_common())
        return f"{whole.total():.2f} ms of a core a question: {parts}"


@dataclass
class Course:
    """How far a long run is; kept in its folder where it is interrupted.

    Attributes:
        kinds: what is to be killed, in this order. goals: at how many questions.
        asking: seconds in which questions were answered. seconds: in all.
    """

    kinds: list[str]
    goals: list[float]
    on_disk: OnDisk
    answered: Answered
    killed: int = 0
    seconds: float = 0.0
    asking: float = 0.0
    sessions: int = 0


def planned(arguments: argparse.Namespace, output: Path, logs: list[Path]) -> Course:
    rng = random.Random(arguments.seed)
    kinds = ["worker"] * arguments.workers + ["driver"] * arguments.drivers
    kinds += ["node"] * arguments.nodes
    rng.shuffle(kinds)
    share = arguments.questions / (len(kinds) + 1)
    goals = [(number + rng.random()) * share for number in range(len(kinds))]
    on_disk = OnDisk(output, arguments.questions)
    return Course(kinds, goals, on_disk, Answered(logs, arguments.questions))


def collect(arguments: argparse.Namespace, folder: Path) -> None:
    """A run without kills."""
    arguments.workers = arguments.drivers = arguments.nodes = 0
    kill(arguments, folder)


def kill(arguments: argparse.Namespace, folder: Path) -> None:
    source, output, kept = (
        folder / name for name in ("questions.jsonl", "answers.jsonl", "course.pickle")
    )
    if not source.exists():
        write_questions(source, arguments.questions)
    limit = arguments.servers * arguments.at_once / (arguments.latency_ms / 1000)
    how = (arguments.servers, arguments.latency_ms, arguments.at_once, folder)
    with servers(*how) as (urls, logs), TwoNodes() as nodes:
        bare, cost = bare_rate(urls, arguments.concurrent)
        print(
            f"the servers could give {limit:,.0f} questions/s; bare loops over the SDK made "
            f"{bare:,.0f}, {cost:.2f} ms of a core each",
            flush=True,
        )
        course = planned(arguments, output, logs)
        if kept.exists():
            course = pickle.loads(kept.read_bytes())
        use, before = Use(), course.answered.done
        command = [*collect_command(source, output, urls, arguments.concurrent)]
        code = _work_through(arguments, course, command, nodes, use)
        told = use.stop()
        course.answered.read(course.on_disk)
        print(f"  {use.milliseconds(course.answered.done - before)}", flush=True)
    if code is None:
        kept.write_bytes(pickle.dumps(course))
        print(
            f"interrupted at {course.answered.done:,} questions; {told}; the same command goes on"
        )
        return
    _tell(arguments, course, output, code)
    rate = arguments.questions / course.asking
    print(
        f"  {rate:,.0f} questions/s from the first answer to the last ({rate / bare:.0%} of the "
        f"bare loops, {rate / limit:.0%} of what the servers can give), {course.seconds:,.0f} s "
        f"with all starts, ends and counts, in {course.sessions} sessions; {told}"
    )


def _work_through(
    arguments: argparse.Namespace,
    course: Course,
    command: list[str],
    nodes: TwoNodes,
    use: Use,
) -> int | None:
    """Run and kill, until all is done (the exit code) or the time is over (None)."""
    rng = random.Random(course.sessions)
    course.sessions += 1
    started, first, last = time.monotonic(), 0.0, 0.0
    over = started + 60 * arguments.minutes if arguments.minutes else float("inf")
    before = course.answered.read(course.on_disk)
    run, stopping = _driver(command, nodes), False
    while run.poll() is None:
        now, done = time.monotonic(), course.answered.read(course.on_disk)
        if done > before:
            if not first:
                use.begin()
            first, last, before = first or now, now, done
        if course.killed < len(course.kinds) and done >= course.goals[course.killed]:
            kind = course.kinds[course.killed]
            run = _kill_one(kind, rng, run, command, nodes)
            _note(course)
            course.killed += 1
            print(f"{now - started:6.0f} s, {done:,} questions: killed a {kind}", flush=True)
        if now > over and not stopping:
            stopping = True
            os.kill(run.pid, signal.SIGINT)
        time.sleep(0.25)
    course.seconds += time.monotonic() - started
    course.asking += last - first
    _note(course)
    return None if stopping else run.returncode


def _note(course: Course) -> None:
    """Whatever is on disk now may not be asked again."""
    course.on_disk.look()
    course.answered.read(course.on_disk)
    course.on_disk.believe()


def _driver(command: list[str], nodes: TwoNodes) -> subprocess.Popen:
    """`collect` as a user runs it, in a process that can be killed."""
    environment = {**os.environ, **nodes.environment, "PYTHONPATH": str(ROOT)}
    quiet = subprocess.DEVNULL
    return subprocess.Popen(
        [*command, "--cluster", "auto"],
        env=environment,
        stdout=quiet,
        stderr=quiet,
        start_new_session=True,
        cwd=ROOT,
    )


def _kill_one(
    kind: str, rng: random.Random, run: subprocess.Popen, command: list[str], nodes: TwoNodes
) -> subprocess.Popen:
    if kind == "node":
        nodes.kill(nodes.nodes[1])
        nodes.start_another()
    elif kind == "driver":
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        return _driver(command, nodes)
    else:
        while not (alive := collectors(nodes)) and run.poll() is None:
            time.sleep(0.05)
        if alive:
            rng.choice(alive).send_signal(signal.SIGKILL)
    return run


def _tell(arguments: argparse.Namespace, course: Course, output: Path, code: int) -> None:
    found = Counter[int]()
    in_order, before = True, -1
    with open(output, "rb") as file:
        for line in file:
            number = int(QUESTION.search(line)[1])
            found[number] += line.count(b'"full_response"') == K
            in_order, before = in_order and number > before, number
    lost = sum(not found[number] for number in range(arguments.questions))
    doubled = sum(count > 1 for count in found.values())
    killed = Counter(course.kinds[: course.killed])
    told = ", ".join(f"{count} of a {kind}" for kind, count in killed.items()) or "none"
    again = len(course.answered.asked_again)
    print(
        f"{arguments.questions:,} questions, k = {K}, {arguments.servers} servers; kills: {told}; "
        f"exit code {code}: {lost} lost, {doubled} doubled, {again} asked again after their "
        f"answers were on disk; {course.answered.repeated} were under way at a kill and were "
        f"asked again; in the order of the questions: {in_order}"
    )


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
        with TwoNodes(nodes=count, pinned=True) as nodes:
            environment = {**os.environ, **nodes.environment, "PYTHONPATH": str(ROOT)}
            command = [sys.executable, "-m", "routerlib", "grade", "--input", str(source)]
            command += ["--output", str(folder / f"graded-{count}"), "--cluster", "auto"]
            started = time.monotonic()
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, check=True, cwd=ROOT
            )
            seconds = time.monotonic() - started
        told = re.search(r"answers graded in ([\d.]+) s", done.stdout)
        rates[count] = arguments.outputs / float(told[1])
        print(f"{count} node(s) of one core: {arguments.outputs:,} outputs, {rates[count]:,.0f}/s; "
              f"{seconds:.0f} s in all", flush=True)  # fmt: skip
    same = (folder / "graded-1/m.jsonl").read_bytes() == (folder / "graded-2/m.jsonl").read_bytes()
    print(f"two nodes: {rates[2] / rates[1]:.2f} times one (target 1.7); the same file: {same}")


def small(arguments: argparse.Namespace, folder: Path) -> None:
    with servers(1, 20, 64, folder) as (urls, _):
        seconds = {}
        for cluster in ("", "local"):
            output = folder / f"answers-{cluster}.jsonl"
            command = collect_command(Path("sample"), output, urls, 16)
            if cluster:
                command += ["--cluster", cluster]
            started = time.monotonic()
            subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
            seconds[cluster] = time.monotonic() - started
    print(f"the sample: {seconds['']:.1f} s without, {seconds['local']:.1f} s with CLUSTER = "
          f"local: {seconds['local'] - seconds['']:.1f} s more (target 15)")  # fmt: skip


def alone(arguments: argparse.Namespace, folder: Path) -> None:
    source = folder / "questions.jsonl"
    write_questions(source, arguments.questions)
    limit = arguments.at_once / (arguments.latency_ms / 1000)
    with servers(1, arguments.latency_ms, arguments.at_once, folder) as (urls, logs):
        use, answered = Use(), Answered(logs, arguments.questions)
        command = collect_command(source, folder / "answers.jsonl", urls, arguments.concurrent)
        first = last = 0.0
        run = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        before = 0
        while run.poll() is None:
            done = answered.read(lambda number: False)
            if done > before:
                if not first:
                    use.begin()
                last = time.monotonic()
                first, before = first or last, done
            time.sleep(0.25)
        told = f"{use.stop()}; {use.milliseconds(arguments.questions)}"
    rate = arguments.questions / (last - first)
    print(f"one process: {rate:,.0f} questions/s, {3600 * rate:,.0f} an hour; the server could "
          f"give {limit:,.0f}/s; {told}")  # fmt: skip


SYLLABLES = [first + second for first in "bdfgklmnprstvz" for second in "aeiou"]


def conversations(count: int) -> Iterator[dict]:
    """Made-up prompts. One in ten repeats, but for a word, one that may stand anywhere before."""
    rng = random.Random(0)
    for number in range(count):
        is_near = number and rng.random() < 0.1
        of = rng.randrange(number) if is_near else number
        words = _words(of)
        if is_near:
            words[rng.randrange(len(words))] = f"and{number}"
        talk = [{"role": "user", "content": " ".join(words)}]
        yield {"conversation_id": f"c{number}", "conversation": talk, "language": "English"}


def _words(number: int) -> list[str]:
    rng = random.Random(number)
    return ["".join(rng.choices(SYLLABLES, k=3)) for _ in range(rng.randint(15, 50))]


def clean(arguments: argparse.Namespace, folder: Path) -> None:
    source, output = folder / "talks.jsonl", folder / "prompts.jsonl"
    with open(source, "w") as file:
        for row in conversations(arguments.conversations):
            file.write(json.dumps(row) + "\n")
    command = [sys.executable, "-m", "routerlib", "clean", "--prompts", str(source)]
    command += ["--output", str(output), "--encoder", "", "--cluster", "auto"]
    with TwoNodes() as nodes:
        environment = {**os.environ, **nodes.environment, "PYTHONPATH": str(ROOT)}
        environment["ROUTERLIB_OUTPUTS"] = str(folder)
        use, started = Use(folder), time.monotonic()
        run = subprocess.Popen(
            command, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL, text=True
        )
        run.wait()
        seconds, told = time.monotonic() - started, use.stop()
    tenths = [use.curve[len(use.curve) * part // 10] for part in range(10)]
    curve = {name: [round(now.get(name, 0)) for now in tenths] for name in tenths[0]}
    rate = arguments.conversations / seconds
    print(
        f"{arguments.conversations:,} conversations, exit code {run.returncode}: {seconds:,.0f} s, "
        f"{rate:,.0f}/s; {told}; MB at tenths of the time: {curve}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    scenarios = {one.__name__: one for one in (collect, kill, grade, clean, small, alone)}
    parser.add_argument("what", choices=scenarios)
    parser.add_argument("--questions", type=int, default=1_000_000)
    parser.add_argument("--outputs", type=int, default=200_000)
    parser.add_argument("--conversations", type=int, default=1_000_000)
    parser.add_argument("--servers", type=int, default=8)
    parser.add_argument("--at-once", type=int, default=16, help="requests that one server works on")
    parser.add_argument("--concurrent", type=int, default=24, help="requests sent to one server")
    parser.add_argument("--latency-ms", type=float, default=100)
    parser.add_argument("--workers", type=int, default=20, help="kills of workers")
    parser.add_argument("--drivers", type=int, default=3, help="kills of the driver")
    parser.add_argument("--nodes", type=int, default=1, help="kills of a node")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="kept, so that an interrupted run can go on")
    parser.add_argument("--minutes", type=float, help="interrupt the run after so long")
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # else ignored in the background
    if arguments.folder:
        arguments.folder.mkdir(parents=True, exist_ok=True)
        scenarios[arguments.what](arguments, arguments.folder)
        return
    with tempfile.TemporaryDirectory(dir=ROOT / "outputs") as folder:
        scenarios[arguments.what](arguments, Path(folder))


if __name__ == "__main__":
    main()
