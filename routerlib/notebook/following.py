"""One question on its way through the notebooks: asked in 03, graded in 04, scored in 05, and
routed in 06.

Each notebook shows the same question as it leaves it, so that a reader sees the rows change. The
question is the first that 03 asked; where a notebook runs alone, the first of what it reads. Texts
are Markdown for `plots.say`, which escapes them; nothing is measured here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from routerlib import settings
from routerlib.endpoints.prompts import as_text
from routerlib.rows import jsonl
from routerlib.rows.schemas import LabelledPrompt, Responses, Sample
from routerlib.training.router import Router

MOST = 160  # characters of a text that are shown


def followed(rows: Sequence[LabelledPrompt]) -> LabelledPrompt | None:
    """The outcome of the question that 03 noted in its metrics, else the first; None of none."""
    left = settings.outputs("responses") / "metrics.json"
    noted = jsonl.read_json(left).get("followed") if left.is_file() else None
    outcomes = [row for row in rows if row.inferior_score is not None]
    first = next(iter(outcomes), None)
    return next((row for row in outcomes if row.id == noted), first)


def asked(question: str, rows: Mapping[str, Iterable[Responses]]) -> str:
    """03: what was asked, and each model's samples.

    Args:
        question: its id. rows: role -> the rows of answers.
    """
    mine = {role: _row_of(question, answered) for role, answered in rows.items()}
    some = next((row for row in mine.values() if row is not None), None)
    if some is None:
        return f"The question {question} has no answers."
    lines = [f"**One question, followed to 06.** `{question}`: {_short(some.problem)}"]
    for role, row in mine.items():
        samples = [f"“{_short(sample.full_response)}”" for sample in row.responses] if row else []
        lines.append(f"- {role}: {', '.join(samples) or 'no answer'}")
    return "\n".join(lines)


def graded(outcomes: Sequence[LabelledPrompt], sides: Mapping[str, Iterable[Responses]]) -> str:
    """04: what was read out of each sample, whether it is right, and the outcome they make.

    Args:
        outcomes: as `grading.join_outcomes` gives them. sides: role -> its graded rows.
    """
    row = followed(outcomes)
    if row is None:
        return "No question has answers of both models."
    lines = [f"**The question of 03, graded.** `{row.id}`"]
    for role, answered in sides.items():
        mine = _row_of(row.id, answered)
        read = [_verdict_told(sample) for sample in mine.responses] if mine else []
        right = f"; the right answer is {_short(mine.answer_correct or '–')}" if mine else ""
        lines.append(f"- {role}: {', '.join(read) or 'no answer'}{right}")
    lines.append(
        f"- its outcome: inferior_score {row.inferior_score:.2f}, superior_score "
        f"{row.superior_score or 0:.2f}, p_superior {row.p_superior:.2f} (the share of pairs of "
        f"samples in which only the superior one is right), so the label is {row.label}"
    )
    return "\n".join(lines)


def signalled(outcomes: Sequence[LabelledPrompt]) -> str:
    """04: what the inferior model's answer to the question gives away.

    Args:
        outcomes: with their signals, as `annotation.annotate` gives them.
    """
    row = followed(outcomes)
    if row is None or not row.inferior_signals:
        return "The question of 03 has no signals."
    told = ", ".join(f"{name} {value:.3g}" for name, value in row.inferior_signals.items())
    return f"**The question of 03, with its signals.** `{row.id}`: {told}"


def scored(
    outcomes: Sequence[LabelledPrompt], router: Router, parts: Mapping[str, Sequence[int]]
) -> str:
    """05: which part of the split the question fell into, and what the router makes of it.

    Args:
        parts: part -> the positions of its rows, as `labelled_data.split_rows` gives them.
    """
    row = followed(outcomes)
    if row is None:
        return "No graded question is among the rows."
    place = next(i for i, one in enumerate(outcomes) if one is row)
    part = next((name for name, rows in parts.items() if place in set(rows)), "no part")
    seen = "the router has learnt from it" if part == "train" else "the router has not seen it"
    return (
        f"**The question of 03, scored.** `{row.id}` fell into {part} ({seen}). "
        f"{_decision_told(row, router)} Its label was {row.label}."
    )


def routed_question(router: Router) -> str:
    """06: where the question goes."""
    left = settings.outputs("graded") / "outcomes.jsonl"
    rows = list(jsonl.read_rows(left, LabelledPrompt)) if left.is_file() else []
    row = followed(rows)
    if row is None:
        return "04 has left no graded question to follow."
    return f"**The question of 03, routed.** {_decision_told(row, router)}"


def _decision_told(row: LabelledPrompt, router: Router) -> str:
    [decision] = router.route([row.prompt])
    return (
        f"“{_short(as_text(row.prompt))}” has p_superior {decision.p_superior:.3f}; the threshold "
        f"is {decision.threshold:.3f}, so it goes to the {decision.model} model."
    )


def _row_of(question: str, rows: Iterable[Responses]) -> Responses | None:
    return next((row for row in rows if row.unique_id == question), None)


def _verdict_told(sample: Sample) -> str:
    verdict = "right" if sample.is_correct else "wrong"
    read = f"“{_short(sample.extracted_answer)}”" if sample.extracted_answer else "nothing"
    return f"{read} ({verdict})"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MOST else f"{line[: MOST - 1]}…"
