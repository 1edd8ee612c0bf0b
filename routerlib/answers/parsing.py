r"""An expression as sympy objects, and whether all of it was read.

math-verify's parser reads the part that it understands and leaves out the rest: of `1+\mathrm{i}`
it reads 1. So nothing that it read may be credited before `read_whole` has said that no number and
no letter was left out. What two parsed expressions have to do with each other is `equality`'s
business.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from routerlib.answers.notation import is_unit

# What a text says besides its numbers and letters: commands that only set it, words in \text{…}.
_SETTING = re.compile(
    r"""
      \\(?: text\w* | mbox | mathrm | mathbf | operatorname ) \s* \{ [^{}]* \}   # \text{ cm}
    | \\(?: begin | end ) \s* \{ [^{}]* \}                                      # \begin{cases}
    | \\[A-Za-z]+                                                              # \left
    """,
    re.VERBOSE,
)
_ATOM = re.compile(r"\d+|(?<![A-Za-z])[A-Za-z](?![A-Za-z])")
_LETTERS = re.compile(r"(?<![A-Za-z])[A-Za-z]{2,3}(?![A-Za-z])")
MOST_ATOMS = 16  # numbers and letters that are tried; an answer with more is read by its first ones


@lru_cache(maxsize=4096)
def read_whole(expression: str) -> bool:
    """Whether all numbers and letters of an expression were read.

    They were if what was read shows each of them. Else it may have been computed with (10/38 is
    read as 5/19): then each number and each single letter is replaced in turn, and the expression
    parsed again, which takes its time. A change that changes nothing was not read.
    """
    whole = _fingerprint(expression)
    masked = _SETTING.sub(lambda match: " " * len(match[0]), expression)
    runs = [run for run in _LETTERS.finditer(masked) if not is_unit(run[0])]
    if _shows_all(whole, masked, runs):
        return True
    for run in runs:
        changed = expression[: run.start()] + _another(run[0][0]) + expression[run.start() + 1 :]
        if _fingerprint(changed) == whole:
            return False  # of "6ab" only the 6 was read
    for atom in list(_ATOM.finditer(masked))[:MOST_ATOMS]:
        if atom[0] in ("0", "1") or _is_left_side(masked, atom):
            continue  # 0 x, x^1 and x = 5
        changed = expression[: atom.start()] + _another(atom[0]) + expression[atom.end() :]
        if _fingerprint(changed) == whole:
            return False
    return True


def _shows_all(whole: str, masked: str, runs: Iterable[re.Match[str]]) -> bool:
    """Whether what was read holds every number and letter as often as the text does, also those of
    letters that stand side by side.
    """
    wanted = Counter(_ATOM.findall(masked))
    wanted.update("".join(run[0] for run in runs))
    return wanted <= Counter(_ATOM.findall(whole))


def _another(atom: str) -> str:
    """Another number, or another letter, to stand where this one did."""
    if atom.isdigit():
        return str(int(atom) + 7)
    return "w" if atom == "q" else "q"


def _is_left_side(text: str, atom: re.Match[str]) -> bool:
    """The unknown of `x = 5`, `x_1 = 3` and `f(x) = …`, which is not compared."""
    return bool(re.match(r"[\w(){}_,^ ]*=|[\w(){}_, ]*\\?(?:in|to)\b", text[atom.end() :]))


def _fingerprint(expression: str) -> str:
    return str(parsed(expression)[:1])


@lru_cache(maxsize=4096)
def parsed(expression: str) -> list[Any]:
    """An expression as sympy objects (and its text last), or [] where it cannot be read."""
    logging.getLogger("math_verify").setLevel(logging.ERROR)
    from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse

    wrapped = f"${expression}$" if "\n" not in expression else f"$${expression}$$"
    targets = [LatexExtractionConfig(boxed_match_priority=0), ExprExtractionConfig()]
    return _Parsed(parse(wrapped, targets, parsing_timeout=None))


class _Parsed(list):
    """A list, as math-verify wants it, that the cache may share."""
