"""Channels: how gpt-oss writes what it thinks and what it says into one text.

`<|channel|>analysis<|message|>…<|end|><|start|>assistant<|channel|>final<|message|>…<|return|>`:
servers without a parser for it hand the text on as it is. Here it is taken apart. What ends a text
is known to `end_marks`; other kinds of thinking, in tags, are told apart by `answers.parts`.
"""

from __future__ import annotations

import re

# "<|channel|>final<|message|>"; a tool's channel names who is spoken to: "commentary to=python"
OPENING = re.compile(r"<\|channel\|>\s*(\w+)[^<]*<\|message\|>")
CLOSING = re.compile(r"<\|(?:end|return|call|start)\|>")
FINAL = "final"


def said_and_thought(text: str) -> tuple[str, str] | None:
    """(what is said, what is thought) of a text in channels; None for any other text.

    The last final channel is what is said, "" where there is none; all others are thought.
    """
    openings = list(OPENING.finditer(text))
    if not openings:
        return None
    ends = [opening.start() for opening in openings[1:]] + [len(text)]
    said, thought = "", []
    for opening, end in zip(openings, ends, strict=True):
        inside = CLOSING.split(text[opening.end() : end], maxsplit=1)[0]
        if opening[1] == FINAL:
            said = inside
        else:
            thought.append(inside)
    return said, "\n".join(thought)
