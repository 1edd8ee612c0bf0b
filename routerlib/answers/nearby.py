"""Where in a text a long pattern is worth trying.

A pattern of many alternatives takes about a microsecond at each character of a long output, at
almost all of them for nothing. But whatever it finds holds something that is found at once: a lone
capital letter, or one of a few words. So the text is searched for these, and the pattern is tried
on the *stretches* around them. What is found is the same as in the whole text, as long as no match
reaches further than REACH from what it holds. What the patterns mean is their modules' business.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

REACH = 400  # characters; the longest patterns allow for about 350 around what they hold

Stretch = tuple[int, int]  # where it starts and where it ends, in the text


def near_letters(text: str) -> list[Stretch]:
    """The stretches of a text around its lone capital letters: (C), "C.", "option C"."""
    return _stretches(text, (lone.start() for lone in _LONE.finditer(text) if _opens(lone)))


_LONE = re.compile(r"[A-Z](?![A-Za-z])")  # the class comes first: the engine runs along quickly


def _opens(letter: re.Match[str]) -> bool:
    """Whether no letter of the same alphabet stands before it: not the C of DNAC."""
    before = letter.string[letter.start() - 1 : letter.start()]
    return not (before.isascii() and before.isalpha())


def any_case(*words: str) -> str:
    """A pattern for any of a few words (which may go on as patterns), in whatever case.

    `[Cc](?i:losest)|[Nn](?i:earest)`: the engine passes over an alternative whose first letter does
    not fit without a trial. Where the first letter ignores case as well, it tries each of them at
    each word of a text, which takes ten times as long.
    """
    first_apart = [f"[{word[0].upper()}{word[0]}](?i:{word[1:]})" for word in words]
    return f"(?:{'|'.join(first_apart)})"


def holds_any(text: str, words: Sequence[str]) -> bool:
    """Whether a text holds any of a few words or signs, given in lower case, in whatever case."""
    lower = text.lower()
    return any(word in lower for word in words)


def _stretches(text: str, places: Iterable[int]) -> list[Stretch]:
    """REACH characters around each place, those that overlap as one."""
    found: list[Stretch] = []
    for place in places:
        if found and place + REACH <= found[-1][1]:
            continue
        start, end = max(0, place - REACH), _within_a_word(text, place + REACH)
        if found and start <= found[-1][1]:
            start, _ = found.pop()
        found.append((start, end))
    return found


def _within_a_word(text: str, place: int) -> int:
    """The first place from this one on that lies inside a word, or the end of the text.

    A pattern takes the end of a stretch for the end of the text. Inside a word it cannot meet what
    it looks for there: no "$" behind a full stop or a blank.
    """
    while place < len(text) and not (text[place - 1].isalnum() and text[place].isalnum()):
        place += 1
    return min(place, len(text))


def matches(
    pattern: re.Pattern[str], text: str, stretches: Iterable[Stretch]
) -> Iterator[re.Match[str]]:
    """What a pattern finds in the stretches of a text, in order; places are places in the text."""
    for start, end in stretches:
        yield from pattern.finditer(text, start, end)
