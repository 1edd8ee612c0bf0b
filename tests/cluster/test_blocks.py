"""Blocks of items: spooled once, worked on where there are no results, read back in order."""

import json
import os

import pytest

from routerlib.cluster import blocks, machines


class Doubling:
    """A worker of these tests."""

    def __init__(self, by=2, fails_at=None):
        self.by, self.fails_at = by, fails_at

    def __call__(self, items):
        if self.fails_at in items:
            raise ValueError("a hostile item")
        return [self.by * item for item in items]


WORKER = f"{__name__}:Doubling"


@pytest.fixture
def spooled(tmp_path):
    found = blocks.Blocks(tmp_path / "work", 4)
    found.spool(iter(range(10)), {"of": 1})
    return found


def work_here(found, monkeypatch, **arguments):
    """Do what the cluster does, in this process; returns how many blocks were worked on."""
    monkeypatch.setattr(blocks, "name_of_this_node", lambda: "here (1)")
    worker = blocks.Worker(WORKER, arguments)
    left = [n for n in range(found.count) if not blocks._results(found._file(n)).exists()]
    outcome = worker(
        {"file": [str(found._file(n)) for n in left], "first": [n * found.size for n in left]}
    )
    return len(left), outcome


def test_items_are_spooled_in_blocks_and_results_read_in_order(spooled, monkeypatch):
    assert (spooled.count, spooled.items) == (3, 10)
    assert [spooled._length(n) for n in range(3)] == [4, 4, 2]
    work_here(spooled, monkeypatch)
    assert list(spooled.results()) == [2 * n for n in range(10)]
    spooled.remove()
    assert not spooled.folder.exists()


def test_a_second_run_goes_on_and_another_input_begins_anew(spooled, monkeypatch):
    work_here(spooled, monkeypatch)
    blocks._results(spooled._file(1)).unlink()
    again = blocks.Blocks(spooled.folder, 4)
    again.spool(iter(["never", "read"]), {"of": 1})
    assert work_here(again, monkeypatch)[0] == 1
    assert list(again.results()) == [2 * n for n in range(10)]
    other = blocks.Blocks(spooled.folder, 4)
    other.spool(iter(range(3)), {"of": 2})
    assert work_here(other, monkeypatch)[0] == 1 and list(other.results()) == [0, 2, 4]


def test_a_spool_that_was_cut_off_is_written_anew(spooled):
    (spooled.folder / blocks.MANIFEST).unlink()
    again = blocks.Blocks(spooled.folder, 4)
    again.spool(iter(range(2)), {"of": 1})
    assert (again.count, again.items) == (1, 2)


def test_a_failure_names_machine_file_and_rows(spooled, monkeypatch):
    _, outcome = work_here(spooled, monkeypatch, fails_at=5)
    assert outcome["length"] == [4, 0, 2]
    assert "rows 5 to 8" in outcome["failure"][1] and "here (1)" in outcome["failure"][1]
    assert str(spooled._file(1)) in outcome["failure"][1] and "hostile" in outcome["failure"][1]


def test_a_folder_that_is_not_shared_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "name_of_this_node", lambda: "there (2)")
    outcome = blocks.Worker(WORKER, {})({"file": [str(tmp_path / "no" / "0")], "first": [0]})
    assert "there (2) does not see" in outcome["failure"][0]


def test_a_changed_file_is_another_input(tmp_path):
    file = tmp_path / "a"
    file.write_text("1")
    before = blocks.fingerprint(file)
    os.utime(file, (1, 1))
    assert blocks.fingerprint(file) != before and json.dumps(before)


def test_a_source_is_known_by_its_files_and_else_by_its_name(tmp_path, outputs):
    one, other = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    for file in (one, other):
        file.write_text("1")
    source = f"{one}, {other}, owner/name, file://{one}"
    before = blocks.marks_of(source)
    assert blocks.marks_of(source) == before and "owner/name" in before and json.dumps(before)
    other.write_text("2, and more")
    assert blocks.marks_of(source) != before
    before = blocks.marks_of(f"file://{one}")
    one.write_text("3, and more")
    assert blocks.marks_of(f"file://{one}") != before


@pytest.mark.real
def test_a_worker_that_cannot_be_made_is_a_sentence(cluster, tmp_path):
    found = blocks.Blocks(tmp_path / "work", 2)
    found.spool(iter(range(12)), {})
    worker = "routerlib.cluster.graders:Grader"
    with machines.joined("auto") as joined, pytest.raises(machines.ClusterError, match="run again"):
        found.work(joined, worker, {"no": "such"}, show=False)
