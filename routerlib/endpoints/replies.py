"""What a model's server answered: its bytes as a value, and the value as samples that we store.

An answer that was paid for is kept whatever its form: as a list of parts, as an event stream, with
a byte-order mark, with halves of characters. What is no answer is told for what it is: a page for a
browser, a body that broke off, an error inside a 200. Nothing here sends anything.
"""

from __future__ import annotations

import gzip
import itertools
import json
import math
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic_core import from_json

from routerlib.endpoints import other_apis, prompts, refusals
from routerlib.rows import channels, end_marks
from routerlib.rows.finish_reasons import ERROR, FILTERED, LENGTH, STOP, finish_reason

Value = dict[str, Any]
Sample = dict[str, Any]


class NoCompletion(ValueError):
    """What came is no completion; the text says what it is. `is_page`: a page for a browser.
    `is_empty`: nothing came at all.
    """

    def __init__(self, text: str, is_page: bool = False, is_empty: bool = False):
        super().__init__(text)
        self.is_page = is_page
        self.is_empty = is_empty


class ErrorInside(ValueError):
    """A response with status 200 that tells an error; `error` is what it tells, as it came."""

    def __init__(self, error: Any):
        super().__init__("an error inside an answer")
        self.error = error


# --- bytes to a value ---


def decode_reply(content: bytes, content_type: str = "", asked: int = 1) -> Value:
    """The JSON object in a response's body.

    Args:
        content_type: the response's header; its charset counts where the body is no UTF-8.
        asked: how many answers were asked for, where they come as a stream.

    Raises:
        NoCompletion: there is none. ErrorInside: a stream in which several answers are mixed.
    """
    try:
        value = from_json(content)
    except ValueError:
        value = _mended(_text_of(_gunzipped(content), content_type), asked)
    if isinstance(value, str):
        value = _json_in(value)  # encoded twice
    if isinstance(value, list) and len(value) == 1:
        value = value[0]  # Gemini puts its errors into a list
    if not isinstance(value, dict):
        raise NoCompletion("the answer is no JSON object")
    return value


def is_whole(content: bytes) -> bool:
    """Whether a body that was closed too early holds a whole answer all the same: a JSON object, or
    a stream that has told its end.
    """
    try:
        return isinstance(from_json(content), dict)
    except ValueError:
        text = content.decode("utf-8", "replace")
    if END_OF_EVENTS.search(text[-100:]):
        return True
    try:
        chunks = list(_chunks(text))
        return bool(chunks) and bool(_joined(chunks, asked=1)["choices"])
    except (NoCompletion, ErrorInside):
        return False


def _gunzipped(content: bytes) -> bytes:
    """A body that is packed by gzip although no header says so."""
    if not content.startswith(GZIP):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        raise NoCompletion("the answer is packed by gzip, and broken") from None


def _text_of(content: bytes, content_type: str) -> str:
    """The text of a body that a strict reader refuses: JSON is UTF-8, by the rule; else its zeros
    tell UTF-16 and UTF-32, and the header tells the rest. What is none of them is replaced.
    """
    told = CHARSET.search(content_type)
    wide = json.detect_encoding(content[:4]) if b"\0" in content[:4] else ""
    names = ["utf-8", wide, told[1] if told else ""]
    for name in filter(None, names):
        try:
            return content.decode(name)
        except (UnicodeError, LookupError):
            continue
    return content.decode("utf-8", "replace")


GZIP = b"\x1f\x8b"
CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
# The last line of a stream that came to its end
END_OF_EVENTS = re.compile(r"(?:\A|[\r\n])data:\s*\[DONE\]")
# Of a stream, by its specification; a text may hold other ends of lines, such as U+2028
END_OF_LINE = re.compile(r"\r\n|\r|\n")
# Lines that keep a connection open while a model thinks, as in ": OPENROUTER PROCESSING"
KEPT_OPEN = re.compile(r"(?:[ \t]*(?::[^\r\n]*)?[\r\n]+)+")


def _mended(text: str, asked: int) -> Any:
    """A body that a strict reader refuses: a byte-order mark, half characters, a stream, lines
    before the answer that only keep the connection open.
    """
    text = text.lstrip("\ufeff \t\r\n\0")
    if not text:
        raise NoCompletion("the answer is empty", is_empty=True)
    begun = KEPT_OPEN.sub("", text, count=1) if text.startswith(":") else text
    if begun[:1] in ("{", "["):
        return _whole_value(begun, asked)
    if refusals.PAGE.match(text):
        raise NoCompletion(
            "the answer is a page for a browser, not JSON. Check the base URL (it ends in /v1 as "
            "a rule)",
            is_page=True,
        )
    if chunks := list(_chunks(text)):
        return _joined(chunks, asked, is_whole=bool(END_OF_EVENTS.search(text)))
    for brace in itertools.islice(re.finditer(r"\{", text), MOST_BRACES):
        if _holds_choices(_json_in(text[brace.start() :])):
            return _whole_value(text[brace.start() :], asked)
    raise NoCompletion(f"the answer is no JSON; it starts with {text[:60]!r}")


# In what relays write before an answer, such as PHP's notices or a line of a log
MOST_BRACES = 20


def _holds_choices(value: Any) -> bool:
    return isinstance(value, dict) and bool(value.get("choices"))


def _json_in(text: str) -> Any:
    """The JSON value at the start of a text; None where there is none."""
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(text.lstrip())
    except (ValueError, RecursionError):
        return None
    return value


def _whole_value(text: str, asked: int) -> Any:
    """The value at the start, or what the values of a stream make together, one a line; what some
    servers write behind it, such as `data: [DONE]`, is passed over.
    """
    value, end = _first_value(text)
    values = [value]
    rest = text[end:].lstrip()
    while rest.startswith("{"):
        value, end = _first_value(rest)
        values.append(value)
        rest = rest[end:].lstrip()
    chunks = [one for one in values if isinstance(one, dict)]
    if len(values) == 1 or not all(map(_is_chunk, chunks)):
        return values[0]
    return _joined([_as_chunk(chunk) for chunk in chunks], asked)


def _is_chunk(value: Value) -> bool:
    return "choices" in value or "done" in value


def _as_chunk(value: Value) -> Value:
    """A chunk of Ollama's own stream, {"message": …, "done": false}, as OpenAI's."""
    if "choices" in value or "done" not in value:
        return value
    return other_apis.from_ollama(value, "delta")


def _first_value(text: str) -> tuple[Any, int]:
    """The value at the start, and where it ends."""
    try:
        value, end = json.JSONDecoder(strict=False).raw_decode(text)
    except RecursionError:
        raise NoCompletion("the answer is nested too deep") from None
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()) - 1 or "Unterminated" in error.msg:
            raise NoCompletion(f"the answer broke off after {len(text):,} characters") from None
        raise NoCompletion(f"the answer is no valid JSON ({error})") from None
    return _well_formed_value(value), end


def _well_formed_value(value: Any) -> Any:
    """A JSON value without halves of surrogate pairs in its texts."""
    if isinstance(value, str):
        return prompts.well_formed(value)
    if isinstance(value, list):
        return [_well_formed_value(part) for part in value]
    if isinstance(value, dict):
        return {name: _well_formed_value(part) for name, part in value.items()}
    return value


def _chunks(text: str) -> Iterator[Value]:
    """The JSON objects of an event stream (server-sent events: lines that start with `data:`).

    An object may be written over several such lines. What is torn at the very end is passed over:
    the tokens that are counted last, perhaps. Whether the answer is whole is seen by its ends.
    """
    begun = ""
    for line in END_OF_LINE.split(text):
        name, _, data = line.partition(":")
        if name.strip() == "data" and (begun or data.strip().startswith("{")):
            begun += data + "\n"
            value = _object_or_none(begun)
            if value is not None:
                yield value
                begun = ""
        elif begun and not line.strip():
            raise NoCompletion("the answer is an event stream that broke off")
    if "[DONE]" in begun:  # it was torn before the end
        raise NoCompletion("the answer is an event stream that broke off")


def _object_or_none(text: str) -> Any:
    try:
        return _well_formed_value(json.loads(text, strict=False))
    except ValueError:
        return None


def _joined(chunks: Sequence[Value], asked: int, is_whole: bool = False) -> Value:
    """One completion out of the chunks of a stream; servers send one though `stream` was false.

    Args:
        asked: how many answers were asked for.
        is_whole: the stream has said that it ends here; else each choice has to say so, or the
            tokens are counted last.

    Raises:
        NoCompletion: it broke off. ErrorInside: several answers are mixed in it.
    """
    whole: Value = {}
    for chunk in chunks:
        if _is_error_event(chunk):
            whole["error"] = chunk
        for name in ("usage", "error"):
            if chunk.get(name):
                whole[name] = chunk[name]
        if counts := _counts_beside(chunk):
            whole.setdefault("usage", counts)
    listed = [piece for chunk in chunks for piece in _choices_listed(chunk.get("choices"))]
    whole["choices"] = _choices_of([piece for piece in listed if isinstance(piece, dict)], asked)
    ends = [reason_told(choice) for choice in whole["choices"]]
    counts_last = bool(chunks) and bool(chunks[-1].get("usage")) and not chunks[-1].get("choices")
    if not (is_whole or all(ends) or counts_last or "error" in whole):
        raise NoCompletion("the answer is an event stream that broke off")
    return whole


def _counts_beside(chunk: Value) -> Any:
    """The tokens that a chunk tells elsewhere than it should: Moonshot in a choice, Groq in a field
    of its own.
    """
    holders = [*_choices_listed(chunk.get("choices")), chunk.get("x_groq")]
    told = (holder.get("usage") for holder in holders if isinstance(holder, dict))
    return next(filter(None, told), None)


def _choices_of(pieces: Sequence[Value], asked: int) -> list[Value]:
    """The choices that the pieces of a stream make together, by their index.

    Some servers count the pieces with it, so that there are more indices than answers. Some give
    the same one to all: then the answers can be told apart where one begins when another has ended,
    and where they cannot, they are asked for one by one.
    """
    indices = {_index_of(piece) for piece in pieces}
    ended = {_index_of(piece) for piece in pieces if reason_told(piece)}
    counts_pieces = len(indices) > asked and ended != indices
    choices: list[Value] = []
    at: dict[int, Value] = {}
    further_ends = []  # of choices that have ended already
    for piece in pieces:
        index = 0 if counts_pieces else _index_of(piece)
        has_ended = bool(index in at and reason_told(at[index]))
        if has_ended and not _brings_text(piece):
            if reason_told(piece):
                further_ends.append(piece)
            continue
        if index not in at or (has_ended and asked > 1):
            at[index] = {"message": {}}
            choices.append(at[index])
        _append(at[index], piece)
    for end, choice in zip(further_ends, (c for c in choices if not reason_told(c)), strict=False):
        _append(choice, end)
    if further_ends and len(choices) < asked:
        raise ErrorInside({"message": "its answers are mixed in one stream", "param": "n"})
    return choices


def _index_of(piece: Value) -> int:
    index = piece.get("index")
    return index if isinstance(index, int) else 0


def _brings_text(piece: Value) -> bool:
    said = _said_in(piece, "delta", "message")
    return bool(piece.get("text")) or any(said[name] for name in said if name != "role")


def _said_in(choice: Value, *names: str) -> Value:
    """The first of these that a choice holds, as an object: it may be a text alone.

    Of a stream the delta comes first: beside it some servers send all that was said before.
    """
    said: Any = next((choice[name] for name in names if choice.get(name)), {})
    return said if isinstance(said, dict) else {"content": said}


def _is_error_event(chunk: Value) -> bool:
    """Whether a chunk is an error by itself, as in {"code": "Throttling", "message": "…"}."""
    if "choices" in chunk or "error" in chunk or chunk.get("usage"):
        return False
    return any(isinstance(chunk.get(name), str) for name in refusals.TEXT_NAMES)


REASON_NAMES = ("finish_reason", "finishReason", "stop_reason")


def reason_told(choice: Value) -> Any:
    """Why a choice has ended, as it came; None where it does not say."""
    return next((choice[name] for name in REASON_NAMES if choice.get(name) is not None), None)


def _append(choice: Value, piece: Value) -> None:
    for name in (*REASON_NAMES, "error"):
        if piece.get(name):
            choice[name] = piece[name]
    if isinstance(piece.get("text"), str):
        choice["text"] = choice.get("text", "") + piece["text"]
    for name, text in _said_in(piece, "delta", "message").items():
        held = choice["message"].get(name)
        if isinstance(text, str) and isinstance(held, str | None) and name != "role":
            choice["message"][name] = (held or "") + text
        elif isinstance(text, str | list) and name != "role":
            choice["message"][name] = [*_as_list(held), *_as_list(text)]


def _as_list(text: Any) -> list[Any]:
    if isinstance(text, list):
        return text
    return [text] if text else []


# --- a value to samples ---


def usage(value: Value) -> tuple[int, int]:
    """(prompt tokens, completion tokens) as far as they are told; an odd count loses no answer.

    What is thought is billed as what is written. Some servers count it in the total alone, beside
    the completion, as xAI and Gemini do.
    """
    told = value.get("usage")
    if not isinstance(told, Mapping):
        return 0, 0
    names = ("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens")
    read, written = (
        _token_count(next((told[n] for n in pair if told.get(n)), 0)) for pair in names
    )
    beside = _token_count(told.get("total_tokens")) - read - written
    if beside <= 0:
        return read, written
    if not read:
        return (beside, written) if written else (0, 0)
    of_a_cache = sum(_token_count(told[name]) for name in told if name.startswith("cache_"))
    return read, written + (beside if beside != of_a_cache else 0)


def cached_tokens(value: Value) -> int:
    """How many of the prompt's tokens were read out of a cache; 0 where that is not told."""
    told = value.get("usage")
    if not isinstance(told, Mapping):
        return 0
    details = told.get("prompt_tokens_details") or told.get("input_tokens_details")
    if isinstance(details, Mapping):
        return _token_count(details.get("cached_tokens") or 0)
    return _token_count(told.get("prompt_cache_hit_tokens") or 0)  # as DeepSeek says it


def _token_count(told: Any) -> int:
    try:
        return max(0, int(float(told)))
    except (TypeError, ValueError, OverflowError):
        return 0


def samples(
    value: Value, stop: Sequence[str], hide: Callable[[str], str], is_chat: bool
) -> list[Sample]:
    """The samples of a completion, as `schemas.Sample` has them; at least one.

    Args:
        stop: the strings at which an answer ends.
        hide: takes secrets out of a text.
        is_chat: an empty message is an answer; without a chat, a choice without a text is none.

    Raises:
        ErrorInside: the response tells an error, beside its choices, in all of them, or in their
            place.
        NoCompletion: it has not the form of a completion.
    """
    value = completion_within(value)
    if (error := refusals.error_in(value)) is not None:
        if error == value and not any(value.get(name) for name in refusals.TEXT_NAMES):
            if filtered := _filter_told(value):
                raise ErrorInside({"code": "content_filter", "message": filtered})
            if refusals.read_refusal(200, error).status:  # as {"statusCode": 429, "body": "…"}
                raise ErrorInside(error)
            raise NoCompletion(_no_choices(value))
        if not _is_a_remark(error, value):
            raise ErrorInside(error)
    choices = _choices_listed(value["choices"])
    if not choices or not all(isinstance(choice, dict) for choice in choices):
        raise NoCompletion("the answer has not the form of a completion")
    whole = [choice for choice in choices if not _error_of(choice)]
    if not whole:
        raise ErrorInside(_error_of(choices[0]))
    found = [_sample(choice, stop, hide, is_chat) for choice in whole]
    read, written = usage(value)
    if not written and _is_nothing(found, value):
        raise NoCompletion("the answer is empty: the model has written nothing, and not ended it")
    cached = cached_tokens(value)
    for sample in found:
        sample["prompt_tokens"] = read or None
        if cached:
            sample["cached_tokens"] = min(cached, read)
    _share_tokens(found, written)
    return found


def _is_nothing(found: Sequence[Sample], value: Value) -> bool:
    """Whether a server that counts its tokens has given none, and no end either: a model that was
    only being started, as behind OpenRouter. An empty answer that has ended is one.
    """
    told = value.get("usage")
    counts = isinstance(told, Mapping) and told.get("completion_tokens") == 0
    kept = ("full_response", "finish_reason", "reasoning", "tool_calls")
    return counts and not any(sample.get(name) for sample in found for name in kept)


def completion_within(value: Value) -> Value:
    """The completion in an answer: some gateways put it into a field of their own, some hand on
    what came in the form of another API.

    Raises:
        NoCompletion: it is a piece of one.
    """
    for name in ("data", "result", "output", "response", "body"):
        inner = value.get(name)
        if isinstance(inner, str):
            inner = _json_in(inner)
        if not value.get("choices") and isinstance(inner, dict) and inner.get("choices"):
            return inner
    if value.get("choices") or value.get("error"):
        return value
    if value.get("done") is False:
        raise NoCompletion("the answer broke off: the server says that it is not done")
    return other_apis.as_completion(value)


def _choices_listed(choices: Any) -> list[Any]:
    """Choices as a list: some servers send one alone, or an object by number."""
    if choices is None:
        return []
    if isinstance(choices, dict) and choices and all(isinstance(c, dict) for c in choices.values()):
        is_numbered = all(str(name).isdigit() for name in choices)
        return list(choices.values()) if is_numbered else [choices]
    return choices if isinstance(choices, list) else [choices]


def _filter_told(value: Value) -> str:
    """What an answer without choices says of a filter that kept the prompt back; "" for nothing."""
    names = ("prompt_filter_results", "promptFeedback", "prompt_feedback")
    told = next((value[name] for name in names if value.get(name)), None)
    if not told:
        return ""
    why = json.dumps(told, ensure_ascii=False)[:200]
    return f"the answer holds no choices: the server filtered the prompt ({why})"


# Of an answer without choices, what says nothing about the cause.
OF_ANY_ANSWER = ("id", "object", "created", "model", "system_fingerprint", "usage", "choices")


def _no_choices(value: Value) -> str:
    told = {name: part for name, part in value.items() if name not in OF_ANY_ANSWER and part}
    if not told:
        return "the answer holds no choices"
    return f"the answer holds no choices; it says {json.dumps(told, ensure_ascii=False)[:200]}"


def _is_a_remark(error: Any, whole: Value) -> bool:
    """Whether an error beside whole answers says nothing about them: it names no status, and they
    have ended.
    """
    choices = _choices_listed(whole.get("choices"))
    refusal = refusals.read_refusal(200, error)
    if refusal.status or refusal.kind != refusals.Kind.BROKEN:
        return False
    are_whole = (isinstance(choice, dict) and _has_ended(choice) for choice in choices)
    return bool(choices) and all(are_whole)


def _has_ended(choice: Value) -> bool:
    message = choice.get("message")
    said, _ = _answer_and_reasoning(
        choice, message if isinstance(message, dict) else {"content": message}
    )
    return bool(said) and finish_reason(reason_told(choice)) in (STOP, LENGTH)


def _error_of(choice: Value) -> Any:
    """The error a single choice tells; what text stands beside it is not the whole answer."""
    if choice.get("error") and not _is_a_remark(choice["error"], {"choices": [choice]}):
        return choice["error"]
    if finish_reason(reason_told(choice)) == ERROR:
        return {"message": f"the generation broke off ({reason_told(choice)})"}
    return None


def _sample(
    choice: Value, stop: Sequence[str], hide: Callable[[str], str], is_chat: bool
) -> Sample:
    message = _said_in(choice, "message", "delta")
    reason = finish_reason(reason_told(choice))
    said, thought = _answer_and_reasoning(choice, message)
    if said is None and not is_chat and reason != FILTERED:
        raise NoCompletion("the answer has not the form of a completion")
    text, was_cut = end_marks.cut(said or "", stop)
    sample: Sample = {
        "full_response": hide(text),
        "finish_reason": STOP if was_cut else reason,
        "prompt_tokens": None,
        "completion_tokens": None,
    }
    if thought:
        sample["reasoning"] = hide(thought)
    if thought and not text.strip() and reason in (STOP, None):
        # The model has ended its answer, and the server has taken all of it for reasoning.
        sample["full_response"], _ = end_marks.cut(sample["reasoning"], stop)
        sample["answer_in_reasoning"] = True
    if choice.get("logprobs"):
        sample["logprobs"] = finite(choice["logprobs"])
    if calls := _calls(message):
        sample["tool_calls"] = _hidden(finite(calls), hide)
    return sample


def _calls(message: Value) -> Any:
    """The tools that were called; older servers know one, a function."""
    if message.get("tool_calls") or not message.get("function_call"):
        return message.get("tool_calls")
    return [{"type": "function", "function": message["function_call"]}]


def _hidden(value: Any, hide: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, list):
        return [_hidden(part, hide) for part in value]
    if isinstance(value, dict):
        return {name: _hidden(part, hide) for name, part in value.items()}
    return value


def _answer_and_reasoning(choice: Value, message: Value) -> tuple[str | None, str]:
    """(answer, reasoning) of a choice, wherever they stand; None where there is no text at all."""
    said: list[str] = []
    thought: list[str] = []
    content = message.get("content")
    for whole in (content, choice.get("text"), message.get("text"), choice.get("content")):
        _gather(whole, said, thought)
        if said:
            break
    if in_channels := channels.said_and_thought("".join(said)):
        answer, analysis = in_channels
        said, thought = [answer], [*filter(None, [analysis]), *thought]
    if not said:
        _gather(message.get("refusal"), said, thought)
    for name in ("reasoning_content", "reasoning", "thinking", "reasoning_details"):
        if not thought:
            _gather(message.get(name) or choice.get(name), thought, thought)
    has_text = said or isinstance(content, str) or isinstance(choice.get("text"), str)
    return ("".join(said) if has_text else None), "".join(thought)


THINKING = ("thinking", "reasoning", "reasoning_content", "thought", "redacted_thinking")


def _gather(value: Any, said: list[str], thought: list[str], level: int = 0) -> None:
    """The texts in a content: a text, or parts such as {"type": "thinking"}, {"type": "text",
    "text": "…"}.
    """
    if level > 6 or isinstance(value, bool):
        return
    if isinstance(value, str):
        said.extend([value] if value else [])
    elif isinstance(value, int | float):
        said.append(json.dumps(value))
    elif isinstance(value, list):
        for part in value:
            _gather(part, said, thought, level + 1)
    elif isinstance(value, dict):
        kind = str(value.get("type", "")).lower()
        is_thought = kind.startswith(THINKING) or value.get("thought") is True
        for name in ("text", "content", "parts", "value", "thinking", "reasoning", "summary"):
            if value.get(name) not in (None, "", []):
                to = thought if is_thought or name in THINKING else said
                _gather(value[name], to, thought, level + 1)
                return


def model_names(listed: Any) -> list[str]:
    """The names of the models in a server's list of them: OpenAI's {"data": [{"id"}]}, Together's
    list alone, Ollama's {"models": [{"name"}]}, or names alone.
    """
    if isinstance(listed, dict):
        listed = listed.get("data") or listed.get("models")
    names = []
    for model in listed if isinstance(listed, list) else ():
        told = (model.get("id") or model.get("name")) if isinstance(model, dict) else model
        if isinstance(told, str):
            names.append(told)
    return names


def offers(names: Iterable[str], model: str) -> bool:
    """Whether a list of models holds one, by the name that it is asked by or a fuller one: Ollama
    lists "llama3:latest", and Gemini "models/gemini-2.5-flash".
    """
    return bool({model, f"{model}:latest", f"models/{model}"} & set(names))


def first_token_masses(logprobs: Any, letters: Iterable[str]) -> dict[str, float]:
    """How likely each letter was as an answer's first token, whatever stands around it: " B", "(B".

    Args:
        logprobs: those of a chat answer, with `top_logprobs`.

    Returns:
        letter -> probability in [0, 1]; 0 for one that is not among the alternatives.

    Raises:
        ValueError: the answer holds no log-probabilities.
    """
    try:
        alternatives = logprobs["content"][0]["top_logprobs"]
        told = [entry for entry in alternatives if entry.get("logprob") is not None]
        pairs = [(str(entry["token"]), float(entry["logprob"])) for entry in told]
    except (TypeError, KeyError, IndexError, AttributeError):
        pairs = []
    if not any(math.isfinite(logprob) for _, logprob in pairs):
        raise ValueError("the answer holds no log-probabilities")
    masses = dict.fromkeys(letters, 0.0)
    for token, logprob in pairs:
        letter = token.strip(" \n\t▁Ġ*\"'([")
        if letter in masses:
            masses[letter] += math.exp(logprob)
    return masses


# stands for minus infinity, which JSON does not have; vLLM sends it as well
LEAST_LOGPROB = -9999.0


def finite(value: Any) -> Any:
    """A value whose numbers JSON can hold: a token of probability 0 has the log-probability
    -9999.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return LEAST_LOGPROB if value < 0 else None
    if isinstance(value, list):
        return [finite(part) for part in value]
    if isinstance(value, dict):
        return {name: finite(part) for name, part in value.items()}
    return value


def _share_tokens(found: list[Sample], spent: int) -> None:
    """Note each sample's tokens. A server counts those of one request together: several samples
    share them by length.
    """
    if not spent:
        return
    if len(found) == 1:
        found[0]["completion_tokens"] = spent
        return
    lengths = [len(sample["full_response"]) + 1 for sample in found]
    given, total, so_far = 0, sum(lengths), 0
    for sample, length in zip(found, lengths, strict=True):
        so_far += length
        share = round(spent * so_far / total) - given
        given += share
        sample |= {"completion_tokens": share, "completion_tokens_estimated": True}
