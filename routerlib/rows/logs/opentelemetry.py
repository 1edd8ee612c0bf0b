"""OpenTelemetry's spans and events of the GenAI conventions
(https://opentelemetry.io/docs/specs/semconv/gen-ai/).

In OTLP's JSON (one span or a whole export a line;
https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/) or as the SDKs print them: the
messages as one attribute (gen_ai.input.messages), as numbered ones (gen_ai.prompt.0.content) or as
events (gen_ai.user.message, gen_ai.content.prompt). Spans of other work called no model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from routerlib.rows.logs.fields import Fields, decoded_text, first_of
from routerlib.rows.logs.logged_calls import LoggedCall, NoModelCall
from routerlib.rows.logs.messages import messages_in, parts_in
from routerlib.rows.schemas import RowError

EXPORTS = ("resourceSpans", "resource_spans", "scopeSpans", "scope_spans", "resourceLogs",
           "scopeLogs", "instrumentationLibrarySpans")  # fmt: skip


INSIDE = (*EXPORTS, "batches", "spans", "logRecords")


# Of an OTel value, which is an object with one of these names.
SCALARS = ("stringValue", "intValue", "doubleValue", "boolValue", "bytesValue")


ASKING = {"gen_ai.system.message": "system", "gen_ai.user.message": "user",
          "gen_ai.assistant.message": "assistant", "gen_ai.tool.message": "tool"}  # fmt: skip


MESSAGE_EVENTS = {*ASKING, "gen_ai.choice"}


OTHER_OPERATIONS = {"embeddings", "execute_tool", "invoke_agent", "create_agent", "retrieval",
                    "rerank", "invoke_workflow"}  # fmt: skip


def is_opentelemetry(row: Fields) -> bool:
    batches = row.get("batches")  # a trace as Tempo gives it
    first = batches[0] if isinstance(batches, list) and batches else None
    if any(name in holder for holder in (row, _object(first)) for name in EXPORTS):
        return True
    if any(str(name).startswith("gen_ai.") for name in row):
        return True
    has_id = any(name in row for name in ("traceId", "trace_id", "spanId", "span_id", "context"))
    return "attributes" in row and has_id


def spans(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The spans (or log records) of a row, however deep they stand; the records of one span that
    hold a message each are put together.
    """
    found: list[Mapping[str, Any]] = []
    by_span: dict[Any, list[Mapping[str, Any]]] = {}
    for span in _leaves(row):
        name = span.get("eventName") or _attributes(span).get("event.name") or span.get("name")
        if name not in MESSAGE_EVENTS:
            found.append(span)
            continue
        key = (span.get("traceId"), span.get("spanId"))
        if key not in by_span:
            by_span[key] = []
            found.append({**span, "attributes": [], "body": None, "events": by_span[key]})
        by_span[key].append({**span, "name": name})
    return found


def _leaves(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    names = [name for name in INSIDE if isinstance(row.get(name), list)]
    if not names:
        yield row
    for name in names:
        for part in row[name]:
            if isinstance(part, Mapping):
                yield from _leaves(part)


def read_span(span: Mapping[str, Any]) -> LoggedCall:
    facts = _attributes(span)
    operation = str(facts.get("gen_ai.operation.name") or "")
    is_genai = any(name.startswith(("gen_ai.", "llm.")) for name in facts)
    events = [*_objects(span.get("events")), *_events_told(facts.get("events"))]
    is_genai = is_genai or any(str(event.get("name")).startswith("gen_ai.") for event in events)
    if not is_genai or operation in OTHER_OPERATIONS:
        what = operation or span.get("name") or "span"
        raise NoModelCall(f"span {what!r}")
    for event in events:
        if "gen_ai.input.messages" in _attributes(event):
            facts = {**facts, **_attributes(event)}
    asked, answer = _asked_and_answered(facts, events)
    if not asked:
        if not _names_a_model(facts):
            raise NoModelCall(f"span {span.get('name') or 'without a name'!r}")
        raise RowError(
            "the span holds no messages: their contents were not captured (in OpenTelemetry, "
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT turns that on)",
            "gen_ai.input.messages",
        )
    context, status = (_object(span.get(name)) for name in ("context", "status"))
    code = str(status.get("code", status.get("status_code", "")))
    requested = first_of(facts, "gen_ai.request.model", "llm.request.model", "llm.model_name")
    return LoggedCall(
        first_of({**context, **span}, "spanId", "span_id"),
        asked,
        answer,
        model=requested or facts.get("gen_ai.response.model"),
        usage=_span_usage(facts),
        cost=first_of(
            facts, "gen_ai.usage.cost", "gen_ai.cost.total_cost", "gen_ai.usage.total_cost"
        ),
        start=first_of(span, "startTimeUnixNano", "start_time_unix_nano", "start_time"),
        end=first_of(span, "endTimeUnixNano", "end_time_unix_nano", "end_time"),
        failed=code in ("2", "STATUS_CODE_ERROR", "ERROR"),
        also_named=[facts.get("gen_ai.response.model")],
    )


def _objects(values: Any) -> list[Mapping[str, Any]]:
    return [value for value in values or () if isinstance(value, Mapping)]


def _events_told(value: Any) -> list[Mapping[str, Any]]:
    """Events that stand in one attribute, as a JSON text, each with its name as "event.name"."""
    value = decoded_text(value)
    told = _objects(value) if isinstance(value, list) else []
    return [{"name": event.get("event.name"), "attributes": event} for event in told]


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _names_a_model(facts: Mapping[str, Any]) -> bool:
    return any(name.endswith((".request.model", ".response.model")) for name in facts)


def _span_usage(facts: Mapping[str, Any]) -> Fields:
    def count(*names: str) -> Any:
        return first_of(facts, *(f"{head}.{name}" for head in USAGES for name in names))

    return {
        "prompt_tokens": count("input_tokens", "prompt_tokens", "prompt"),
        "completion_tokens": count("output_tokens", "completion_tokens", "completion"),
    }


USAGES = ("gen_ai.usage", "llm.usage", "llm.token_count")


def _asked_and_answered(facts: Mapping[str, Any], events: list[Mapping[str, Any]]) -> Any:
    """(messages, answer) in whichever of the three styles a span has them."""
    asked = decoded_text(facts.get("gen_ai.input.messages"))
    if asked:
        system = decoded_text(facts.get("gen_ai.system_instructions"))
        first = [{"role": "system", "content": system}] if system else []
        turns = asked if isinstance(asked, list) else [asked]
        return [*first, *turns], facts.get("gen_ai.output.messages")
    for before, after in NUMBERED_STYLES:
        asked = _numbered(facts, before)
        if asked:
            return [{"role": "user", **turn} for turn in asked], _numbered(facts, after)
    asked = facts.get("gen_ai.prompt")
    if asked:
        return asked, facts.get("gen_ai.completion")
    return _from_events(events)


# gen_ai.prompt.0.content, and the same of OpenLLMetry's first versions and of OpenInference
NUMBERED_STYLES = (
    ("gen_ai.prompt", "gen_ai.completion"),
    ("llm.prompts", "llm.completions"),
    ("llm.input_messages", "llm.output_messages"),
)


def _numbered(facts: Mapping[str, Any], head: str) -> list[Fields]:
    """The messages under gen_ai.prompt.0.role, gen_ai.prompt.0.content, gen_ai.prompt.1.role …"""
    pattern = re.compile(
        rf"""
        {re.escape(head)} \. (?P<place>\d+) \.
        (message\.)?  # OpenInference's
        (?P<name> role | content | finish_reason)
        """,
        re.VERBOSE,
    )
    turns: dict[int, Fields] = {}
    for name, value in facts.items():
        found = pattern.fullmatch(name)
        if found:
            turns.setdefault(int(found["place"]), {})[found["name"]] = parts_in(value)
    return [turns[place] for place in sorted(turns)]


def _from_events(events: list[Mapping[str, Any]]) -> tuple[Any, Any]:
    asked: list[Any] = []
    answer = None
    for event in events:
        facts, name = _attributes(event), str(event.get("name") or "")
        if name == "gen_ai.content.prompt":
            asked = asked or messages_in(facts.get("gen_ai.prompt"))
        elif name == "gen_ai.content.completion":
            answer = answer or facts.get("gen_ai.completion")
        elif name == "gen_ai.choice" and answer is None:
            said = decoded_text(facts.get("message", facts.get("content")))
            said = said if isinstance(said, Mapping) else {"content": said}
            answer = {"message": said, "finish_reason": facts.get("finish_reason")}
        elif name in ASKING:
            content = parts_in(facts.get("content"))
            asked.append({"role": facts.get("role") or ASKING[name], "content": content})
    return asked, answer


def _attributes(holder: Mapping[str, Any]) -> Fields:
    """A span's or an event's attributes by name: from OTLP's list of pairs, from an object, or from
    the row itself.
    """
    given = holder.get("attributes")
    facts: Fields = {}
    if isinstance(given, list):
        for pair in given:
            facts[str(pair["key"])] = _plain_value(pair.get("value"))
    elif isinstance(given, Mapping):
        facts = _flat_attributes(given)
    facts |= {str(name): holder[name] for name in holder if str(name).startswith("gen_ai.")}
    body = _plain_value(holder.get("body"))
    return {**_flat_attributes(body), **facts} if isinstance(body, Mapping) else facts


def _flat_attributes(given: Mapping[str, Any], head: str = "") -> Fields:
    """{"gen_ai": {"request": {"model": "m"}}} → {"gen_ai.request.model": "m"}."""
    facts: Fields = {}
    for name, value in given.items():
        whole = f"{head}{name}"
        is_branch = isinstance(value, Mapping) and whole.split(".")[0] in ("gen_ai", "llm")
        if is_branch:
            facts |= _flat_attributes(value, f"{whole}.")
        else:
            facts[whole] = value
    return facts


def _plain_value(value: Any) -> Any:
    """A value of OTLP's JSON, {"stringValue": "a"}, as JSON has it."""
    if not isinstance(value, Mapping):
        return value
    if "arrayValue" in value:
        return [_plain_value(part) for part in value["arrayValue"].get("values") or ()]
    if "kvlistValue" in value:
        pairs = value["kvlistValue"].get("values") or ()
        return {str(pair["key"]): _plain_value(pair.get("value")) for pair in pairs}
    name = next((name for name in SCALARS if name in value), None)
    return value[name] if name else dict(value)
