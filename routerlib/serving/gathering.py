"""What a policy reads, asked for: the inferior model's answer with its log-probabilities, further
samples, and the second cheap model's answer.

The caller's answer is held back whole until it is decided whether it is shown; here it is also put
into the form that the caller asked for, a stream included, without what only the policy wanted.
Which requests are read, and what is decided then, is `stages`' business; how bytes travel is each
floor's, by its `Line`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from routerlib.endpoints import connections, refusals, replies
from routerlib.endpoints.refusals import Kind
from routerlib.rows.logprobs import request_fields, tokens_of
from routerlib.rows.schemas import Sample, parse_row
from routerlib.serving import fallback
from routerlib.serving.fallback import EVENTS, Line, Reply
from routerlib.serving.switchboard import Backend, RequestError

# Of a caller's request, what further answers are not asked with: they are several, and read here.
OF_THE_SHOWN = ("stream", "stream_options", "n", "seed", "logprobs", "top_logprobs", "store")
MOST_ROUNDS = 4  # requests for further samples, where a server gives fewer than it is asked for


Tokens = tuple[int, int, int]  # read, written, and of those read, how many out of a cache


class NotThere(Exception):
    """Something that the policy reads did not come; the text says what."""


@dataclass
class FirstAnswer:
    """The inferior model's answer, held back.

    reply: as it came, all of it. value: its JSON, and samples: what it says, both None where it is
    no answer that can be read. takes_logprobs: False where the server refused to be asked for
    log-probabilities, and answered without.
    """

    reply: Reply
    value: dict[str, Any] | None = None
    samples: list[Sample] = field(default_factory=list)
    takes_logprobs: bool = True

    @property
    def has_logprobs(self) -> bool:
        """Whether its text came with log-probabilities; an empty one has none to bring."""
        return all(
            tokens_of(sample.logprobs) is not None
            for sample in self.samples
            if sample.full_response
        )

    def tokens(self) -> Tokens | None:
        """The tokens read, written and cached, where they are told."""
        return tokens_in(self.value)


def tokens_in(value: Any) -> Tokens | None:
    """The tokens that a completion has read, written, and read out of a cache; None where it does
    not tell.
    """
    if not isinstance(value, Mapping):
        return None
    read, written = replies.usage(dict(value))
    return (read, written, replies.cached_tokens(dict(value))) if read or written else None


async def ask_inferior(
    target: Backend,
    body: Mapping[str, Any],
    line: Line,
    with_logprobs: bool,
    may_fall_back: bool,
    is_known_to_give: bool,
) -> FirstAnswer | None:
    """The inferior model's answer, whole; None where it gave none and the other may be asked.

    Args:
        body: the caller's request. with_logprobs: ask for log-probabilities, too.
        may_fall_back: else a failure is handed on, or raised.
        is_known_to_give: the server has given log-probabilities before, so that a refusal is about
            something else.

    Raises:
        one of `line.broken`: no answer began. RequestError: it broke off, or is a web page.
    """
    plain = unstreamed(body)
    asked = plain | request_fields(is_chat=True) if with_logprobs else plain
    found = await _whole_answer(target, body, asked, line, may_fall_back)
    if asked == plain or is_known_to_give or not _may_be_about_logprobs(found):
        return found
    if found is not None:
        await line.let_go(found.reply)
    again = await _whole_answer(target, body, plain, line, may_fall_back)
    if again is not None and again.value is not None:
        again.takes_logprobs = False
    return again


def _may_be_about_logprobs(found: FirstAnswer | None) -> bool:
    """Whether a request was refused, or failed, that may do without log-probabilities."""
    if found is None:
        return True
    status, told = found.reply.status, found.reply.beginning()
    if status < 300:
        return False
    refusal = refusals.read_refusal(status, told or b"", found.reply.headers)
    return refusal.kind in (Kind.REFUSED, Kind.BROKEN)


def unstreamed(body: Mapping[str, Any]) -> dict[str, Any]:
    """A request whose answer comes in one piece."""
    plain = {name: value for name, value in body.items() if name != "stream_options"}
    return {**plain, "stream": False} if "stream" in plain else plain


async def _whole_answer(
    target: Backend,
    body: Mapping[str, Any],
    asked: Mapping[str, Any],
    line: Line,
    may_fall_back: bool,
) -> FirstAnswer | None:
    if may_fall_back:
        begun = await fallback.try_one(target, body, line, asked)
        if begun is None:
            return None
        reply = begun
    else:
        reply = await line.send(target, asked)
    is_kept = False
    try:
        content = await reply.whole()
        is_kept = True
    except line.broken as error:
        if may_fall_back:
            return None
        raise RequestError(
            f"The answer of {target.model} broke off ({type(error).__name__}).", status=502
        ) from None
    finally:
        if not is_kept:
            await line.let_go(reply)
    if reply.is_page:
        await line.let_go(reply)
        raise fallback.page_error(target)
    if reply.status >= 300 or content is None:
        return FirstAnswer(reply)
    return read_answer(reply, content)


def read_answer(reply: Reply, content: bytes, asked: int = 1) -> FirstAnswer:
    """What a whole answer says; `asked`: how many there are to be, if it is a stream."""
    try:
        value = replies.decode_reply(content, asked=asked)
        found = replies.samples(value, (), str, is_chat=True)
    except (replies.NoCompletion, replies.ErrorInside, KeyError, TypeError):
        return FirstAnswer(reply)
    return FirstAnswer(reply, value, [parse_row(Sample, sample) for sample in found])


# --- what is asked beside it ---


async def further_samples(
    target: Backend,
    body: Mapping[str, Any],
    line: Line,
    wanted: int,
    temperature: float | None,
    with_logprobs: bool,
) -> list[Sample]:
    """So many more answers of the inferior model; a server that gives fewer at once is asked again.

    Raises:
        NotThere: they did not come.
    """
    asked = _beside(body)
    if temperature is not None:
        asked["temperature"] = temperature
    if with_logprobs:
        asked |= request_fields(is_chat=True)
    found: list[Sample] = []
    for _ in range(max(MOST_ROUNDS, wanted)):
        lacking = wanted - len(found)
        if lacking == 0:
            return found
        more = asked | {"n": lacking} if lacking > 1 else asked
        found += (await _samples(target, more, line, "further samples"))[:lacking]
    if len(found) < wanted:
        raise NotThere(f"{target.model} gave {len(found)} further samples of {wanted}")
    return found


async def second_answer(target: Backend, body: Mapping[str, Any], line: Line) -> list[Sample]:
    """One answer of the second cheap model.

    Raises:
        NotThere: it did not come.
    """
    return (await _samples(target, _beside(body), line, "the second model's answer"))[:1]


def _beside(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in OF_THE_SHOWN}


async def _samples(
    target: Backend, asked: Mapping[str, Any], line: Line, what: str
) -> list[Sample]:
    try:
        reply = await line.send(target, asked)
    except line.broken as error:
        raise NotThere(f"{what}: no answer of {target.model} ({type(error).__name__})") from None
    try:
        content = await reply.whole()
    except line.broken as error:
        raise NotThere(
            f"{what}: {target.model} broke off its answer ({type(error).__name__})"
        ) from None
    finally:
        await line.let_go(reply)
    found = read_answer(reply, content) if content is not None and reply.status < 300 else None
    if found is None or not found.samples:
        raise NotThere(f"{what}: no answer of {target.model} (status {reply.status})")
    return found.samples


# --- the answer, as its caller wants it ---


def in_the_form_asked(first: FirstAnswer, body: Mapping[str, Any]) -> None:
    """Put the held answer into the form that its caller asked for, once it is decided that it is
    shown.
    """
    if first.value is None:
        return
    choices = first.value.get("choices")
    is_extra = not body.get("logprobs")
    if is_extra and isinstance(choices, list):
        for choice in choices:
            if isinstance(choice, dict):
                choice.pop("logprobs", None)
    if body.get("stream"):
        first.reply.rewrite(as_events(first.value, _wants_usage(body)), EVENTS)
    elif is_extra:
        first.reply.rewrite(json.dumps(first.value).encode(), "application/json")


def as_events(value: Mapping[str, Any], with_usage: bool) -> bytes:
    """A completion as the stream of events that the OpenAI API would have sent: its text in one
    piece, its end, and, if asked for, its tokens.
    """
    base = {
        **{name: value[name] for name in value if name not in ("choices", "usage")},
        "object": "chat.completion.chunk",
    }
    events: list[dict[str, Any]] = []
    for choice in value.get("choices") or ():
        message = choice.get("message") or {}
        message = message if isinstance(message, dict) else {"content": message}
        said = {k: v for k, v in message.items() if v is not None}
        piece = {"index": choice.get("index", 0), "delta": said, "finish_reason": None}
        if choice.get("logprobs"):
            piece["logprobs"] = choice["logprobs"]
        end = {**piece, "delta": {}, "finish_reason": choice.get("finish_reason") or "stop"}
        end.pop("logprobs", None)
        events += [{**base, "choices": [piece]}, {**base, "choices": [end]}]
    if with_usage and value.get("usage"):
        events.append({**base, "choices": [], "usage": value["usage"]})
    lines = [f"data: {json.dumps(event)}\n\n" for event in events]
    return "".join([*lines, "data: [DONE]\n\n"]).encode()


async def to_the_caller(
    reply: Reply, answered_by: Backend, body: Mapping[str, Any], line: Line
) -> None:
    """Put an answer into the form that its caller asked for, where the model's server has not: a
    stream that nobody asked for, one piece in place of a stream, or a plain body under a header of
    gzip. All other answers are left as they come, unread.

    Raises:
        RequestError: it broke off while it was read.
    """
    try:
        if reply.encoding.strip().lower() in connections.GZIP:
            await line.look(reply)
            if b"".join(reply.held)[:1] not in (b"", connections.GZIP_BEGINS):
                reply.take_off_encoding()
        wants_events = bool(body.get("stream"))
        is_json = reply.kind == "application/json"
        if reply.status >= 300 or not (is_json if wants_events else reply.is_events):
            return
        content = await reply.whole()
    except line.broken as error:
        await line.let_go(reply)
        raise RequestError(
            f"The answer of {answered_by.model} broke off ({type(error).__name__}).", status=502
        ) from None
    found = read_answer(reply, content, body.get("n") or 1) if content is not None else None
    if found is not None and found.value is not None:
        _rewrite(reply, found.value, answered_by, body)


def _rewrite(
    reply: Reply, value: Mapping[str, Any], answered_by: Backend, body: Mapping[str, Any]
) -> None:
    choices = value.get("choices")
    if not isinstance(choices, list):
        return
    whole = {"id": "", "created": 0, "model": answered_by.model, **value}
    whole["object"] = "chat.completion"
    if body.get("stream"):
        reply.rewrite(as_events(whole, _wants_usage(body)), EVENTS)
    elif not any(choice["message"].get("tool_calls") for choice in choices):  # in pieces
        whole["choices"] = [
            {
                "index": number,
                "finish_reason": replies.reason_told(choice) or "stop",
                "message": {"role": "assistant", "content": "", **choice["message"]},
            }
            for number, choice in enumerate(choices)
        ]
        reply.rewrite(json.dumps(whole).encode(), "application/json")


def _wants_usage(body: Mapping[str, Any]) -> bool:
    options = body.get("stream_options")
    return isinstance(options, Mapping) and bool(options.get("include_usage"))
