"""Logs as four makers write them, made up here: 300 requests each, broken and foreign rows among
them.

Used by the tests of `logs`, `sources`, `cleaning`, `collection` and `replay`; the shapes follow the
published schemas that the modules of `rows.logs` name.
"""

from __future__ import annotations

import json
import random

from routerlib.rows.logs import shapes
from routerlib.rows.schemas import Conversation, parse_row

USER = [{"role": "user", "content": "How far is the moon?"}]
WORDS = (
    *("invoice", "parcel", "refund", "garden", "engine", "letter"),
    *("museum", "recipe", "budget", "harbour", "lesson", "ticket"),
)
MODEL, SERVED = "big-model", "big-model-2026-05-01"


def read_one(row: dict) -> dict:
    """What is read from a row that holds one request: a conversation's fields, or an error."""
    ((_, found),) = shapes.requests("log", [(1, row)])
    return found


def conversation(row: dict) -> Conversation:
    return parse_row(Conversation, read_one(row))


def prompts(number: int, seed: int = 0) -> list[str]:
    """So many different prompts of one user turn."""
    rng = random.Random(seed)
    return [
        f"Question {place}: what should I know about my {' '.join(rng.sample(WORDS, 5))} in "
        f"{rng.randrange(1900, 2030)} and {rng.choice(WORDS)} number {rng.randrange(10**6)}?"
        for place in range(number)
    ]


def answer_of(prompt: str) -> str:
    return f"About {prompt.split()[-1]} I would say: ask again."


def reply(prompt: str) -> dict:
    """The body of a chat completion."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": SERVED,
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": answer_of(prompt)},
            }
        ],
        "usage": {"prompt_tokens": 30, "completion_tokens": 12, "total_tokens": 42},
    }


def asked(prompt: str) -> list[dict]:
    return [{"role": "user", "content": prompt}]


def chat(place: int, prompt: str) -> dict:
    """Plain chat JSONL, in the four ways in which people keep it."""
    ways = (
        {"messages": [*asked(prompt), {"role": "assistant", "content": answer_of(prompt)}]},
        {"messages": asked(prompt), "response": answer_of(prompt)},
        {"request": {"model": MODEL, "messages": asked(prompt)}, "response": reply(prompt)},
        {"messages": asked(prompt), **reply(prompt), "model": MODEL, "id": f"chat-{place}"},
    )
    return {"model": MODEL, "id": f"chat-{place}", **ways[place % 4]}


def litellm(place: int, prompt: str) -> dict:
    """StandardLoggingPayload, and rows of the spend logs in turn."""
    if place % 2:
        return {
            "request_id": f"chatcmpl-{place}",
            "call_type": "acompletion",
            "api_key": "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b",
            "spend": 0.002,
            "total_tokens": 42,
            "prompt_tokens": 30,
            "completion_tokens": 12,
            "startTime": "2026-05-01T10:00:00.000Z",
            "endTime": "2026-05-01T10:00:02.500Z",
            "model": SERVED,
            "model_group": MODEL,
            "messages": {},
            "response": reply(prompt),
            "proxy_server_request": json.dumps({"model": MODEL, "messages": asked(prompt)}),
            "status": "success",
        }
    return {
        "id": f"chatcmpl-{place}",
        "trace_id": f"t-{place}",
        "call_type": "acompletion",
        "stream": False,
        "response_cost": 0.002,
        "status": "success",
        "total_tokens": 42,
        "prompt_tokens": 30,
        "completion_tokens": 12,
        "startTime": 1777629600.0,
        "endTime": 1777629602.5,
        "completionStartTime": 1777629600.4,
        "model": SERVED,
        "model_group": MODEL,
        "messages": asked(prompt),
        "response": reply(prompt),
        "model_parameters": {"temperature": 0.2},
        "hidden_params": {"response_cost": "0.002"},
        "cache_hit": None,
    }


def langfuse(place: int, prompt: str) -> dict:
    """A generation of the API, one of the blob export, and a whole trace in turn."""
    start, end = "2026-05-01T10:00:00.000Z", "2026-05-01T10:00:02.500Z"
    generation = {
        "id": f"obs-{place}",
        "traceId": f"trace-{place}",
        "type": "GENERATION",
        "name": "answer",
        "startTime": start,
        "endTime": end,
        "model": MODEL,
        "modelParameters": {"temperature": 0.2},
        "input": asked(prompt),
        "output": {"role": "assistant", "content": answer_of(prompt)},
        "usageDetails": {"input": 30, "output": 12, "total": 42},
        "costDetails": {"input": 0.0005, "output": 0.0015, "total": 0.002},
        "level": "DEFAULT",
    }
    if place % 3 == 1:
        return {
            "id": f"obs-{place}",
            "trace_id": f"trace-{place}",
            "project_id": "p",
            "type": "GENERATION",
            "start_time": "2026-05-01 10:00:00.000000",
            "end_time": "2026-05-01 10:00:02.500000",
            "input": json.dumps({"messages": asked(prompt)}),
            "output": json.dumps({"role": "assistant", "content": answer_of(prompt)}),
            "provided_model_name": MODEL,
            "model_parameters": '{"temperature":0.2}',
            "usage_details": {"input": 30, "output": 12, "total": 42},
            "cost_details": {"input": 0.0005, "output": 0.0015},
            "total_cost": 0.002,
            "level": "DEFAULT",
        }
    if place % 3 == 2:
        other = {
            "id": f"s-{place}",
            "traceId": f"trace-{place}",
            "type": "SPAN",
            "input": "look up",
        }
        return {
            "id": f"trace-{place}",
            "timestamp": start,
            "name": "question",
            "input": {"question": prompt},
            "output": answer_of(prompt),
            "observations": [other, generation],
        }
    return generation


def _pairs(facts: dict) -> list[dict]:
    """Attributes as OTLP's JSON writes them."""
    kinds = {str: "stringValue", int: "intValue", float: "doubleValue"}
    return [{"key": name, "value": {kinds[type(of)]: of}} for name, of in facts.items()]


def opentelemetry(place: int, prompt: str) -> dict:
    """A span with its messages in one attribute, in numbered ones, and in events in turn; as OTLP
    exports them, or as the SDK prints them.
    """
    facts = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": MODEL,
        "gen_ai.response.model": SERVED,
        "gen_ai.usage.input_tokens": 30,
        "gen_ai.usage.output_tokens": 12,
    }
    events: list[dict] = []
    if place % 3 == 0:
        text = {"type": "text", "content": prompt}
        told = {"type": "text", "content": answer_of(prompt)}
        said = [{"role": "assistant", "parts": [told], "finish_reason": "stop"}]
        facts["gen_ai.input.messages"] = json.dumps([{"role": "user", "parts": [text]}])
        facts["gen_ai.output.messages"] = json.dumps(said)
    elif place % 3 == 1:
        facts |= {
            "gen_ai.prompt.0.role": "user",
            "gen_ai.prompt.0.content": prompt,
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": answer_of(prompt),
            "gen_ai.completion.0.finish_reason": "stop",
        }
    else:
        said = json.dumps({"content": answer_of(prompt)})
        chosen = {"index": 0, "finish_reason": "stop", "message": said}
        events = [
            {"name": "gen_ai.user.message", "attributes": {"content": prompt}},
            {"name": "gen_ai.choice", "attributes": chosen},
        ]
    if place % 2:  # as the SDK of Python prints it
        return {
            "name": f"chat {MODEL}",
            "context": {"trace_id": "0x4bf92f", "span_id": f"0x{place:016x}"},
            "kind": "SpanKind.CLIENT",
            "start_time": "2026-05-01T10:00:00.000000Z",
            "end_time": "2026-05-01T10:00:02.500000Z",
            "status": {"status_code": "UNSET"},
            "attributes": facts,
            "events": events,
        }
    span = {
        "traceId": "4bf92f",
        "spanId": f"{place:016x}",
        "name": f"chat {MODEL}",
        "startTimeUnixNano": "1777629600000000000",
        "endTimeUnixNano": "1777629602500000000",
        "attributes": _pairs(facts),
        "events": [{**event, "attributes": _pairs(event["attributes"])} for event in events],
    }
    other = {"traceId": "4bf92f", "spanId": "f" * 16, "name": "GET /", "attributes": []}
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": [other, span]}]}]}


FORMATS = {"chat": chat, "LiteLLM": litellm, "Langfuse": langfuse, "OpenTelemetry": opentelemetry}
# One row of each kind that is about something else than a request to a chat model.
OTHERS = {
    "LiteLLM": {"id": "e", "call_type": "aembedding", "response_cost": 0.1, "messages": "x"},
    "Langfuse": {"id": "s", "traceId": "t", "type": "RETRIEVER", "input": "x", "output": "y"},
    "OpenTelemetry": {"name": "SELECT", "traceId": "t", "spanId": "s", "attributes": {"db": "x"}},
}
BROKEN = ('{"messages": [', "[1, 2]", '{"messages": "", "model": "m"}', '"a text"', "not JSON")


def lines(kind: str, number: int = 300, seed: int = 0) -> list[str]:
    """A log of one kind as JSON lines: `number` requests, the BROKEN rows among them, one request
    with a picture, and one row about something else where the kind has such.
    """
    rows = [FORMATS[kind](place, text) for place, text in enumerate(prompts(number, seed))]
    picture = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    shown = {"role": "user", "content": [{"type": "text", "text": "What is this?"}, picture]}
    rows.insert(number // 3, {"id": "shown", "messages": [shown]})
    if kind in OTHERS:
        rows.insert(0, OTHERS[kind])
    written = [json.dumps(row) for row in rows]
    for place, line in enumerate(BROKEN):
        written.insert((place + 1) * number // 7, line)
    return written
