"""Where an answer ends: the special tokens that models write as text when their turn is over.

One list for those who send stop strings, cut answers and read them. Some of the tokens are HTML
tags as well; inside a text such a one is a tag, and only at the very end it is a token.
"""

from __future__ import annotations

from collections.abc import Sequence

# From here on nothing belongs to the answer. The first ones are sent as stop strings.
END_MARKS = (
    "<|im_end|>",  # ChatML: Qwen, SmolLM2 and many more
    "<end_of_turn>",  # Gemma
    "<|eot_id|>",  # Llama 3
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|end|>",  # Phi, gpt-oss
    "<|return|>",
    "<|eom_id|>",
    "<|im_start|>",  # from here on: the openings of a next turn, written by models that run on
    "<start_of_turn>",
    "<|start_header_id|>",
    "<|user|>",
    "<|assistant|>",
    "<turn|>",
    "<|END_OF_TURN_TOKEN|>",
    "<｜end▁of▁sentence｜>",
)
LAST_MARKS = ("</s>", "<eos>")  # Llama 2 and Mistral, Gemma: HTML's struck-out text is <s>…</s>
OPENING_MARKS = ("<s>", "<bos>", "<|begin_of_text|>", "<｜begin▁of▁sentence｜>", "<|startoftext|>")


def cut(text: str, stop: Sequence[str] = ()) -> tuple[str, bool]:
    """A text up to its first stop string or end mark, and whether there was one.

    Servers that ignore `stop`, or send special tokens as text, are mended here.
    """
    found = [text.find(mark) for mark in (*stop, *END_MARKS) if mark and mark in text]
    kept = text[: min(found)] if found else text
    shorter = _without_last_marks(kept)
    return _without_opening(shorter), bool(found) or shorter != kept


def _without_last_marks(text: str) -> str:
    """A text without the marks it ends in: "4</s></s>" is "4", "<s>old</s> new" stays."""
    while True:
        bare = text.rstrip()
        mark = next((mark for mark in LAST_MARKS if bare.endswith(mark)), "")
        if not mark or _closes_a_tag(bare, mark):
            return text
        text = bare[: -len(mark)]


def _closes_a_tag(text: str, mark: str) -> bool:
    """Whether the last </s> belongs to a <s> inside the text: "the price is <s>9</s>"."""
    tags = text.strip().removeprefix("<s>")
    return mark == "</s>" and tags.count("<s>") >= tags.count("</s>")


def _without_opening(text: str) -> str:
    for mark in OPENING_MARKS:
        if mark != "<s>" or "</s>" not in text:
            text = text.removeprefix(mark)
    return text
