"""What was asked, as messages of role and content, out of all the forms in which logs keep it.

Chat messages, their parts, a bare text, LangChain's and Gemini's own forms, and messages inside a
function's arguments are read, and pictures are seen. The model's answer is `logged_answers`'
business.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from routerlib.rows.logs.fields import Fields, decoded_text
from routerlib.rows.published import SPEAKERS
from routerlib.rows.schemas import RowError

# Kinds of parts of a message that no text stands for.
TEXT_PARTS = {"text", "input_text", "output_text", "refusal", "thinking", "reasoning"}
TOOL_PARTS = {"tool_call", "tool_call_response", "tool_use", "tool_result", "function_call",
              "function_call_output", "server_tool_call", "server_tool_call_response"}  # fmt: skip
THOUGHTS = {"thinking", "reasoning"}
# data:image/png;base64,… and what Langfuse puts in its place: @@@langfuseMedia:type=image/png|id=…
INLINE_IMAGE = re.compile(
    r"data:(image|audio|video)/[\w.+-]+;base64, | @@@langfuseMedia:type=", re.VERBOSE
)


def messages_in(value: Any) -> list[Fields]:
    """What was asked, as messages of role and content; empty where nothing can be read."""
    decoded = decoded_text(value)
    is_text = isinstance(value, str) and not _holds_objects(decoded)
    if isinstance(value, str) and is_text:  # also such a prompt as "[3, 1, 2]"
        return [{"role": "user", "content": value}] if value.strip() else []
    value = decoded
    if isinstance(value, Mapping):
        return _messages_in_object(value)
    if not isinstance(value, list):
        return []
    if len(value) == 1 and isinstance(value[0], list):  # a batch of one, as LangChain logs it
        value = value[0]
    turns = [turn for part in value for turn in _turn(part)]
    return [turn for turn in turns if turn["role"]]


def _holds_objects(value: Any) -> bool:
    if isinstance(value, list):
        return any(isinstance(part, Mapping | list) for part in value)
    return isinstance(value, Mapping)


def _messages_in_object(value: Mapping[str, Any]) -> list[Fields]:
    for name in ("messages", "contents", "input", "prompt", "question", "query"):
        if value.get(name):
            turns = messages_in(value[name])
            system = value.get("system") or value.get("instructions")
            if system and turns and turns[0]["role"] != "system":
                said = parts_in(system)
                return [{"role": "system", "content": spoken(said)}, *turns]
            return turns
    if "role" in value or "content" in value:
        return _turn(value)
    for name in ("kwargs", "args", "body", "request"):  # a traced function's own arguments
        if value.get(name):
            turns = messages_in(value[name])
            if turns:
                return turns
    return []


def _turn(value: Any) -> list[Fields]:
    """One message; a bare text is the user's."""
    if isinstance(value, str):
        return [{"role": "user", "content": value}] if value.strip() else []
    if not isinstance(value, Mapping):
        raise RowError(f"a message is {type(value).__name__}, no object", "messages")
    inside = value.get("kwargs") if value.get("lc") else None  # LangChain's own writing of objects
    if isinstance(inside, Mapping):
        name = value.get("id") or [""]
        value = {**inside, "type": inside.get("type") or name[-1]}
    role = role_of(value)
    if not role:
        raise RowError("a message has no role", "messages")
    content = value.get("content", value.get("parts", value.get("text")))
    return [{"role": role, "content": spoken(content)}]


def role_of(value: Mapping[str, Any]) -> str:
    role = value.get("role") or value.get("type") or ""
    role = str(role).lower().removesuffix("message").rstrip("_")
    return "tool" if role in TOOL_PARTS else SPEAKERS.get(role, role)


def spoken(content: Any) -> Any:
    """What a message says: its texts alone, without a model's thoughts."""
    if isinstance(content, Mapping):
        content = [content]
    if not isinstance(content, list):
        return content
    texts = []
    for part in content:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, Mapping) and part.get("type") not in THOUGHTS:
            text = part.get("text") or (part.get("content") if _is_plain_text(part) else None)
            texts.append(text if isinstance(text, str) else "")
    return "\n".join(text for text in texts if text)


def parts_in(content: Any) -> Any:
    """A list of parts that a log keeps as text; a text that only looks like a list stays one."""
    decoded = decoded_text(content)
    is_parts = isinstance(decoded, list) and all(
        isinstance(part, Mapping) and ("type" in part or "text" in part) for part in decoded
    )
    return decoded if is_parts else content


def _is_plain_text(part: Mapping[str, Any]) -> bool:
    return part.get("type") in TEXT_PARTS or "type" not in part


def shows_pictures(value: Any) -> bool:
    """Whether messages hold what no text stands for: pictures, sound, files."""
    value = decoded_text(value)
    if isinstance(value, str):
        return bool(INLINE_IMAGE.search(value))
    if isinstance(value, list):
        return any(shows_pictures(part) for part in value)
    if not isinstance(value, Mapping):
        return False
    kind = value.get("type")
    is_part = isinstance(kind, str) and "role" not in value
    if is_part and (kind in TEXT_PARTS or kind in TOOL_PARTS):
        return bool(INLINE_IMAGE.search(str(value.get("text") or value.get("content") or "")))
    if "inline_data" in value or "inlineData" in value or "fileData" in value:
        return True
    if is_part and MEDIA_PART.fullmatch(str(kind)):
        return True
    inside = (value.get(name) for name in HOLDERS)
    return any(shows_pictures(part) for part in inside if part is not None)


HOLDERS = ("messages", "contents", "content", "parts", "input", "prompt", "kwargs", "args", "body")


# image_url, input_image, image, input_audio, video_url, file, document, blob, uri
MEDIA_PART = re.compile(
    r"(input_|output_)? (image|audio|video|file|document|media|blob|uri) (_url|_data)?", re.VERBOSE
)
