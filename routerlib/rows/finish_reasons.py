"""Why an answer ended, in one vocabulary: servers say one and the same thing in dozens of words.

OpenAI's words are ours: "stop", "length", "content_filter", "tool_calls"; "error" is a generation
that broke off. A word that nobody knows here is kept as it is. What follows from a reason is
decided by those who read the row.
"""

from __future__ import annotations

import json
from typing import Any

STOP, LENGTH, FILTERED, TOOL_CALLS, ERROR = (
    "stop",
    "length",
    "content_filter",
    "tool_calls",
    "error",
)

# Each of our words, and what Gemini, Claude, Mistral, TGI, SGLang, Zhipu, DeepSeek, Bedrock … say
# for it.
WORDS = {
    STOP: {
        "stop",
        "stopped",
        "eos",
        "eos_token",
        "stop_sequence",
        "stop_token",
        "end_turn",
        "end_of_turn",
        "end_of_text",
        "end",
        "complete",
        "completed",
        "done",
        "finished",
        "natural",
    },
    LENGTH: {
        "length",
        "max_tokens",
        "max_output_tokens",
        "max_new_tokens",
        "max_completion_tokens",
        "max_length",
        "model_length",
        "model_context_window_exceeded",
        "context_length",
        "token_limit",
        "limit",
        "truncated",
        "incomplete",
        "error_limit",
    },
    FILTERED: {
        "content_filter",
        "content_filtered",
        "content-filter",
        "safety",
        "recitation",
        "blocklist",
        "prohibited_content",
        "spii",
        "sensitive",
        "language",
        "image_safety",
        "image_prohibited_content",
        "image_recitation",
        "error_toxic",
        "guardrail_intervened",
        "refusal",
    },
    TOOL_CALLS: {"tool_calls", "tool_call", "tool_use", "function_call", "malformed_function_call"},
    ERROR: {
        "error",
        "abort",
        "aborted",
        "cancelled",
        "canceled",
        "network_error",
        "insufficient_system_resource",
        "engine_error",
        "internal_error",
    },
}
OURS = {word: ours for ours, words in WORDS.items() for word in words}
NOTHING = {"", "null", "none", "unspecified", "finish_reason_unspecified", "unknown"}


def finish_reason(told: Any) -> str | None:
    """The reason in our words; None where the server told none.

    Args:
        told: as it came: a text, an object such as {"type": "stop", "matched": 2}, a list, a
            number.
    """
    if isinstance(told, dict):
        named = (told[name] for name in ("type", "reason", "finish_reason", "name") if name in told)
        told = next(named, json.dumps(told, default=str))
    if isinstance(told, list | tuple):
        told = told[0] if told else None
    if told is None:
        return None
    text = str(told).strip()
    word = text.lower().rpartition(".")[2].removeprefix("finish_reason_")  # "FinishReason.STOP"
    if word in NOTHING:
        return None
    return OURS.get(word, text)
