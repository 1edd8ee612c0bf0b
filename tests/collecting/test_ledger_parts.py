"""Parts of a ledger are taken in once, whatever state they are in, and only then removed."""

import multiprocessing
import time

import pytest

from routerlib.collecting import ledger_parts
from routerlib.collecting.ledger import Ledger, LedgerMismatch, latest_rows
from routerlib.rows import jsonl


def row(key, count, **more):
    return {"unique_id": key, "responses": [{"n": n} for n in range(count)], **more}


def book(path, **more):
    return Ledger(path, "unique_id", 2, **more)


def write_part(path, name, rows, end=b""):
    file = ledger_parts.folder_of(path) / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"".join(jsonl.encode(one) for one in rows) + end)
    return file


def test_what_parts_know_more_is_taken_in_and_they_are_removed(tmp_path):
    path = tmp_path / "answers.jsonl"
    with jsonl.Writer(path) as writer:
        writer.append(row("whole", 2, by="file"))
        writer.append(row("half", 1, by="file"))
    write_part(path, "1.jsonl", [row("half", 2, by="part"), row("whole", 2, by="part")])
    write_part(path, "2.jsonl", [row("new", 1, by="part")])
    ledger = book(path)
    assert ledger_parts.take_in(ledger) == 2
    assert not ledger_parts.folder_of(path).exists()
    ledger.close()
    found = {one["unique_id"]: (one["by"], len(one["responses"])) for one in
             latest_rows(path, "unique_id")}  # fmt: skip
    assert found == {"whole": ("file", 2), "half": ("part", 2), "new": ("part", 1)}


def test_the_newest_row_with_the_most_samples_counts(tmp_path):
    one = write_part(tmp_path / "a", "1.jsonl", [row("q", 1, at=1), row("q", 2, at=2)])
    two = write_part(tmp_path / "a", "2.jsonl", [row("q", 1, at=3), row("r", 1), row("r", 1, at=5)])
    best = ledger_parts.best_rows([one, tmp_path / "closed-empty.jsonl", two], "unique_id")
    assert best["q"][0]["at"] == 2 and best["r"][0]["at"] == 5


@pytest.mark.parametrize("end", [b'{"unique_id": "torn", "resp', b"no json\n", b"\n", b"[1]\n"])
def test_torn_and_damaged_lines_of_a_part_cost_nothing_else(tmp_path, end):
    path = tmp_path / "answers.jsonl"
    write_part(path, "1.jsonl", [row("q", 2)], end)
    ledger = book(path)
    assert ledger_parts.take_in(ledger) == 1
    ledger.close()
    assert [one["unique_id"] for one in latest_rows(path, "unique_id")] == ["q"]


def test_a_whole_last_line_without_its_newline_is_a_row(tmp_path):
    path = tmp_path / "answers.jsonl"
    write_part(path, "1.jsonl", [row("q", 2)], jsonl.encode(row("r", 2))[:-1])
    ledger = book(path)
    ledger_parts.take_in(ledger)
    ledger.append(row("s", 2))
    ledger.close()
    assert len(path.read_bytes().splitlines()) == 3


def test_parts_of_another_job_are_refused_and_stay(tmp_path):
    path = tmp_path / "answers.jsonl"
    file = write_part(path, "1.jsonl", [row("q", 2, model="other")])

    def check(found):
        if found["model"] != "ours":
            raise LedgerMismatch("of another model")

    ledger = book(path, check=check)
    with pytest.raises(LedgerMismatch, match=r"1\.jsonl, unique_id 'q': of another model"):
        ledger_parts.take_in(ledger)
    assert file.exists()
    ledger.close()


def hold(file, seconds):
    with jsonl.Writer(file) as writer:
        writer.append(row("late", 2))
        time.sleep(seconds)
        writer.append(row("last", 2))


def test_a_worker_that_still_writes_is_waited_for(tmp_path):
    path = tmp_path / "answers.jsonl"
    file = write_part(path, "1.jsonl", [row("q", 2)])
    worker = multiprocessing.get_context("spawn").Process(target=hold, args=(file, 1.0))
    worker.start()
    while b"late" not in file.read_bytes():
        time.sleep(0.01)
    ledger = book(path)
    assert ledger_parts.take_in(ledger) == 3
    worker.join()
    ledger.close()


def test_a_file_at_rest_stands_in_the_order_of_the_input(tmp_path):
    path = tmp_path / "answers.jsonl"
    with jsonl.Writer(path) as writer:
        for key in ("stranger", "c", "a"):
            writer.append(row(key, 2))
    ledger = book(path)
    for key in ("a", "b", "c"):
        ledger.meet(key, None)
    ledger.append(row("b", 1))
    ledger.append(row("b", 2))
    ledger.close()
    keys = [one["unique_id"] for one in latest_rows(path, "unique_id")]
    assert keys == ["a", "b", "c", "stranger"] and len(path.read_bytes().splitlines()) == 4
