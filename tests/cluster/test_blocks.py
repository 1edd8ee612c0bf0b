"""Blocks of items: spooled once, worked on where there are no results, read back in order."""

import json
import os
import time

import pytest

from routerlib.cluster import blocks, machines


class Doubling:
    """A worker of these tests.

    Args:
        fails_at, ends_at: items at which it raises, and at which its process ends.
        is_shy: it raises only where such an item is one of several.
        only_on: the one node where it raises; the others take their time meanwhile.
    """

    def __init__(self, by=2, fails_at=None, ends_at=None, is_shy=False, only_on=""):
        self.by, self.fails_at, self.ends_at, self.is_shy = by, fails_at, ends_at, is_shy
        self.is_wild = not only_on or only_on in blocks.name_of_this_node()

    def __call__(self, items):
        if self.ends_at in items:
            os._exit(1)
        time.sleep(0 if self.is_wild else 1)
        failing = self.fails_at if isinstance(self.fails_at, list) else [self.fails_at]
        if self.is_wild and set(failing) & set(items) and not (self.is_shy and len(items) == 1):
            raise ValueError("a hostile item")
        return [self.by * item for item in items]

    def name_of(self, item):
        return f"number {item}"


WORKER = "tests.cluster.test_blocks:Doubling"  # as a process of a node finds it


@pytest.fixture
def spooled(tmp_path):
    found = blocks.Blocks(tmp_path / "work", 4)
    found.spool(iter(range(10)), {"of": 1})
    return found


def work_here(found, monkeypatch, **arguments):
    """Do what the cluster does, in this process; returns how many blocks were worked on."""
    monkeypatch.setattr(blocks, "name_of_this_node", lambda: "here (1)")
    worker = blocks.Worker(f"{__name__}:Doubling", arguments, "a.jsonl")
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


def test_a_failure_names_machine_source_and_row(spooled, monkeypatch):
    _, outcome = work_here(spooled, monkeypatch, fails_at=5)
    assert outcome["length"] == [4, 0, 2]
    assert outcome["failure"][1] == (
        "Row 6 of a.jsonl (number 5) failed on here (1): ValueError: a hostile item. Mend it or "
        "take it out, and run again: what is done stays."
    )


def test_rows_that_fail_only_together_are_told(spooled, monkeypatch):
    _, outcome = work_here(spooled, monkeypatch, fails_at=5, is_shy=True)
    assert (
        "Rows 5 to 8 of a.jsonl failed on here (1), and none of them alone"
        in (outcome["failure"][1])
    )


def test_results_that_cannot_be_kept_are_no_rows_fault(spooled, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(blocks.jsonl, "write_rows", full)
    _, outcome = work_here(spooled, monkeypatch)
    assert "Rows 1 to 4 of a.jsonl could not be kept on here (1): OSError" in outcome["failure"][0]


def test_a_block_is_begun_three_times_and_no_more(spooled, monkeypatch):
    for number, times in ((0, 3), (1, 2)):
        blocks._begun(spooled._file(number)).write_bytes(b"." * times)
    _, outcome = work_here(spooled, monkeypatch)
    assert outcome["length"] == [0, 4, 2]
    assert "have ended the process that worked on them 3 times" in outcome["failure"][0]


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


@pytest.mark.real
def test_a_row_that_fails_on_the_second_node_is_named_with_it(cluster, tmp_path):
    """And what the others have done stays, and is not done again."""
    found = blocks.Blocks(tmp_path / "work", 2)
    found.spool(iter(range(40)), {})
    with machines.joined("auto") as joined:
        (second,) = [
            node["NodeID"][:8]
            for node in joined.ray.nodes()
            if node["Alive"] and not node["Resources"].get("node:__internal_head__")
        ]
        wild = {"fails_at": list(range(1, 40, 2)), "only_on": second}
        with pytest.raises(machines.ClusterError) as failed:
            found.work(joined, WORKER, wild, show=False, source="b.jsonl")
        told = str(failed.value)
        number = int(told.split("(number ")[1].split(")")[0])
        assert f"Row {number + 1} of b.jsonl (number {number}) failed on" in told and number % 2
        assert f"({second}): ValueError: a hostile item" in told
        done = {file: file.stat().st_ino for file in found.folder.glob("*.results")}
        found.work(joined, WORKER, {}, show=False)
        assert list(found.results()) == [2 * number for number in range(40)]
        assert all(file.stat().st_ino == inode for file, inode in done.items())


@pytest.mark.real
def test_a_row_that_ends_its_process_ends_the_run_and_not_the_cluster(cluster, tmp_path):
    found = blocks.Blocks(tmp_path / "work", 2)
    found.spool(iter(range(12)), {})
    with machines.joined("auto") as joined:
        with pytest.raises(
            machines.ClusterError, match=r"Rows 7 to 8 of b.jsonl have ended .* 3 t"
        ):
            found.work(joined, WORKER, {"ends_at": 7}, show=False, source="b.jsonl")
        found.work(joined, WORKER, {}, show=False)
    assert list(found.results()) == [2 * number for number in range(12)]
