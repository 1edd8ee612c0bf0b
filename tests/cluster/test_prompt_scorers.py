"""Scoring over two nodes: the file that one process writes."""

import pytest
from small_router import small_router

from routerlib import settings
from routerlib.cluster import prompt_scorers
from routerlib.rows import jsonl
from routerlib.training import scored as alone


def test_a_worker_scores_as_one_process_does(tmp_path):
    router = small_router()
    router.save(tmp_path / "router-save")
    items = [{"prompt": "What is 2 + 2?"}, {"prompt": [{"role": "user", "content": "Prove it."}]}]
    scores = prompt_scorers.PromptScorer(str(tmp_path / "router-save"))(items)
    assert scores == alone.score_block(router, [item["prompt"] for item in items])


def test_two_runs_do_not_share_their_hidden_folder(outputs, tmp_path):
    small_router().save(outputs / "models" / "small-save")
    with (
        jsonl.only_one(settings.outputs("scored") / ".sample.jsonl.blocks"),
        pytest.raises(jsonl.FileInUse, match="another process"),
    ):
        prompt_scorers.score("sample", output=tmp_path / "a.jsonl", progress=False, cluster="local")


@pytest.mark.real
def test_two_nodes_write_the_file_that_one_process_writes(cluster, outputs, tmp_path):
    small_router().save(outputs / "models" / "small-save")
    one = alone.score("sample", output=tmp_path / "one.jsonl", progress=False)
    many = prompt_scorers.score(
        "sample", output=tmp_path / "many.jsonl", progress=False, cluster="auto"
    )
    assert (tmp_path / "many.jsonl").read_bytes() == (tmp_path / "one.jsonl").read_bytes()
    assert many.prompts == one.prompts > alone.BLOCK and many.superior == one.superior
    assert not list((outputs / "scored").glob(".*"))
