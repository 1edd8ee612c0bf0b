"""Grading over two nodes: the files that one process writes, and a hostile output costs itself."""

import json

import pytest

from routerlib import settings
from routerlib.answers import grading as alone
from routerlib.answers.killable import Lost
from routerlib.cluster import graders
from routerlib.cluster.blocks import Blocks

HOSTILE = r"\boxed{9^{9^{9^{9}}} + \binom{10^8}{5\cdot 10^7}}"


def test_lost_verdicts_travel_and_the_blocks_go_with_the_last(tmp_path):
    blocks = Blocks(tmp_path / "work", 2)
    blocks.folder.mkdir()
    given = [{"lost": "timeout", "detail": "d"}, {"is_correct": True}, {"is_correct": False}]
    results = iter(given)
    first = graders._Read(blocks, results, is_last=False)
    last = graders._Read(blocks, results, is_last=True)
    assert list(first.map(["a", "b"])) == [Lost("timeout", "d"), {"is_correct": True}]
    assert blocks.folder.exists()
    assert list(last.map(["c"])) == [{"is_correct": False}] and not blocks.folder.exists()


def write(path, rows):
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def responses(tmp_path):
    """A few sample rows of two models, one with a hostile output, a broken line, a repeated row."""
    folder = tmp_path / "responses"
    for side in ("inferior", "superior"):
        text = (settings.SAMPLES / f"responses_{side}.jsonl").read_text()
        rows = [json.loads(line) for line in text.splitlines()[:20]]
        rows[3] |= {"answer_correct": "x^{2}", "is_mcq": False, "choices": None}
        rows[3]["responses"][0]["full_response"] = HOSTILE
        write(folder / f"{side}.jsonl", [*rows, rows[5], {"broken": 1}])
    return folder


@pytest.mark.real
def test_two_nodes_write_the_files_that_one_process_writes(cluster, responses, tmp_path, outputs):
    one = alone.grade(responses, tmp_path / "one", timeout=1.0, progress=False)
    many = graders.grade(responses, tmp_path / "many", timeout=1.0, progress=False, cluster="auto")
    for name in ("inferior.jsonl", "superior.jsonl", "inferior.rejects.jsonl"):
        assert (tmp_path / "many" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()
    assert (many.answers, many.lost, many.rejected, many.superseded) == (
        one.answers, one.lost, one.rejected, one.superseded,
    )  # fmt: skip
    assert many.summaries == one.summaries and one.answers == 120
    assert not list((tmp_path / "many").glob(".*"))
