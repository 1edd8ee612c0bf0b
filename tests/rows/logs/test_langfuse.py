"""Langfuse: a trace is read by its generations, in both spellings; the rest called no model."""

import log_rows
import pytest

from routerlib.rows.logs import langfuse, shapes
from routerlib.rows.logs.logged_calls import NoModelCall


def generation(name, **fields):
    return {"id": name, "traceId": "t", "type": "GENERATION", "input": log_rows.USER, **fields}


def test_a_trace_is_read_by_its_generations():
    span = {"id": "s", "traceId": "t", "type": "SPAN", "input": "x"}
    trace = {
        "id": "t",
        "timestamp": "2026-05-01T10:00:00Z",
        "input": "Hi",
        "output": "Ho",
        "observations": [span, generation("g1", output="One"), generation("g2", output="Two")],
    }
    found = [value for _, value in shapes.requests("log", [(1, trace)])]
    assert [row["conversation_id"] for row in found] == ["g1", "g2"]
    assert [row["logged"]["full_response"] for row in found] == ["One", "Two"]


def test_a_trace_without_generations_stands_for_itself():
    trace = {"id": "t", "timestamp": "2026-05-01T10:00:00Z", "input": "Hi", "output": "Ho"}
    assert log_rows.conversation(trace).logged.full_response == "Ho"


def test_other_observations_called_no_model():
    with pytest.raises(NoModelCall, match="TOOL"):
        langfuse.read_langfuse({"id": "1", "traceId": "t", "type": "TOOL", "input": "x"})


@pytest.mark.parametrize(
    "told,cost",
    [
        ({"costDetails": {"total": 0.5}}, 0.5),
        ({"cost_details": '{"total": 0.5}'}, 0.5),
        ({"costDetails": {"total": 0.5}, "totalCost": 0.25}, 0.25),
        ({"calculatedTotalCost": "0.75"}, 0.75),
        ({}, None),
    ],
)
def test_the_total_is_the_cost(told, cost):
    row = generation("g", output="Ho", **told)
    assert log_rows.conversation(row).logged.cost == cost


def test_a_text_that_was_written_as_json_once_more_is_that_text():
    row = {"id": "1", "traceId": "t", "type": "GENERATION", "input": '"How \\"far\\"?"'}
    found = log_rows.conversation({**row, "output": '"Far\\naway"'})
    assert found.conversation[0].content == 'How "far"?'
    assert found.logged.full_response == "Far\naway"
    quoted = log_rows.conversation({**row, "output": '"Far" is "away"'})
    assert quoted.logged.full_response == '"Far" is "away"'
