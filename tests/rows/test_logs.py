"""Logs: each kind is told by its own shape; requests, answers, tokens, money and times come out of
all of them, and what is none is told.
"""

import json

import log_rows
import pytest

from routerlib.rows import logs, sources
from routerlib.rows.jsonl import Rejects, Unreadable
from routerlib.rows.schemas import Conversation, RowError, parse_row

USER = [{"role": "user", "content": "How far is the moon?"}]


def read_one(row):
    found = [value for _, value in logs.requests("log", [(1, row)])]
    assert len(found) == 1
    return found[0]


def conversation(row):
    return parse_row(Conversation, read_one(row))


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


@pytest.mark.parametrize("kind", ["LiteLLM", "Langfuse", "OpenTelemetry"])
@pytest.mark.parametrize("place", range(6))
def test_what_an_answer_cost_is_kept(kind, place):
    logged = conversation(log_rows.FORMATS[kind](place, "What is the tallest tree?")).logged
    assert (logged.prompt_tokens, logged.completion_tokens) == (30, 12)
    assert logged.seconds == 2.5
    assert logged.at == "2026-05-01T10:00:00+00:00"
    assert logged.cost == (None if kind == "OpenTelemetry" else 0.002)


def test_the_name_asked_for_and_the_one_that_answered_both_count():
    logged = conversation(log_rows.litellm(0, "Which is the longest river?")).logged
    assert logged.model == log_rows.MODEL and logged.also_named == [log_rows.SERVED]
    assert logged.is_of(log_rows.SERVED) and not logged.is_of("small-model")


@pytest.mark.parametrize(
    "kind,row",
    [
        ("chat", {"messages": USER}),
        ("chat", {"custom_id": "1", "body": {"messages": USER}, "response": None}),
        ("LiteLLM", {"call_type": "acompletion", "response_cost": 0, "messages": USER}),
        ("LiteLLM", {"standard_logging_object": {"call_type": "", "messages": USER}}),
        ("Langfuse", {"id": "1", "traceId": "t", "type": "GENERATION", "input": USER}),
        ("Langfuse", {"id": "1", "timestamp": "2026-01-01", "input": "Hi", "output": "Ho"}),
        ("OpenTelemetry", {"gen_ai.request.model": "m", "gen_ai.input.messages": USER}),
        ("OpenTelemetry", {"resourceSpans": []}),
        (None, {"ts": 1, "level": "INFO", "message": "started"}),
        (None, {"question_id": 1, "conversation": USER}),
        (None, ["messages"]),
    ],
)
def test_a_kind_is_told_by_its_shape(kind, row):
    assert logs.shape_of(row) == kind


ANSWERS = {
    "text": "About 384,400 km.",
    "chat completion": {
        "choices": [{"message": {"role": "assistant", "content": "About 384,400 km."}}]
    },
    "the same as JSON text": json.dumps(
        {"choices": [{"message": {"content": "About 384,400 km."}}]}
    ),
    "completion": {"choices": [{"text": "About 384,400 km.", "index": 0}]},
    "message": {"role": "assistant", "content": "About 384,400 km."},
    "parts": {
        "content": [{"type": "text", "text": "About 384,400 km."}],
        "stop_reason": "end_turn",
    },
    "thoughts and parts": {
        "content": [
            {"type": "thinking", "thinking": "Hm.", "text": "Hm."},
            {"type": "text", "text": "About 384,400 km."},
        ]
    },
    "Gemini": {"candidates": [{"content": {"parts": [{"text": "About 384,400 km."}]}}]},
    "Responses API": {
        "object": "response",
        "output": [
            {"type": "reasoning", "summary": []},
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "About 384,400 km."}],
            },
        ],
    },
    "Batch": {
        "status_code": 200,
        "body": {"choices": [{"message": {"content": "About 384,400 km."}}]},
    },
    "list of messages": [{"role": "assistant", "content": "About 384,400 km."}],
}


@pytest.mark.parametrize("form", ANSWERS)
def test_answers_of_every_form_are_read(form):
    row = conversation({"messages": USER, "response": ANSWERS[form]})
    assert row.logged.full_response == "About 384,400 km."


QUESTIONS = {
    "JSON text": json.dumps(USER),
    "object": {"messages": USER},
    "text": USER[0]["content"],
    "parts": [{"role": "user", "content": [{"type": "text", "text": USER[0]["content"]}]}],
    "LangChain": [[{"type": "human", "content": USER[0]["content"]}]],
    "LangChain's objects": [
        {
            "lc": 1,
            "id": ["langchain", "schema", "messages", "HumanMessage"],
            "kwargs": {"content": USER[0]["content"]},
        }
    ],
    "Gemini": {"contents": [{"role": "user", "parts": [{"text": USER[0]["content"]}]}]},
    "arguments of a function": {"args": [USER[0]["content"]], "kwargs": {}},
}


@pytest.mark.parametrize("form", QUESTIONS)
def test_messages_of_every_form_are_read(form):
    row = conversation({"id": "1", "traceId": "t", "type": "GENERATION", "input": QUESTIONS[form]})
    assert [(turn.role, turn.content) for turn in row.conversation] == [
        ("user", USER[0]["content"])
    ]


def test_a_system_message_that_stands_apart_comes_first():
    anthropic = conversation({"request": {"system": "Be brief.", "messages": USER}})
    parts = [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}]
    said = json.dumps([{"type": "text", "content": "Be brief."}])
    span = conversation(
        {"gen_ai.input.messages": json.dumps(parts), "gen_ai.system_instructions": said}
    )
    for row in (anthropic, span):
        assert (row.conversation[0].role, row.conversation[0].content) == ("system", "Be brief.")


def test_a_prompt_that_is_JSON_itself_stays_as_it_is():
    for text in ("[3, 1, 2]", '[{"a": 1}] is what?'):
        row = conversation({"prompt": text, "response": "Well."})
        assert row.conversation[0].content == text
        span = {"gen_ai.prompt.0.content": text, "gen_ai.request.model": "m"}
        assert conversation(span).conversation[0].content == text


PICTURES = {
    "OpenAI": {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
    "Responses API": {"type": "input_image", "image_url": "https://example.org/a.png"},
    "Anthropic": {"type": "image", "source": {"type": "base64", "data": "aGk="}},
    "sound": {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
    "OpenTelemetry": {"type": "blob", "modality": "image", "content": "aGk="},
    "Gemini": {"inline_data": {"mime_type": "image/png", "data": "aGk="}},
    "in the text": {"type": "text", "text": "see data:image/png;base64,aGk="},
    "a file": {"type": "file", "file": {"file_id": "f"}},
}


@pytest.mark.parametrize("form", PICTURES)
def test_pictures_are_seen(form):
    turn = {"role": "user", "content": [{"type": "text", "text": "What?"}, PICTURES[form]]}
    assert conversation({"messages": [turn]}).has_media
    assert conversation({"conversation_id": "1", "conversation": [turn]}).has_media


def test_texts_about_pictures_are_texts():
    turn = {"role": "user", "content": 'Write {"type": "image_url"} and data:image/png please.'}
    assert not conversation({"messages": [turn]}).has_media


def test_a_failed_request_has_no_answer():
    """What a server says when it fails is never a model's answer."""
    litellm = log_rows.litellm(0, "Hi") | {"status": "failure", "response": "RateLimitError"}
    langfuse = log_rows.langfuse(0, "Hi") | {"level": "ERROR", "output": "timeout"}
    span = log_rows.opentelemetry(1, "Hi") | {"status": {"status_code": "ERROR"}}
    plain = {"messages": USER, "response": {"error": {"message": "overloaded"}}}
    for row in (litellm, langfuse, span, plain):
        assert conversation(row).logged is None


def test_the_price_of_an_answer_from_the_cache_is_not_kept():
    assert conversation(log_rows.litellm(0, "Hi") | {"cache_hit": True}).logged.cost is None


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
        ({"chat": USER, "uid": 3}, 'set FIELDS = {"conversation_id": "uid"'),
        ({"conversation_x": 3}, 'set FIELDS = {"conversation": "conversation_x"}'),
    ],
)
def test_a_request_that_cannot_be_read_says_why(row, told):
    error = read_one(row)
    assert isinstance(error, RowError) and told in str(error)


def test_one_broken_span_costs_no_other(tmp_path):
    good = log_rows.opentelemetry(0, "How deep is the sea?")
    spans = good["resourceSpans"][0]["scopeSpans"][0]["spans"]
    broken = {"traceId": "t", "name": "chat", "attributes": [{"key": "gen_ai.request.model"}]}
    spans.insert(0, broken)
    found = [value for _, value in logs.requests("log", [(1, good)])]
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
    first, second = (parse_row(Conversation, value) for _, value in logs.requests("x", [(1, row)]))
    assert first.logged.full_response == "Ho" and second.logged is None


def test_a_log_without_any_request_says_what_it_holds(tmp_path):
    path = tmp_path / "spans.jsonl"
    rows = [log_rows.OTHERS["OpenTelemetry"] | {"name": f"GET {n % 2}"} for n in range(150)]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with pytest.raises(logs.NoRequests, match=r"75 × span 'GET 0'"):
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


@pytest.mark.parametrize(
    "value,seconds",
    [
        (1777629600, 1777629600.0),
        (1777629600000, 1777629600.0),
        (1777629600000000, 1777629600.0),
        ("1777629600000000000", 1777629600.0),
        ("2026-05-01T10:00:00Z", 1777629600.0),
        ("2026-05-01 10:00:00.000000", 1777629600.0),
        ("yesterday", None),
        (None, None),
        (-5, None),
    ],
)
def test_moments_in_every_unit(value, seconds):
    assert logs._timestamp(value) == seconds
