"""Kinds of logs: each is told by its own shape, and what is none is told."""

import json

import log_rows
import pytest

from routerlib.rows import sources
from routerlib.rows.jsonl import Rejects, Unreadable
from routerlib.rows.logs import shapes
from routerlib.rows.schemas import Conversation, RowError


@pytest.mark.parametrize("kind", log_rows.FORMATS)
def test_a_log_of_300_requests_with_broken_rows_among_them(kind, tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(log_rows.lines(kind)), encoding="utf-8")
    with Rejects(tmp_path / "bad.jsonl") as rejects:
        rows = list(sources.load_rows(path, Conversation, rejects=rejects))
    pictured = [row for row in rows if row.has_media]
    assert len(pictured) == 1 and pictured[0].conversation_id == "shown"
    rows = [row for row in rows if not row.has_media]
    asked = log_rows.prompts(300)
    assert [row.conversation[0].content for row in rows] == asked
    assert all(len(row.conversation) == 1 for row in rows)
    for row, prompt in zip(rows, asked, strict=True):
        assert row.logged.full_response == log_rows.answer_of(prompt)
        assert row.logged.is_of(log_rows.MODEL)
    assert rejects.count == len(log_rows.BROKEN)
    no_requests = {"chat": 0, "OpenTelemetry": 151}  # with the spans of other work
    assert rejects.passed_over.total() == no_requests.get(kind, 1)


@pytest.mark.parametrize(
    "kind,row",
    [
        ("chat", {"messages": log_rows.USER}),
        ("chat", {"custom_id": "1", "body": {"messages": log_rows.USER}, "response": None}),
        ("LiteLLM", {"call_type": "acompletion", "response_cost": 0, "messages": log_rows.USER}),
        ("LiteLLM", {"standard_logging_object": {"call_type": "", "messages": log_rows.USER}}),
        ("Langfuse", {"id": "1", "traceId": "t", "type": "GENERATION", "input": log_rows.USER}),
        ("Langfuse", {"id": "1", "timestamp": "2026-01-01", "input": "Hi", "output": "Ho"}),
        ("OpenTelemetry", {"gen_ai.request.model": "m", "gen_ai.input.messages": log_rows.USER}),
        ("OpenTelemetry", {"resourceSpans": []}),
        (None, {"ts": 1, "level": "INFO", "message": "started"}),
        (None, {"question_id": 1, "conversation": log_rows.USER}),
        (None, ["messages"]),
    ],
)
def test_a_kind_is_told_by_its_shape(kind, row):
    assert shapes.shape_of(row) == kind


@pytest.mark.parametrize(
    "row,told",
    [
        (log_rows.litellm(0, "Hi") | {"messages": {}}, "store_prompts_in_spend_logs"),
        (
            log_rows.litellm(0, "Hi")
            | {"messages": [{"role": "user", "content": "redacted-by-litellm"}]},
            "redacted",
        ),
        (
            {"traceId": "t", "attributes": {"gen_ai.request.model": "m"}},
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
        ),
        (
            {"id": "1", "traceId": "t", "type": "GENERATION", "input": {"city": "Rome"}},
            "an object of city",
        ),
        ({"messages": [{"content": "Hi"}]}, "no role"),
        ({"messages": [3]}, "int"),
        ({"ts": 1, "level": "INFO", "msg": "up"}, "the row has ts, level, msg"),
        ({"chat": log_rows.USER, "uid": 3}, 'set FIELDS = {"conversation_id": "uid"'),
        ({"conversation_x": 3}, 'set FIELDS = {"conversation": "conversation_x"}'),
    ],
)
def test_a_request_that_cannot_be_read_says_why(row, told):
    error = log_rows.read_one(row)
    assert isinstance(error, RowError) and told in str(error)


def test_a_log_without_any_request_says_what_it_holds(tmp_path):
    path = tmp_path / "spans.jsonl"
    rows = [log_rows.OTHERS["OpenTelemetry"] | {"name": f"GET {n % 2}"} for n in range(150)]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with pytest.raises(shapes.NoRequests, match=r"75 × span 'GET 0'"):
        list(sources.load_rows(path, Conversation, rejects=[]))


def test_a_file_that_is_no_log_names_what_was_found(tmp_path):
    path = tmp_path / "server.log"
    rows = [{"ts": n, "level": "INFO", "msg": "up"} for n in range(120)]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with pytest.raises(Unreadable, match=r"no kind of log that is known .* ts, level, msg"):
        list(sources.load_rows(path, Conversation, rejects=[]))


def test_an_export_that_is_one_JSON_document(tmp_path):
    rows = [log_rows.langfuse(place, text) for place, text in enumerate(log_rows.prompts(6))]
    for name, value in {"list": rows, "page": {"data": rows, "meta": {"page": 1}}}.items():
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(value), encoding="utf-8")
        assert len(list(sources.load_rows(path, Conversation))) == 6
    path = tmp_path / "spans.json"
    path.write_text(json.dumps(log_rows.opentelemetry(0, "Hi")), encoding="utf-8")
    assert len(list(sources.load_rows(path, Conversation))) == 1


@pytest.mark.parametrize("name", ("spans.json", "spans.jsonl", "spans.log"))
def test_spans_as_an_sdk_prints_them_over_many_lines(name, tmp_path):
    spans = [log_rows.opentelemetry(place, f"How deep is sea {place}?") for place in range(5)]
    printed = [json.dumps(span, indent=4) for span in spans]
    printed[2] = printed[2][: len(printed[2]) // 2]  # the process ended in mid-sentence, and again
    path = tmp_path / name
    path.write_text("\n".join(printed) + "\n", encoding="utf-8")
    with Rejects(tmp_path / "rejects.jsonl") as rejects:
        rows = list(sources.load_rows(str(path), Conversation, None, rejects))
    asked = [row.conversation[0].content for row in rows]
    assert asked == [f"How deep is sea {place}?" for place in (0, 1, 3, 4)]
    lines = [text.count("\n") + 1 for text in printed]
    assert rejects.count == 1 and rejects.first["line"] == lines[0] + lines[1] + 1
