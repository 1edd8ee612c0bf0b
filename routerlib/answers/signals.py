"""What the inferior model's answer gives away about itself, read before the superior model is paid
for.

`measure` turns the samples of one question into numbers by name: how sure the model was
(log-probabilities), whether it agrees with itself and with a second cheap model, how the text
looks. The right answer is never looked at, so that a router may compute the very same numbers for a
prompt that it serves. What cannot be measured is left out, never 0. What the numbers are worth is
learnt in `training.policies`, not decided here.

Answers agree by the grader's own equality ("1/2" is "0.5", "(C)" is "the answer is C"). Expressions
may hang it, so bulk work sends `measure` through `killable`; it takes and gives what JSON can hold.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from routerlib.answers import equality, extraction, phrases
from routerlib.rows.logprobs import letter_of, tokens_of
from routerlib.rows.options import LETTERS, option_index
from routerlib.rows.schemas import Responses, Sample

# Every signal and what it says. All are means over the inferior model's samples.
MEANING = {
    "mean_logprob": "mean log-probability of the answer's tokens",
    "lowest_logprob": "log-probability of the answer's least likely token",
    "letter_margin": "log-probability of the chosen letter above the next likely letter's",
    "sample_agreement": "share of pairs of samples that give the same answer",
    "sample_similarity": "mean cosine similarity of pairs of samples, for open text",
    "second_agreement": "share of samples that agree with the second model's answers",
    "second_similarity": "mean cosine similarity to the second model's answers, for open text",
    "length": "characters of the answer",
    "cut_off": "share of samples that were cut off",
    "no_answer": "share of samples in which no answer was found",
    "ambiguous": "share of samples that stay with several answers",
}
UNLIKELIEST = -100.0  # servers write -9999 and -inf for what they call impossible

# A line of options as prompts show them: "(B) Paris", "B. Paris", "B) Paris".
OPTION = re.compile(r"^\s*\(?([A-Z])[).:]\s+(\S.*)$", re.MULTILINE)

# A line that says no more than a number: "It is 0.5.", "That's 1/2"
LEAD_IN = re.compile(
    r"""(?:it|that|this)(?:\ is|'s|\ equals)\s+
        (?P<number>[-+]?\$?\d[\d.,/]*?%?)\.?""",
    re.IGNORECASE | re.VERBOSE,
)
# Words and no mathematics, which are slow to refuse as an expression: "Paris", "the blue whale"
PROSE = re.compile(
    r"""(?=.*[^\W\d_]{5} | .*[^\W\d_]{2}\W+[^\W\d_]{2})   # a long word, or two words
        [^\W\d_] (?:[^\W\d_] | [\s,.;:'’-])*             # letters, and marks between them""",
    re.VERBOSE,
)

Embed = Callable[[Sequence[str]], np.ndarray]  # texts -> (n, width), each of length 1


def signals_item(row: Responses, second: Responses | None = None) -> dict[str, Any]:
    """What `measure` needs of one question, as JSON: the inferior model's row and the second
    model's, if any.
    """
    return {
        "question": row.problem,
        "choices": row.choices if row.is_mcq else None,
        "samples": [_visible_text(sample) for sample in row.responses],
        "second": [_visible_text(sample) for sample in second.responses] if second else [],
    }


def item_of_prompt(
    prompt: str, samples: Sequence[Sample], second: Sequence[Sample] = ()
) -> dict[str, Any]:
    """The same for a prompt that is being served; its options, where it shows any, are read off
    its text.
    """
    return {
        "question": prompt,
        "choices": options_of(prompt),
        "samples": [_visible_text(sample) for sample in samples],
        "second": [_visible_text(sample) for sample in second],
    }


def _visible_text(sample: Sample) -> dict[str, Any]:
    return {
        "text": sample.full_response,
        "finish_reason": sample.finish_reason,
        "logprobs": tokens_of(sample.logprobs, sample.full_response),
    }


def options_of(prompt: str) -> list[str] | None:
    """The texts of the options that a prompt lists from (A) on, without a gap; None where it lists
    none.
    """
    options: list[str] = []
    for letter, text in OPTION.findall(prompt):
        if letter == "A":
            options = []  # a later list replaces an earlier one, such as an example's
        if option_index(letter, len(LETTERS)) == len(options):
            options.append(text.strip())
    return options if len(options) >= 2 else None


def measure(item: dict[str, Any]) -> dict[str, float]:
    """The signals of one question, without those that need embeddings.

    Args:
        item: from `item_of`: question, choices (None: open-ended), samples and second, each a list
            of text, finish_reason and logprobs (token, logprob and, at letters, top_logprobs; or
            None).

    Returns:
        Numbers by their names in MEANING; what could not be measured is not there. Empty without
        samples.
    """
    samples = [_answer_read(sample, item) for sample in item["samples"]]
    second = [_answer_read(sample, item) for sample in item["second"]]
    if not samples:
        return {}
    found: dict[str, float | None] = {
        "length": _mean_or_none([float(len(sample["text"])) for sample in item["samples"]]),
        "cut_off": _mean_or_none([float(reading.truncated) for reading in samples]),
        "no_answer": _mean_or_none([float(reading.status == "none") for reading in samples]),
        "ambiguous": _mean_or_none([float(reading.status == "ambiguous") for reading in samples]),
        "sample_agreement": _share_that_agrees(itertools.combinations(samples, 2), item),
        "second_agreement": _share_that_agrees(itertools.product(samples, second), item),
    }
    for name, of_one in _FROM_LOGPROBS.items():
        values = [
            of_one(sample["logprobs"], reading.answer)
            for sample, reading in zip(item["samples"], samples, strict=True)
        ]
        found[name] = _mean_or_none([value for value in values if value is not None])
    return {name: value for name, value in found.items() if value is not None}


def prepare_measure() -> None:
    """Load what comparing answers needs, before the first ones: `killable` calls it in each new
    worker.
    """
    pairs = [("1/2", "0.5"), (r"\sqrt{2}/2", r"1/\sqrt{2}"), ("(x+1)^2", "x^2+2x+1"), ("a", "b c")]
    for one, other in pairs:
        agree(one, other)


def similarities(item: dict[str, Any], embed: Embed) -> dict[str, float]:
    """The signals that compare whole answers by meaning, for open text: cosines of embeddings, in
    [-1, 1].

    Empty where the question has options, or where all answers can be compared as answers.
    """
    texts = [sample["text"] for sample in item["samples"]]
    others = [sample["text"] for sample in item["second"]]
    readings = [_answer_read(sample, item) for sample in [*item["samples"], *item["second"]]]
    prose = item["choices"] is None and any(reading.answer is None for reading in readings)
    if not prose or len(texts) + len(others) < 2:
        return {}
    vectors = np.asarray(embed([*texts, *others]), dtype=float)
    own, second = vectors[: len(texts)], vectors[len(texts) :]
    found = {}
    if len(own) > 1:
        above = np.triu_indices(len(own), k=1)
        found["sample_similarity"] = float((own @ own.T)[above].mean())
    if len(own) and len(second):
        found["second_similarity"] = float((own @ second.T).mean())
    return found


def _mean_or_none(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None


# --- answers ---


def _answer_read(sample: dict[str, Any], item: dict[str, Any]) -> extraction.Extraction:
    """What an output answers, by the question alone: a letter where it has options, else what is
    stated.
    """
    hints = {"question": item["question"], "finish_reason": sample["finish_reason"]}
    if item["choices"] is not None:
        return extraction.extract_choice(sample["text"], item["choices"], **hints)
    value = extraction.extract_final(sample["text"], **hints)
    if value.answer is not None and value.rule != "last value":
        return _without_lead_in(value)
    words = extraction.extract_text(sample["text"], **hints)
    if words.answer is None or not _is_answer(words):
        return value
    return _without_lead_in(words)


def _without_lead_in(found: extraction.Extraction) -> extraction.Extraction:
    """An answer without the words that lead in to its number."""
    said = LEAD_IN.fullmatch(found.answer or "")
    return replace(found, answer=said["number"]) if said else found


def _is_answer(words: extraction.Extraction) -> bool:
    """Whether words are an answer rather than a sentence of prose."""
    return words.rule in ("boxed", "stated") or (
        words.rule == "first line" and len((words.answer or "").split()) <= 12
    )


def _share_that_agrees(pairs: Any, item: dict[str, Any]) -> float | None:
    """The share of pairs with the same answer, among those in which both have one; None without
    such a pair.
    """
    answers = [(one.answer, other.answer) for one, other in pairs]
    told = [(one, other) for one, other in answers if one is not None and other is not None]
    return _mean_or_none(
        [float(agree(one, other, item["choices"] is not None)) for one, other in told]
    )


def agree(one: str, other: str, by_letter: bool = False) -> bool:
    """Whether two answers say the same, in whichever order: equal letters, equal mathematics, or
    equal words.
    """
    if by_letter or one == other:
        return one == other
    if phrases.same_text(one, [other]) or phrases.same_text(other, [one]):
        return True
    if PROSE.fullmatch(one) or PROSE.fullmatch(other):
        return False
    return equality.equal(one, other) or equality.equal(other, one)


# --- log-probabilities ---


def _floored_logprobs(logprobs: Any) -> list[float]:
    """The tokens' log-probabilities, at least UNLIKELIEST; empty where the server gave none."""
    given = [token.get("logprob") for token in logprobs or ()]
    return [max(float(value), UNLIKELIEST) for value in given if value is not None]


def _mean_logprob(logprobs: Any, _: str | None) -> float | None:
    return _mean_or_none(_floored_logprobs(logprobs))


def _lowest_logprob(logprobs: Any, _: str | None) -> float | None:
    return min(_floored_logprobs(logprobs), default=None)


def _letter_margin(logprobs: Any, answer: str | None) -> float | None:
    """How far the chosen letter lies above the next letter, where it was written last; None for
    other answers.

    Where no other letter is among the alternatives, the least likely of them bounds it from above.
    """
    if answer is None or not re.fullmatch("[A-Z]", answer):
        return None
    for token in reversed(logprobs or ()):
        if letter_of(token["token"]) == answer and token.get("top_logprobs"):
            break
    else:
        return None
    others = [other for other in token["top_logprobs"] if letter_of(other["token"]) != answer]
    letters = [other["logprob"] for other in others if letter_of(other["token"])]
    if not others:
        return None
    next_likely = max(letters) if letters else min(other["logprob"] for other in others)
    margin = token["logprob"] - max(next_likely, UNLIKELIEST)
    return margin if math.isfinite(margin) else None


_FROM_LOGPROBS = {
    "mean_logprob": _mean_logprob,
    "lowest_logprob": _lowest_logprob,
    "letter_margin": _letter_margin,
}
FROM_LOGPROBS = tuple(_FROM_LOGPROBS)  # the signals that need log-probabilities
