"""One question on its way: what each notebook shows of it."""

import pytest
from small_router import rows, small_router

from routerlib.notebook import following
from routerlib.rows import jsonl
from routerlib.rows.schemas import Responses


def answered(identity, model, *samples):
    return Responses(
        unique_id=identity,
        problem="What is  2 + 2?",
        is_mcq=False,
        answer_correct="4",
        model=model,
        responses=[
            {"full_response": text, "extracted_answer": read, "is_correct": right}
            for text, read, right in samples
        ],
    )


@pytest.fixture
def sides():
    return {
        "inferior": [
            answered("other", "small", ("no", None, False)),
            answered("q1", "small", ("It is 5.", "5", False), ("hm", None, False)),
        ],
        "superior": [answered("q1", "large", ("It is 4.", "4", True))],
    }


@pytest.fixture
def outcomes():
    first, second = rows()[0], rows()[-1].model_copy(update={"id": "q1"})
    label = first.model_copy(update={"id": "label", "inferior_score": None})
    return [label, first, second]


def test_the_question_as_it_was_asked(sides):
    told = following.asked("q1", sides)
    assert "`q1`: What is 2 + 2?" in told
    assert "- inferior: “It is 5.”, “hm”" in told and "- superior: “It is 4.”" in told
    only = following.asked("other", sides)
    assert "- superior: no answer" in only
    assert following.asked("none", sides) == "The question none has no answers."


def test_the_question_as_it_was_graded(outputs, outcomes, sides):
    jsonl.write_json(outputs / "responses" / "metrics.json", {"followed": "q1"})
    told = following.graded(outcomes, sides)
    assert "- inferior: “5” (wrong), nothing (wrong); the right answer is 4" in told
    assert "- superior: “4” (right)" in told
    assert "inferior_score 0.00, superior_score 1.00, p_superior 1.00" in told
    assert "the label is ROUTE_TO_SUPERIOR" in told
    assert following.graded([], sides) == "No question has answers of both models."


def test_the_question_with_its_signals(outputs, outcomes):
    jsonl.write_json(outputs / "responses" / "metrics.json", {"followed": "q1"})
    signals = {"sample_agreement": 2 / 3, "length": 14.0}
    outcomes[2] = outcomes[2].model_copy(update={"inferior_signals": signals})
    told = following.signalled(outcomes)
    assert told.endswith("`q1`: sample_agreement 0.667, length 14")
    assert following.signalled(outcomes[:2]) == "The question of 03 has no signals."
    assert following.signalled([]) == "The question of 03 has no signals."


def test_the_question_as_it_was_scored(outputs, outcomes):
    jsonl.write_json(outputs / "responses" / "metrics.json", {"followed": "q1"})
    parts = {"train": [1], "test": [2]}
    told = following.scored(outcomes, small_router(), parts)
    assert "`q1` fell into test (the router has not seen it)." in told
    assert "so it goes to the superior model. Its label was ROUTE_TO_SUPERIOR." in told
    jsonl.write_json(outputs / "responses" / "metrics.json", {"followed": "gone"})
    told = following.scored(outcomes, small_router(), parts)
    assert "fell into train (the router has learnt from it)" in told and "inferior model" in told
    assert following.scored(outcomes[:1], small_router(), parts).startswith("No graded question")


def test_the_question_as_it_is_routed(outputs, outcomes):
    assert following.routed_question(small_router()) == "04 has left no graded question to follow."
    jsonl.write_rows(outputs / "graded" / "outcomes.jsonl", outcomes)
    assert "“What is the capital of Norway?” has p_superior" in following.routed_question(
        small_router()
    )


def test_a_long_text_is_cut(sides):
    long = answered("q1", "small", ("x" * 500, "x", True))
    assert "x" * 159 + "…”" in following.asked("q1", {"inferior": [long]})
