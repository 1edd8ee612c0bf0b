"""Notebooks 02, 03 and 04 through papermill, with CLUSTER and without: the same files."""

import re

import pytest
from mock_server import prompt_of

from routerlib import pipeline

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

# 02 last: its labeller is examined on what 04 has found of the pair
NAMES = ["03_collect_responses", "04_extract_answers", "02_create_dataset"]
SIZES = {"PROMPTS": "sample-log, sample", "LIMIT": 60, "CHECK_LIMIT": 4, "LABEL_LIMIT": 6}
SIZES |= {"NUM_PROBLEMS": 20, "K_RESPONSES": 2, "ENCODER": "", "JUDGES": "", "METHOD": "samples"}

STAMP = re.compile(r"-\d{8}T\d{6}")  # -20261127T193749


def say(request, index):
    """One and the same answer to one and the same request, after the kind of its model."""
    sign = sum(prompt_of(request).encode()) + index
    words = {"labeller": "AB", "dear": "ABCD", "cheap": "0123456789"}[request["model"]]
    return f" {words[sign % len(words)]}"


def written(folder):
    """What was written of rows, by name; the names of labels hold the time of their making."""
    files = [path for name in ("datasets", "responses", "graded") for path in
             (folder / name).rglob("*.jsonl")]  # fmt: skip
    return {STAMP.sub("", str(path.relative_to(folder))): path.read_bytes() for path in files}


def test_with_a_cluster_the_notebooks_write_the_files_that_they_write_without(
    cluster, serve, tmp_path, monkeypatch
):
    server = serve(say=say)
    models = {"LABELLER_MODEL": "labeller", "INFERIOR_MODEL": "cheap", "SUPERIOR_MODEL": "dear"}
    places = ("LABELLER_API_BASE", "INFERIOR_API_BASE", "SUPERIOR_API_BASE")
    given = {**SIZES, **models, **dict.fromkeys(places, server.base_url)}
    found = []
    for where in ("", "auto"):
        monkeypatch.setenv("ROUTERLIB_OUTPUTS", str(tmp_path / f"outputs-{where}"))
        result = pipeline.run(NAMES, parameters={**given, "CLUSTER": where})
        assert result.executed == NAMES
        found.append(written(tmp_path / f"outputs-{where}"))
    alone, many = found
    assert alone.keys() == many.keys() and len(alone) >= 6
    assert [name for name in alone if alone[name] != many[name]] == []
    assert not (tmp_path / "outputs-auto" / "datasets" / ".cleaning").exists()
