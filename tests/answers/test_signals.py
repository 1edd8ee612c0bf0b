"""Signals are read off answers alone: the same for a graded question and for a prompt that is
served.
"""

import json

import numpy as np
import pytest

from routerlib.answers import signals
from routerlib.answers.killable import Crew
from routerlib.rows.schemas import Responses, Sample

CHOICES = ["Lima", "Quito", "Bogota"]


def row(*outputs, choices=None, **more):
    known = {"choices": choices, "choice_index_correct": 1} if choices else {}
    samples = [one if isinstance(one, dict) else {"full_response": one} for one in outputs]
    return Responses(
        unique_id="1", problem="What is the capital of Ecuador?", answer_correct="Quito",
        model="m", responses=samples, **known, **more,
    )  # fmt: skip


def read(inferior, second=None):
    return signals.measure(signals.signals_item(inferior, second))


def token(text, logprob, **others):
    listed = [{"token": text, "logprob": logprob}]
    listed += [{"token": name, "logprob": value} for name, value in others.items()]
    return {"token": text, "logprob": logprob, "top_logprobs": listed}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("So the answer is \\boxed{1/2}.", "The answer is 0.5", 1.0),
        ("The answer is 7.", "\\boxed{8}", 0.0),
        ("The answer is Quito.", "quito", 1.0),
        ("The answer is x = 3.", "The answer is 3.", 1.0),
        ("The answer is 3.", "The answer is x = 3.", 1.0),
        ("The answer is 1/2.", "It is 0.5", 1.0),
        ("That's 12.", "The answer is 12.", 1.0),
        ("It is Paris.", "Paris", 1.0),
        ("London has 2 airports.", "Paris has 2 airports.", 0.0),
    ],
)
def test_open_answers_agree_by_the_graders_equality_in_either_order(one, other, same):
    assert read(row(one), row(other))["second_agreement"] == same


def test_letters_agree_as_letters_however_they_are_said():
    one, other = row("The answer is (B).", choices=CHOICES), row("Quito", choices=CHOICES)
    assert read(one, other)["second_agreement"] == 1.0
    other = row("The answer is (C).", choices=CHOICES)
    assert read(one, other)["second_agreement"] == 0.0


def test_an_answer_that_is_not_there_agrees_with_none_and_disagrees_with_none():
    silent = row("Ecuador has many cities, and I like them all.", choices=CHOICES)
    spoken = row("The answer is (B).", choices=CHOICES)
    assert "second_agreement" not in read(spoken, silent)
    assert "second_agreement" not in read(spoken)
    found = read(silent, spoken)
    assert "second_agreement" not in found and found["no_answer"] == 1.0


def test_samples_are_compared_in_pairs():
    found = read(row("The answer is 4.", "The answer is 4.", "The answer is 5."))
    assert found["sample_agreement"] == pytest.approx(1 / 3)
    assert "sample_agreement" not in read(row("The answer is 4."))


def test_the_form_of_the_answer_is_counted():
    cut = {"full_response": "Let us think about", "finish_reason": "length"}
    found = read(row(cut, "The answer is (A) or (B).", choices=CHOICES))
    assert found["cut_off"] == 0.5 and found["ambiguous"] == 0.5
    assert found["no_answer"] == 0.5
    assert found["length"] == (len("Let us think about") + len("The answer is (A) or (B).")) / 2


def test_without_log_probabilities_there_are_no_signals_of_them():
    assert not {"mean_logprob", "lowest_logprob", "letter_margin"} & set(read(row("Quito")))
    assert read(row()) == {}


def test_log_probabilities_of_the_answer_are_averaged_and_the_lowest_is_found():
    said = [token("Qu", -0.5), token("ito", -1.5), token(".", float("-inf"))]
    found = read(row({"full_response": "Quito.", "logprobs": said}))
    assert found["mean_logprob"] == pytest.approx((-0.5 - 1.5 + signals.UNLIKELIEST) / 3)
    assert found["lowest_logprob"] == signals.UNLIKELIEST


def test_the_margin_is_over_the_next_letter_where_the_chosen_one_was_last_written():
    said = [
        token(" B", -3.0, C=-0.1),
        token(" answer", -0.1),
        token(" (B", -0.2, **{" C": -2.2, " (A": -4.0, " the": -0.3}),
        token(").", -0.01),
    ]
    sample = {"full_response": "B or C? The answer is (B).", "logprobs": said}
    assert read(row(sample, choices=CHOICES))["letter_margin"] == pytest.approx(2.0)


def test_where_no_other_letter_is_listed_the_least_likely_token_bounds_the_margin():
    said = [token("B", -0.1, the=-5.0, a=-7.0)]
    sample = {"full_response": "B", "logprobs": said}
    assert read(row(sample, choices=CHOICES))["letter_margin"] == pytest.approx(6.9)
    alone = {"full_response": "B", "logprobs": [token("B", -0.1)]}
    assert "letter_margin" not in read(row(alone, choices=CHOICES))


def test_open_answers_have_no_margin():
    said = [token("B", -0.1, C=-2.0)]
    assert "letter_margin" not in read(row({"full_response": "Bern", "logprobs": said}))


def test_prose_is_compared_by_meaning_and_answers_are_not():
    prose = "Ecuador lies on the equator and has many old cities in the mountains, says my friend"
    item = signals.signals_item(
        row(prose, prose), row("Something else entirely, told at some length, and on")
    )
    embeddings = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])
    found = signals.similarities(item, lambda texts: embeddings[: len(texts)])
    assert found["sample_similarity"] == pytest.approx(0.8)
    assert found["second_similarity"] == pytest.approx(0.3)
    answers = signals.signals_item(row("The answer is 4."), row("The answer is 5."))
    assert signals.similarities(answers, lambda texts: 1 / 0) == {}


def test_a_served_prompt_is_read_as_the_question_it_shows():
    prompt = "What is the capital of Ecuador?\n(A) Lima\n(B) Quito\n(C) Bogota"
    assert signals.options_of(prompt) == CHOICES
    one, other = Sample(full_response="The answer is (B)."), Sample(full_response="Quito")
    served = signals.measure(signals.item_of_prompt(prompt, [one], [other]))
    graded = read(row("The answer is (B).", choices=CHOICES), row("Quito", choices=CHOICES))
    assert served == graded


@pytest.mark.parametrize(
    "prompt", ["Plain question?", "A. only one", "Steps:\n(B) second\n(C) third"]
)
def test_a_text_that_lists_no_options_from_a_on_is_open(prompt):
    assert signals.options_of(prompt) is None


def test_options_of_an_example_give_way_to_those_of_the_question():
    prompt = "Example:\nA. one\nB. two\nAnswer: A\n\nQuestion:\nA. three\nB. four\nC. five"
    assert signals.options_of(prompt) == ["three", "four", "five"]


def test_bulk_reading_in_killable_workers_gives_the_same():
    items = [signals.signals_item(row("The answer is 1/2."), row("0.5"))] * 3
    with Crew("routerlib.answers.signals:measure", 1) as crew:
        assert list(crew.map(items)) == [signals.measure(items[0])] * 3
    assert json.loads(json.dumps(items)) == items


def test_every_signal_says_what_it_means():
    said = [token("B", -0.1, C=-2.0)]
    samples = [{"full_response": "B", "logprobs": said}] * 2
    found = read(row(*samples, choices=CHOICES), row("B", choices=CHOICES))
    assert set(found) <= set(signals.MEANING)
    assert set(signals.MEANING) - set(found) == {"sample_similarity", "second_similarity"}


@pytest.mark.parametrize("text", ["Paris", "the blue whale", "Al, Bo", "New York.", "São Tomé"])
def test_words_are_no_mathematics(text):
    assert signals.PROSE.fullmatch(text)


@pytest.mark.parametrize("text", ["x", "pi", "a+b", "1/2", "sin(x)", "x = y", "5 apples", "xy"])
def test_what_may_be_mathematics_is_compared_as_such(text):
    assert not signals.PROSE.fullmatch(text)
