"""Characters that no text can hold: halves of surrogate pairs, which JSON can escape and UTF-8
cannot write.

A pair that was written as two halves becomes its character, a half without its other becomes
U+FFFD, as a bad byte does. What a text means is not looked at here (see `sameness`).
"""

from __future__ import annotations

import re
from typing import Any

HALF = re.compile("[\ud800-\udfff]")


def mended(value: Any) -> Any:
    """A decoded JSON value whose texts hold whole characters only, names of fields included."""
    if isinstance(value, str):
        return mended_text(value)
    if isinstance(value, list):
        return [mended(inside) for inside in value]
    if isinstance(value, dict):
        return {mended_text(name): mended(inside) for name, inside in value.items()}
    return value


def mended_text(text: str) -> str:
    """The text with pairs joined and lone halves replaced."""
    if not HALF.search(text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
