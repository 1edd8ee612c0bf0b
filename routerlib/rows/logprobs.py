"""The log-probabilities of an answer's tokens, whichever endpoint gave them, in one form.

Chat completions tell a list of tokens, completions four parallel lists; other people's files hold
either. Here both become a list of tokens with their log-probabilities, and what is kept in a file
is made small. What a log-probability says about an answer is `signals`' business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

ALTERNATIVES = 5  # likely tokens asked for beside each: the letters of most questions
DIGITS = 4  # kept behind the point

# token, logprob and, where alternatives are known, top_logprobs: a list of token and logprob
Token = dict[str, Any]


def request_fields(is_chat: bool) -> dict[str, Any]:
    """The fields of a request that ask for log-probabilities, with the likely tokens beside each
    one.
    """
    if is_chat:
        return {"logprobs": True, "top_logprobs": ALTERNATIVES}
    return {"logprobs": ALTERNATIVES}


def tokens_of(given: Any, text: str | None = None) -> list[Token] | None:
    """The tokens of an answer with their log-probabilities; None where none were given.

    Args:
        given: `logprobs` of a choice, of either endpoint, or a list of tokens.
        text: the answer as it is read; tokens behind it (a stop string that was cut off) are left
            out.
    """
    found = list(_tokens_given(given))
    if not any(token["logprob"] is not None for token in found):
        return None
    return found if text is None else _up_to(text, found)


def _tokens_given(given: Any) -> Iterator[Token]:
    if isinstance(given, Mapping) and isinstance(given.get("tokens"), list):
        yield from _of_completions(given)
        return
    listed = given.get("content") if isinstance(given, Mapping) else given
    for token in listed if isinstance(listed, Sequence) and not isinstance(listed, str) else ():
        if isinstance(token, Mapping):
            yield _token(token.get("token"), token.get("logprob"), token.get("top_logprobs"))


def _of_completions(given: Mapping[str, Any]) -> Iterator[Token]:
    """{"tokens": [" Paris"], "token_logprobs": [-0.1], "top_logprobs": [{" Paris": -0.1}]}"""
    names = given["tokens"]
    logprobs = _filled(given.get("token_logprobs"), len(names))
    likely = _filled(given.get("top_logprobs"), len(names))
    for name, logprob, others in zip(names, logprobs, likely, strict=True):
        pairs = others.items() if isinstance(others, Mapping) else ()
        yield _token(name, logprob, [{"token": key, "logprob": value} for key, value in pairs])


def _filled(values: Any, length: int) -> list[Any]:
    """A list of this length; what is missing at its end, or altogether, is None."""
    known = list(values) if isinstance(values, Sequence) else []
    return (known + [None] * length)[:length]


def _token(name: Any, logprob: Any, likely: Any) -> Token:
    token: Token = {"token": str(name or ""), "logprob": _number(logprob)}
    told = [other for other in likely or () if isinstance(other, Mapping)]
    others = [
        {"token": str(other.get("token") or ""), "logprob": _number(other.get("logprob"))}
        for other in told
    ]
    known = [other for other in others if other["logprob"] is not None]
    return {**token, "top_logprobs": known} if known else token


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def _up_to(text: str, tokens: list[Token]) -> list[Token]:
    """The tokens that make up a text, where they begin with it; else all of them."""
    if not "".join(token["token"] for token in tokens).startswith(text):
        return tokens
    length = 0
    for number, token in enumerate(tokens):
        if length >= len(text):
            return tokens[:number]
        length += len(token["token"])
    return tokens


def small(given: Any, text: str | None = None) -> list[Token] | None:
    """`tokens_of`, as small as `signals` can do with: alternatives stand beside letters alone."""
    tokens = tokens_of(given, text)
    return None if tokens is None else [_small(token) for token in tokens]


def _small(token: Token) -> Token:
    kept: Token = {"token": token["token"], "logprob": _rounded(token["logprob"])}
    if letter_of(token["token"]) and token.get("top_logprobs"):
        kept["top_logprobs"] = [
            {"token": other["token"], "logprob": _rounded(other["logprob"])}
            for other in token["top_logprobs"]
        ]
    return kept


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)


def letter_of(token: str) -> str:
    """The letter that a token is, whatever stands around it: " C", "(C", "C)"; "" for every other
    token.
    """
    bare = token.strip(" ()[]{}.:*\n\u0120\u2581")  # the last two: how tokenizers write a space
    return bare if re.fullmatch("[A-Z]", bare) else ""
