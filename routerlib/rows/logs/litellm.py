"""LiteLLM's logs: StandardLoggingPayload, and rows of the table LiteLLM_SpendLogs.

The first: https://docs.litellm.ai/docs/proxy/logging_spec. The second, of LiteLLM's schema.prisma,
has the request in `proxy_server_request`, and its messages only where LiteLLM kept them. The proxy
logs calls of other kinds too, such as embeddings: those are told as no call of a chat model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from routerlib.rows.logs.fields import Fields, decoded_text, first_of
from routerlib.rows.logs.logged_calls import LoggedCall, NoModelCall, told_beside
from routerlib.rows.schemas import RowError

# A call's kind that is a text answering texts, as LiteLLM names it: "acompletion",
# "anthropic_messages"; an "a" before it is the asynchronous one. None is told by some of its parts.
CHAT_CALLS = re.compile(
    r"""
    a? (?: (?:chat_?)? completion | text_completion | responses | anthropic_messages
         | generate_content )
    | chat
    | pass_through_endpoint
    |  # nothing
    """,
    re.VERBOSE,
)


def is_litellm(row: Fields) -> bool:
    return (
        isinstance(row.get("standard_logging_object"), Mapping)
        or ("call_type" in row and ("response_cost" in row or "spend" in row))
        or {"request_id", "spend", "startTime"} <= row.keys()
    )


def read_litellm(row: Mapping[str, Any]) -> LoggedCall:
    row = row.get("standard_logging_object") or row
    call = str(row.get("call_type") or "")
    if not CHAT_CALLS.fullmatch(call):
        raise NoModelCall(f"call of type {call}")
    asked = decoded_text(row.get("messages"))
    sent = decoded_text(row.get("proxy_server_request"))
    if not asked and isinstance(sent, Mapping):
        asked = sent.get("body") or sent
    if not asked:
        raise RowError(
            "the messages were not kept (in LiteLLM, store_prompts_in_spend_logs: true keeps them)",
            "messages",
        )
    is_cached = str(row.get("cache_hit")).lower() == "true"  # its price tells nothing of a call's
    return LoggedCall(
        first_of(row, "id", "request_id"),
        asked,
        row.get("response"),
        model=row.get("model_group") or row.get("model"),
        usage=row,
        cost=None if is_cached else first_of(row, "response_cost", "spend"),
        start=row.get("startTime"),
        end=row.get("endTime"),
        failed=str(row.get("status") or "").lower() in ("failure", "error"),
        also_named=[row.get("model")],
        beside=told_beside(row),
    )
