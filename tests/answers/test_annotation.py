"""Outcomes get the signals and the money of their answers; what was not measured or counted stays
away.
"""

import pytest

from routerlib.answers import annotation, grading
from routerlib.answers.annotation import OutcomePrices, cost_of_sample
from routerlib.collecting.forecast import Prices
from routerlib.rows import jsonl
from routerlib.rows.schemas import LabelledPrompt, Sample

PRICES = OutcomePrices(Prices(1.0, 2.0), Prices(10.0, 20.0), Prices(0.5, 0.5))


def responses(model, answers, tokens=(100, 10)):
    """A question a line; `answers` are lists of outputs."""
    for number, outputs in enumerate(answers):
        counted = dict(zip(("prompt_tokens", "completion_tokens"), tokens, strict=True))
        yield {
            "unique_id": str(number),
            "problem": f"What is {number} + 1?",
            "is_mcq": False,
            "answer_correct": str(number + 1),
            "model": model,
            "responses": [
                {"full_response": text, "is_correct": True, **counted} for text in outputs
            ],
        }


@pytest.fixture
def files(tmp_path):
    def write(model, answers, **more):
        path = tmp_path / f"{model}.jsonl"
        jsonl.write_rows(path, responses(model, answers, **more))
        return [path]

    return write


def joined(inferior, superior):
    return grading.join_outcomes(inferior, superior)[0]


def test_signals_and_costs_reach_the_outcomes_and_the_file(files, tmp_path):
    small = files("small", [["The answer is 1.", "The answer is 1."], ["The answer is 3."]])
    large, other = files("large", [["1"], ["2"]]), files("other", [["1"], ["2"]])
    rows = annotation.annotate(
        joined(small, large), small, large, other, PRICES, output=tmp_path / "outcomes.jsonl"
    )
    assert rows[0].inferior_signals["second_agreement"] == 1.0
    assert rows[0].inferior_signals["sample_agreement"] == 1.0
    assert rows[1].inferior_signals["second_agreement"] == 0.0
    assert "sample_agreement" not in rows[1].inferior_signals
    # 100 tokens read, 10 written: 120, 1,200 and 55 dollars a million answers
    assert rows[0].inferior_cost == pytest.approx(120e-6)
    assert rows[0].superior_cost == pytest.approx(1200e-6)
    assert rows[0].signals_cost == pytest.approx(120e-6 + 55e-6)
    assert rows[1].signals_cost == pytest.approx(55e-6)
    assert [row.signals_calls for row in rows] == [2, 1]
    assert list(jsonl.read_rows(tmp_path / "outcomes.jsonl", LabelledPrompt)) == rows


def test_without_prices_there_is_no_money_and_without_a_second_model_no_agreement(files):
    small, large = files("small", [["The answer is 1."]]), files("large", [["1"]])
    (row,) = annotation.annotate(joined(small, large), small)
    assert row.inferior_cost is None and row.signals_cost is None
    assert "second_agreement" not in row.inferior_signals


def test_tokens_that_were_not_counted_cost_nothing_known(files):
    small = files("small", [["1"]], tokens=(None, None))
    large = files("large", [["1"]])
    (row,) = annotation.annotate(joined(small, large), small, large, prices=PRICES)
    assert row.inferior_cost is None and row.signals_cost is None
    assert row.superior_cost is not None


def test_a_question_that_the_second_model_did_not_answer_has_no_agreement(files):
    small, large = files("small", [["1"], ["2"]]), files("large", [["1"], ["2"]])
    other = files("other", [["1"]])
    rows = annotation.annotate(joined(small, large), small, large, other, PRICES)
    assert "second_agreement" in rows[0].inferior_signals
    assert "second_agreement" not in rows[1].inferior_signals
    assert rows[1].signals_cost == 0.0


def test_prose_is_compared_where_an_encoder_is_given(files):
    prose = (
        "There is much to be said about numbers and about all that follows from their sums, I think"
    )
    small, large = files("small", [[prose]]), files("large", [["1"]])
    other = files("other", [[prose]])
    rows = joined(small, large)
    (row,) = annotation.annotate(rows, small, second=other, embed=lambda texts: [[1.0, 0.0]] * 2)
    assert row.inferior_signals["second_similarity"] == pytest.approx(1.0)
    (row,) = annotation.annotate(rows, small, second=other)
    assert "second_similarity" not in row.inferior_signals


def test_what_was_found_is_said(files):
    small, large = files("small", [["The answer is 1."]]), files("large", [["1"]])
    rows = annotation.annotate(joined(small, large), small)
    assert "length (1)" in annotation.signals_sentence(rows)
    assert "agreement" not in annotation.signals_sentence(rows)
    assert "No signal" in annotation.signals_sentence(joined(small, large))


def test_tokens_out_of_a_cache_cost_their_share():
    sample = Sample(full_response="4", prompt_tokens=100, completion_tokens=10, cached_tokens=80)
    assert cost_of_sample(sample, Prices(1.0, 2.0, cached_share=0.25)) == pytest.approx(60e-6)
    assert cost_of_sample(sample, Prices(1.0, 2.0)) == pytest.approx(120e-6)
