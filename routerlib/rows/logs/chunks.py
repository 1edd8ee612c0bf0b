"""The pieces of an answer that was streamed, as logs keep them: put together to the one response.

A log has them as a list of events or as the text of an event stream. OpenAI's chunks, the events of
its Responses API and Anthropic's are known. What a server sends now is `endpoints`' business; here
a stream lies in a file, whole or cut off, and what it says is taken as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from routerlib.rows.logs.fields import Fields

# A line of an event stream: 'data: {"object": "chat.completion.chunk", …}', "data: [DONE]"
_DATA = re.compile(r"^data:[ ]?(?P<value>\{.*|\[DONE\].*)$", re.MULTILINE)
_STREAM = re.compile(r"\s*(data|event|id|retry):")


def is_stream(value: Any) -> bool:
    """Whether it is the text of an event stream, or a list of events of one."""
    if isinstance(value, str):
        return bool(_STREAM.match(value)) and bool(_DATA.search(value))
    if not isinstance(value, list) or not value or not _is_event(value[0]):
        return False
    return all(isinstance(event, Mapping) for event in value)  # the last may tell tokens alone


def joined_stream(value: Any) -> Fields:
    """The response that the events make: a chat completion with as much as they tell."""
    texts: list[str] = []
    told: Fields = {"object": "chat.completion"}
    reason = None
    for event in _stream_events(value):
        texts.append(_piece(event))
        reason = _finish_reason(event) or reason
        for name in ("model", "usage"):
            if event.get(name):
                told[name] = event[name]
    message = {"role": "assistant", "content": "".join(texts)}
    return {**told, "choices": [{"message": message, "finish_reason": reason}]}


def _is_event(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return False
    if str(value.get("object", "")).endswith(".chunk"):
        return True
    choices = value.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    is_chunk = isinstance(first, Mapping) and "delta" in first
    return is_chunk or str(value.get("type", "")) in EVENTS or _is_of_responses(value)


# Anthropic's events; those of the Responses API begin with "response."
EVENTS = {
    *("message_start", "content_block_start", "content_block_delta", "content_block_stop"),
    *("message_delta", "message_stop", "ping"),
}


def _is_of_responses(value: Mapping[str, Any]) -> bool:
    return str(value.get("type", "")).startswith("response.")


def _stream_events(value: Any) -> Iterator[Mapping[str, Any]]:
    if not isinstance(value, str):
        yield from value
        return
    for line in _DATA.finditer(value):
        try:
            event = json.loads(line["value"])
        except ValueError:  # [DONE], or the line at which the log was cut
            continue
        if isinstance(event, Mapping):
            yield event


def _piece(event: Mapping[str, Any]) -> str:
    """The text that an event adds, of the first answer."""
    choices = event.get("choices")
    if isinstance(choices, list):
        first = next((one for one in choices if isinstance(one, Mapping)), {})
        if first.get("index") not in (None, 0):
            return ""
        delta = first.get("delta")
        said = delta.get("content") if isinstance(delta, Mapping) else first.get("text")
    elif event.get("type") == "response.output_text.delta":
        said = event.get("delta")
    else:
        delta = event.get("delta")
        said = delta.get("text") if isinstance(delta, Mapping) else None
    return said if isinstance(said, str) else ""


def _finish_reason(event: Mapping[str, Any]) -> Any:
    choices = event.get("choices")
    if isinstance(choices, list):
        first = next((one for one in choices if isinstance(one, Mapping)), {})
        return first.get("finish_reason")
    delta = event.get("delta")
    return delta.get("stop_reason") if isinstance(delta, Mapping) else None
