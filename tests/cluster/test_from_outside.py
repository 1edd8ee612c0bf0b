"""All four steps through Ray Client (ray://), from a machine that is none of the cluster's."""

import pytest
from small_router import small_router

from routerlib import settings
from routerlib.answers import grading
from routerlib.cluster import cleaners, collecting, graders, machines, prompt_scorers
from routerlib.cluster.blocks import Blocks
from routerlib.collecting import collection
from routerlib.labels import cleaned
from routerlib.rows.schemas import Question
from routerlib.training import scored

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]


@pytest.fixture
def outside(cluster, outputs, monkeypatch):
    """The cluster's address, for a driver that knows nothing else of it; and a place to work in."""
    monkeypatch.delenv("RAY_ADDRESS")
    small_router().save(outputs / "models" / "small-save")
    lines = (settings.SAMPLES / "responses_inferior.jsonl").read_text().splitlines(keepends=True)
    (outputs / "some.jsonl").write_text("".join(lines[:12]))
    return cluster.from_outside


def steps(url, outputs):
    """(name of the output, the step on one machine, the step on many, what both are given)."""
    questions = [
        Question(unique_id=f"q{number}", question=f"What is {number}?", answer_correct="1")
        for number in range(40)
    ]
    asked = {"k_responses": 2, "max_concurrent": 8, "api_base": url, "output_dir": outputs,
             "model": "mock"}  # fmt: skip
    return [
        ("answers.jsonl", collection.collect_sync, collecting.collect_sync,
         lambda output: {"questions": questions, "output_file": output.name, **asked}),
        ("graded", grading.grade, graders.grade,
         lambda output: {"input": outputs / "some.jsonl", "output": output}),
        ("clean.jsonl", cleaned.clean_file, cleaners.clean_file,
         lambda output: {"prompts": "sample", "output": output, "encoder": ""}),
        ("scores.jsonl", scored.score, prompt_scorers.score,
         lambda output: {"prompts": "sample", "output": output}),
    ]  # fmt: skip


def content(path):
    """What is in a file, or in the rows of a folder."""
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    return [file.read_bytes() for file in files]


def test_each_step_writes_the_files_that_one_process_writes(outside, outputs, serve, tmp_path):
    server = serve()
    with machines.joined(outside) as joined:
        assert joined.is_outside and (joined.nodes, joined.cores) == (2, 2)
        for name, alone, many, given in steps(server.base_url, outputs):
            one, other = outputs / f"one-{name}", outputs / f"many-{name}"
            alone(**given(one))
            many(**given(other), cluster=outside)
            assert content(other) == content(one) and content(one), name
        blocks = Blocks(tmp_path / "work", 2)
        blocks.spool(iter(range(12)), {})
        with pytest.raises(machines.ClusterError, match="run again"):
            blocks.work(joined, "routerlib.cluster.graders:Grader", {"no": "such"}, show=False)
    assert not joined.ray.is_initialized()
    assert len(server.requests) == 2 * 40, "each question once by one process, once by many"
