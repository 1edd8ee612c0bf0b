"""Routers pushed to a hub on this machine, and fetched from it, by the real client."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hub_standin import MEMBER, VISITOR, HubStandin, Repository
from small_router import EASY, HARD, small_router

from routerlib import settings
from routerlib.training import scorers, sharing
from routerlib.training.router import Router

WORKER = Path(__file__).with_name("sharing_worker.py")
PROMPTS = [EASY, HARD]


class Worker:
    """A process whose client knows one hub; everything it ever printed is in `said`."""

    def __init__(self, url, home):
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("HF_")
        }
        environment |= {
            "HF_ENDPOINT": url,
            "HF_HOME": str(home / "cache"),
            "HF_HUB_DISABLE_XET": "1",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        self.log = home / "worker.log"
        self.process = subprocess.Popen(
            [sys.executable, str(WORKER)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log.open("w"),
            text=True,
        )
        self.said = ""

    def ask(self, router, token=MEMBER, **order):
        order = {"router": str(router), "token": token, "prompts": PROMPTS, **order}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, self.log.read_text()[-2000:]
        self.said += line
        return json.loads(line)


@pytest.fixture(scope="module")
def hub():
    with HubStandin({}) as standin:
        yield standin


@pytest.fixture(scope="module")
def worker(hub, tmp_path_factory):
    worker = Worker(hub.url, tmp_path_factory.mktemp("home"))
    yield worker
    worker.process.stdin.close()
    assert worker.process.wait(20) == 0
    everything = worker.said + worker.log.read_text()
    assert MEMBER not in everything and VISITOR not in everything


@pytest.fixture(scope="module")
def saved(tmp_path_factory, encoder, train):
    """A router with a card, an encoder, and two files that are no part of it."""
    folder = tmp_path_factory.mktemp("saved")
    Router("shared", scorers.Kernel(encoder).fit(train), models={"inferior": "s"}).save(folder)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n\nThe card of 05.\n")
    (folder / "notes.pkl").write_bytes(b"a pickle")
    (folder / ".env").write_text("KEY=planted")
    return folder


def test_a_router_is_pushed_as_one_commit_and_fetched_by_its_id(hub, worker, saved):
    assert worker.ask(saved, to="org/mine") == {"page": "https://huggingface.co/org/mine"}
    repository = hub.repositories["model", "org/mine"]
    assert repository.private
    names = {path.relative_to(saved).as_posix() for path in saved.rglob("*") if path.is_file()}
    assert set(repository.files) == names - {"notes.pkl", ".env"}
    assert repository.files["README.md"] == (saved / "README.md").read_bytes()
    assert sum("/commit/" in path for _, path, _ in hub.log) == 1
    # Numbers by LFS, whole
    assert repository.files["scorer.safetensors"] in hub.blobs.values()
    found = worker.ask("org/mine")
    expected = Router.from_pretrained(saved).score(PROMPTS).tolist()
    assert found == {"name": "shared", "scores": pytest.approx(expected)}


def test_no_pickle_is_fetched(hub, worker, saved):
    worker.ask(saved, to="org/with-more", private=False)
    repository = hub.repositories["model", "org/with-more"]
    assert not repository.private
    repository.files |= {"pytorch_model.bin": b"a pickle", "parts/a.pkl": b"one", "run.py": b"1"}
    assert worker.ask("org/with-more", token=None)["name"] == "shared"
    asked = [path for _, path, _ in hub.log if "/org/with-more/resolve/" in path]
    assert asked and not [path for path in asked if path.endswith((".bin", ".pkl", ".py"))]


def test_a_router_that_was_changed_gets_a_card_of_its_own(hub, worker, saved):
    worker.ask(saved, to="org/changed", threshold=0.25)
    card = hub.repositories["model", "org/changed"].files["README.md"].decode()
    assert "The card of 05." not in card and "0.2500" in card


@pytest.mark.parametrize(
    ("order", "kind", "text"),
    [
        ({"router": "org/none"}, "SharingError", "There is no router org/none on the hub that the"),
        ({"router": "org/shut", "token": VISITOR}, "SharingError", "There is no router org/shut"),
        ({"router": "org/shut", "token": None}, "SharingError", "or it is private"),
        ({"router": "org/shut@v9"}, "SharingError", "org/shut has no such revision"),
        ({"router": "org/model"}, "RouterError", "a Hugging Face model, but no router"),
        ({"to": "org/x", "token": VISITOR}, "SharingError", "the right to write"),
        ({"to": "org/x", "token": None}, "MissingKey", "HF_TOKEN is not set"),
        ({"to": "mine"}, "SharingError", "'mine' is no hub id"),
    ],
)
def test_what_the_hub_refuses_is_told(hub, worker, saved, order, kind, text):
    hub.repositories["model", "org/shut"] = Repository({"router.json": b"{}"}, private=True)
    hub.repositories["model", "org/model"] = Repository({"config.json": b"{}"})
    found = worker.ask(**{"router": saved, **order})
    assert found.get("kind") == kind and text in found["error"], found


def test_a_hub_that_is_gone_is_told(hub, worker, saved):
    hub.is_gone = True
    try:
        pushed, fetched = worker.ask(saved, to="org/y"), worker.ask("org/never-seen")
    finally:
        hub.is_gone = False
    assert "does not answer, so that org/y was not pushed" in pushed["error"]
    assert "Download it elsewhere and name its folder" in fetched["error"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("org/name", ("org/name", None)),
        ("org/name@v1.0", ("org/name", "v1.0")),
        ("https://huggingface.co/org/name", ("org/name", None)),
        ("mine/there", None),  # a folder
        ("mine/else", None),  # beside one
        ("./org/name", None),
        ("/org/name", None),
        ("~/name", None),
        ("a/b/c", None),
        ("name", None),
        (Path("org/name"), None),
    ],
)
def test_a_name_is_a_hub_id_only_where_it_is_no_path(name, found, tmp_path, monkeypatch):
    monkeypatch.setattr(settings, "ROOT", tmp_path)
    (tmp_path / "mine" / "there").mkdir(parents=True)
    assert sharing.hub_id(name) == found


def test_a_card_is_written_where_there_is_none(tmp_path):
    small_router()._write_card(tmp_path)
    assert small_router().certificate["sentence"] in (tmp_path / "README.md").read_text()
