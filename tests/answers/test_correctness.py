"""Grading one answer: each kind of question, and what becomes of an answer that no verdict came
back for.
"""

import json

import pytest
from answers import outputs

from routerlib.answers import correctness
from routerlib.answers.killable import Lost
from routerlib.rows.schemas import Responses, Sample

CHOICES = ["3", "4", "5"]


def row(gold, choices=None, index=None, **more):
    return Responses(
        unique_id="a",
        problem="What is it?",
        choices=choices,
        choice_index_correct=index,
        answer_correct=gold,
        model="m",
        responses=[],
        **more,
    )


def graded_sample(question, text, finish_reason="stop"):
    sample = Sample(full_response=text, finish_reason=finish_reason)
    # As it reaches a worker process
    item = json.loads(json.dumps(correctness.item_of(question, sample)))
    correctness.record(sample, correctness.grade_answer(item))
    return sample


@pytest.mark.parametrize(
    ("question", "text", "answer", "right"),
    [
        (row("4", CHOICES, 1), "The answer is (B).", "B", True),
        (row("4", CHOICES, 1), "The answer is (C).", "C", False),
        (row(r"\frac{1}{2}"), r"So it is \boxed{0.5}.", "0.5", True),
        (
            row(r"We find $x = 2$, so it is \boxed{7}."),
            r"\boxed{7.0}",
            "7.0",
            True,
        ),  # a whole solution as the gold
        (row("3", answer_alternatives=["three"]), "three", "three", True),
        (row("3", answer_alternatives=["3.0", "6/2"]), "The answer is 4.", "4", False),
        (row("Thimphu"), " thimphu", "thimphu", True),
        (row("Thimphu"), "", None, False),
    ],
)
def test_each_kind_of_question(question, text, answer, right):
    sample = graded_sample(question, text)
    assert (sample.extracted_answer, sample.is_correct) == (answer, right)
    assert (
        sample.extraction_status == ("none" if answer is None else "found") and not sample.truncated
    )


def test_an_answer_cut_by_its_length_says_so():
    assert graded_sample(row("Thimphu"), "It is Thim", "length").truncated


def test_a_lost_verdict_counts_as_wrong_and_says_why():
    sample = Sample(full_response=r"\boxed{9^{9^{9^{9}}}}", finish_reason="stop")
    correctness.record(sample, Lost("timeout"))
    assert (sample.is_correct, sample.extracted_answer, sample.extraction_rule) == (
        False,
        None,
        "grading lost: timeout",
    )


# --- outputs of many kinds ---


def graded(text, gold, choices=None, finish_reason="stop"):
    question = row(gold, choices, None if choices is None else "ABCDE".index(gold))
    item = correctness.item_of(question, Sample(full_response=text, finish_reason=finish_reason))
    return correctness.grade_answer(item)


@pytest.mark.parametrize("case", outputs.CHOICES, ids=lambda case: case[2][-50:])
def test_the_letter_an_output_commits_to(case):
    choices, letter, text, finish_reason = (*case, "stop")[:4]
    assert graded(text, letter or "A", choices, finish_reason)["extracted_answer"] == letter


@pytest.mark.parametrize("case", [*outputs.VALUES, *outputs.WORDS], ids=lambda case: case[1][-50:])
def test_a_right_answer_is_credited(case):
    gold, text, finish_reason = (*case, "stop")[:3]
    assert graded(text, gold, None, finish_reason)["is_correct"]


@pytest.mark.parametrize(
    "case", [*outputs.WRONG_VALUES, *outputs.WRONG_WORDS], ids=lambda case: case[1][-50:]
)
def test_a_wrong_answer_is_not_credited(case):
    gold, text, finish_reason = (*case, "stop")[:3]
    assert not graded(text, gold, None, finish_reason)["is_correct"]
