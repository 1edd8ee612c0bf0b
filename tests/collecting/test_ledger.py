"""The ledger: one line an item at rest, the latest state in any state, and bounded memory in
between.
"""

import json
import os

import pytest

from routerlib.collecting import ledger
from routerlib.rows import jsonl
from routerlib.rows.schemas import RowError


def open_ledger(path, wanted=2, **options):
    return ledger.Ledger(path, "id", wanted, **options)


def row(key, *samples, text="t"):
    return {"id": key, "text": text, "responses": [{"full_response": sample} for sample in samples]}


def lines(path):
    return [value for _, value in jsonl.read_values(path)]


def test_later_lines_take_the_place_of_earlier_ones_and_closing_removes_those(tmp_path):
    book = open_ledger(tmp_path / "a.jsonl")
    for state in (row("a"), row("b", "x", "y"), row("a", "1"), row("a", "1", "2")):
        book.append(state)
    assert len(lines(book.path)) == 4 and book.is_done("a") and book.latest("a") is None
    assert [value["id"] for value in ledger.latest_rows(book.path, "id")] == ["b", "a"]
    book.close()
    assert lines(book.path) == [row("b", "x", "y"), row("a", "1", "2")]


def test_an_unfinished_item_is_read_back(tmp_path):
    book = open_ledger(tmp_path / "a.jsonl")
    book.append(row("a", "1"))
    book.append(row("b", "1", "2"))
    book.close(compact=False)
    again = open_ledger(tmp_path / "a.jsonl")
    assert again.latest("a") == row("a", "1") and again.is_done("b") and again.found_done == 1
    again.close()
    more = open_ledger(tmp_path / "a.jsonl", wanted=3)
    assert more.latest("b") == row("b", "1", "2")
    more.close()


def test_a_done_item_is_never_replaced(tmp_path):
    path = tmp_path / "a.jsonl"
    jsonl.write_rows(path, [row("a", "1", "2"), row("a"), row("b", "1"), row("b", "1")])
    assert list(ledger.latest_rows(path, "id")) == [row("a", "1", "2"), row("b", "1")]
    open_ledger(path).close()
    assert lines(path) == [row("a", "1", "2"), row("b", "1")]


def test_of_lines_with_as_many_samples_the_last_one_counts(tmp_path):
    path = tmp_path / "a.jsonl"
    first, last = row("a", "1") | {"attempts": 1}, row("a", "1") | {"attempts": 2}
    jsonl.write_rows(path, [first, row("b"), last])
    assert list(ledger.latest_rows(path, "id")) == [row("b"), last]
    book = open_ledger(path)
    assert book.latest("a") == last
    book.close()


def test_a_later_line_counts_the_tokens_of_an_earlier_one_again(tmp_path):
    path = tmp_path / "a.jsonl"
    used = [{"prompt_tokens": 3 * n, "completion_tokens": 40 * n} for n in (1, 2)]
    first, last = row("a", "1") | {"usage": used[0]}, row("a", "1", "2") | {"usage": used[1]}
    jsonl.write_rows(path, [first, last, row("b")])
    book = open_ledger(path)
    assert book.usage == {"prompt_tokens": 6, "completion_tokens": 80}
    book.close()


def test_a_file_at_rest_is_on_the_disk_and_not_only_with_the_system(tmp_path, monkeypatch):
    synced = []
    book = open_ledger(tmp_path / "a.jsonl")
    book.append(row("a", "1", "2"))
    assert book.unsynced == 1
    monkeypatch.setattr(jsonl.os, "fsync", lambda number: synced.append(os.fstat(number).st_size))
    book.close()
    assert synced[-1:] == [book.path.stat().st_size] and book.unsynced == 0


def test_meeting_an_item_twice_or_with_another_text(tmp_path):
    book = open_ledger(tmp_path / "a.jsonl", subject=lambda row: row.get("text"))
    book.append(row("a", "1", "2", text="one"))
    assert book.meet("a", "one") and not book.meet("a", "one") and book.meet("b", ["two"])
    with pytest.raises(ledger.LedgerMismatch, match="earlier item"):
        book.meet("b", "else")
    book.close()
    again = open_ledger(tmp_path / "a.jsonl", subject=lambda row: row.get("text"))
    with pytest.raises(ledger.LedgerMismatch, match="its row in"):
        again.meet("a", "another")
    again.close()


def test_a_torn_end_is_passed_over_by_readers_and_a_bad_line_is_not(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(row("a", "1")) + '\n{"id": "b", "resp')
    assert [value["id"] for value in ledger.latest_rows(path, "id")] == ["a"]
    path.write_text(json.dumps(row("a", "1")) + "\n{torn}\n")
    with pytest.raises(RowError, match="line 2"):
        list(ledger.latest_rows(path, "id"))


def test_a_damaged_line_is_set_aside_once(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(row("a", "1", "2")) + '\n{"no": "id"}\n')
    book = open_ledger(path)
    assert "line 2" in book.notes[0]
    book.close()
    open_ledger(path).close()
    assert path.with_name("a.jsonl.damaged").read_text() == '{"no": "id"}\n'
    assert lines(path) == [row("a", "1", "2")]


def test_a_file_of_other_rows_is_not_taken_over(tmp_path):
    path = tmp_path / "my_log.jsonl"
    path.write_text('{"messages": []}\n{"messages": []}\n')
    with pytest.raises(ledger.LedgerMismatch, match="holds other rows than answers"):
        open_ledger(path)
    assert path.read_text() == '{"messages": []}\n{"messages": []}\n'
    assert [file.name for file in tmp_path.iterdir() if "damaged" in file.name] == []


def test_the_lock_outlives_compaction(tmp_path):
    book = open_ledger(tmp_path / "a.jsonl")
    book.append(row("a"))
    book.append(row("a", "1", "2"))
    assert book.compact() == 1
    with pytest.raises(jsonl.FileInUse):
        open_ledger(tmp_path / "a.jsonl")
    book.append(row("b", "1", "2"))
    book.close()
    assert lines(tmp_path / "a.jsonl") == [row("a", "1", "2"), row("b", "1", "2")]


def test_a_job_that_got_nothing_leaves_nothing(tmp_path):
    open_ledger(tmp_path / "a.jsonl").close()
    assert list(tmp_path.iterdir()) == []
