"""Grading, cleaning and scoring on a cluster, ended by a signal in mid-work: the next goes on."""

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from small_router import small_router

from routerlib import settings
from routerlib.answers import grading
from routerlib.cluster import blocks, cleaners, graders, prompt_scorers
from routerlib.labels import cleaned
from routerlib.training import scored

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

SOON = 30.0  # seconds, on a busy machine
# A test run in the background ignores Ctrl-C, and so does all that it starts
CODE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from routerlib.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
WORK_OF_OURS = ("MapWorker", "killable", "Foreman", "Collector")


@dataclass
class Step:
    """One step: its words on a command line, and its two functions, which take an output."""

    words: list
    alone: object
    many: object
    given: dict
    block: int


@pytest.fixture
def steps(tmp_path, outputs):
    small_router().save(outputs / "models" / "small-save")
    lines = (settings.SAMPLES / "responses_inferior.jsonl").read_text().splitlines()
    answers = tmp_path / "answers.jsonl"
    write(answers, (json.loads(line) for line in itertools.islice(itertools.cycle(lines), 1500)))
    rng, talks = random.Random(1), tmp_path / "talks.jsonl"
    words = [f"word{number}" for number in range(500)]
    asked = (" ".join(rng.choices(words, k=20)) for _ in range(20_000))
    write(talks, ({"conversation": [{"role": "user", "content": text}]} for text in asked))
    return {
        "grade": Step(["--input", answers], grading.grade, graders.grade, {"input": answers},
                      graders.BLOCK),
        "clean": Step(["--prompts", talks, "--encoder", ""], cleaned.clean_file,
                      cleaners.clean_file, {"prompts": talks, "encoder": ""}, cleaners.BLOCK),
        "score": Step(["--prompts", talks], scored.score, prompt_scorers.score,
                      {"prompts": talks}, scored.BLOCK),
    }  # fmt: skip


def write(path, rows):
    with open(path, "w") as file:
        for number, row in enumerate(rows):
            named = {"unique_id": f"q{number}", "conversation_id": f"q{number}"}
            file.write(json.dumps(row | named) + "\n")


def results(folder: Path) -> dict[Path, int]:
    """The results of the blocks that are done, and what tells whether one is written anew."""
    return {path: path.stat().st_ino for path in folder.rglob(f".*/**/[0-9]*{blocks.RESULTS}")}


def ours(processes) -> list[psutil.Process]:
    """Those that work for a driver, rather than for the cluster."""
    found = []
    for process in processes:
        try:
            if any(word in " ".join(process.cmdline()) for word in WORK_OF_OURS):
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_until(reached, seconds=120.0):
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("where", "step", "number"),
    [
        ("auto", "grade", signal.SIGINT),
        ("auto", "clean", signal.SIGTERM),
        ("auto", "score", signal.SIGINT),
        ("local", "grade", signal.SIGTERM),
    ],
)
def test_a_signal_in_the_middle_leaves_a_state_that_goes_on(
    cluster, steps, tmp_path, monkeypatch, where, step, number
):
    how, target = steps[step], tmp_path / "here" / "many.jsonl"
    words = [step, *map(str, how.words), "--output", str(target), "--cluster", where]
    run = subprocess.Popen(
        [sys.executable, "-c", CODE, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    try:
        wait_until(lambda: len(results(tmp_path)) >= 3 or run.poll() is not None)
        family = psutil.Process(run.pid).children(recursive=True)
        if where == "local":
            os.killpg(run.pid, number)  # all that it has started hears it, too
        else:
            os.kill(run.pid, number)
        _, told = run.communicate(timeout=SOON)
    finally:
        run.kill()
    assert run.returncode == (130 if number == signal.SIGINT else 143), told
    assert "What was finished is on disk; the same command goes on from there." in told
    assert "Traceback" not in told
    assert not target.exists()
    at_nodes = [psutil.Process(node.pid).children(recursive=True) for node in cluster.nodes]
    _, alive = psutil.wait_procs([*family, *ours(itertools.chain(*at_nodes))], timeout=SOON)
    assert not alive, [one.cmdline() for one in alive]
    done, kept = results(tmp_path), {}

    def remove(self):
        kept.update(results(tmp_path))
        whole(self)

    whole = blocks.Blocks.remove
    monkeypatch.setattr(blocks.Blocks, "remove", remove)
    how.many(output=target, **how.given, cluster=where)
    how.alone(output=tmp_path / "one.jsonl", **how.given)
    assert target.read_bytes() == (tmp_path / "one.jsonl").read_bytes()
    assert len(done) >= 3 and done.items() <= kept.items(), "no block is worked on twice"
    assert not list(tmp_path.rglob(".*"))
