"""Adds to outcomes what a policy of two decisions needs: the signals of each inferior answer, and
the money of its calls.

Outcomes are what `grading.join_outcomes` makes of two graded files; the answers behind them, and a
second cheap model's, are read again here. What a signal means is in `signals`; which of them are
worth their money is learnt by notebook 05.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from routerlib.answers import signals
from routerlib.answers.killable import Crew, Lost
from routerlib.collecting.forecast import Prices
from routerlib.rows import jsonl
from routerlib.rows.schemas import LabelledPrompt, Responses, Sample


@dataclass(frozen=True)
class OutcomePrices:
    """What the calls behind outcomes cost: of the inferior, the superior and the second cheap
    model.
    """

    inferior: Prices
    superior: Prices
    second: Prices = field(default_factory=Prices)


Files = Sequence[str | Path]


def annotate(
    rows: Sequence[LabelledPrompt],
    inferior: Files,
    superior: Files = (),
    second: Files = (),
    prices: OutcomePrices | None = None,
    embed: signals.Embed | None = None,
    workers: int | None = None,
    timeout: float = 5.0,
    output: str | Path | None = None,
    encoder: str = "",
) -> list[LabelledPrompt]:
    """The same outcomes with `inferior_signals`, the calls these take beside one answer, and costs
    where prices are given.

    Args:
        rows: outcomes of these files, by `id`. inferior, superior, second: graded or ungraded
            responses files of the three models.
        prices: dollars per million tokens; None: no costs are written. A cost is the mean over a
            question's answers whose tokens were counted. `signals_cost` is what the signals need
            beside one inferior answer: the further samples that are compared, and one answer of the
            second model.
        embed: texts to vectors, for open text that can only be compared by meaning; None: not
            compared.
        workers, timeout: processes, and seconds that reading one question may take; the signals of
            one that takes longer are missing.
        output: where to write the rows as JSONL, if anywhere.
        encoder: the name by which a server finds what `embed` stands for; empty: the offline one.

    Of the second model one answer a question is read, its first: so many does a server ask for.
    """
    wanted = {row.id for row in rows}
    others = {
        row.unique_id: row.model_copy(update={"responses": row.responses[:1]})
        for row in _rows_of_side(second)
        if row.unique_id in wanted and row.responses
    }
    answered = [row for row in _rows_of_side(inferior) if row.unique_id in wanted]
    told = _signals_by_question(answered, others, embed, workers, timeout)
    calls = {
        row.unique_id: float(len(row.responses) - 1 + len(others.keys() & {row.unique_id}))
        for row in answered
        if row.responses
    }
    asked = {row.unique_id: _asked(row, others.get(row.unique_id), encoder) for row in answered}
    money = _costs_by_question(answered, _rows_of_side(superior), others, prices) if prices else {}
    found = [
        row.model_copy(
            update={
                "inferior_signals": told.get(row.id) or None,
                "signals_calls": calls.get(row.id),
                "signals_from": asked.get(row.id),
                **money.get(row.id, {}),
            }
        )
        for row in rows
    ]
    if output:
        jsonl.write_rows(output, found)
    return found


def _asked(row: Responses, other: Responses | None, encoder: str) -> dict[str, Any]:
    """What was asked for the signals of a question, in the terms of `policies.Sources`."""
    told: dict[str, Any] = {"samples": len(row.responses)}
    if row.sampling.get("temperature") is not None:
        told["temperature"] = row.sampling["temperature"]
    if other is not None:
        told["second_model"] = other.model
    if encoder:
        told["encoder"] = encoder
    return told


def _rows_of_side(files: Files) -> Iterator[Responses]:
    for path in files:
        yield from jsonl.read_rows(path, Responses)


def _signals_by_question(
    answered: Sequence[Responses],
    others: Mapping[str, Responses],
    embed: signals.Embed | None,
    workers: int | None,
    timeout: float,
) -> dict[str, dict[str, float]]:
    """The signals of each question by its id; none for one whose reading was lost."""
    items = [signals.signals_item(row, others.get(row.unique_id)) for row in answered]
    with Crew("routerlib.answers.signals:measure", workers, timeout) as crew:
        measured = list(crew.map(items))
    told = {}
    for row, item, found in zip(answered, items, measured, strict=True):
        if isinstance(found, Lost):
            continue
        by_meaning = signals.similarities(item, embed) if embed else {}
        told[row.unique_id] = {**found, **by_meaning}
    return told


def _costs_by_question(
    answered: Sequence[Responses],
    superior: Iterator[Responses],
    others: Mapping[str, Responses],
    prices: OutcomePrices,
) -> dict[str, dict[str, Any]]:
    """The costs of each question by its id; what was not counted is left out."""
    dear = {row.unique_id: _mean_cost_of_row(row, prices.superior) for row in superior}
    money = {}
    for row in answered:
        first = _mean_cost_of_row(row, prices.inferior)
        other = others.get(row.unique_id)
        second = _mean_cost_of_row(other, prices.second) if other else 0.0
        reading = None
        if first is not None and second is not None:
            reading = (len(row.responses) - 1) * first + second
        costs = {
            "inferior_cost": first,
            "superior_cost": dear.get(row.unique_id),
            "signals_cost": reading,
        }
        money[row.unique_id] = {name: value for name, value in costs.items() if value is not None}
    return money


def cost_of_sample(sample: Sample, prices: Prices) -> float | None:
    """The dollars of one answer; None where its tokens were not counted."""
    if sample.prompt_tokens is None or sample.completion_tokens is None:
        return None
    return prices.cost(sample.prompt_tokens, sample.completion_tokens, sample.cached_tokens or 0)


def _mean_cost_of_row(row: Responses, prices: Prices) -> float | None:
    costs = [cost_of_sample(sample, prices) for sample in row.responses]
    known = [cost for cost in costs if cost is not None]
    return float(np.mean(known)) if known else None


def signals_sentence(rows: Sequence[LabelledPrompt]) -> str:
    """Which signals the rows carry, and how many rows have each, in words."""
    counts = {
        name: sum(name in (row.inferior_signals or {}) for row in rows) for name in signals.MEANING
    }
    found = [f"{name} ({count:,})" for name, count in counts.items() if count]
    if not found:
        return "No signal could be read off the inferior model's answers."
    return f"Signals of {len(rows):,} inferior answers, and how many have each: {', '.join(found)}."
