"""Rows of the hub on disk: what was kept is read again, goes on where it ended, and is never mixed
with other rows.
"""

import json

import pytest

from routerlib.rows import jsonl, kept

EDITION = kept.Edition("some/set", "", "train", "a" * 40, "mit")


class Stream:
    """What `datasets` gives: it can say where it stands, and be put there."""

    def __init__(self):
        self.at = 0

    def state_dict(self):
        return {"at": self.at}

    def load_state_dict(self, state):
        self.at = state["at"]


def append(rows, first=0):
    stream, store = Stream(), kept.KeptRows(EDITION)
    with store.appending(first) as writer:
        for number in range(first, first + rows):
            stream.at = number + 1
            writer.append(jsonl.encode({"n": number}), stream)
    return kept.KeptRows(EDITION)


def test_rows_are_there_for_the_next_reader_and_counted(outputs):
    store = append(3)
    assert [row["n"] for row in store.rows()] == [0, 1, 2]
    assert (store.count, store.is_whole) == (3, False)


def test_a_fresh_stream_is_wound_to_the_last_note_and_the_rest_counted(outputs):
    store = append(kept.NOTE_EVERY + 7)
    stream = Stream()
    assert store.wind(stream, kept.NOTE_EVERY + 7) == 7
    assert stream.at == kept.NOTE_EVERY


def test_a_stream_that_was_noted_at_the_last_row_passes_nothing_over(outputs):
    store = append(kept.NOTE_EVERY)
    stream = Stream()
    assert store.wind(stream, kept.NOTE_EVERY) == 0 and stream.at == kept.NOTE_EVERY


def test_a_note_of_more_rows_than_are_on_disk_is_not_trusted(outputs):
    store = append(kept.NOTE_EVERY + 1)
    stream = Stream()
    assert store.wind(stream, 3) == 3 and stream.at == 0


def test_a_torn_last_line_is_left_out_and_then_cut(outputs):
    store = append(3)
    with open(store.path, "ab") as file:
        file.write(b'{"n": 3')
    assert [row["n"] for row in store.rows()] == [0, 1, 2]
    assert [row["n"] for row in append(2, first=3).rows()] == [0, 1, 2, 3, 4]


def test_a_second_writer_is_refused(outputs):
    store = append(1)
    with store.appending(1), pytest.raises(jsonl.FileInUse), store.appending(1):
        pass


def test_the_last_edition_is_found_by_what_was_asked_for(outputs):
    append(2)
    assert kept.last_read("some/set", "", "", "").edition == EDITION
    assert kept.last_read("some/set", "", "train", "aaaa").edition == EDITION
    for other in (("some/set", "main", "", ""), ("some/set", "", "test", ""), ("a/b", "", "", "")):
        assert kept.last_read(*other) is None
    assert kept.last_read("some/set", "", "", "b") is None


def test_a_damaged_note_is_as_good_as_none(outputs):
    store = append(2)
    store.path.with_suffix(".json").write_text("{torn")
    again = kept.KeptRows(EDITION)
    assert [row["n"] for row in again.rows()] == [0, 1] and not again.is_whole
    store.path.with_suffix(".json").write_text(json.dumps([1]))
    assert not kept.KeptRows(EDITION).is_whole
