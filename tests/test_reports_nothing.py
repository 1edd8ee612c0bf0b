"""No command reports home: none looks up a name of another machine, or writes outside the outputs
folder, with a fresh HOME and with one that cannot be written. The notebooks are watched in
tests/notebooks.
"""

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import tiny_encoder
from upstream import Upstream
from watching import Watch

from routerlib import settings
from routerlib.endpoints import addresses
from routerlib.rows import jsonl
from routerlib.training.examples import from_rows
from routerlib.training.labelled_data import outcome_row
from routerlib.training.router import Router
from routerlib.training.scorers import Neighbours

QUESTION = {
    "unique_id": "q1", "problem": "What is 2 + 2?", "is_mcq": False, "choices": None,
    "choice_index_correct": None, "explanation_correct": None, "answer_correct": "4",
    "category": "sums",
}  # fmt: skip
RESPONSES = {**QUESTION, "responses": [{"full_response": "2 + 2 = 4. The answer is 4."}]}


@pytest.fixture(scope="module")
def saved_router(tmp_path_factory):
    """A router with an encoder, which is what imports the libraries that would report."""
    from routerlib.training.encoders import SentenceEncoder

    folder = tmp_path_factory.mktemp("made")
    encoder = SentenceEncoder(tiny_encoder.tiny_encoder(folder / "encoder"))
    examples = from_rows([outcome_row(row) for row in tiny_encoder.rows(40)])
    router = Router("near", Neighbours(encoder).fit(examples))
    router.models = {"inferior": "small", "superior": "large"}
    router.save(folder / "router")
    return folder / "router"


@pytest.fixture
def model_server():
    with Upstream() as server:
        yield server.url


@pytest.fixture(params=["fresh", "/proc"], ids=["fresh home", "read-only home"])
def watched(request, tmp_path):
    """Runs a command of ours under a watch; gives what it looked up, and what it wrote outside
    its outputs folder.
    """
    home = tmp_path / "home" if request.param == "fresh" else Path(request.param)
    home.mkdir(exist_ok=True)
    return Watched(Watch(tmp_path / "watch"), home, tmp_path / "outputs")


class Watched:
    def __init__(self, watch, home, outputs):
        self.watch, self.home, self.outputs = watch, home, outputs
        kept = {name: text for name, text in os.environ.items() if name not in settings.NO_REPORTS}
        more = {"HOME": str(home), "ROUTERLIB_OUTPUTS": str(outputs), "OPENAI_API_KEY": "dummy"}
        self.environment = kept | watch.environment(**more)

    def start(self, *words):
        return subprocess.Popen(
            [sys.executable, "-m", "routerlib", *map(str, words)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *words):
        process = self.start(*words)
        told, _ = process.communicate(timeout=120)
        assert process.returncode == 0, told
        self.check()

    def check(self):
        asked = {path for path in self.watch.written() if "/routerlib-" in path}
        assert self.watch.lookups() == set()
        assert self.watch.written(self.outputs) - asked - {str(self.home)} == set()


def test_route(watched, saved_router):
    watched.run("route", "What is 2 + 2?", "--router", saved_router)


def test_grade(watched):
    for name in ("small", "large"):
        jsonl.write_rows(watched.outputs / f"{name}.jsonl", [{**RESPONSES, "model": name}])
    watched.run("grade", "--input", watched.outputs)


def test_check(watched, model_server):
    watched.run("check", "--api-base", model_server, "--model", "large")


def test_collect(watched, model_server):
    jsonl.write_rows(watched.outputs / "questions.jsonl", [QUESTION])
    watched.run(
        "collect", "--questions", watched.outputs / "questions.jsonl", "--model", "large",
        "--api-base", model_server, "--endpoint", "chat", "--k-responses", "2",
    )  # fmt: skip


def test_help(watched):
    watched.run("--help")


def test_serve_router(watched, saved_router, model_server):
    port = addresses.free_port()
    process = watched.start(
        "serve-router", "--router", saved_router, "--port", port,
        "--inferior", model_server, "--superior", model_server,
    )  # fmt: skip
    try:
        for line in process.stdout:
            if f"127.0.0.1:{port}" in line:
                break
        ask = f"http://127.0.0.1:{port}/v1/models"
        assert b"router" in urllib.request.urlopen(ask, timeout=30).read()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
    watched.check()
