"""OpenTelemetry: spans stand alone, and records of one span together."""

import json

import log_rows

from routerlib.rows.logs import shapes
from routerlib.rows.schemas import Conversation, RowError, parse_row


def test_one_broken_span_costs_no_other(tmp_path):
    good = log_rows.opentelemetry(0, "How deep is the sea?")
    spans = good["resourceSpans"][0]["scopeSpans"][0]["spans"]
    broken = {"traceId": "t", "name": "chat", "attributes": [{"key": "gen_ai.request.model"}]}
    spans.insert(0, broken)
    found = [value for _, value in shapes.requests("log", [(1, good)])]
    assert isinstance(found[0], RowError) and found[1]["conversation"][0]["content"]


def test_the_messages_of_a_span_that_come_as_records_are_put_together():
    def record(name, span, body):
        return {"traceId": "t", "spanId": span, "eventName": name, "body": body}

    said = {"kvlistValue": {"values": [{"key": "content", "value": {"stringValue": "Hi"}}]}}
    message = {"kvlistValue": {"values": [{"key": "content", "value": {"stringValue": "Ho"}}]}}
    choice = {"kvlistValue": {"values": [{"key": "message", "value": message}]}}
    records = [
        record("gen_ai.user.message", "a", said),
        record("gen_ai.user.message", "b", said),
        record("gen_ai.choice", "a", choice),
    ]
    row = {"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}
    first, second = (
        parse_row(Conversation, value) for _, value in shapes.requests("x", [(1, row)])
    )
    assert first.logged.full_response == "Ho" and second.logged is None


def test_a_trace_as_tempo_gives_it():
    ((_, told),) = shapes.requests("log", [(1, {"resourceSpans": [SPANS]})])
    ((_, found),) = shapes.requests("log", [(1, {"batches": [SPANS]})])
    assert found == told and found["conversation"][0]["content"] == "Hi"
    assert shapes.shape_of({"batches": [{"rows": []}]}) is None


SPANS = {
    "scopeSpans": [
        {"spans": [{"spanId": "1", "attributes": [
            {"key": "gen_ai.request.model", "value": {"stringValue": "m"}},
            {"key": "gen_ai.prompt.0.content", "value": {"stringValue": "Hi"}},
        ]}]}
    ]
}  # fmt: skip


def test_events_may_stand_in_one_attribute():
    events = [
        {"event.name": "gen_ai.user.message", "role": "user", "content": "Hi"},
        {"event.name": "gen_ai.choice", "message": {"role": "assistant", "content": "Hello"}},
    ]
    facts = {"gen_ai.request.model": "m", "events": json.dumps(events)}
    row = log_rows.conversation({"trace_id": "t", "span_id": "s", "attributes": facts})
    assert row.conversation[0].content == "Hi" and row.logged.full_response == "Hello"
