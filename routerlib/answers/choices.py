"""Which of a question's options a text names, by its words or by its value: `1/2` and 0.5, "the
Nile" and "Nile".

Texts are compared by a key without styling, case, articles and end punctuation; numbers with their
units by value. Which part of an output is such a text is `letters`' and `extraction`'s business.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from unicodedata import normalize

from routerlib.answers.quantities import amount, number_in_words
from routerlib.answers.wording import unstyled
from routerlib.rows.options import LETTERS


def letters_of(answer: str, choices: Sequence[str]) -> str:
    """The letters of all options that equal an answer, by text or by value; where none does, of
    those that are the same amount in another unit, or the same but for raised and lowered signs.
    """
    answer = re.sub(r"^\s*[\(\[]?[A-Z][\)\]:.]\s+(?=\S)", "", unstyled(answer))
    return _letters_by(same_option, answer, choices) or _letters_by(_much_alike, answer, choices)


def _letters_by(same: Callable[[str, str], bool], answer: str, choices: Sequence[str]) -> str:
    return "".join(
        letter for letter, option in zip(LETTERS, choices, strict=False) if same(answer, option)
    )


def _much_alike(answer: str, option: str) -> bool:
    """4000 J and 4.0 kJ; sp² and sp2."""
    one, other = option_key(answer), option_key(option)
    if not one or not other:
        return False
    if _on_one_line(one) == _on_one_line(other):
        return True
    numbers = number_in_words(one), number_in_words(other)
    if (numbers[0] or _value(one)) and (numbers[1] or _value(other)) and any(numbers):
        return _as_number(one) == _as_number(other)  # 1.2 million
    amounts = amount(answer), amount(option)
    return None not in amounts and amounts[0] == amounts[1]


def _as_number(key: str) -> tuple[Fraction, str] | None:
    number = number_in_words(key)
    return _value(key) if number is None else (number, "")


def _on_one_line(key: str) -> str:
    return normalize("NFKC", key).replace("^", "").replace("_", "")


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


# "Kant | or Hume", "Kant | ? No, Hume", "Kant | -> Hume"
_JOINS = re.compile(
    r"""
    [\s)\].]* (?: \( [a-z] \) )? \s*
    (?: [?,–—-]+ \s* no \b \W* (?: wait \W* )?
      | (?: ,\s* )? \b (?: or | and | plus | but\ also | as\ well\ as ) \b
      | / | & | -> | → | => | , )
    \s*
    """,
    re.VERBOSE | re.IGNORECASE,
)


def behind_option(text: str, option: str) -> str | None:
    """What a text says behind the option that it opens with, as a key; None where it does not."""
    key, wanted = option_key(text), option_key(option)
    return key[len(wanted) :] if _opens_key(key, wanted) else None


def goes_on_with(rest: str, choices: Sequence[str], own: str) -> str:
    """The letters of other options that are told right behind an option: of "or (C) Hume", C.

    `rest` is what stands behind an option or its letter, `own` is that letter.
    """
    joined = _JOINS.match(rest)
    if not joined:
        return ""
    behind = rest[joined.end() :]
    letter = re.match(r"[(\[]?([A-Za-z])[)\].:](?!\w)", behind)
    if letter and letter[1].upper() in LETTERS[: len(choices)].replace(own, ""):
        return "" if _SAYS_OF_IT.match(behind, letter.end()) else letter[1].upper()
    other = opening_option(behind, choices)
    told = behind_option(behind, choices[LETTERS.index(other)]) if other else None
    return "" if other == own or _SAYS_OF_IT.match(told or "") else other


def goes_through_options(line: str, choices: Sequence[str], own: str) -> bool:
    """Whether a line tells options with letter and text, as the question did, and others than
    `own`: "A. neon B. argon". What is said of one ("B. argon is not") is no such list.
    """
    for lettered in re.finditer(r"(?<!\w)[(\[]?([A-Z])[)\].:]\s*(?=\S)", line):
        letter = lettered[1]
        if letter != own and letter in LETTERS[: len(choices)]:
            told = behind_option(line[lettered.end() :], choices[LETTERS.index(letter)])
            if told is not None and not _SAYS_OF_IT.match(told):
                return True
    return False


# "…, and (C) is wrong": what is said of another option does not offer it
_SAYS_OF_IT = re.compile(
    r"\s+(?:is|are|was|were|does|do|would|can|cannot|has|have|fails?)\b", re.IGNORECASE
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
    text = re.sub(r"\\(?=(?:log|ln|sin|cos|tan)\b)", "", text)
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
    match = _NUMBER.match(key)
    if not match:
        return None
    power = match["times_ten"] or match["e"] or 0
    number = Fraction(match["number"].rstrip(".")) * Fraction(10) ** int(power)
    under = int(match["under"] or 1)
    if under == 0:
        return None
    return number / under, (match["money"] + match["unit"]).replace(" ", "")


_NUMBER = re.compile(
    r"""
    ^ (?P<money> [€$£]? ) \s*
    (?P<number> [-+]? \d{1,30} (?: \.\d{0,30} )? | [-+]? \.\d{1,30} )           # 12.50, .5
    (?: ×10\^? (?P<times_ten> [-+]?\d{1,3} ) | e (?P<e> [-+]?\d{1,3} ) )?       # 3×10^4, 3e4
    (?: / (?P<under> \d{1,9} ) )?                                               # 1/2
    \s* (?P<unit> \D{0,24} ) $                                                  # m/s
    """,
    re.VERBOSE,
)
