"""Look at graded outputs in the notebook: pick a category, a rule, a disagreement, and read.

People look at outputs before they trust a number. The filtering is plain functions on rows, usable
and tested without a browser; the widgets only show what those return. Everything a model wrote is
escaped.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from routerlib.notebook import markup
from routerlib.notebook.face import Face
from routerlib.rows import jsonl
from routerlib.rows.options import lettered, option_letter
from routerlib.rows.schemas import Responses, Sample

ALL = "all"
VERDICTS = (
    ALL,
    "right",
    "wrong",
    "no answer",
    "ambiguous",
    "truncated",
    "models disagree",
    "only superior right",
    "only inferior right",
)
FACE_ROWS = 10  # outputs in the table that is left where no kernel runs
LIMIT = 20_000  # outputs held in memory, so that a huge file does not freeze the notebook


@dataclass(frozen=True)
class Output:
    """One graded output with its question."""

    row: Responses
    number: int
    sample: Sample

    @property
    def rule(self) -> str:
        return self.sample.extraction_rule or "unknown"

    @property
    def status(self) -> str:
        return self.sample.extraction_status or "unknown"

    @property
    def truncated(self) -> bool:
        return bool(self.sample.truncated)


def read_outputs(files: Sequence[str | Path], limit: int = LIMIT) -> list[Output]:
    """All outputs of graded files, in their order, up to a limit.

    Raises:
        FileNotFoundError, RowError: as `jsonl.read_rows`.
    """
    outputs = []
    for path in files:
        for row in jsonl.read_rows(path, Responses):
            outputs += [Output(row, i, sample) for i, sample in enumerate(row.responses, start=1)]
            if len(outputs) >= limit:
                return outputs[:limit]
    return outputs


def select(
    outputs: Sequence[Output],
    category: str = ALL,
    rule: str = ALL,
    verdict: str = ALL,
    superior: str | None = None,
) -> list[Output]:
    """The outputs of one category, found by one rule, with one verdict.

    Args:
        verdict: one of VERDICTS. The last three look at both models' answers to a question (a model
            is right where most of its samples are), and need outputs of two models.
        superior: the superior model's name; without it, the model of the last output.
    """
    sides = _sides(outputs, superior) if verdict in VERDICTS[-3:] else {}
    return [
        output
        for output in outputs
        if category in (ALL, output.row.category)
        and rule in (ALL, output.rule)
        and _has(output, verdict, sides)
    ]


def _has(output: Output, verdict: str, sides: dict[str, tuple[bool, bool]]) -> bool:
    if verdict in VERDICTS[-3:]:
        inferior, superior = sides.get(output.row.unique_id, (False, False))
        wanted = {
            "models disagree": inferior != superior,
            "only superior right": superior and not inferior,
        }
        return wanted.get(verdict, inferior and not superior)
    found = {
        ALL: True,
        "right": bool(output.sample.is_correct),
        "wrong": not output.sample.is_correct,
        "no answer": output.status == "none",
        "ambiguous": output.status == "ambiguous",
        "truncated": output.truncated,
    }
    return found[verdict]


def _sides(outputs: Sequence[Output], superior: str | None) -> dict[str, tuple[bool, bool]]:
    """(inferior right, superior right) of each question that both models answered."""
    superior = superior or (outputs[-1].row.model if outputs else None)
    marks: dict[str, tuple[list[bool], list[bool]]] = {}
    for output in outputs:
        ours, theirs = marks.setdefault(output.row.unique_id, ([], []))
        side = theirs if output.row.model == superior else ours
        side.append(bool(output.sample.is_correct))
    return {key: (_most(a), _most(b)) for key, (a, b) in marks.items() if a and b}


def _most(marks: list[bool]) -> bool:
    return sum(marks) > len(marks) / 2


def card(output: Output) -> str:
    """One output as HTML: question, options, the output, the extracted answer and the verdict; all
    escaped.
    """
    row, sample = output.row, output.sample
    colour = "#009e73" if sample.is_correct else "#d55e00"
    answer = (
        sample.extracted_answer
        if sample.extracted_answer is not None
        else f"none ({output.status})"
    )
    gold = _gold(row)
    block = (
        "white-space:pre-wrap;overflow-wrap:anywhere;max-height:26em;overflow-y:auto;"
        "border:1px solid #ccc;padding:6px"
    )
    return (
        f"<div><b>{_safe(row.model)}</b> · {_safe(row.category)} · {_safe(row.unique_id)} · sample "
        f"{output.number}</div>"
        f"<div style='{block};background:#f6f6f6;color:#222'>"
        f"{_safe(row.problem)}{_options(row)}</div>"
        f"<div style='{block};margin-top:4px'>{_safe(sample.full_response)}</div>"
        f"<div style='margin-top:4px'>Extracted: <b style='color:{colour}'>{_safe(answer)}</b> by "
        f"rule <i>{_safe(output.rule)}</i>"
        f"{' · cut off' if output.truncated else ''} · Right answer: <b>{_safe(gold)}</b></div>"
    )


def _table_line(output: Output) -> tuple[str, ...]:
    """An output as a line of a table."""
    sample = output.sample
    verdict = "right" if sample.is_correct else "wrong"
    extracted = str(sample.extracted_answer or "–")
    question = markup.short(output.row.problem, 90)
    gold = markup.short(_gold(output.row), 60)
    return output.row.model, question, markup.short(extracted, 60), gold, verdict, output.rule


def _gold(row: Responses) -> str:
    if row.choices and row.choice_index_correct is not None:
        index = row.choice_index_correct
        return f"{option_letter(index)} ({row.choices[index]})"
    return row.answer_correct


def _options(row: Responses) -> str:
    return _safe(f"\n{lettered(row.choices)}") if row.choices else ""


def _safe(text: Any) -> str:
    return html.escape(str(text))


class OutputViewer:
    """Drop-downs and buttons over `select` and `card`. State is readable without a browser:
    `shown`, `place`.

    Args:
        files: graded files, the superior model's last. superior: its name, for "only superior
            right".
    """

    def __init__(
        self, files: Sequence[str | Path], superior: str | None = None, limit: int = LIMIT
    ):
        import ipywidgets as widgets

        self.outputs, self.superior = read_outputs(files, limit), superior
        self.place = 0
        self.category = _drop_down(
            widgets, "Category", sorted({output.row.category for output in self.outputs})
        )
        self.rule = _drop_down(widgets, "Rule", sorted({output.rule for output in self.outputs}))
        self.verdict = widgets.Dropdown(options=VERDICTS, description="Verdict")
        self.back = widgets.Button(description="Previous")
        self.on = widgets.Button(description="Next", button_style="primary")
        self.count, self.view = widgets.Label(), widgets.HTML()
        for control in (self.category, self.rule, self.verdict):
            control.observe(self._filter, names="value")
        self.back.on_click(lambda _: self.step(-1))
        self.on.on_click(lambda _: self.step(1))
        choices = widgets.HBox([self.category, self.rule, self.verdict])
        self.box = widgets.VBox(
            [choices, widgets.HBox([self.back, self.on, self.count]), self.view]
        )
        self.face = Face(self.box, self.snapshot)
        self._filter()

    def step(self, by: int) -> None:
        """Show the next (1) or previous (-1) output of the selection, round in a circle."""
        if self.shown:
            self.place = (self.place + by) % len(self.shown)
        self._show()

    def _filter(self, _: Any = None) -> None:
        self.shown = select(
            self.outputs, self.category.value, self.rule.value, self.verdict.value, self.superior
        )
        self.place = 0
        self._show()

    def _show(self) -> None:
        self.count.value = (
            f"{self.place + 1} of {len(self.shown):,}" if self.shown else "no such output"
        )
        self.view.value = card(self.shown[self.place]) if self.shown else ""
        self.face.refresh()

    def snapshot(self) -> str:
        """The output on show, and a table of the first of its selection, as plain HTML."""
        if not self.shown:
            return "<p>no such output</p>"
        heads = ("model", "question", "extracted", "right answer", "verdict", "rule")
        rows = [_table_line(output) for output in self.shown[:FACE_ROWS]]
        told = f"{self.place + 1} of {len(self.shown):,} outputs; the first {len(rows)} of them:"
        chosen = card(self.shown[self.place])
        return f"{chosen}<p>{told}</p>{markup.plain_table(heads, rows)}"

    def _ipython_display_(self) -> None:
        self.face.show()


def _drop_down(widgets: Any, name: str, values: list[str]) -> Any:
    return widgets.Dropdown(options=[ALL, *values], description=name)
