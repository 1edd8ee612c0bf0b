"""The answer in a response, out of all the forms in which logs keep it.

A text, a chat completion, a Batch line, messages, parts, Gemini's candidates and the Responses API
are read. What a server said when it failed is no answer, and neither is a text that was redacted
or cut.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from routerlib.rows import published
from routerlib.rows.logs.chunks import is_stream, joined_stream
from routerlib.rows.logs.fields import decoded_text, word_or_none
from routerlib.rows.logs.messages import role_of, spoken

# Names under which an answer stands beside its messages, the surest first.
ANSWERS = ("response", "completion", "answer", "output", "reply", "generation")


REDACTED = "redacted-by-litellm"

# What LiteLLM puts in the place of the middle of a long text, beyond 2,048 characters as a rule:
# "… (litellm_truncated 35012 chars)", "… (litellm_truncated skipped 35012 chars. …) …"
CUT = re.compile(r"\((litellm_)?truncated (skipped )?\d+ chars")


@dataclass(frozen=True)
class Answered:
    """An answer as a log has it: its text, why it ended, the model and the tokens it names."""

    text: str
    finish_reason: Any = None
    model: str | None = None
    usage: Any = None


def answer_in(value: Any) -> Answered | None:
    """The first answer in a response of any of the usual forms; None where there is none."""
    value = decoded_text(value)
    if value in (None, "", {}, []):
        return None
    if is_stream(value):
        return answer_in(joined_stream(value))
    if isinstance(value, str):
        is_whole = REDACTED not in value[:40] and not CUT.search(value)
        return Answered(value) if is_whole else None
    if isinstance(value, list):
        return _answer_in_list(value)
    if not isinstance(value, Mapping) or value.get("error"):
        return None
    return _answer_in_object(value)


def _answer_in_list(values: list[Any]) -> Answered | None:
    """Several messages: the last one of the model; several choices: the first."""
    said = [value for value in values if isinstance(value, Mapping)]
    for value in said:
        if "finish_reason" in value or "message" in value:
            return answer_in(value)
    spoken = [value for value in said if role_of(value) in ("assistant", "")]
    if spoken:
        return answer_in(spoken[-1])
    texts = [value for value in values if isinstance(value, str)]
    return Answered(texts[0]) if texts else None


def _answer_in_object(value: Mapping[str, Any]) -> Answered | None:
    """The answer that stands in an object, with what the object tells of it where the answer itself
    does not.
    """
    found = _answer_inside(value)
    if found is None:
        return None
    usage = value.get("usage") or value.get("usageMetadata")
    if not usage and "eval_count" in value:  # Ollama's own API counts beside the message
        usage = value
    return Answered(
        found.text,
        finish_reason=found.finish_reason or value.get("finish_reason") or value.get("stop_reason"),
        model=found.model or word_or_none(value.get("model")),
        usage=found.usage or usage,
    )


def _answer_inside(value: Mapping[str, Any]) -> Answered | None:
    for name in ("choices", "candidates", "generations"):
        if isinstance(value.get(name), list):
            return answer_in(value[name][:1])
    for name in ("body", "message", "delta"):  # body: a line of a Batch file's output
        if isinstance(value.get(name), Mapping):
            return answer_in(value[name])
    for name in ("content", "parts"):
        if name in value:
            return _answer_in_content(value[name])
    if isinstance(value.get("output"), list) and value.get("object") == "response":
        return answer_in([part for part in value["output"] if part.get("type") == "message"])
    for name in ("output_text", "text", "full_response", *ANSWERS):
        if value.get(name):
            return answer_in(value[name])
    return None


def _answer_in_content(content: Any) -> Answered | None:
    if isinstance(content, Mapping):  # Gemini's candidates
        return answer_in(content)
    text = published.message_text(spoken(content))
    return Answered(text) if isinstance(text, str) and not CUT.search(text) else None
