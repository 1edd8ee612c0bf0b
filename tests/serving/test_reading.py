"""Answers are read with the signals that the policy has learnt from, and within a limit of time."""

import numpy as np
import pytest

from routerlib.answers import signals
from routerlib.rows.schemas import Responses, Sample
from routerlib.serving import reading
from routerlib.serving.reading import AnswerReader
from routerlib.training.policies import CASCADE, Policy
from routerlib.training.second_look import Ranks, SecondLook

QUESTION = "What is the capital of Ecuador?\n(A) Lima\n(B) Quito\n(C) Bogota"


def policy(*names):
    return Policy(
        CASCADE, SecondLook(0.0, {name: Ranks((0.0, 1.0), (-1.0, 1.0)) for name in names})
    )


def sample(text, **more):
    return Sample(full_response=text, finish_reason="stop", **more)


@pytest.fixture
def reader(request):
    found = AnswerReader(policy(*request.param))
    yield found
    found.close()


@pytest.mark.parametrize("reader", [("length",), ("second_agreement",)], indirect=True)
def test_a_prompt_is_read_as_the_graded_question_was(reader):
    """The same numbers as notebook 04 makes of a file."""
    answers, second = [sample("The answer is (B)."), sample("It is C.")], [sample("Quito")]
    row = Responses(
        unique_id="1", problem="What is the capital of Ecuador?", is_mcq=True, model="m",
        choices=["Lima", "Quito", "Bogota"], choice_index_correct=1, answer_correct="Quito",
        responses=answers,
    )  # fmt: skip
    other = row.model_copy(update={"responses": second})
    expected = signals.measure(signals.signals_item(row, other))
    assert reader.read(QUESTION, answers, second) == pytest.approx(expected)
    assert expected["second_agreement"] == 0.5 and expected["sample_agreement"] == 0.0


@pytest.mark.parametrize("reader", [("sample_agreement",)], indirect=True)
def test_what_takes_too_long_to_compare_is_lost_and_the_next_one_is_read(reader):
    reader.warm()
    hangs = [sample("x", logprobs=None)] * 2

    class Lose:
        def map(self, items):
            yield reading.Lost("timeout")

        def __exit__(self, *_):
            pass

    whole, reader._crew = reader._crew, Lose()
    assert reader.read("What?", hangs) is None
    reader._crew = whole
    found = reader.read("What is 1/2?", [sample("The answer is 1/2."), sample("It is 0.5")])
    assert found["sample_agreement"] == 1.0


@pytest.mark.parametrize("reader", [("length", "mean_logprob")], indirect=True)
def test_what_compares_nothing_starts_no_process(reader):
    reader.warm()
    assert reader._crew is None
    given = {"content": [{"token": "Yes", "logprob": -0.5}]}
    assert reader.read("Is ice cold?", [sample("Yes", logprobs=given)])["mean_logprob"] == -0.5


@pytest.mark.parametrize("reader", [("second_similarity",)], indirect=True)
def test_open_text_is_compared_by_meaning(reader, monkeypatch):
    monkeypatch.setattr(reader, "_embed", lambda texts: np.eye(2)[[0, 0]])
    prose = "Once upon a time there was a king who liked to walk in the woods all day long"
    found = reader.read("Tell me a tale.", [sample(prose)], [sample(prose + " and night")])
    assert found["second_similarity"] == pytest.approx(1.0)
