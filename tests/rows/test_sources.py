import csv
import gzip
import json
import os

import pyarrow
import pyarrow.parquet
import pytest

from routerlib.rows import jsonl, sources
from routerlib.rows.schemas import (
    Conversation,
    LabelledPrompt,
    Question,
    RowError,
    Vote,
    VoteQuestion,
)
from routerlib.settings import SettingError

OPEN = {"unique_id": "a/1", "question": "What is 2 + 2?", "answer_correct": "4", "category": "sums"}
CHOICE = {
    "unique_id": "7",
    "question": "Which is a fruit?",
    "choices": ["hammer", "apple"],
    "choice_index_correct": 1,
    "answer_correct": "apple",
    "category": "food",
}


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_csv(path, rows):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(CHOICE))
        writer.writeheader()
        for row in rows:
            writer.writerow(
                {**row, "choices": json.dumps(row["choices"]) if "choices" in row else ""}
            )
    return path


def write_parquet(path, rows):
    pyarrow.parquet.write_table(
        pyarrow.Table.from_pylist([{**dict.fromkeys(CHOICE), **row} for row in rows]), path
    )
    return path


def write_gzip(path, rows):
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    return path


def write_list(path, rows):
    path.write_text(json.dumps(rows))
    return path


WRITERS = [
    ("q.jsonl", write_jsonl),
    ("q.csv", write_csv),
    ("q.parquet", write_parquet),
    ("q.jsonl.gz", write_gzip),
    ("q.json", write_list),
]


@pytest.mark.parametrize("name,write", WRITERS)
def test_every_kind_of_file_gives_the_same_rows(tmp_path, name, write):
    path = write(tmp_path / name, [OPEN, CHOICE])
    first, second = sources.load_rows(path, Question)
    assert (first.unique_id, first.answer_correct, first.is_mcq) == ("a/1", "4", False)
    assert (second.unique_id, second.choices, second.choice_index_correct) == (
        "7",
        ["hammer", "apple"],
        1,
    )


def test_several_sources_follow_each_other_up_to_the_limit(tmp_path):
    one = write_jsonl(tmp_path / "one.jsonl", [OPEN])
    two = write_jsonl(tmp_path / "two.jsonl", [CHOICE, OPEN])
    rows = list(sources.load_rows(f"{one}, {two}", Question, limit=2))
    assert [row.unique_id for row in rows] == ["a/1", "7"]


@pytest.mark.parametrize(
    "row_type,least", [(Question, 240), (Conversation, 120), (VoteQuestion, 240), (Vote, 240)]
)
def test_the_samples_are_there_and_fit(row_type, least):
    assert sum(1 for _ in sources.load_rows("sample", row_type)) >= least


def test_the_sample_outcomes_have_both_scores():
    rows = list(sources.load_rows("sample", LabelledPrompt))
    assert len(rows) >= 240 and all(row.inferior_score is not None for row in rows)


def test_a_bad_row_is_named_by_file_line_and_field(tmp_path):
    path = write_jsonl(tmp_path / "q.jsonl", [OPEN, {**CHOICE, "choice_index_correct": 9}])
    with pytest.raises(
        RowError, match=r"q\.jsonl, line 2: field choice_index_correct: 9 is no index"
    ) as raised:
        list(sources.load_rows(path, Question))
    assert raised.value.field == "choice_index_correct"


def test_bad_rows_are_collected_and_the_rest_goes_on(tmp_path):
    path = write_jsonl(tmp_path / "q.jsonl", [OPEN, {"unique_id": "x"}, CHOICE])
    with open(path, "a") as file:
        file.write("{torn\n")
    rejects = []
    assert [row.unique_id for row in sources.load_rows(path, Question, rejects=rejects)] == [
        "a/1",
        "7",
    ]
    assert [(reject["line"], reject["field"]) for reject in rejects] == [(2, "question"), (4, "")]
    assert "{torn" in rejects[1]["text"]


@pytest.mark.parametrize(
    "source,words",
    [
        ("nowhere.jsonl", "no file"),
        ("", "No source"),
        ("notes.txt", "no file"),
    ],
)
def test_a_wrong_source_is_a_sentence(source, words):
    with pytest.raises(sources.SourceError, match=words):
        list(sources.load_rows(source, Question))


def test_a_folder_a_pipe_and_a_broken_parquet_file_are_sentences(tmp_path):
    with pytest.raises(sources.SourceError, match="is a folder"):
        list(sources.load_rows(tmp_path, Question))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(sources.SourceError, match="neither a file nor a folder"):
        list(sources.load_rows(tmp_path / "pipe", Question))
    (tmp_path / "q.parquet").write_bytes(b"PAR1 but not really")
    with pytest.raises(sources.SourceError, match="no readable parquet"):
        list(sources.load_rows(tmp_path / "q.parquet", Question))
    (tmp_path / "q.xlsx").write_bytes(b"")
    with pytest.raises(sources.SourceError, match="cannot be read"):
        list(sources.load_rows(tmp_path / "q.xlsx", Question))


def test_what_cannot_be_read_shows_before_the_first_row_is_used(tmp_path):
    good = write_jsonl(tmp_path / "good.jsonl", [OPEN])
    bad = {
        "empty.jsonl": (b"", "is empty"),
        "empty.csv": (b"unique_id,question\n", "is empty"),
        "empty.json": (b"[]", "is empty"),
        "torn.json": (b'[{"unique_id": 1},\n{"uni', "torn.json: no valid JSON .* in line 2"),
        "object.json": (b'{"rows": []}', "found dict"),
        "zipped.csv": (b"PK\x03\x04\x00\x00", "is a binary file"),
    }
    for name, (data, words) in bad.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ValueError, match=words):
            next(sources.load_rows(f"{good}, {tmp_path / name}", Question))


def test_a_parquet_file_damaged_in_the_middle_is_a_sentence(tmp_path):
    path = write_parquet(tmp_path / "q.parquet", [OPEN, CHOICE])
    data = bytearray(path.read_bytes())
    data[4:60] = os.urandom(56)
    path.write_bytes(data)
    with pytest.raises(sources.SourceError, match=r"q\.parquet is no readable parquet"):
        list(sources.load_rows(path, Question))


def test_csv_rows_that_do_not_fit_their_header_are_named(tmp_path):
    path = tmp_path / "a, b.csv"  # a comma in a file's own name
    path.write_text(
        "unique_id,question,answer_correct\n1,Why?,so\n2,Why, oh why?,so\n3,Why?\n"
        '4,"Why,\r\noh why?",[NaN]\n5,什么?,' + "[" * 5000 + "\n",
        encoding="utf-16",
    )
    rejects = []
    rows = list(sources.load_rows(path, Question, rejects=rejects))
    assert [row.unique_id for row in rows] == ["1", "4", "5"]
    assert [reject["line"] for reject in rejects] == [
        3,
        4,
    ] and "4 cells under 3 columns" in rejects[0]["reason"]
    assert rejects[1]["field"] == "answer_correct" and rows[1].answer_correct == "[NaN]"


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_a_table_with_other_separators_is_read_as_its_header_says(tmp_path, separator):
    path = tmp_path / "q.csv"
    lines = [
        ["unique_id", "question", "answer_correct"],
        ["1", "Why, oh why, and when?", '"so; it|is\t"'],
        ["2", *"abc"],
    ]
    path.write_text("\r\n".join(separator.join(line) for line in lines), newline="")
    rejects = []
    (row,) = sources.load_rows(path, Question, rejects=rejects)
    assert (row.question, row.answer_correct) == ("Why, oh why, and when?", "so; it|is\t")
    assert f"a text with {separator!r} needs quotes" in rejects[0]["reason"]


def test_a_quotation_mark_that_is_never_ended_is_named(tmp_path):
    """All rows after it would be one text, and nobody would miss them."""
    path = tmp_path / "q.csv"
    rows = '1,"Why, then?",so\n2,"Why?,so\n3,Why?,so\n'
    path.write_text(f"unique_id,question,answer_correct\n{rows}")
    with pytest.raises(sources.SourceError, match=r"q\.csv, line 3 is no CSV.*never ended"):
        list(sources.load_rows(path, Question))


@pytest.mark.parametrize("end", ["", "\n", "\r\n\r\n"])
def test_a_table_ends_as_it_likes(tmp_path, end):
    path = tmp_path / "q.csv"
    path.write_text(f'unique_id,question,answer_correct\n1,Why?,"so"{end}', newline="")
    assert [row.answer_correct for row in sources.load_rows(path, Question)] == ["so"]


def test_a_conversation_without_a_prompt_is_told_with_its_line(tmp_path):
    path = tmp_path / "talks.jsonl"
    silent = {"conversation_id": "x", "conversation": [{"role": "assistant", "content": "Hello!"}]}
    asked = {"conversation_id": "y", "conversation": [{"role": "user", "content": "Why?"}]}
    path.write_text(f"{json.dumps(asked)}\n\n{json.dumps(silent)}\n{json.dumps(asked)}\n")
    rejects = []
    rows = list(sources.load_asked(path, rejects=rejects))
    assert len(rows) == 2 and [reject["line"] for reject in rejects] == [3]
    with pytest.raises(sources.RowError, match=r"talks\.jsonl, line 3: no user says anything"):
        list(sources.load_asked(path))


def test_a_table_without_the_columns_is_one_sentence(tmp_path):
    path = tmp_path / "q.csv"
    path.write_text("id;text\n" + "1;Why?\n" * 1000)
    with pytest.raises(
        ValueError, match=r"q\.csv, line 2: field unique_id.*None of the first 100 rows"
    ):
        list(sources.load_rows(path, Question, rejects=[]))


@pytest.mark.parametrize("source", [None, "", " , "])
def test_no_source_is_a_sentence(source):
    with pytest.raises(sources.SourceError, match="No source is named"):
        list(sources.load_rows(source, Question))


def test_a_short_file_without_one_usable_row_is_a_sentence(tmp_path):
    path = tmp_path / "letter.jsonl"
    path.write_text("Dear sir,\nI write to you\n")
    with pytest.raises(
        jsonl.Unreadable, match=r"letter\.jsonl, line 1: no valid JSON.*No row of it can be used"
    ):
        list(sources.load_rows(path, Question, rejects=[]))


@pytest.mark.parametrize("limit", [0, -5, 1.5, "many", float("nan")])
def test_a_number_of_rows_is_a_whole_one_above_nought(limit):
    with pytest.raises(SettingError, match=f"is {limit!r}; it is a whole number above 0"):
        list(sources.load_rows("sample", Question, limit=limit))


def test_a_number_of_rows_beyond_all_bounds_takes_every_row():
    everything = sum(1 for _ in sources.load_rows("sample", Question))
    assert sum(1 for _ in sources.load_rows("sample", Question, limit=10**30)) == everything


def test_a_source_that_is_no_text_is_said_not_to_exist():
    with pytest.raises(sources.SourceError, match=r"There is no file .*5"):
        list(sources.load_rows(5, Question))


@pytest.mark.parametrize(
    "source,name",
    [
        ("HuggingFaceH4/MATH-500, TIGER-Lab/MMLU-Pro@test", "MATH_500_MMLU_Pro_test"),
        ("openai/gsm8k:main@test#e53f0485a2b7", "gsm8k_main_test_e53f0485"),
        ("TIGER-Lab/MMLU-Pro@validation[:20]", "MMLU_Pro_validation"),
        ("/some/where/my questions.jsonl.gz", "my_questions"),
        ("sample", "sample"),
    ],
)
def test_short_names_make_file_names(source, name):
    assert sources.short_name(source) == name


def test_published_rows_are_understood(shared_data):
    math = next(sources.load_rows(shared_data / "math500.jsonl", Question))
    assert math.category and math.explanation_correct and not math.is_mcq
    choice = next(sources.load_rows(shared_data / "mmlu_pro_llama31_8b_70b.jsonl.gz", Question))
    assert choice.choices[choice.choice_index_correct] == choice.answer_correct
