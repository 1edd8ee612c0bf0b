"""Files of rows: whole lines whatever happens, errors that name file and line, and one writer at a
time.
"""

import datetime
import errno
import gzip
import os
import threading

import pytest

from routerlib import settings
from routerlib.rows import jsonl
from routerlib.rows.schemas import Question, RowError, Vote


def question(number):
    return Question(unique_id=str(number), question="Why?", answer_correct="so")


def test_what_is_written_is_read_back(tmp_path):
    with jsonl.Writer(tmp_path / "sub" / "a.jsonl") as writer:
        assert [writer.append(question(1)), writer.append({"unique_id": "2", "text": "ä\ud800\n"})][
            0
        ] == 0
    values = [value for _, value in jsonl.read_values(tmp_path / "sub" / "a.jsonl")]
    assert values[0]["question"] == "Why?" and values[1]["text"] == "ä?\n"


@pytest.mark.parametrize("cut", range(1, 20, 3))
def test_a_torn_last_line_is_cut_and_counted(tmp_path, cut):
    path = tmp_path / "a.jsonl"
    jsonl.write_rows(path, [{"a": 1}, {"b": "x" * 200_000}])
    path.write_bytes(path.read_bytes()[:-cut])
    with jsonl.Writer(path) as writer:
        assert (writer.repaired == 0) == (cut == 1), (
            "only its newline was missing: the row is whole"
        )
        writer.append({"c": 3})
    kept = [list(value) for _, value in jsonl.read_values(path)]
    assert kept == ([["a"], ["b"], ["c"]] if cut == 1 else [["a"], ["c"]])


def test_a_file_that_is_no_jsonl_is_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("a letter\nwithout a last newline")
    with pytest.raises(RowError, match="no JSONL"):
        jsonl.Writer(path)
    assert path.read_text() == "a letter\nwithout a last newline"


def test_a_second_writer_is_refused_and_a_later_one_is_not(tmp_path):
    with (
        jsonl.Writer(tmp_path / "a.jsonl"),
        pytest.raises(jsonl.FileInUse, match="another process"),
    ):
        jsonl.Writer(tmp_path / "a.jsonl")
    jsonl.Writer(tmp_path / "a.jsonl").close()


def test_a_lock_that_outlives_its_writer_for_a_moment_is_waited_for(tmp_path):
    """As where a program is being started while the file is closed: it has every open file."""
    writer = jsonl.Writer(tmp_path / "a.jsonl")
    other = os.dup(writer._file.fileno())
    writer.close()
    threading.Timer(jsonl.LOCK_LINGERS / 5, os.close, [other]).start()
    jsonl.Writer(tmp_path / "a.jsonl").close()


def test_a_row_that_does_not_fit_is_taken_back(tmp_path, monkeypatch):
    with jsonl.Writer(tmp_path / "a.jsonl", fsync=False) as writer:
        writer.append({"a": 1})
        real = writer._file

        class Short:
            def __getattr__(self, name):
                return getattr(real, name)

            def write(self, data):
                return real.write(data[:5])

        writer._file = Short()
        with pytest.raises(OSError, match="5 of 10 bytes"):
            writer.append({"b": 22})
        writer._file = real
    assert (tmp_path / "a.jsonl").read_bytes() == b'{"a": 1}\n'


def test_replacing_lines_is_atomic_and_keeps_the_lock(tmp_path):
    path = tmp_path / "a.jsonl"
    with jsonl.Writer(path) as writer:
        writer.append({"a": 1})
        inode = os.stat(path).st_ino

        def broken():
            yield b'{"z": 1}\n'
            raise RuntimeError("in the middle")

        with pytest.raises(RuntimeError):
            writer.replace(broken())
        assert path.read_bytes() == b'{"a": 1}\n' and os.listdir(tmp_path) == ["a.jsonl"]
        writer.replace([b'{"b": 2}\n'])
        writer.append({"c": 3})
        with pytest.raises(jsonl.FileInUse):
            jsonl.Writer(path)
    assert path.read_bytes() == b'{"b": 2}\n{"c": 3}\n' and os.stat(path).st_ino != inode


def test_bad_lines_are_named_or_collected(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(question(1).model_dump_json() + '\n\n{"unique_id": 2}\n[1]\n{torn\n')
    with pytest.raises(RowError, match=r"a\.jsonl, line 3: field question"):
        list(jsonl.read_rows(path, Question))
    rejects = []
    assert len(list(jsonl.read_rows(path, Question, rejects))) == 1
    assert [reject["line"] for reject in rejects] == [3, 4, 5]
    with pytest.raises(RowError, match="line 5: no valid JSON"):
        list(jsonl.read_values(path))


def test_gzip_and_bad_bytes_are_read(tmp_path):
    with gzip.open(tmp_path / "a.jsonl.gz", "wb") as file:
        file.write(b'{"a": "\xff"}\n')
    assert list(jsonl.read_values(tmp_path / "a.jsonl.gz")) == [(1, {"a": "�"})]


LINE = question(1).model_dump_json()
OTHER_KINDS = {
    "picture": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 40,
    "archive": b"PK\x03\x04\x14\x00\x00\x00\x08\x00" + b"\n" * 5000,
    "UTF-32": LINE.encode("utf-32"),
    "cut off gzip": gzip.compress(f"{LINE}\n".encode() * 500)[:-30],
    "damaged gzip": gzip.compress(os.urandom(5000).hex().encode())[:1000] + b"x" * 3000,
    "another text": b"<html>\n" * 500,
    "another row": b'{"a": 1}\n' * 500,
    "endless": b"x" * 5000,
}


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_a_file_of_another_kind_is_one_sentence_and_not_a_reject_a_line(
    tmp_path, kind, monkeypatch
):
    monkeypatch.setattr(jsonl, "LONGEST", 4000)
    path = tmp_path / "a.jsonl"
    path.write_bytes(OTHER_KINDS[kind])
    rejects = []
    with pytest.raises(jsonl.Unreadable, match=r"a\.jsonl") as raised:
        list(jsonl.read_rows(path, Question, rejects))
    assert "\n" not in str(raised.value) and len(rejects) <= jsonl.HOPELESS


def test_a_folder_and_a_forbidden_file_are_sentences(tmp_path, monkeypatch):
    with pytest.raises(jsonl.Unreadable, match="is a folder"):
        list(jsonl.read_values(tmp_path))

    def forbid(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(jsonl, "_open_text", forbid)  # the superuser may read everything
    with pytest.raises(jsonl.Unreadable, match=r"a\.jsonl may not be read"):
        list(jsonl.read_values(tmp_path / "a.jsonl"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
@pytest.mark.parametrize("is_gzip", [False, True])
def test_text_is_told_by_its_bytes_not_by_its_name(tmp_path, encoding, name, is_gzip):
    data = '{"a": "什么是水？ 🙂"}\r\n{"a": 2}\r\n'.encode(encoding)
    (tmp_path / name).write_bytes(gzip.compress(data) if is_gzip else data)
    assert list(jsonl.read_values(tmp_path / name)) == [(1, {"a": "什么是水？ 🙂"}), (2, {"a": 2})]


BAD_VALUES = {
    "NaN": '{"a": NaN}',
    "Infinity": '{"a": -Infinity}',
    "a number is too long": '{"a": ' + "9" * 5000 + "}",
    "too deep": '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "deeper than": '{"a": ' + '[{"b":' * 60 + "1" + "}]" * 60 + "}",
    "no valid JSON": '{"a": "\1"}',
}


@pytest.mark.parametrize("words", BAD_VALUES)
def test_a_value_that_no_row_can_hold_costs_its_own_line(tmp_path, words):
    path = tmp_path / "a.jsonl"
    path.write_text(f"{LINE}\n{BAD_VALUES[words]}\n{LINE}\n")
    rejects = []
    assert len(list(jsonl.read_rows(path, Question, rejects))) == 2
    assert [reject["line"] for reject in rejects] == [2] and words in rejects[0]["reason"]
    assert len(rejects[0]["text"]) <= 500


def test_rejects_have_a_file_only_if_there_are_any(tmp_path):
    path = jsonl.rejects_path(tmp_path / "out" / "a.jsonl")
    with jsonl.Rejects(path) as rejects:
        assert not path.exists()
        for line in (7, 9):
            rejects.append(
                {
                    "file": "in.jsonl",
                    "line": line,
                    "field": "x",
                    "reason": "is missing",
                    "text": "{}",
                }
            )
            assert len(path.read_text().splitlines()) == rejects.count, (
                "on the way to the disk at once"
            )
    assert str(rejects) == (
        "2 rows could not be used and are in a.rejects.jsonl; the first: in.jsonl, line 7: is "
        "missing."
    )
    with jsonl.Rejects(path):
        assert not path.exists(), "what an earlier run left"


def test_a_row_is_written_whatever_its_values_and_gzipped_as_its_name_says(tmp_path):
    row = {"when": datetime.date(2024, 2, 29), "bytes": b"\xff"}
    jsonl.write_rows(tmp_path / "a.jsonl.gz", [row])
    assert gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes())
    assert [value for _, value in jsonl.read_values(tmp_path / "a.jsonl.gz")] == [
        {"when": "2024-02-29", "bytes": "b'\\xff'"}
    ]


def test_documents(tmp_path):
    import numpy as np

    path = jsonl.write_json(
        tmp_path / "m.json", {"a": np.float32(1.5), "b": np.arange(2), "c": tmp_path}
    )
    assert jsonl.read_json(path) == {"a": 1.5, "b": [0, 1], "c": str(tmp_path)}
    path.write_text("{")
    with pytest.raises(RowError, match=r"m\.json"):
        jsonl.read_json(path)
    with pytest.raises(TypeError):
        jsonl.write_json(path, {"a": object()})


def test_a_full_disk_names_the_file_and_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "a.jsonl"
    jsonl.write_rows(path, [{"a": 1}])

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        jsonl.write_rows(path, [{"a": 2}])
    assert caught.value.filename == str(path)
    assert path.read_text() == '{"a": 1}\n' and list(tmp_path.iterdir()) == [path]


def test_the_sum_of_a_file_is_that_of_its_bytes(tmp_path):
    """The value for "abc" is the one of FIPS 180-2, appendix B.1."""
    file = tmp_path / "abc"
    file.write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert jsonl.file_sha256(file) == jsonl.file_sha256(str(file)) == known


@pytest.mark.parametrize("write", ["rows", "lines"])
@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("file/a.jsonl", "the folder .*file cannot be made: .*file is no folder"),
        ("file/b/c/a.jsonl", "the folder .*file/b/c cannot be made: .*file is no folder"),
        pytest.param(
            "/proc/nowhere/a.jsonl", "no folder can be made in /proc",
            marks=pytest.mark.skipif(not os.path.isdir("/proc"), reason="a folder of Linux"),
        ),
    ],
)  # fmt: skip
def test_where_no_folder_can_be_is_a_sentence(tmp_path, place, why, write):
    (tmp_path / "file").write_text("")
    path = tmp_path / place
    with pytest.raises(settings.Unwritable, match=f"(?i){why}.*Name another place"):
        jsonl.write_rows(path, [{"a": 1}]) if write == "rows" else jsonl.Writer(path)


def test_what_cannot_be_written_is_told_before_a_row_is_made(tmp_path, monkeypatch):
    def no_row():
        raise AssertionError("a row was made")
        yield {}

    (tmp_path / "a.jsonl").mkdir()
    with pytest.raises(settings.Unwritable, match=r"a\.jsonl is a folder"):
        jsonl.write_rows(tmp_path / "a.jsonl", no_row())

    def denied(**_):
        raise PermissionError(errno.EACCES, "Permission denied", ".b.jsonl.x8r2")

    monkeypatch.setattr(jsonl.tempfile, "mkstemp", denied)
    with pytest.raises(settings.Unwritable, match=r"b\.jsonl cannot be written: no file can be"):
        jsonl.write_rows(tmp_path / "b.jsonl", no_row())


def test_a_full_disk_is_no_wrong_place(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(jsonl.Path, "mkdir", full)
    with pytest.raises(OSError, match="No space left") as caught:
        settings.make_folder(tmp_path / "a")
    assert not isinstance(caught.value, settings.Unwritable)


def test_two_may_not_work_in_one_place_at_the_same_time(tmp_path):
    place = tmp_path / ".hidden"
    with jsonl.only_one(place):
        with pytest.raises(jsonl.FileInUse, match=r"\.hidden is being worked in by another"):
            jsonl.only_one(place).__enter__()
        with jsonl.only_one(tmp_path / ".other"):
            pass
    with jsonl.only_one(place):
        assert (tmp_path / ".hidden.lock").exists()
    assert not list(tmp_path.iterdir()), "the lock leaves nothing behind"


def votes_of(winners):
    talk = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    sides = {"model_a": "a", "model_b": "b", "conversation_a": talk, "conversation_b": talk}
    for number, winner in enumerate(winners, start=1):
        yield number, {"question_id": str(number), "winner": winner, **sides}


def test_from_five_rows_on_that_are_lost_by_their_outcome_the_file_is_refused():
    kept = ["model_a", "model_b", "tie"] * 30
    lost = ["neither of them"]
    few = list(jsonl.checked("v", votes_of(kept + 4 * lost), Vote, rejects=[]))
    assert len(few) == 90
    with pytest.raises(jsonl.Unreadable, match="5 of 95 rows were refused for their winner"):
        list(jsonl.checked("v", votes_of(kept + 5 * lost), Vote, rejects=[]))


def test_after_a_good_row_any_number_of_bad_ones_is_set_aside():
    good = question(1).model_dump()
    values = [good, *[{"a": 1}] * (2 * jsonl.HOPELESS), good]
    rejects = []
    read = list(jsonl.checked("q", enumerate(values, start=1), Question, rejects))
    assert len(read) == 2 and len(rejects) == 2 * jsonl.HOPELESS
    with pytest.raises(jsonl.Unreadable, match=f"None of the first {jsonl.HOPELESS} rows"):
        list(jsonl.checked("q", enumerate(values[1:], start=1), Question, rejects=[]))
