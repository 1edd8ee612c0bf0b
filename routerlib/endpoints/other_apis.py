"""Answers in the form of another API, as OpenAI's chat completions have them.

A gateway that hands on what the server behind it said, or a base URL one path off, brings an
answer that was paid for in the form of Ollama, OpenAI's Responses, Claude's messages, Gemini,
Cohere, or of the servers TGI and llama.cpp themselves. Here each becomes choices and counts of
tokens; texts are taken out of them by `replies`. Nothing is asked in these forms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Value = dict[str, Any]


def as_completion(value: Value) -> Value:
    """A completion, where an answer has one of the forms known here; else the answer as it is."""
    for is_one, read in FORMS:
        if is_one(value):
            return read(value)
    return value


def from_ollama(value: Value, name: str = "message") -> Value:
    """An answer of Ollama's own API, or a piece of one (then `name` is "delta").

    Source: its documentation, docs/api.md, "Generate a chat completion".
    """
    reason = value.get("done_reason", "stop") if value.get("done") else None
    said = value.get("message")
    said = said if isinstance(said, dict) else {"content": value.get("response")}
    tokens = value.get("prompt_eval_count"), value.get("eval_count")
    whole = _completion(said, reason, *tokens, name=name)
    if not any(tokens):
        del whole["usage"]
    return whole


def _from_responses(value: Value) -> Value:
    """OpenAI's Responses API: a list of what was thought, said and called."""
    details = value.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, Mapping) else None
    counts = _counts_in(value.get("usage"))
    return _completion(
        {"content": value["output"]},
        reason or value.get("status") or "stop",
        counts.get("input_tokens"),
        counts.get("output_tokens"),
    )


def _from_messages(value: Value) -> Value:
    """Anthropic's Messages API."""
    counts = _counts_in(value.get("usage"))
    return _completion(
        {"content": value["content"]},
        value.get("stop_reason"),
        counts.get("input_tokens"),
        counts.get("output_tokens"),
    )


def _from_gemini(value: Value) -> Value:
    """Google's generateContent."""
    counts = _counts_in(value.get("usageMetadata"))
    written = [counts.get("candidatesTokenCount"), counts.get("thoughtsTokenCount")]
    choices = [
        {
            "index": number,
            "message": {"content": candidate.get("content")},
            "finish_reason": candidate.get("finishReason"),
        }
        for number, candidate in enumerate(value["candidates"])
    ]
    usage = {
        "prompt_tokens": counts.get("promptTokenCount"),
        "completion_tokens": sum(count for count in written if isinstance(count, int)),
    }
    return {"choices": choices, "usage": usage}


def _from_cohere(value: Value) -> Value:
    """Cohere's chat, version 2: a message without choices around it."""
    counts = _counts_in(value.get("usage"))
    tokens = _counts_in(counts.get("tokens") or counts.get("billed_units"))
    read, written = tokens.get("input_tokens"), tokens.get("output_tokens")
    return _completion(value["message"], value.get("finish_reason"), read, written)


def _from_tgi(value: Value) -> Value:
    """`generate` of text-generation-inference."""
    details = _counts_in(value.get("details"))
    return _completion(
        {"content": value["generated_text"]},
        details.get("finish_reason"),
        None,
        details.get("generated_tokens"),
    )


def _from_llama_cpp(value: Value) -> Value:
    """`completion` of llama.cpp's server."""
    is_cut = value.get("stop_type") == "limit" or value.get("stopped_limit")
    read, written = value.get("tokens_evaluated"), value.get("tokens_predicted")
    return _completion({"content": value["content"]}, "length" if is_cut else "stop", read, written)


def _completion(said: Any, reason: Any, read: Any, written: Any, name: str = "message") -> Value:
    return {
        "choices": [{"index": 0, name: said, "finish_reason": reason}],
        "usage": {"prompt_tokens": read, "completion_tokens": written},
    }


def _counts_in(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _is_response(value: Value) -> bool:
    """Whether it is a response that is there: one may be queued, and still be worked on."""
    is_there = value.get("status") not in ("queued", "in_progress")
    return is_there and isinstance(value.get("output"), list)


def _are_candidates(value: Value) -> bool:
    listed = value.get("candidates")
    return isinstance(listed, list) and bool(listed) and all(isinstance(c, dict) for c in listed)


Form = tuple[Callable[[Value], bool], Callable[[Value], Value]]
FORMS: tuple[Form, ...] = (
    (lambda value: "done" in value, from_ollama),
    (_is_response, _from_responses),
    (
        lambda value: value.get("type") == "message" and isinstance(value.get("content"), list),
        _from_messages,
    ),
    (_are_candidates, _from_gemini),
    (
        lambda value: isinstance(value.get("message"), dict) and "finish_reason" in value,
        _from_cohere,
    ),
    (lambda value: isinstance(value.get("generated_text"), str), _from_tgi),
    (
        lambda value: isinstance(value.get("content"), str) and "tokens_predicted" in value,
        _from_llama_cpp,
    ),
)
