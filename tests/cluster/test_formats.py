"""All four steps on two nodes with tables and at addresses: the files that one process writes."""

import itertools
import json
from dataclasses import dataclass
from pathlib import Path

import fsspec
import pytest
from small_router import small_router

from routerlib import settings
from routerlib.answers import grading
from routerlib.cluster import cleaners, collecting, graders, machines, prompt_scorers
from routerlib.collecting import collection
from routerlib.labels import cleaned
from routerlib.rows import tables
from routerlib.training import scored

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]


@dataclass
class Way:
    """Where rows come from and go to, and as what: "memory:// jsonl", "file:// parquet"."""

    source: str
    target: str
    folder: Path

    def read_from(self, name: str, rows: list) -> str:
        """The address of a file that holds these rows."""
        place, ending = self.source.split()
        return tables.put(rows, self._at(place, f"in/{name}.{ending}"))

    def write_to(self, name: str) -> str:
        place, ending = self.target.split()
        return self._at(place, f"{name}.{ending}")

    def _at(self, place: str, name: str) -> str:
        return f"{place}{'/bucket' if place == 'memory://' else self.folder}/{name}"


def content(name: str) -> dict[str, bytes]:
    """What is in a file, wherever it is, and in that of its rejects, by the end of its name."""
    system, path = fsspec.core.url_to_fs(name)
    folder, _, last = path.rpartition("/")
    stem = last.partition(".")[0]
    found = [one.rpartition("/")[2] for one in system.ls(folder, detail=False)]
    return {
        one.removeprefix(stem): system.cat_file(f"{folder}/{one}")
        for one in found
        if one.startswith(stem)
    }


def sample(name: str, key: str, count: int) -> list[dict]:
    """So many rows, of which the shipped ones begin anew under other names: several blocks."""
    lines = (settings.SAMPLES / f"{name}.jsonl").read_text().splitlines()
    rows = itertools.islice(itertools.cycle(map(json.loads, lines)), count)
    return [row | {key: f"{row[key]}-{number}"} for number, row in enumerate(rows)]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("memory:// jsonl", "file:// parquet"),
        ("file:// parquet", "memory:// jsonl"),
    ],
)
def test_each_step_writes_what_one_process_writes(
    cluster, outputs, serve, tmp_path, source, target
):
    way, server = Way(source, target, tmp_path), serve()
    small_router().save(outputs / "models" / "small-save")
    broken = {"id": "broken", "unique_id": "broken", "conversation_id": "broken"}
    questions = way.read_from("questions", [*sample("questions", "unique_id", 40), broken])
    responses = way.read_from(
        "responses", [*sample("responses_inferior", "unique_id", 300), broken]
    )
    talks = way.read_from("talks", [*sample("prompts", "conversation_id", 1300), broken])
    steps = [
        ("answers", collection.collect_sync, collecting.collect_sync, "output_file",
         {"questions": questions, "model": "mock", "api_base": server.base_url,
          "k_responses": 2, "max_concurrent": 8}),
        ("graded", grading.grade, graders.grade, "output", {"input": responses}),
        ("clean", cleaned.clean_file, cleaners.clean_file, "output",
         {"prompts": talks, "encoder": ""}),
        ("scores", scored.score, prompt_scorers.score, "output", {"prompts": talks}),
    ]  # fmt: skip
    rejected = set()
    with machines.joined("auto") as joined:
        assert joined.nodes == 2
        for name, alone, many, output, given in steps:
            one, other = way.write_to(f"one/{name}"), way.write_to(f"many/{name}")
            if name == "answers":
                given |= {"output_dir": tmp_path / "one"}
            alone(**{output: one}, **given)
            if name == "answers":
                given |= {"output_dir": tmp_path / "many"}
            many(**{output: other}, **given, cluster="auto")
            found = content(one)
            assert content(other) == found and found, name
            rejected |= {name for ending in found if ending.endswith(".rejects.jsonl")}
    assert rejected >= {"clean", "scores"}, "those of others may be elsewhere, beside the lines"
    assert not list(tmp_path.rglob(".*")), "nothing is left of the work"
