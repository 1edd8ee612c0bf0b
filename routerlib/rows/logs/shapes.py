"""Which kind of log a row is of, told by its own shape, and the requests in it.

`requests` turns the rows of a log into conversations (`schemas.Conversation`): what was asked, and,
as `logged`, the answer that came, with its model, tokens, price and time, so that it is never paid
for again. One row may hold several requests (a trace), or none (a span that called no model, which
is passed over and counted); a request that cannot be read is a broken row. This module reads
values alone: files are `sources`' business, which prompts are worth keeping is `cleaning`'s.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from routerlib.errors import Foreseen
from routerlib.rows.logs.chat import is_chat_row, is_clean_prompt, read_chat
from routerlib.rows.logs.fields import Fields
from routerlib.rows.logs.langfuse import generations, is_langfuse, read_langfuse
from routerlib.rows.logs.litellm import is_litellm, read_litellm
from routerlib.rows.logs.logged_calls import LoggedCall, NoModelCall, as_conversation
from routerlib.rows.logs.messages import shows_pictures
from routerlib.rows.logs.opentelemetry import is_opentelemetry, read_span, spans
from routerlib.rows.schemas import RowError, nearest_names

Numbered = tuple[int, Any]


class NoRequests(Foreseen, ValueError):
    """A file that was read to its end, and holds not one request; the text says what it holds."""


@dataclass(frozen=True)
class LogKind:
    """One kind of log: how a row of it is told, what a row may hold several of (a trace: calls),
    and how one of these becomes a request.
    """

    name: str
    fits: Callable[[Fields], bool]
    calls: Callable[[Fields], Iterable[Mapping[str, Any]]]
    read: Callable[[Mapping[str, Any]], LoggedCall]


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
        return as_conversation(kind.read(call))
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
    if is_clean_prompt(value):
        value = {**value, "logged": value["answer"]}
    if shows_pictures(turns):
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


def _itself(row: Fields) -> list[Mapping[str, Any]]:
    return [row]


KINDS = (
    LogKind("OpenTelemetry", is_opentelemetry, spans, read_span),
    LogKind("LiteLLM", is_litellm, _itself, read_litellm),
    LogKind("Langfuse", is_langfuse, generations, read_langfuse),
    LogKind("chat", is_chat_row, _itself, read_chat),
)
