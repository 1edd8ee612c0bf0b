"""Grade one answer: what an output says, and whether that is right.

`grade_answer` decides by the kind of its question; how an answer is found is `extraction`'s, when
two answers are equal `equality`'s business. Files of answers, and what the verdicts tell about a
model, are `grading`'s.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from routerlib.answers import equality, expressions, extraction, phrases
from routerlib.answers.killable import Lost
from routerlib.answers.quantities import amount
from routerlib.rows.options import option_letter
from routerlib.rows.schemas import Responses, Sample


def grade_answer(item: dict[str, Any]) -> dict[str, Any]:
    """Read and grade one output. Runs in a worker process, since equality of expressions may hang.

    Args:
        item: text, gold, alternatives, choices (None: open-ended), question, finish_reason.

    Returns:
        extracted_answer (text or None), is_correct, extraction_rule, extraction_status (found |
        ambiguous | none), truncated.
    """
    kind = extraction.kind_of(item["gold"], item["choices"] is not None)
    hints = {"question": item["question"], "finish_reason": item["finish_reason"]}
    if kind == "choice":
        found = extraction.extract_choice(item["text"], item["choices"], **hints)
        right = found.answer == item["gold"]
    elif kind == "maths":
        found = extraction.extract_final(item["text"], **hints)
        answer = found.answer and _with_its_unit(found, item)
        right = answer is not None and _equals_any(answer, item)
        if not right:
            found, right = _in_words(item, hints) or (found, False)
    else:
        found = extraction.extract_text(item["text"], **hints)
        right = found.answer is not None and phrases.same_text(
            found.answer, [item["gold"], *item["alternatives"]], item["question"]
        )
    return {
        "extracted_answer": found.answer,
        "is_correct": right,
        "extraction_rule": found.rule,
        "extraction_status": found.status,
        "truncated": found.truncated or item["finish_reason"] == "length",
    }


def loader_for_grade_answer(item: dict[str, Any]) -> Callable[[], object] | None:
    """What `killable` loads before the clock of an item runs: the parser, for the first item of
    mathematics; multiple choice does without.
    """
    kind = extraction.kind_of(item["gold"], item["choices"] is not None)
    loaded = _load_parser.cache_info().currsize
    return _load_parser if kind == "maths" and not loaded else None


@lru_cache(maxsize=1)
def _load_parser() -> None:
    equality.equal(r"\frac{1}{2}", "0.5x")


def _in_words(
    item: dict[str, Any], hints: dict[str, Any]
) -> tuple[extraction.Extraction, bool] | None:
    """A number given in words, where the question lists them: "three" beside 3."""
    words = [gold for gold in item["alternatives"] if extraction.kind_of(gold) == "text"]
    said = extraction.extract_text(item["text"], **hints) if words else None
    return (said, True) if said and said.answer and phrases.same_text(said.answer, words) else None


_UNIT_BEHIND = re.compile(
    r"\W? (?P<unit> (?:square\ |cubic\ )? [^\W\d_]+ (?:/[^\W\d_]+)? ) (?P<per> \ per\ [^\W\d_]+ )?",
    re.VERBOSE,
)


def _with_its_unit(found: extraction.Extraction, item: dict[str, Any]) -> str:
    """The value that a text ends on with the unit that stands behind it, where the gold answer has
    a unit: 5 miles are no 5 km.
    """
    number, wanted = found.answer or "", amount(item["gold"])
    if found.rule != "last value" or wanted is None or not number[-1:].isdigit():
        return number
    behind = _UNIT_BEHIND.match(item["text"].rpartition(number)[2])
    if behind is None:
        return number
    told = [f"{number} {behind['unit']}{behind['per'] or ''}", f"{number} {behind['unit']}"]
    known = [(text, amount(text)) for text in told]
    measured = [(text, size[1]) for text, size in known if size is not None]
    same = [text for text, measures in measured if measures == wanted[1]]
    return next(iter([*same, *(text for text, _ in measured)]), number)


def _equals_any(answer: str, item: dict[str, Any]) -> bool:
    golds = [_gold_expression(item["gold"]), *item["alternatives"]]
    return any(equality.equal(gold, answer) for gold in golds)


@lru_cache(maxsize=4096)
def _gold_expression(gold: str) -> str:
    """A gold answer is an expression; where it is a whole solution, the answer is read out of
    it.
    """
    published = expressions.published_gold(gold)
    if published:
        return published
    if r"\boxed" not in gold and len(gold) < 200:
        return gold
    return extraction.extract_final(gold).answer or gold


def item_of(row: Responses, sample: Sample) -> dict[str, Any]:
    """What `grade_answer` needs to know of one sample, as JSON, which can go to a worker
    process.
    """
    gold: str | None = row.answer_correct
    if row.is_mcq and row.choice_index_correct is not None:
        gold = option_letter(row.choice_index_correct)
    return {
        "text": sample.full_response,
        "gold": gold,
        "alternatives": row.answer_alternatives,
        "choices": row.choices if row.is_mcq else None,
        "question": row.problem,
        "finish_reason": sample.finish_reason,
    }


def record(sample: Sample, verdict: dict[str, Any] | Lost) -> None:
    """Write a verdict into its sample; an answer whose grading took too long or crashed counts as
    wrong.
    """
    if isinstance(verdict, Lost):
        verdict = {
            "extracted_answer": None,
            "is_correct": False,
            "extraction_rule": f"grading lost: {verdict.reason}",
            "extraction_status": "none",
            "truncated": sample.finish_reason == "length",
        }
    for name, value in verdict.items():
        setattr(sample, name, value)
