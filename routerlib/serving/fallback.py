"""Fallback: when the other model is asked, because the chosen one gave no answer. The one rule, for
clients and server.

`ask` sends a request to the model a plan names first, looks at the beginning of what comes back,
and either hands that on or asks the other model. A server that is down, busy or out of credit has
no answer, whatever its status says; nor has one that cannot take the prompt (too long, an image). A
wrong key, name or parameter is the caller's to mend, and is handed on. How bytes travel is not
known here: each floor (`routed_clients`, `proxy`) brings its `Line`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Coroutine, Mapping
from typing import Any, Protocol, TypeVar

from routerlib.endpoints import refusals
from routerlib.endpoints.refusals import Kind
from routerlib.serving import compression
from routerlib.serving.switchboard import Backend, Plan, RequestError

EVENTS = "text/event-stream"
MOST_UNPACKED = 1024 * 1024  # bytes
OF_A_BODY = frozenset({"content-length", "content-encoding", "content-type"})
ENOUGH = 64 * 1024  # bytes of an answer that are looked at; an error is shorter
# What another model's server may have: capacity, credit, a longer context, eyes. The words are
# `refusals`'.
OTHERS_CASE = refusals.UNABLE_NOW | refusals.BEYOND | {Kind.NO_CREDIT}
PLAIN_PARTS = ("text", "input_text", "output_text", "refusal")
# In what servers say of an image that they cannot take, whatever the words.
REFUSING = (Kind.REFUSED, Kind.NO_MODEL, Kind.NO_PATH)


class Reply:
    """An answer that has begun: its status and headers, and a body that can be looked at before it
    is handed on.

    `pieces` gives the body as it was sent, `origin` is the floor's own response. What was looked at
    stands in `held` and comes first when the body is read.
    """

    def __init__(
        self, status: int, headers: Mapping[str, str], pieces: AsyncIterator[bytes], origin: Any
    ):
        self.status = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.origin = origin
        self.pieces = pieces
        self.held: list[bytes] = []
        self.ended = False
        self.dropped: frozenset[str] = frozenset()  # headers that are no longer true

    @property
    def encoding(self) -> str:
        return self.headers.get("content-encoding", "")

    @property
    def kind(self) -> str:
        """The media type, such as "application/json"; empty where none is told."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def is_events(self) -> bool:
        """Whether the body is a stream of events."""
        return self.kind == EVENTS

    @property
    def is_page(self) -> bool:
        """Whether a web page came where an answer was expected: a login, a proxy's notice, a wrong
        address.
        """
        return self.status < 300 and self.kind in ("text/html", "application/xhtml+xml")

    async def look(self) -> bool:
        """Take one more piece of the body; False at its end, or where enough was seen."""
        if self.ended or sum(map(len, self.held)) > ENOUGH:
            return False
        piece = await anext(self.pieces, None)
        if piece is None:
            self.ended = True
            return False
        self.held.append(piece)
        return True

    async def whole(self) -> bytes | None:
        """All of the body, decompressed; None where that cannot be done here."""
        async for piece in self.pieces:
            self.held.append(piece)
        self.ended = True
        return self.beginning()

    def rewrite(self, content: bytes, kind: str) -> None:
        """Put another body, of this media type, in the place of the one that was read."""
        self.held = [content]
        self.ended = True
        self.dropped = OF_A_BODY
        self.headers = {k: v for k, v in self.headers.items() if k not in OF_A_BODY}
        self.headers["content-type"] = kind

    def take_off_encoding(self) -> None:
        """Tell no compression: the body is not packed, whatever its header has said."""
        kind = self.headers.get("content-type", "application/json")
        self.dropped = OF_A_BODY
        self.headers = {k: v for k, v in self.headers.items() if k not in OF_A_BODY}
        self.headers["content-type"] = kind

    def beginning(self) -> bytes | None:
        """What was looked at, decompressed; None where that cannot be done here."""
        content = b"".join(self.held)
        if not self.encoding:
            return content
        try:
            return compression.decoded(content, self.encoding, MOST_UNPACKED)
        except (compression.UnknownEncoding, compression.TooLarge):
            return None
        except compression.CannotDecode:
            return b""  # nobody can


class Line(Protocol):
    """How one floor talks to a model's server."""

    @property
    def broken(self) -> tuple[type[Exception], ...]:
        """The errors that say: no answer, or not all of it."""

    async def send(self, target: Backend, asked: Mapping[str, Any] | None = None) -> Reply:
        """Send the request, or another body in its place, to a model. Raises one of `broken` where
        no answer begins.
        """
        raise NotImplementedError

    async def look(self, reply: Reply) -> bool:
        """`reply.look()`, for as long as the floor can wait."""
        return await reply.look()

    async def let_go(self, reply: Reply) -> None:
        """Close an answer that nobody will read."""


async def ask(plan: Plan, body: Mapping[str, Any], line: Line) -> tuple[Reply, Backend]:
    """The answer to a request, and who gave it: the plan's first model, else, where it has one, its
    second.

    Raises:
        one of `line.broken`: the last model that was asked gave no answer. RequestError: it gave a
        web page.
    """
    for target in plan.targets[:-1]:
        reply = await try_one(target, body, line)
        if reply is not None:
            return reply, target
    last = plan.targets[-1]
    reply = await line.send(last)
    if reply.is_page:
        await line.let_go(reply)
        raise page_error(last)
    return reply, last


async def try_one(
    target: Backend, body: Mapping[str, Any], line: Line, asked: Mapping[str, Any] | None = None
) -> Reply | None:
    """The beginning of a model's answer; None where it gave none, so that another may be asked.

    Args:
        asked: what is sent, where that is not the body of the caller's request.
    """
    try:
        reply = await line.send(target, asked)
        if not await _is_left_to_the_other(reply, body, line):
            return reply
    except line.broken:
        pass
    return None


async def _is_left_to_the_other(reply: Reply, body: Mapping[str, Any], line: Line) -> bool:
    """Whether the other model is to be asked; the answer is let go then, and on every error."""
    is_kept = False
    try:
        is_kept = not await _is_no_answer(reply, body, line)
    finally:
        if not is_kept:
            await line.let_go(reply)
    return not is_kept


def page_error(answered_by: Backend) -> RequestError:
    """The error that stands for a web page in place of an answer."""
    return RequestError(
        f"{answered_by.base_url} sent a web page in place of an answer of {answered_by.model}. "
        "Is it the right address? One of an OpenAI-compatible server ends in /v1 as a rule.",
        status=502,
    )


T = TypeVar("T")


def without_waiting(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine whose line is synchronous, so that it never has to wait for a
    loop.
    """
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    work.close()
    raise RuntimeError("a synchronous line waited")


# --- The rule ---


async def _is_no_answer(reply: Reply, body: Mapping[str, Any], line: Line) -> bool:
    """Whether what a model's server sent is no answer, in a way that another model's may mend."""
    if reply.is_page or reply.status >= 500:
        return True
    if reply.status < 300 and reply.is_events:
        return await _begins_with_an_error(reply, body, line)
    while await line.look(reply):
        pass
    content = reply.beginning()
    if reply.status >= 300:
        return another_may(reply.status, content or b"", reply.headers, body)
    return reply.ended and content is not None and _holds_no_answer(content, body)


def another_may(
    status: int, told: Any, headers: Mapping[str, str], body: Mapping[str, Any]
) -> bool:
    """Whether another model may answer what one has refused.

    Args:
        status, told, headers: the refusal, as `refusals.read_refusal` takes them. body: the
            request.
    """
    refusal = refusals.read_refusal(status, told, headers)
    if refusal.kind in OTHERS_CASE:
        return True
    # Servers have many words for "no images": beside one, any refusal is taken for it.
    is_of_the_request = refusal.status in (400, 404, 415, 422) and refusal.kind in REFUSING
    return is_of_the_request and has_more_than_text(body)


def has_more_than_text(body: Mapping[str, Any]) -> bool:
    """Whether a request's messages hold an image, a sound or a file."""
    messages = body.get("messages")
    contents = [m.get("content") for m in messages or () if isinstance(m, Mapping)]
    parts = [part for content in contents if isinstance(content, list) for part in content]
    return any(isinstance(p, Mapping) and p.get("type") not in PLAIN_PARTS for p in parts)


def _holds_no_answer(content: bytes, body: Mapping[str, Any]) -> bool:
    """Whether the whole content of a 200 is an error, or nothing that an answer could be."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return True
    return not _choices(value) if _error_told(value) is None else _fails(value, body)


def _fails(value: Any, body: Mapping[str, Any]) -> bool:
    """Whether a completion, or an event of one, tells an error that another model may not meet, and
    brings nothing.
    """
    error = _error_told(value)
    if error is None or any(_brings_something(choice) for choice in _choices(value)):
        return False
    return another_may(200, error, {}, body)


def _error_told(value: Any) -> Any:
    """The error in an answer, wherever servers put it: beside the choices, in one of them, in a
    list; None without.
    """
    if isinstance(value, list):
        value = next(iter(value), None)
    if not isinstance(value, Mapping):
        return None
    errors = [value.get("error"), *(choice.get("error") for choice in _choices(value))]
    return next((error for error in errors if error), None)


def _choices(value: Any) -> list[Mapping[str, Any]]:
    choices = value.get("choices") if isinstance(value, Mapping) else None
    return [c for c in choices if isinstance(c, Mapping)] if isinstance(choices, list) else []


def _brings_something(choice: Mapping[str, Any]) -> bool:
    """Whether a choice holds a text, a thought, a refusal or a call: anything but a role."""
    said = choice.get("message") or choice.get("delta")
    fields = said if isinstance(said, Mapping) else {}
    return bool(choice.get("text")) or any(fields[name] for name in fields if name != "role")


async def _begins_with_an_error(reply: Reply, body: Mapping[str, Any], line: Line) -> bool:
    """Whether a stream of events ends, or tells an error, before it has brought anything."""
    if reply.encoding:
        return False  # its pieces cannot be read one by one
    while await line.look(reply):
        told = _first_words(b"".join(reply.held), body)
        if told is not None:
            return told
    return reply.ended


def _first_words(content: bytes, body: Mapping[str, Any]) -> bool | None:
    """Whether the events so far tell of a failure; None while they tell nothing."""
    whole, _, _ = content.rpartition(b"\n")
    for text in whole.split(b"\n"):
        name, _, data = text.strip().partition(b":")
        if name != b"data":
            continue  # a comment that keeps the line alive, an event's name
        if data.strip() == b"[DONE]":
            return True  # the end, and nothing came
        try:
            event = json.loads(data)
        except (ValueError, RecursionError):
            return True
        if _error_told(event) is not None:
            return _fails(event, body)
        if any(_brings_something(c) or c.get("finish_reason") for c in _choices(event)):
            return False
    return None
