r"""The answer in what a model wrote: a letter, a mathematical expression or a few words, or
honestly none.

One function a kind of question. Each reads the part of an output that answers this question
(`parts`), by the module that knows the kind: `letters` and `conclusions`, `expressions`, `phrases`.
Every answer comes with the name of the rule that found it. Pure functions on text: nothing is
learnt, and no model is asked. Whether the answer is right is `correctness`'s business.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from routerlib.answers import conclusions, expressions, letters, phrases
from routerlib.answers.expressions import boxed
from routerlib.answers.parts import end_of_thought, is_cut_off, own_part
from routerlib.answers.quantities import amount, composed
from routerlib.answers.values import FUNCTIONS

Status = Literal["found", "ambiguous", "none"]
Kind = Literal["choice", "maths", "text"]


@dataclass(frozen=True)
class Extraction:
    """What was read: the answer (None unless found), the rule that decided, and whether the output
    was cut off.
    """

    answer: str | None
    rule: str
    status: Status
    truncated: bool = False


def kind_of(gold: str, is_mcq: bool = False) -> Kind:
    """How a question is graded: by letter, by mathematical equality, or by matching words.

    Multiple choice is told by its options. Else the gold answer decides: it is mathematics if it
    holds a LaTeX command or is made of numbers, symbols, function names and words of at most two
    letters (`42`, `x+1`, `$5`, `12 cm`) or a known unit (`15 minutes`), or ends in GSM8K's `####
    18`. With another word in it
    (`Paris`, `July 4, 1776`, `Apollo 11`), as a formula such as `H2O`, and as a date, it is text.
    """
    if is_mcq:
        return "choice"
    if expressions.published_gold(gold) or re.search(r"\\[A-Za-z]+|\$.*\$|\^|_\{", gold):
        return "maths"
    if re.fullmatch(r"(?:[A-Z][a-z]?\d*)*[A-Z][a-z]?\d+(?:[A-Z][a-z]?\d*)*", gold.strip()):
        return "text"
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", gold.strip()):
        return "text"
    if (len(gold.split()) <= 3 and amount(gold) is not None) or composed(gold):
        return "maths"
    if re.search(rf"(?!(?:{FUNCTIONS})\b)\b[^\W\d_]{{3,}}", gold):
        return "text"
    return "maths" if re.search(r"\d|[¼-¾⅐-⅞]|[-+*/=<>()]|^\W*[A-Za-z]\W*$", gold) else "text"


def extract_choice(
    text: str,
    choices: Sequence[str],
    *,
    question: str | None = None,
    finish_reason: str | None = None,
) -> Extraction:
    """The letter an output commits to, among the letters of this question's options.

    Args:
        text: the model's output; choices: the 2 to 26 options' texts; question: its text, if known,
            which helps to find the part of the output that answers it; finish_reason: as the server
            gave it (`length`: only an explicit statement counts, since the output never came to its
            end).

    Returns:
        An Extraction whose answer is a capital letter. Rules, strongest first: a stated letter (the
        last one counts, a later "none of the options" takes it back), a remark that names one, a
        stated or boxed option text or value, and the conclusion. `ambiguous` where it stays with
        several letters.
    """
    part = own_part(text, question, choices)
    truncated = is_cut_off(part, text, finish_reason, choices)
    thought = _stated_in_thought(part, text, finish_reason)
    part, statements_only = (thought, True) if thought else (part, truncated)
    found, rule = letters.committed_letter(part, choices, statements_only)
    if not found and rule in ("no statement", "cut off"):
        concluded, name = conclusions.arrived_at(part, choices, statements_only)
        found, rule = (concluded, name) if concluded else (found, rule)
    status: Status = "none"
    if found:
        status = "found" if len(found) == 1 else "ambiguous"
    return Extraction(found if status == "found" else None, rule, status, truncated)


def extract_final(
    text: str, *, question: str | None = None, finish_reason: str | None = None
) -> Extraction:
    r"""The final answer to an open-ended mathematical question, as the model wrote it.

    Rules, strongest first: the last balanced `\boxed{…}`; a stated answer ("the answer is …", "####
    …"; the last one counts); a first line that is nothing but a value; the value that the last
    sentence ends on, unless the output was cut off. Returns an Extraction whose answer is LaTeX or
    plain text.
    """
    part = own_part(text, question)
    part = _stated_in_thought(part, text, finish_reason) or part
    part = expressions.once_escaped(part).strip()
    truncated = is_cut_off(part, text, finish_reason)
    answer, rule = expressions.committed_expression(part, truncated, question)
    status: Status = "found" if answer else "none"
    if rule == expressions.HEDGED:
        status = "ambiguous"
    return Extraction(answer, rule, status, truncated)


def extract_text(
    text: str, *, question: str | None = None, finish_reason: str | None = None
) -> Extraction:
    """The words an output gives as its answer to a question of fact.

    Rules, strongest first: a box, a stated answer (the last counts), a short first line, the last
    sentence.
    """
    part = own_part(text, question).strip()
    part = _stated_in_thought(part, text, finish_reason) or part
    truncated = is_cut_off(part, text, finish_reason)
    boxes = boxed(part)
    if boxes:
        words = re.sub(r"\\text\w*\s*\{([^{}]*)\}", r"\1", boxes[-1])
        return Extraction(words, "boxed", "found", truncated)
    answer, rule = phrases.committed_phrase(part, truncated)
    return Extraction(answer, rule, "found" if answer else "none", truncated)


def _stated_in_thought(part: str, text: str, finish_reason: str | None) -> str:
    """The last line of an output that only thought, where it states an answer or boxes one; else
    "".
    """
    if re.search(r"\w", part):
        return ""
    last = end_of_thought(text, finish_reason)
    return last if boxed(last) or expressions.states_value(last) else ""
