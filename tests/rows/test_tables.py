"""Rows as JSONL and parquet, here and at addresses."""

import fsspec
import pyarrow.parquet as parquet
import pytest

from routerlib.errors import SettingError
from routerlib.rows import jsonl, sources, tables
from routerlib.rows.schemas import CleanPrompt, Conversation

ROWS = [{"id": "a", "prompt": "One."}, {"id": "b", "prompt": "Two – ‘2’."}]


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("s3://bucket/a.jsonl", True),
        ("memory://a.parquet", True),
        ("file:///tmp/a.jsonl", True),
        ("https://huggingface.co/datasets/openai/gsm8k", False),
        ("hf://datasets/a/b", False),
        ("org/name@split", False),
        ("C:/a.jsonl", False),
        ("/tmp/a.jsonl", False),
    ],
)
def test_what_is_an_address(name, is_one):
    assert tables.is_address(name) is is_one


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_rows_are_put_at_an_address_and_read_from_it(outputs, ending):
    address = f"memory://bucket/rows.{ending}"
    with tables.delivered(address) as (path, name):
        assert name == address and tables.write(path, iter(ROWS)) == 2
        assert not fsspec.filesystem("memory").exists("/bucket/rows." + ending)
    rows = list(sources.load_rows(address, CleanPrompt))
    assert [row.prompt for row in rows] == ["One.", "Two – ‘2’."]
    fsspec.filesystem("memory").rm("/bucket", recursive=True)


def test_a_changed_file_is_fetched_anew(outputs):
    system = fsspec.filesystem("memory")
    for text in (b'{"a": 1}\n', b'{"a": 1, "b": 2}\n'):
        with system.open("/bucket/x.jsonl", "wb") as file:
            file.write(text)
        assert tables.fetched("memory://bucket/x.jsonl").read_bytes() == text
    system.rm("/bucket", recursive=True)


def test_what_cannot_be_fetched_is_a_sentence(outputs):
    with pytest.raises(tables.AddressError, match=r"memory://no/such.jsonl cannot be fetched"):
        list(sources.load_rows("memory://no/such.jsonl", Conversation))
    with pytest.raises(tables.AddressError, match="package of its protocol"):
        tables.fetched("nosuchprotocol://a/b.jsonl")


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    def broken():
        yield from ROWS
        raise ValueError("in the middle")

    for name in ("a.parquet", "a.jsonl"):
        with pytest.raises(ValueError, match="in the middle"):
            tables.write(tmp_path / name, broken())
    assert not list(tmp_path.iterdir())


def test_lists_and_objects_come_back_from_a_table_as_they_were(tmp_path):
    talk = [{"role": "user", "content": "é"}]
    prompts = [talk, "p", '[1, "a text that looks like a list"]', '"quoted"', None]
    rows = [{"id": str(n), "prompt": prompt, "usage": {"n": n}} for n, prompt in enumerate(prompts)]
    tables.write(tmp_path / "a.parquet", rows)
    assert [value for _, value in sources._read_parquet(tmp_path / "a.parquet")] == rows
    column = parquet.read_table(tmp_path / "a.parquet").column("prompt").to_pylist()
    assert column[1] == "p" and jsonl.decode_json(column[0]) == talk, "texts, for other readers"


def test_columns_are_those_of_all_rows_not_of_the_first_thousand(tmp_path):
    rows = [{"id": str(number), "answer": None, "n": 1, "mixed": 1} for number in range(1500)]
    rows.append({"id": "last", "answer": "yes", "n": 0.5, "mixed": "two", "more": True})
    assert tables.write(tmp_path / "a.parquet", iter(rows)) == 1501
    found = [value for _, value in sources._read_parquet(tmp_path / "a.parquet")]
    assert found[0] == {"id": "0", "answer": None, "n": 1.0, "mixed": "1", "more": None}
    assert found[-1] == {"id": "last", "answer": "yes", "n": 0.5, "mixed": "two", "more": True}
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


@pytest.mark.parametrize("name", ["x.txt", "x.csv", "x.json", "x", "memory://b/x.csv", "x.csv.gz"])
def test_a_name_that_says_something_else_than_rows_is_refused(tmp_path, name):
    with (
        pytest.raises(SettingError, match=r"OUTPUT is .*\.jsonl.* or \.parquet"),
        tables.delivered(name),
    ):
        raise AssertionError("no work is begun")


@pytest.mark.parametrize(
    ("values", "read"),
    [([1, 1.5], [1.0, 1.5]), ([1, 1.5, "x"], ["1", "1.5", "x"]), ([1, True], ["1", "true"])],
)
def test_a_column_of_several_kinds_is_of_texts_unless_all_are_numbers(tmp_path, values, read):
    tables.write(tmp_path / "a.parquet", [{"value": value} for value in values])
    assert [row["value"] for row in tables.read_table(tmp_path / "a.parquet")] == read
