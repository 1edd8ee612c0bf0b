"""One call of a model as a log tells it, and the conversation that it becomes.

The module of each kind of log fills in a `LoggedCall`; what is the same for all of them is done
here: messages, the answer at their end, tokens, money and time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from routerlib.rows import published
from routerlib.rows.logs.fields import (
    Fields,
    amount_or_none,
    moment_of,
    seconds_between,
    shown_briefly,
    tokens_told,
    word_or_none,
)
from routerlib.rows.logs.logged_answers import CUT, REDACTED, Answered, answer_in
from routerlib.rows.logs.messages import messages_in, shows_pictures
from routerlib.rows.schemas import RowError

UNKNOWN = "unknown"


class NoModelCall(Exception):
    """A row of a log that is about something else than a call of a chat model."""


@dataclass(frozen=True)
class LoggedCall:
    """One call of a model, each field in whatever form a log has it.

    Fields: name: the call's id; None: made from what was asked. asked: what was sent. answer: what
    came back. model: the name asked for; also_named: other names of the model, such as the one that
    answered. usage: tokens by name, in any of the usual names. cost: money. start, end: when, as
    seconds, milliseconds, microseconds, nanoseconds or text; seconds: how long, where that is told.
    failed: whether what came back is an error. beside: what else the row tells of the request.
    """

    name: Any
    asked: Any
    answer: Any = None
    model: Any = None
    usage: Any = None
    cost: Any = None
    start: Any = None
    end: Any = None
    failed: bool = False
    also_named: Iterable[Any] = ()
    seconds: Any = None
    beside: Mapping[str, Any] = field(default_factory=dict)


def as_conversation(call: LoggedCall) -> Fields:
    """A conversation's fields (`schemas.Conversation`) from a call; an answer that failed is none.

    Raises:
        RowError: no messages can be read.
    """
    turns = messages_in(call.asked)
    if not turns:
        raise RowError(f"no messages can be read from {shown_briefly(call.asked)}", "messages")
    if any(REDACTED in str(turn["content"])[:40] for turn in turns):
        raise RowError("the messages were redacted when they were logged", "messages")
    if any(CUT.search(str(turn["content"])) for turn in turns):
        raise RowError(
            "a message was cut when it was logged, so it is not what was asked (in LiteLLM, a "
            "larger MAX_STRING_LENGTH_PROMPT_IN_DB keeps it whole)",
            "messages",
        )
    answer = None if call.failed else answer_in(call.answer)
    ends_with_answer = len(turns) > 1 and turns[-1]["role"] == "assistant"
    if answer is None and ends_with_answer and not call.failed:
        last = turns.pop()
        answer = Answered(published.message_text(last.get("content")) or "")
    model = word_or_none(call.model) or (answer.model if answer else None) or UNKNOWN
    row = {
        "conversation_id": published.id_of(turns) if call.name in (None, "") else str(call.name),
        "model": model,
        "conversation": turns,
        "turn": sum(turn["role"] == "user" for turn in turns),
        **call.beside,
    }
    if shows_pictures(call.asked):
        row["has_media"] = True
    if answer is not None and answer.text.strip():
        row["logged"] = _logged(call, answer, model)
    return row


def _logged(call: LoggedCall, answer: Answered, model: str) -> Fields:
    """The fields of `schemas.LoggedAnswer`; tokens are the log's own count before the answer's."""
    names = {word_or_none(other) for other in (*call.also_named, answer.model)} - {model, None}
    tokens_in, tokens_out = tokens_told(call.usage) if call.usage else (None, None)
    inside_in, inside_out = tokens_told(answer.usage)
    seconds = amount_or_none(call.seconds)
    if call.seconds is None:
        seconds = seconds_between(call.start, call.end)
    return {
        "full_response": answer.text,
        "model": model,
        "also_named": sorted(str(other) for other in names),
        "finish_reason": answer.finish_reason,
        "prompt_tokens": inside_in if tokens_in is None else tokens_in,
        "completion_tokens": inside_out if tokens_out is None else tokens_out,
        "cost": amount_or_none(call.cost),
        "seconds": seconds,
        "at": moment_of(call.start),
    }


def told_beside(row: Mapping[str, Any]) -> Fields:
    """What a row tells beside the request that the filters know."""
    names = ("category", "language", "openai_moderation", "redacted", "toxic")
    return {name: row[name] for name in names if row.get(name) is not None}
