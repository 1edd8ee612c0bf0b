"""What can be read off a prompt without understanding it: length, digits, options, kind of
question.

Such cheap features say a lot about difficulty, and nothing an embedding keeps. Pure functions of
the text; what they are worth is learnt by `scorers.Kernel`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

# "B) Paris", "(C) 12", "D: none": one capital letter and a mark, then the text of the option.
OPTION = re.compile(r"^\s*\(?([A-Z])[).:]\s+(.*)$", re.MULTILINE)
# "12", "3.5", "1,000,000".
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
# "Which of these is NOT a prime?"
NEGATION = re.compile(r"\b(not|except|never|false|incorrect)\b", re.IGNORECASE)
# "... in 1990. Why?" has two.
SENTENCE_END = re.compile(r"[.!?](?:\s|$)")
NAMES = (
    "log characters",
    "log characters before the options",
    "share of digits",
    "log numbers",
    "options",
    "mean option length",
    "spread of option lengths",
    "options with a digit",
    "share of capitals",
    "question marks",
    "mathematical marks",
    "negated",
    "mean word length",
    "blank to fill",
    "share of operators",
    "lines",
    "sentences",
)


def surface_features(texts: Sequence[str]) -> np.ndarray:
    """Surface features of each text, shape (n, len(NAMES)), not standardised."""
    rows = np.array([_describe(text) for text in texts], dtype=float)
    return rows.reshape(len(texts), len(NAMES))


def _describe(text: str) -> list[float]:
    length = max(1, len(text))
    found = list(OPTION.finditer(text))
    # One such line alone is no list of options ("A. Smith wrote ...").
    options = [match.group(2) for match in found] if len(found) > 1 else []
    stem = text[: found[0].start()] if options else text
    sizes = np.array([len(option) for option in options] or [0], dtype=float)
    words = text.split() or [""]
    with_digit = sum(any(c.isdigit() for c in option) for option in options)
    return [
        np.log1p(length),
        np.log1p(len(stem)),
        sum(c.isdigit() for c in text) / length,
        np.log1p(len(NUMBER.findall(stem))),
        len(options),
        np.log1p(sizes.mean()),
        np.log1p(sizes.std()),
        with_digit / max(1, len(options)),
        sum(c.isupper() for c in text) / length,
        stem.count("?"),
        np.log1p(text.count("$") + text.count("\\")),
        float(bool(NEGATION.search(stem))),
        sum(map(len, words)) / len(words),
        float("___" in stem),
        sum(c in "+-*/=^<>" for c in text) / length,
        np.log1p(text.count("\n")),
        np.log1p(len(SENTENCE_END.findall(stem))),
    ]
