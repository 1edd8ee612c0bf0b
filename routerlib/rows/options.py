"""The options of a multiple-choice question as people and models see them: each has a letter.

Here alone a number becomes a letter and a letter a number, and options become lines of a text.
Which letter an answer names, in whatever words, is the business of `letters` among the answers.
"""

from __future__ import annotations

import string
from collections.abc import Iterable

LETTERS = string.ascii_uppercase  # a question has no more options than these


def option_letter(index: int) -> str:
    """The letter of the option at this place, counted from 0: 2 is C.

    Raises:
        IndexError: there is no such letter.
    """
    if index < 0:
        raise IndexError(f"{index} is the place of no option.")
    return LETTERS[index]


def option_index(letter: str, options: int) -> int | None:
    """The place of the option with this letter, counted from 0: C is 2, however it is dressed
    ("(c)"); None where it is no letter of one of so many options.
    """
    bare = letter.strip().strip("()").upper()
    is_letter = len(bare) == 1 and bare in LETTERS[:options]
    return LETTERS.index(bare) if is_letter else None


def lettered(options: Iterable[str], form: str = "({letter}) {option}") -> str:
    """Options as lines of a text, "(A) …" or as `form` has it; empty without options."""
    return "\n".join(
        form.format(letter=option_letter(index), option=option)
        for index, option in enumerate(options)
    )
