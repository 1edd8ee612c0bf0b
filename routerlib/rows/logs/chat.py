"""Chat JSONL: a request's body, its response, or both, and `messages` with an answer beside or at
their end.

The bodies are those of https://platform.openai.com/docs/api-reference/chat and of its Batch files;
many people's own logs look like them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routerlib.rows.logs.fields import Fields, decoded_text, first_of
from routerlib.rows.logs.logged_answers import ANSWERS
from routerlib.rows.logs.logged_calls import LoggedCall, told_beside


def is_clean_prompt(row: Fields) -> bool:
    """Whether it is what 02 wrote of a log before: the answer is one of ours already."""
    return isinstance(row.get("answer"), Mapping) and "full_response" in row["answer"]


def is_chat_row(row: Fields) -> bool:
    if "conversation" in row or "conversations" in row or is_clean_prompt(row):
        return False
    if "messages" in row:
        return True
    sent = _request_body(row)
    if sent:
        return bool({"messages", "prompt", "input", "contents"} & set(sent))
    return "prompt" in row and any(name in row for name in (*ANSWERS, "choices"))


def _request_body(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The request's body; empty where the row has none apart. A Batch line holds it once more
    inside."""
    sent = decoded_text(row.get("request") or row.get("body"))
    sent = sent if isinstance(sent, Mapping) else {}
    inside = decoded_text(sent.get("body"))
    return inside if isinstance(inside, Mapping) else sent


def read_chat(row: Mapping[str, Any]) -> LoggedCall:
    sent = _request_body(row)
    asked = sent or {name: row[name] for name in HEADS if name in row}
    answer = next((row[name] for name in ANSWERS if row.get(name)), None)
    if answer is None and "choices" in row:
        answer = row
    names = ("conversation_id", "id", "custom_id", "request_id", "prompt_id", "uuid")
    return LoggedCall(
        next((row[name] for name in names if row.get(name) not in (None, "")), None),
        asked,
        answer,
        model=row.get("model") or sent.get("model"),
        usage=row.get("usage") or {name: row.get(name) for name in TOKEN_NAMES},
        cost=first_of(row, "cost", "response_cost", "total_cost", "cost_usd"),
        start=first_of(row, "start_time", "startTime", "timestamp", "created_at", "created"),
        end=first_of(row, "end_time", "endTime"),
        seconds=first_of(row, "latency", "seconds", "duration"),
        failed=bool(row.get("error")),
        beside=told_beside(row),
    )


HEADS = ("messages", "prompt", "system", "instructions")


TOKEN_NAMES = ("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens")
