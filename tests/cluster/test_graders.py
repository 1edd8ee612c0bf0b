"""Grading over two nodes: the files that one process writes, and a hostile output costs itself."""

import json

import pytest

from routerlib import settings
from routerlib.answers import grading as alone
from routerlib.answers.killable import Crew
from routerlib.cluster import graders
from routerlib.rows import jsonl

HOSTILE = r"\boxed{9^{9^{9^{9}}} + \binom{10^8}{5\cdot 10^7}}"


def test_a_worker_gives_the_lines_that_one_process_gives(responses):
    work = alone.Work(
        responses / "inferior.jsonl",
        responses / "graded.jsonl",
        list(jsonl.decode_lines(responses / "inferior.jsonl")),
    )
    items = [json.loads(json.dumps(item)) for item in graders._as_items(work)]
    worker = graders.Grader(timeout=1.0, workers=1)
    found = [json.loads(json.dumps(result)) for result in worker(items)]
    worker.close()
    with Crew("routerlib.answers.correctness:grade_answer", 1, 1.0) as crew:
        wanted = list(alone.graded_lines(str(work.source), work.lines, crew))
    assert {result["file"] for result in found} == {str(work.source)}
    assert [result["graded"] for result in found] == [
        json.loads(json.dumps(graders._as_json(line))) for line in wanted
    ]
    assert [line.number for line in wanted if line.refused] == [22, 23]
    assert "JSON" in wanted[-1].refused["reason"] and wanted[-1].refused["text"] == "{not json\n"
    assert sum(line.lost for line in wanted) == 1 and wanted[3].lost == 1


def test_two_runs_do_not_share_their_hidden_folder(responses):
    work = alone.Work(responses / "inferior.jsonl", responses / "graded.jsonl", [])
    with (
        jsonl.only_one(responses / ".graded.jsonl.blocks"),
        pytest.raises(jsonl.FileInUse, match="another process"),
    ):
        next(graders.ClusterGrading(None, 1.0, 1, False).graded([work]))


def test_after_a_failure_another_crew_grades_and_the_old_one_is_gone(responses):
    source = responses / "inferior.jsonl"
    work = alone.Work(source, responses / "graded.jsonl", list(jsonl.decode_lines(source))[:3])
    items = [json.loads(json.dumps(item)) for item in graders._as_items(work)]
    worker = graders.Grader(timeout=5.0, workers=1)
    old = worker.crew
    with pytest.raises(KeyError):
        worker([{"file": "a line without its fields"}])
    try:
        assert old._workers == [] and len(worker(items)) == 3
    finally:
        worker.close()


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
        with open(folder / f"{side}.jsonl", "a") as file:
            file.write("{not json\n")
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
