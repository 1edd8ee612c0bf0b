"""What a labelled prompt may say about the answers behind it, and how wrong values are refused."""

import pytest

from routerlib.rows import schemas
from routerlib.rows.schemas import LabelledPrompt, RowError, parse_row

ROW = {"id": "1", "prompt": "What is 2 + 2?", "label": "ROUTE_TO_INFERIOR", "p_superior": 0.0}
GRADED = {**ROW, "source": "graded", "inferior_score": 1.0, "superior_score": 1.0}


def test_signals_and_costs_come_back_as_they_were_written():
    told = {
        "inferior_signals": {"mean_logprob": -0.25, "cut_off": 0.0, "letter_margin": None},
        "inferior_cost": 0.0,
        "superior_cost": 0.002,
        "signals_cost": 0.0001,
    }
    row = parse_row(LabelledPrompt, GRADED | told)
    assert {name: row.model_dump(mode="json")[name] for name in told} == told


def test_what_was_not_measured_is_left_out_rather_than_written_as_nothing():
    written = parse_row(LabelledPrompt, {**ROW, "source": "human"}).model_dump(mode="json")
    assert "inferior_signals" not in written and "superior_cost" not in written
    assert written["inferior_score"] is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("inferior_cost", -0.01),
        ("superior_cost", float("nan")),
        ("signals_cost", "dear"),
        ("inferior_signals", {"mean_logprob": float("inf")}),
        ("inferior_signals", {"mean_logprob": "high"}),
        ("inferior_signals", [0.5]),
    ],
)
def test_a_cost_or_signal_that_is_no_number_is_refused_by_name(field, value):
    with pytest.raises(RowError, match=field):
        parse_row(LabelledPrompt, GRADED | {field: value})


@pytest.mark.parametrize("row_type", [schemas.Responses, schemas.LabelledPrompt, schemas.Question])
def test_a_row_of_a_later_format_is_refused_before_its_fields_are_looked_at(row_type):
    with pytest.raises(schemas.RowError, match=r"routerlib_format: format 2, .* Upgrade routerlib"):
        schemas.parse_row(row_type, {"routerlib_format": 2, "unique_id": "1"})


def test_a_row_of_this_format_may_say_so():
    row = {"unique_id": "1", "question": "Why?", "answer_correct": "so", "routerlib_format": 1}
    assert schemas.parse_row(schemas.Question, row).question == "Why?"
    assert (
        "routerlib_format"
        not in schemas.parse_row(
            schemas.Question, {"unique_id": "1", "question": "Why?", "answer_correct": "so"}
        ).model_dump()
    )


@pytest.mark.parametrize(
    "wanted, names, found",
    [
        (["id", "prompt"], ["uid", "query"], {"id": "uid", "prompt": "query"}),
        (
            ["conversation_id", "conversation"],
            ["conversation_x"],
            {"conversation": "conversation_x"},
        ),
        (["question", "prompt"], ["text", "input"], {"question": "text", "prompt": "input"}),
        (["winner"], ["colour"], {}),
        (["question"], ["prompt", "Question"], {"question": "Question"}),
        (
            ["answer_correct"],
            ["target", "gold", "answer correct"],
            {"answer_correct": "answer correct"},
        ),
        (["answer_correct"], ["Target", "Gold"], {"answer_correct": "Gold"}),
        (["prompt", "question"], ["text"], {"prompt": "text"}),
        (["explanation_correct"], ["explanations_of"], {"explanation_correct": "explanations_of"}),
    ],
)
def test_no_name_is_proposed_for_two_fields(wanted, names, found):
    assert schemas.nearest_names(wanted, names) == found
