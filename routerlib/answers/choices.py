"""Which of a question's options a text names, by its words or by its value: `1/2` and 0.5, "the
Nile" and "Nile".

Texts are compared by a key without styling, case, articles and end punctuation; numbers with their
units by value. Which part of an output is such a text is `letters`' and `extraction`'s business.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

from routerlib.answers.wording import unstyled

LETTERS = string.ascii_uppercase


def letters_of(answer: str, choices: Sequence[str]) -> str:
    """The letters of all options that equal an answer, by text or by value."""
    answer = re.sub(r"^\s*[\(\[]?[A-Z][\)\]:.]\s+(?=\S)", "", unstyled(answer))
    return "".join(
        letter
        for letter, option in zip(LETTERS, choices, strict=False)
        if same_option(answer, option)
    )


def opening_option(answer: str, choices: Sequence[str]) -> str:
    """The option whose text a statement opens with: `Paris, because it …`; the longest of
    several.
    """
    key = option_key(answer)
    opening = [
        i
        for i, option in enumerate(choices)
        if _opens_key(key, option_key(option)) and is_wordy(option)
    ]
    return LETTERS[max(opening, key=lambda i: len(option_key(choices[i])))] if opening else ""


def opens_with(text: str, option: str) -> bool:
    """Whether a text starts with an option, or with as much of it as was written."""
    key, wanted = option_key(text), option_key(option)
    return (
        bool(key)
        and bool(wanted)
        and (_opens_key(key, wanted) or (len(key) >= 8 and wanted.startswith(key)))
    )


def _opens_key(key: str, wanted: str) -> bool:
    return (
        bool(wanted) and key.startswith(wanted) and not key[len(wanted) : len(wanted) + 1].isalnum()
    )


def contains(text: str, key: str) -> bool:
    return bool(re.search(rf"(?<!\w){re.escape(key)}(?!\w)", text))


def is_wordy(option: str) -> bool:
    """Long enough to be no accident in a sentence: a word of four letters."""
    return bool(re.search(r"[^\W\d_]{4,}", option))


def same_option(answer: str, option: str) -> bool:
    key, wanted = option_key(answer), option_key(option)
    if not key or not wanted:
        return False
    if key == wanted:
        return True
    one, other = _value(key), _value(wanted)
    return (
        one is not None
        and other is not None
        and one[0] == other[0]
        and (one[1] == other[1] or not one[1] or not other[1])
    )


@lru_cache(maxsize=8192)
def option_key(text: str) -> str:
    """An option's text without styling, case, articles, spaces in numbers, and end punctuation."""
    text = unstyled(text).casefold().replace("−", "-")
    text = re.sub(r"\\[dt]?frac\s*\{([^{}]+)\}\s*\{([^{}]+)\}", r"\1/\2", text)
    text = (
        re.sub(r"\\(?:times|cdot)\s*", "×", text)
        .replace("*", "×")
        .replace("^{\\circ}", "°")
        .replace("^\\circ", "°")
    )
    text = re.sub(r"[{}~]|\\(?=[%$])|\\left|\\right", "", text)
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    text = re.sub(r"\s*([-+/^×=<>])\s*", r"\1", text)
    key = re.sub(r"^(?:the|an|a)\s+", "", " ".join(text.split()).strip(" .;:,!\"'")).strip()
    if _NONE_OF_THEM.fullmatch(key):
        return "none of the above"
    return _SHARES.get(key, key)


# Shares as words
_SHARES = {
    "one half": "1/2",
    "one third": "1/3",
    "two thirds": "2/3",
    "one quarter": "1/4",
    "one fourth": "1/4",
    "three quarters": "3/4",
    "three fourths": "3/4",
    "one fifth": "1/5",
    "one sixth": "1/6",
}
# "None of these options is right", "none of the choices", "none of these"
_NONE_OF_THEM = re.compile(
    r"""
    none\ of\ (?:the|these|those)
    (?: \ (?:\w+\ ){0,2}? (?:above|options?|choices?|answers?|alternatives?) )?
    (?: \ (?:is|are)\ (?:right|correct|true|valid) | \ fits? | \ appl(?:y|ies) | \ match(?:es)? )?
    """,
    re.VERBOSE,
)


@lru_cache(maxsize=8192)
def _value(key: str) -> tuple[Fraction, str] | None:
    """A number and its unit (`12.50 m/s` is 12.5 and `m/s`), or None where the text is anything
    else.
    """
    match = re.match(
        r"^([€$£]?)\s*([-+]?\d{1,30}(?:\.\d{0,30})?|[-+]?\.\d{1,30})(?:×10\^?([-+]?\d{1,3})|e([-+]?\d{1,3}))?(/\d{1,9})?\s*(\D{0,24})$",
        key,
    )
    if not match:
        return None
    number = Fraction(match[2].rstrip(".")) * Fraction(10) ** int(match[3] or match[4] or 0)
    if match[5] and int(match[5][1:]) == 0:
        return None
    number = number / int(match[5][1:]) if match[5] else number
    return number, (match[1] + match[6]).replace(" ", "")
