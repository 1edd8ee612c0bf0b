"""Halves of surrogate pairs: joined where both are there, replaced where one is missing."""

import json

import pytest

from routerlib.rows import jsonl
from routerlib.rows.characters import mended
from routerlib.rows.schemas import Question


@pytest.mark.parametrize(
    ("given", "whole"),
    [
        ("hi \ud83d", "hi \ufffd"),
        ("hi \ude00!", "hi \ufffd!"),
        ("hi \ud83d\ude00", "hi 😀"),
        ("plain", "plain"),
        ({"a\ud800": ["\udfff", 1, None]}, {"a\ufffd": ["\ufffd", 1, None]}),
    ],
)
def test_texts_end_up_with_whole_characters(given, whole):
    assert mended(given) == whole


def test_an_escaped_half_is_mended_like_the_same_bytes(tmp_path):
    row = {"unique_id": "a", "question": "hi \ud83d", "answer_correct": "x"}
    escaped, as_bytes = tmp_path / "escaped.jsonl", tmp_path / "bytes.jsonl"
    escaped.write_text(json.dumps(row) + "\n")
    as_bytes.write_bytes(json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    questions = [next(jsonl.read_rows(path, Question)).question for path in (escaped, as_bytes)]
    assert questions[0] == "hi \ufffd"
    for question in questions:
        question.encode()  # can be sent
        assert question.startswith("hi ") and "\ufffd" in question
