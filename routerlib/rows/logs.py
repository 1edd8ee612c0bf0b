"""Requests as they were logged: chat JSONL, LiteLLM, Langfuse and OpenTelemetry, each told by its
own shape.

`requests` turns the rows of a log into conversations (`schemas.Conversation`): what was asked, and,
as `logged`, the answer that came, with its model, tokens, price and time, so that it is never paid
for again. One row may hold several requests (a trace), or none (a span that called no model, which
is passed over and counted); a request that cannot be read is a broken row. This module reads
values alone: files are `sources`' business, which prompts are worth keeping is `cleaning`'s.

The schemas, as their makers publish them:

- chat: the bodies of https://platform.openai.com/docs/api-reference/chat (request, response, or
  both), of its Batch files, and `messages` with an answer beside or at their end;
- LiteLLM: StandardLoggingPayload (https://docs.litellm.ai/docs/proxy/logging_spec), and rows of the
  table LiteLLM_SpendLogs (schema.prisma), whose request stands in `proxy_server_request`;
- Langfuse: observations and traces as the API gives them (camel case), as the UI exports them, and
  as files of the blob storage integration (snake case; https://langfuse.com/docs/
  api-and-data-platform/features/blob-storage-export-fields), where input and output are JSON texts;
- OpenTelemetry: spans and events of the GenAI conventions (https://opentelemetry.io/docs/specs/
  semconv/gen-ai/), in OTLP's JSON (one span or a whole export a line;
  https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/) or as the SDKs print them: the
  messages as one attribute (gen_ai.input.messages), as numbered ones (gen_ai.prompt.0.content) or
  as events (gen_ai.user.message, gen_ai.content.prompt).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from routerlib.errors import Foreseen
from routerlib.rows import published
from routerlib.rows.schemas import (
    Conversation,
    LoggedAnswer,
    OpenPrompt,
    Prompt,
    RowError,
    conversation_text,
    nearest_names,
)

Fields = dict[str, Any]
Numbered = tuple[int, Any]

# Kinds of parts of a message that no text stands for.
TEXT_PARTS = {"text", "input_text", "output_text", "refusal", "thinking", "reasoning"}
TOOL_PARTS = {"tool_call", "tool_call_response", "tool_use", "tool_result", "function_call",
              "function_call_output", "server_tool_call", "server_tool_call_response"}  # fmt: skip
THOUGHTS = {"thinking", "reasoning"}
INLINE_IMAGE = re.compile(r"data:(image|audio|video)/[\w.+-]+;base64,")  # data:image/png;base64,
SPEAKERS = {"human": "user", "ai": "assistant", "model": "assistant", "developer": "system"}

# Names under which an answer stands beside its messages, the surest first.
ANSWERS = ("response", "completion", "answer", "output", "reply", "generation")
OBSERVATIONS = {"SPAN", "GENERATION", "EVENT", "AGENT", "TOOL", "CHAIN", "RETRIEVER", "EVALUATOR",
                "EMBEDDING", "GUARDRAIL"}  # fmt: skip
TRACE_MARKS = {"timestamp", "htmlPath", "observations", "sessionId", "session_id", "userId",
               "user_id", "bookmarked"}  # fmt: skip
CHAT_CALLS = re.compile(r"(a?(chat_?)?completion|chat|a?responses|text_completion|"
                        r"a?text_completion|a?anthropic_messages|generate_content|"
                        r"a?generate_content|pass_through_endpoint|)")  # fmt: skip
REDACTED = "redacted-by-litellm"
UNKNOWN = "unknown"
NAMELESS = (UNKNOWN, "none", "")


class NoRequests(Foreseen, ValueError):
    """A file that was read to its end, and holds not one request; the text says what it holds."""


class NoModelCall(Exception):
    """A row of a log that is about something else than a call of a chat model."""


@dataclass(frozen=True)
class LogKind:
    """One kind of log: how a row of it is told, what a row may hold several of (a trace: calls),
    and how one of these becomes a request.
    """

    name: str
    fits: Callable[[Fields], bool]
    calls: Callable[[Fields], Iterable[Mapping[str, Any]]]
    read: Callable[[Mapping[str, Any]], Fields]


def requests(
    name: str, values: Iterable[Numbered], pass_over: Callable[[int, str], None] | None = None
) -> Iterator[Numbered]:
    """The numbered values of a source as conversations; rows that are no log pass as they are.

    Args:
        name: the source, for messages.
        values: (line number, decoded value), or (line number, RowError).
        pass_over: called with the line and a few words for each row that holds no request.

    Returns:
        (line number, a conversation's fields), or (line number, RowError) for a row that cannot be
        read.

    Raises:
        NoRequests: at the end, where every row was about something else.
    """
    others: Counter[str] = Counter()
    found = 0
    for number, value in values:
        for request in _requests_in(value):
            if isinstance(request, NoModelCall):
                others[str(request)] += 1
                if pass_over:
                    pass_over(number, str(request))
                continue
            found += 1
            yield number, request
    if others and not found:
        seen = ", ".join(f"{count:,} × {what}" for what, count in others.most_common(5))
        raise NoRequests(
            f"{name} holds no request to a chat model: {seen}. Name a log of the calls themselves."
        )


def shape_of(row: Any) -> str | None:
    """Which kind of log a row is of ("chat", "LiteLLM", "Langfuse", "OpenTelemetry"); None: none
    that is known.
    """
    if not isinstance(row, dict):
        return None
    return next((kind.name for kind in KINDS if kind.fits(row)), None)


def _requests_in(value: Any) -> Iterator[Any]:
    """The requests of one row; RowError for one that cannot be read, NoModelCall for what is
    none.
    """
    if not isinstance(value, dict):
        yield value
        return
    kind = next((kind for kind in KINDS if kind.fits(value)), None)
    if kind is None:
        yield from _of_no_kind(value)
        return
    for call in kind.calls(value):
        yield _read_call(kind, call)


def _read_call(kind: LogKind, call: Mapping[str, Any]) -> Any:
    try:
        return kind.read(call)
    except NoModelCall as other:
        return other
    except RowError as error:
        return _with_text(error, call, kind.name)
    except (TypeError, ValueError, KeyError, AttributeError, IndexError) as error:
        told = RowError(f"no request can be read from it ({type(error).__name__}: {error})")
        return _with_text(told, call, kind.name)


def _with_text(error: RowError, value: Mapping[str, Any], kind: str) -> RowError:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return RowError(f"{kind}: {error}", error.field or "messages", text)


def _of_no_kind(value: Fields) -> Iterator[Any]:
    """A row in another published shape as it is, with a mark where it holds pictures."""
    held = [value[name] for name in ("conversation", "conversations", "prompt") if name in value]
    if not held:
        yield _unknown(value)
        return
    turns = held[0]
    if _is_clean_prompt(value):
        value = {**value, "logged": value["answer"]}
    if _shows_pictures(turns):
        value = {**value, "has_media": True}
    yield value


def _unknown(value: Fields) -> RowError:
    names = [str(name) for name in value]
    has = ", ".join(names[:15]) + (", …" if len(names) > 15 else "")
    near = nearest_names(("conversation_id", "conversation"), names)
    guess = ", ".join(f'"{ours}": "{theirs}"' for ours, theirs in near.items())
    advice = f"; if these are the same under other names, set FIELDS = {{{guess}}}" if guess else ""
    return RowError(
        "field conversation: Field required, and the row is of no kind of log that is known (chat "
        f"messages, LiteLLM, Langfuse, OpenTelemetry); the row has {has or 'no field'}{advice}",
        "conversation",
        json.dumps(value, ensure_ascii=False, default=str),
    )


# --- what becomes of a request ---


def own_id(name: str, ids: Counter[str]) -> str:
    """The id, with a number behind it where another prompt has it too, as in a log of retries."""
    ids[name] += 1
    while ids[name] > 1:
        numbered = f"{name}-{ids[name]}"
        if not ids[numbered]:
            ids[numbered] += 1
            return numbered
        ids[name] += 1
    return name


def answer_to(prompt: Prompt, conversation: Conversation) -> LoggedAnswer | None:
    """The answer that the log has to exactly this prompt; None where the model had seen more, or
    less.

    It is the answer to the whole conversation; or the turn that follows the prompt, in data sets
    that name one model for all turns (a log names that of its last answer alone).
    """
    turns = conversation.conversation
    asked = 1 if isinstance(prompt, str) else len(prompt)
    if isinstance(prompt, str) and (turns[0].role != "user" or turns[0].content.strip() != prompt):
        return None  # something stood before it, such as a system message
    if len(turns) == asked:
        return conversation.logged
    following = turns[asked]
    is_answer = following.role == "assistant" and following.content.strip()
    is_named = conversation.logged is None and conversation.model not in NAMELESS
    if not (is_answer and is_named):
        return None
    return LoggedAnswer(full_response=following.content, model=conversation.model)


def as_open_prompt(conversation: Conversation) -> OpenPrompt:
    """A conversation up to its last user turn as 03 asks it, with the answer that a log has to it.

    Raises:
        RowError: no user says anything.
    """
    turns = conversation.conversation
    users = [place for place, turn in enumerate(turns) if turn.role == "user" and turn.content]
    if not users:
        raise RowError("no user says anything in it", "conversation")
    asked = turns[: users[-1] + 1]
    single = asked[0].content.strip() if len(asked) == 1 else None
    return OpenPrompt(
        unique_id=conversation.conversation_id,
        question=single or conversation_text(asked),
        category=conversation.category or "uncategorised",
        prompt=None if single else asked,
        answer=answer_to(single or asked, conversation),
    )


# --- one request ---


def _request(
    name: Any,
    asked: Any,
    answer: Any = None,
    model: Any = None,
    usage: Any = None,
    cost: Any = None,
    start: Any = None,
    end: Any = None,
    failed: bool = False,
    also_named: Iterable[Any] = (),
    seconds: Any = None,
    **others: Any,
) -> Fields:
    """A conversation's fields from what a log tells, in whatever form it tells it.

    Args:
        name: the request's id; None: made from what it says.
        asked: what was sent. answer: what came back; an answer that failed is none.
        usage: tokens by name, in any of the usual names. cost: money.
        start, end: when, as seconds, milliseconds, nanoseconds or text. seconds: how long.
        also_named: other names of the model in the same log, such as the one that answered.

    Raises:
        RowError: no messages can be read.
    """
    turns = _messages(asked)
    if not turns:
        raise RowError(f"no messages can be read from {_shown(asked)}", "messages")
    if any(REDACTED in str(turn["content"])[:40] for turn in turns):
        raise RowError("the messages were redacted when they were logged", "messages")
    found = None if failed else _answer_logged(answer)
    if found is None and len(turns) > 1 and turns[-1]["role"] == "assistant" and not failed:
        last = turns.pop()
        found = Answered(published.message_text(last.get("content")) or "")
    row = {
        "conversation_id": str(name) if name not in (None, "") else published.id_of(turns),
        "model": _word(model) or (found.model if found else None) or UNKNOWN,
        "conversation": turns,
        "turn": sum(turn["role"] == "user" for turn in turns),
        **others,
    }
    if _shows_pictures(asked):
        row["has_media"] = True
    if found is not None and found.text.strip():
        names = {_word(other) for other in (*also_named, found.model)} - {row["model"], None}
        tokens_in, tokens_out = _tokens_told(usage) if usage else (None, None)
        inside_in, inside_out = _tokens_told(found.usage)
        row["logged"] = {
            "full_response": found.text,
            "model": row["model"],
            "also_named": sorted(str(other) for other in names),
            "finish_reason": found.finish_reason,
            "prompt_tokens": tokens_in if tokens_in is not None else inside_in,
            "completion_tokens": tokens_out if tokens_out is not None else inside_out,
            "cost": _money_or_none(cost),
            "seconds": _money_or_none(seconds) if seconds is not None else _seconds(start, end),
            "at": _moment(start),
        }
    return row


@dataclass(frozen=True)
class Answered:
    """An answer as a log has it: its text, why it ended, the model and the tokens it names."""

    text: str
    finish_reason: Any = None
    model: str | None = None
    usage: Any = None


def _answer_logged(value: Any) -> Answered | None:
    """The first answer in a response of any of the usual forms; None where there is none."""
    value = _decoded_text(value)
    if value in (None, "", {}, []):
        return None
    if isinstance(value, str):
        if REDACTED in value[:40]:
            return None
        return Answered(value)
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
            return _answer_logged(value)
    spoken = [value for value in said if _role(value) in ("assistant", "")]
    if spoken:
        return _answer_logged(spoken[-1])
    texts = [value for value in values if isinstance(value, str)]
    return Answered(texts[0]) if texts else None


def _answer_in_object(value: Mapping[str, Any]) -> Answered | None:
    about = {
        "finish_reason": value.get("finish_reason") or value.get("stop_reason"),
        "model": _word(value.get("model")),
        "usage": value.get("usage") or value.get("usageMetadata"),
    }

    def told(found: Answered | None) -> Answered | None:
        if found is None:
            return None
        kept = {name: getattr(found, name) or known for name, known in about.items()}
        return Answered(found.text, **kept)

    for name in ("choices", "candidates", "generations"):
        if isinstance(value.get(name), list):
            return told(_answer_logged(value[name][:1]))
    if isinstance(value.get("body"), Mapping):  # a line of a Batch file's output
        return told(_answer_logged(value["body"]))
    for name in ("message", "delta"):
        if isinstance(value.get(name), Mapping):
            return told(_answer_logged(value[name]))
    for name in ("content", "parts"):
        if name in value:
            inside = value[name]
            if isinstance(inside, Mapping):  # Gemini's candidates
                return told(_answer_logged(inside))
            text = published.message_text(_spoken(inside))
            return told(Answered(text)) if isinstance(text, str) else None
    if isinstance(value.get("output"), list) and value.get("object") == "response":
        messages = [part for part in value["output"] if part.get("type") == "message"]
        return told(_answer_logged(messages))
    for name in ("output_text", "text", "full_response", *ANSWERS):
        if value.get(name):
            return told(_answer_logged(value[name]))
    return None


# --- messages ---


def _messages(value: Any) -> list[Fields]:
    """What was asked, as messages of role and content; empty where nothing can be read."""
    decoded = _decoded_text(value)
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
            turns = _messages(value[name])
            system = value.get("system") or value.get("instructions")
            if system and turns and turns[0]["role"] != "system":
                said = _parts_in(system)
                return [{"role": "system", "content": _spoken(said)}, *turns]
            return turns
    if "role" in value or "content" in value:
        return _turn(value)
    for name in ("kwargs", "args", "body", "request"):  # a traced function's own arguments
        if value.get(name):
            turns = _messages(value[name])
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
    role = _role(value)
    if not role:
        raise RowError("a message has no role", "messages")
    content = value.get("content", value.get("parts", value.get("text")))
    return [{"role": role, "content": _spoken(content)}]


def _role(value: Mapping[str, Any]) -> str:
    role = value.get("role") or value.get("type") or ""
    role = str(role).lower().removesuffix("message").rstrip("_")
    return "tool" if role in TOOL_PARTS else SPEAKERS.get(role, role)


def _spoken(content: Any) -> Any:
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


def _parts_in(content: Any) -> Any:
    """A list of parts that a log keeps as text; a text that only looks like a list stays one."""
    decoded = _decoded_text(content)
    is_parts = isinstance(decoded, list) and all(
        isinstance(part, Mapping) and ("type" in part or "text" in part) for part in decoded
    )
    return decoded if is_parts else content


def _is_plain_text(part: Mapping[str, Any]) -> bool:
    return part.get("type") in TEXT_PARTS or "type" not in part


def _shows_pictures(value: Any) -> bool:
    """Whether messages hold what no text stands for: pictures, sound, files."""
    value = _decoded_text(value)
    if isinstance(value, str):
        return bool(INLINE_IMAGE.search(value))
    if isinstance(value, list):
        return any(_shows_pictures(part) for part in value)
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
    return any(_shows_pictures(part) for part in inside if part is not None)


HOLDERS = ("messages", "contents", "content", "parts", "input", "prompt", "kwargs", "args", "body")
# image_url, input_image, image, input_audio, video_url, file, document, blob, uri
MEDIA_PART = re.compile(
    r"(input_|output_)? (image|audio|video|file|document|media|blob|uri) (_url|_data)?", re.VERBOSE
)


# --- numbers and names ---


def _decoded_text(value: Any) -> Any:
    """A JSON list or object that a log keeps as text; any other value as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            return value
        return found if isinstance(found, list | dict) else value
    return value


def _word(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _tokens_told(usage: Any) -> tuple[int | None, int | None]:
    """(tokens read, tokens written) from an object of counts."""
    usage = _decoded_text(usage)
    if not isinstance(usage, Mapping):
        return None, None
    read = ("prompt_tokens", "input_tokens", "promptTokens", "input", "promptTokenCount")
    wrote = (
        *("completion_tokens", "output_tokens", "completionTokens", "output"),
        "candidatesTokenCount",
    )
    return _first_count(usage, read), _first_count(usage, wrote)


def _first_count(usage: Mapping[str, Any], names: Iterable[str]) -> int | None:
    for name in names:
        count = _money_or_none(usage.get(name))
        if count is not None:
            return int(count)
    return None


def _money_or_none(value: Any) -> float | None:
    """A number of at least 0, also as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


def _seconds(start: Any, end: Any) -> float | None:
    first, last = _timestamp(start), _timestamp(end)
    if first is None or last is None or last < first:
        return None
    return round(last - first, 6)


def _moment(value: Any) -> str | None:
    stamp = _timestamp(value)
    if stamp is None or stamp > LAST_MOMENT:
        return None
    return datetime.fromtimestamp(stamp, UTC).isoformat(timespec="seconds")


LAST_MOMENT = 1e11  # seconds; later years have five digits


def _timestamp(value: Any) -> float | None:
    """Seconds since 1970 from a number of seconds, milli-, micro- or nanoseconds, or a date."""
    if isinstance(value, datetime):
        return value.timestamp()
    number = _money_or_none(value)
    if number is not None:
        for size in (1e17, 1e14, 1e11):  # of nano-, micro- and milliseconds in our days
            if number >= size:
                return number / (size / 1e8)
        return number
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _shown(value: Any) -> str:
    """What was found in the place of messages, in a few words."""
    value = _decoded_text(value)
    if isinstance(value, Mapping):
        names = ", ".join(map(str, list(value)[:8]))
        return f"an object of {names}" if names else "an empty object"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    return "nothing" if value in (None, "") else repr(str(value)[:60])


def _told_beside(row: Mapping[str, Any]) -> Fields:
    """What a row tells beside the request that the filters know."""
    names = ("category", "language", "openai_moderation", "redacted", "toxic")
    return {name: row[name] for name in names if row.get(name) is not None}


# --- chat JSONL ---


def _is_clean_prompt(row: Fields) -> bool:
    """Whether it is what 02 wrote of a log before: the answer is one of ours already."""
    return isinstance(row.get("answer"), Mapping) and "full_response" in row["answer"]


def _is_chat_row(row: Fields) -> bool:
    if "conversation" in row or "conversations" in row or _is_clean_prompt(row):
        return False
    if "messages" in row:
        return True
    sent = row.get("request") or row.get("body")
    if isinstance(_decoded_text(sent), Mapping):
        return bool({"messages", "prompt", "input", "contents"} & set(_decoded_text(sent)))
    return "prompt" in row and any(name in row for name in (*ANSWERS, "choices"))


def _read_chat(row: Mapping[str, Any]) -> Fields:
    sent = _decoded_text(row.get("request") or row.get("body"))
    sent = sent if isinstance(sent, Mapping) else {}
    if isinstance(sent.get("body"), Mapping):
        sent = sent["body"]
    asked = sent or {name: row[name] for name in HEADS if name in row}
    answer = next((row[name] for name in ANSWERS if row.get(name)), None)
    if answer is None and "choices" in row:
        answer = row
    names = ("conversation_id", "id", "custom_id", "request_id", "prompt_id", "uuid")
    return _request(
        next((row[name] for name in names if row.get(name) not in (None, "")), None),
        asked,
        answer,
        model=row.get("model") or sent.get("model"),
        usage=row.get("usage") or {name: row.get(name) for name in TOKEN_NAMES},
        cost=_first_of(row, "cost", "response_cost", "total_cost", "cost_usd"),
        start=_first_of(row, "start_time", "startTime", "timestamp", "created_at", "created"),
        end=_first_of(row, "end_time", "endTime"),
        seconds=_first_of(row, "latency", "seconds", "duration"),
        failed=bool(row.get("error")),
        **_told_beside(row),
    )


HEADS = ("messages", "prompt", "system", "instructions")
TOKEN_NAMES = ("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens")


def _first_of(row: Mapping[str, Any], *names: str) -> Any:
    return next((row[name] for name in names if row.get(name) is not None), None)


# --- LiteLLM ---


def _is_litellm(row: Fields) -> bool:
    return (
        isinstance(row.get("standard_logging_object"), Mapping)
        or ("call_type" in row and ("response_cost" in row or "spend" in row))
        or {"request_id", "spend", "startTime"} <= row.keys()
    )


def _read_litellm(row: Mapping[str, Any]) -> Fields:
    row = row.get("standard_logging_object") or row
    call = str(row.get("call_type") or "")
    if not CHAT_CALLS.fullmatch(call):
        raise NoModelCall(f"call of type {call}")
    asked = _decoded_text(row.get("messages"))
    sent = _decoded_text(row.get("proxy_server_request"))
    if not asked and isinstance(sent, Mapping):
        asked = sent.get("body") or sent
    if not asked:
        raise RowError(
            "the messages were not kept (in LiteLLM, store_prompts_in_spend_logs: true keeps them)",
            "messages",
        )
    is_cached = str(row.get("cache_hit")).lower() == "true"  # its price tells nothing of a call's
    return _request(
        _first_of(row, "id", "request_id"),
        asked,
        row.get("response"),
        model=row.get("model_group") or row.get("model"),
        usage=row,
        cost=None if is_cached else _first_of(row, "response_cost", "spend"),
        start=row.get("startTime"),
        end=row.get("endTime"),
        failed=str(row.get("status") or "").lower() in ("failure", "error"),
        also_named=[row.get("model")],
        **_told_beside(row),
    )


# --- Langfuse ---


def _is_langfuse(row: Fields) -> bool:
    has_trace = bool(row.get("traceId") or row.get("trace_id"))
    is_observation = row.get("type") in OBSERVATIONS and has_trace and "attributes" not in row
    names = {"model", "provided_model_name", "providedModelName", "usageDetails", "usage_details"}
    is_generation = has_trace and "input" in row and bool(names & row.keys())
    is_trace = {"id", "input", "output"} <= row.keys() and bool(TRACE_MARKS & row.keys())
    return is_observation or is_generation or is_trace


def _generations(row: Fields) -> list[Mapping[str, Any]]:
    """The generations of a trace; a trace without any, and an observation, stand for themselves."""
    inside = [part for part in row.get("observations") or () if isinstance(part, Mapping)]
    return [part for part in inside if part.get("type") == "GENERATION"] or [row]


def _read_langfuse(row: Mapping[str, Any]) -> Fields:
    """A generation; or a trace without any, of which the input and output are all that is known."""
    kind = row.get("type") or "GENERATION"
    if kind != "GENERATION":
        raise NoModelCall(f"observation of type {kind}")
    costs = _decoded_text(_first_of(row, "costDetails", "cost_details"))
    total = costs.get("total") if isinstance(costs, Mapping) else None
    usage = _first_of(row, "usageDetails", "usage_details", "usage")
    given = _first_of(row, "totalCost", "total_cost", "calculatedTotalCost", "cost")
    start = _first_of(row, "startTime", "start_time", "timestamp")
    return _request(
        row.get("id"),
        row.get("input"),
        row.get("output"),
        model=_first_of(row, "model", "provided_model_name", "providedModelName"),
        usage=usage or row,
        cost=total if given is None else given,
        start=start,
        end=_first_of(row, "endTime", "end_time"),
        failed=str(row.get("level") or "").upper() == "ERROR",
        **_told_beside(row),
    )


# --- OpenTelemetry ---


def _is_opentelemetry(row: Fields) -> bool:
    if any(name in row for name in EXPORTS):
        return True
    if any(str(name).startswith("gen_ai.") for name in row):
        return True
    has_id = any(name in row for name in ("traceId", "trace_id", "spanId", "span_id", "context"))
    return "attributes" in row and has_id


EXPORTS = ("resourceSpans", "resource_spans", "scopeSpans", "scope_spans", "resourceLogs",
           "scopeLogs")  # fmt: skip
INSIDE = (*EXPORTS, "spans", "logRecords")
# Of an OTel value, which is an object with one of these names.
SCALARS = ("stringValue", "intValue", "doubleValue", "boolValue", "bytesValue")
ASKING = {"gen_ai.system.message": "system", "gen_ai.user.message": "user",
          "gen_ai.assistant.message": "assistant", "gen_ai.tool.message": "tool"}  # fmt: skip
MESSAGE_EVENTS = {*ASKING, "gen_ai.choice"}
OTHER_OPERATIONS = {"embeddings", "execute_tool", "invoke_agent", "create_agent", "retrieval",
                    "rerank", "invoke_workflow"}  # fmt: skip


def _spans(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
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


def _read_span(span: Mapping[str, Any]) -> Fields:
    facts = _attributes(span)
    operation = str(facts.get("gen_ai.operation.name") or "")
    is_genai = any(name.startswith(("gen_ai.", "llm.")) for name in facts)
    events = [event for event in span.get("events") or () if isinstance(event, Mapping)]
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
    requested = _first_of(facts, "gen_ai.request.model", "llm.request.model", "llm.model_name")
    return _request(
        _first_of({**context, **span}, "spanId", "span_id"),
        asked,
        answer,
        model=requested or facts.get("gen_ai.response.model"),
        usage=_span_usage(facts),
        cost=_first_of(
            facts, "gen_ai.usage.cost", "gen_ai.cost.total_cost", "gen_ai.usage.total_cost"
        ),
        start=_first_of(span, "startTimeUnixNano", "start_time_unix_nano", "start_time"),
        end=_first_of(span, "endTimeUnixNano", "end_time_unix_nano", "end_time"),
        failed=code in ("2", "STATUS_CODE_ERROR", "ERROR"),
        also_named=[facts.get("gen_ai.response.model")],
    )


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _names_a_model(facts: Mapping[str, Any]) -> bool:
    return any(name.endswith((".request.model", ".response.model")) for name in facts)


def _span_usage(facts: Mapping[str, Any]) -> Fields:
    def count(*names: str) -> Any:
        return _first_of(facts, *(f"{head}.{name}" for head in USAGES for name in names))

    return {
        "prompt_tokens": count("input_tokens", "prompt_tokens", "prompt"),
        "completion_tokens": count("output_tokens", "completion_tokens", "completion"),
    }


USAGES = ("gen_ai.usage", "llm.usage", "llm.token_count")


def _asked_and_answered(facts: Mapping[str, Any], events: list[Mapping[str, Any]]) -> Any:
    """(messages, answer) in whichever of the three styles a span has them."""
    asked = _decoded_text(facts.get("gen_ai.input.messages"))
    if asked:
        system = _decoded_text(facts.get("gen_ai.system_instructions"))
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
        rf"{re.escape(head)}\.(?P<place>\d+)\.(message\.)?(?P<name>role|content|finish_reason)"
    )
    turns: dict[int, Fields] = {}
    for name, value in facts.items():
        found = pattern.fullmatch(name)
        if found:
            turns.setdefault(int(found["place"]), {})[found["name"]] = _parts_in(value)
    return [turns[place] for place in sorted(turns)]


def _from_events(events: list[Mapping[str, Any]]) -> tuple[Any, Any]:
    asked: list[Any] = []
    answer = None
    for event in events:
        facts, name = _attributes(event), str(event.get("name") or "")
        if name == "gen_ai.content.prompt":
            asked = asked or _messages(facts.get("gen_ai.prompt"))
        elif name == "gen_ai.content.completion":
            answer = answer or facts.get("gen_ai.completion")
        elif name == "gen_ai.choice" and answer is None:
            said = _decoded_text(facts.get("message", facts.get("content")))
            said = said if isinstance(said, Mapping) else {"content": said}
            answer = {"message": said, "finish_reason": facts.get("finish_reason")}
        elif name in ASKING:
            content = _parts_in(facts.get("content"))
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


def _itself(row: Fields) -> list[Mapping[str, Any]]:
    return [row]


KINDS = (
    LogKind("OpenTelemetry", _is_opentelemetry, _spans, _read_span),
    LogKind("LiteLLM", _is_litellm, _itself, _read_litellm),
    LogKind("Langfuse", _is_langfuse, _generations, _read_langfuse),
    LogKind("chat", _is_chat_row, _itself, _read_chat),
)
