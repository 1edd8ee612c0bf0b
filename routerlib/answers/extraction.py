r"""The answer in what a model wrote: a letter, a mathematical expression or a few words, or honestly none.

An output is first cut to the part that answers this question (`own_part`): models run on into a question
of their own, or answer the examples of the prompt first. Then it is read by the kind of the question: one function
a kind, each over the module that knows the wordings (`letters`, `expressions`). Every answer comes with the
name of the rule that found it. Pure functions on text: nothing is learnt, and no model is asked. Whether the
answer is right is `grading`'s business, whether two answers say the same `equality`'s.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from routerlib.answers import expressions, letters
from routerlib.answers.choices import letters_of
from routerlib.answers.expressions import FUNCTIONS, boxed
from routerlib.answers.letters import last_sentence, lone_letter, plain_text, states_letter

Status = Literal["found", "ambiguous", "none"]
Kind = Literal["choice", "maths", "text"]


@dataclass(frozen=True)
class Extraction:
    """What was read: the answer (None unless found), the rule that decided, and whether the output was cut off."""

    answer: str | None
    rule: str
    status: Status
    truncated: bool = False


# --- which kind of question --------------------------------------------------------------------------------------


def kind_of(gold: str, is_mcq: bool = False) -> Kind:
    """How a question is graded: by letter, by mathematical equality, or by matching words.

    Multiple choice is told by its options. Else the gold answer decides: it is mathematics if it holds a
    LaTeX command or is made of numbers, symbols, function names and words of at most two letters (`42`,
    `x+1`, `$5`, `12 cm`); with a longer word in it (`Paris`, `July 4, 1776`, `Apollo 11`), and as a formula such as `H2O`, it is text.
    """
    if is_mcq:
        return "choice"
    if re.search(r"\\[A-Za-z]+|\$.*\$|\^|_\{", gold):
        return "maths"
    if re.fullmatch(r"(?:[A-Z][a-z]?\d*)*[A-Z][a-z]?\d+(?:[A-Z][a-z]?\d*)*", gold.strip()):
        return "text"
    if re.search(rf"(?!(?:{FUNCTIONS})\b)\b[^\W\d_]{{3,}}", gold):
        return "text"
    return "maths" if re.search(r"\d|[-+*/=<>()]|^\W*[A-Za-z]\W*$", gold) else "text"


# --- the part of an output that answers this question ------------------------------------------------------------

_SPECIAL_TOKEN = re.compile(
    r"<\|(?:eot_id|assistant|im_end|im_start|endoftext|end|end_of_text|user|eom_id)\|>|</s>|<end_of_turn>|<｜end"
)
_HEADING = re.compile(
    r"(?:(?<=\n)|^|(?<=[.!)\]] )|(?<=[.!)\]]))[#*_> \t]{0,12}"
    r"(?:(?:next|new|another|final|last)\s+)?"
    r"(?:(?:Question|Problem|Exercise|Q)[ \t]*(?:\#?\d+)?[ \t]*[*_]*[:.)](?!\w)|(?:Question|Problem|Exercise|Example|Instruction) \d+\b"
    r"|(?:Follow[- ]?up|Additional|Practice) (?:questions?|exercises?|problems?)\b"
    r"|The following (?:are|is) (?:a )?(?:multiple[- ]choice|single[- ]choice)"
    r"|(?:Human|User|USER|HUMAN)[ \t]*:|\#\#+[ \t]*(?:Instruction|Input|User|Human|Question|Your task))",
)
_LONG_GAP = re.compile(r"[ \t]{9,}|\n(?:[ \t]*\n){3,}")
_COMBINING = re.compile(
    r"(?i)\b(?:combin(?:e|ing)|compil(?:e|ing)|collect(?:ing)?|summari[sz](?:e|ing)|recap(?:ping)?|list(?:ing)?|"
    r"(?:a |in )?summary(?: of)?)\s+(?:all\s+)?(?:of\s+)?(?:the|these|those|our|my|above|previous)\s+(?:\w+\s+){0,3}answers\b"
)


def own_part(text: str, question: str | None = None, choices: Sequence[str] = ()) -> str:
    """The part of an output that answers this question.

    Decided by structure: reasoning in <think> tags and all behind an end token go; an output that runs on
    is split at the headings of new questions. A part that repeats this question (or most of its options)
    is ours. Else it is the text before the first heading if that states an answer; where the output opens
    with headings it is the last part if they are numbered (the examples of the prompt come first), or the
    first. What follows "combining all the answers" is about other questions too, and goes.
    """
    text = _LONG_GAP.sub(
        lambda gap: "\n\n\n" if "\n" in gap[0] else "    ", _without_reasoning(text)
    )
    headings = [match.start() for match in _HEADING.finditer(text)]
    if headings:
        text = _chosen_part(text, headings, question, choices)
    combining = _COMBINING.search(text)
    if combining and states_letter(text[: combining.start()], len(choices) or 26):
        text = text[: combining.start()]
    return text


def _without_reasoning(text: str) -> str:
    if "</think>" in text:
        thought, _, rest = text.rpartition("</think>")
        text = rest if rest.strip() else thought
    elif text.lstrip().startswith("<think>"):
        return ""  # cut off while still thinking
    stop = _SPECIAL_TOKEN.search(text, pos=1) if text else None
    return text[: stop.start()] if stop and text[: stop.start()].strip() else text


def _chosen_part(
    text: str, headings: list[int], question: str | None, choices: Sequence[str]
) -> str:
    before = text[: headings[0]]
    parts = [text[a:b] for a, b in zip(headings, [*headings[1:], len(text)], strict=True)]
    ours = [part for part in parts if _repeats(part, question, choices)]
    if before.strip() and not _is_introduction(before, choices):
        return before
    if ours:
        return ours[-1]
    if len(parts) > 1 and re.search(
        r"\b1\b", parts[0][:24]
    ):  # numbered: the examples first, ours last
        return parts[-1]
    stating = [part for part in parts if states_letter(plain_text(part), len(choices) or 26)]
    return before + (stating or parts)[0]


def _is_introduction(text: str, choices: Sequence[str]) -> bool:
    """Text that only announces what comes: it states no answer, and is none."""
    plain = plain_text(text)
    if states_letter(plain, len(choices) or 26) or boxed(text):
        return False
    if choices:
        return not (lone_letter(plain, choices) or letters_of(plain, choices))
    return not expressions.states_value(text) and bool(
        re.search(r"(?i):\s*$|\b(?:let's|let us|sure|here (?:is|are)|i will|i'll)\b", text)
    )


def _repeats(part: str, question: str | None, choices: Sequence[str]) -> bool:
    if question and _folded(question)[:80] in _folded(part):
        return True
    folded = _folded(part)
    listed = sum(len(option) > 3 and _folded(option) in folded for option in choices)
    return len(choices) >= 3 and listed >= 0.6 * len(choices)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


# --- one function a kind of question -------------------------------------------------------------------------------


def extract_choice(
    text: str,
    choices: Sequence[str],
    *,
    question: str | None = None,
    finish_reason: str | None = None,
) -> Extraction:
    """The letter an output commits to, among the letters of this question's options.

    Args:
        text: the model's output; choices: the 2 to 26 options' texts; question: its text, if known, which
            helps to find the part of the output that answers it; finish_reason: as the server gave it
            (`length`: only an explicit statement counts, since the output never came to its end).

    Returns:
        An Extraction whose answer is a capital letter. Rules, strongest first: a stated letter (the last
        one counts, a later "none of the options" takes it back), a stated or boxed option text or value,
        a lone letter, and the concluding sentence. `ambiguous` where it stays with several letters.
    """
    part = own_part(text, question, choices)
    truncated = finish_reason == "length" or (finish_reason is None and _breaks_off(part, text))
    found, rule = letters.committed(part, choices, question, truncated)
    status: Status = "found" if len(found) == 1 else "ambiguous" if found else "none"
    return Extraction(found if status == "found" else None, rule, status, truncated)


def extract_final(
    text: str, *, question: str | None = None, finish_reason: str | None = None
) -> Extraction:
    r"""The final answer to an open-ended mathematical question, as the model wrote it.

    Rules, strongest first: the last balanced `\boxed{…}`; a stated answer ("the answer is …", "#### …"; the
    last one counts); a first line that is nothing but a value; the value that the last sentence ends on,
    unless the output was cut off. Returns an Extraction whose answer is LaTeX or plain text.
    """
    part = expressions.once_escaped(own_part(text, question)).strip()
    truncated = finish_reason == "length"
    stated, rule = expressions.stated_value(part)
    if stated:
        return Extraction(stated, rule, "found", truncated)
    answer = None if truncated or _breaks_off(part, text) else expressions.last_value(part)
    return (
        Extraction(answer, "last value", "found")
        if answer
        else Extraction(None, rule, "none", truncated)
    )


def extract_text(
    text: str, *, question: str | None = None, finish_reason: str | None = None
) -> Extraction:
    """The words an output gives as its answer to a question of fact.

    Rules, strongest first: a box, a stated answer (the last counts), a short first line, the last sentence.
    """
    part = own_part(text, question).strip()
    truncated = finish_reason == "length"
    boxes = boxed(part)
    if boxes:
        return Extraction(
            re.sub(r"\\text\w*\s*\{([^{}]*)\}", r"\1", boxes[-1]), "boxed", "found", truncated
        )
    plain = plain_text(part)
    stated = [words.strip() for words in letters.stated_texts(plain) if words.strip()]
    if stated:
        return Extraction(stated[-1], "stated", "found", truncated)
    first = plain.split("\n", 1)[0].strip()
    if (
        first
        and not first.endswith(":")
        and (len(first.split()) <= 12 or "\n" not in plain.strip())
    ):
        return Extraction(first, "first line", "found", truncated)
    last = "" if truncated or _breaks_off(part, text) else last_sentence(plain)
    return (
        Extraction(last, "last sentence", "found")
        if last
        else Extraction(None, "no statement", "none", truncated)
    )


def _breaks_off(part: str, text: str) -> bool:
    """Whether an output of some length stops in mid-sentence, or goes round in a loop; not so if it was cut by us."""
    body = part.rstrip()
    if len(body) < 400 or not text.rstrip().endswith(body[-40:]):
        return False
    tail = body[-60:]
    if body.count(tail) >= 3 or body[:-200].count(body[-160:-60]) >= 3:
        return True
    return body[-1] not in ".!?)]}*`$\"'”:" and not text.endswith("\n")
