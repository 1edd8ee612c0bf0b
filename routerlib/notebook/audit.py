"""The audit: a person reads a prompt and two answers, and says by click or key which one is better.

`AuditPanel` is made of ipywidgets alone, like the demo panel, so that its bare name in a cell shows
it in JupyterLab, Colab and Voila. Sides are random, models hidden, every text is escaped (by
`markup`). Each verdict is on disk before the next pair is shown; who stops and comes back goes on.
Which pairs are shown, and what verdicts come to, is `answers.auditing`'s business.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from routerlib import settings
from routerlib.answers import auditing
from routerlib.answers.auditing import Audit, Planned
from routerlib.answers.pairs import Pair, read_pairs
from routerlib.endpoints.prompts import as_text
from routerlib.notebook import markup
from routerlib.notebook.face import FacedBox
from routerlib.notebook.panel import classed, error_sentence, row_of
from routerlib.rows import jsonl
from routerlib.rows.schemas import LabelledPrompt

# verdict: its key, its button's text
CHOICES = {
    auditing.A: ("a", "A is better (a)"),
    auditing.B: ("b", "B is better (b)"),
    auditing.BOTH_GOOD: ("g", "Both good (g)"),
    auditing.BOTH_BAD: ("x", "Both bad (x)"),
    auditing.SKIP: ("s", "Skip (s)"),
}
# Of a button, one at a time: the text of one and the ground of the other can be of one colour.
QUIET, PRIMARY = "rl-quiet", "rl-primary"
LOOKS = {auditing.A: PRIMARY, auditing.B: PRIMARY}
KEYS = {key: verdict for verdict, (key, _) in CHOICES.items()}
# A verdict that comes sooner after a pair was shown was meant for the one before: a double click.
LEAST_SECONDS = 0.4


class AuditPanel(FacedBox):
    """Pairs of answers to compare, one after the other. Its bare name in a notebook cell shows it.

        panel = AuditPanel(Audit(pairs, plan))
        panel                                  # in a cell
        panel.say_verdict("both good")         # the same without a browser

    Args:
        audit: which pairs, and where the verdicts go. least_seconds: a verdict that comes sooner
            after its pair was shown is not taken.

    Attributes:
        current: (planned, pair) on show; None where all is done. message: what the panel tells the
            user now; empty if nothing. key: the field in which a letter is a verdict.
    """

    def __init__(self, audit: Audit, least_seconds: float = LEAST_SECONDS):
        self.audit = audit
        self.least_seconds = least_seconds
        self.message = ""
        self.current: tuple[Planned, Pair] | None = None
        self.last: tuple[Planned, Pair] | None = None
        self._shown_at = 0.0
        super().__init__(self._build())
        self.add_class("routerlib")
        self.wear_face()
        self._show_next()

    def _build(self) -> list[widgets.Widget]:
        self._error = widgets.HTML()
        self._pair = widgets.HTML()
        self._progress = widgets.HTML()
        self.buttons = {
            verdict: self._button(
                text, partial(self.say_verdict, verdict), LOOKS.get(verdict, QUIET)
            )
            for verdict, (_, text) in CHOICES.items()
        }
        self.back_button = self._button("Back", self.back)
        self.key = classed(
            widgets.Text(description="Verdict by key", placeholder="or type a, b, g, x or s here"),
            "rl-key rl-hidden-label",
        )
        self.key.observe(self._on_key, "value")
        choices = row_of(*self.buttons.values(), self.back_button, self.key)
        parts = [
            widgets.HTML(markup.audit_header_html()),
            self._error,
            self._pair,
            choices,
            self._progress,
        ]
        return [classed(widgets.VBox(parts), "rl-page")]

    def _button(self, text: str, action: Callable[[], Any], look: str = QUIET) -> widgets.Button:
        button = classed(widgets.Button(description=text, tooltip=text), look)
        button.on_click(lambda _: self._guarded(action))
        return button

    # --- what buttons and keys do, for code too ---

    def say_verdict(self, verdict: str) -> None:
        """Record a verdict on the pair on show, and show the next one."""
        if self.current is None:
            return
        seconds = time.monotonic() - self._shown_at
        if seconds < self.least_seconds:
            return
        self.audit.record(self.current[0], verdict, seconds)
        self.last = self.current
        self._say("")
        self._show_next()

    def back(self) -> None:
        """Take the last verdict back, and show its pair again."""
        if self.last is None:
            self._say("There is no verdict to take back yet.")
            return
        self.audit.take_back(self.last[0])
        again, self.last = self.last, None
        self._say("")
        self._show(again)

    def snapshot(self) -> str:
        """The panel as plain HTML, for viewers that have no widgets."""
        told = " ".join(part for part in (self.message, self.audit.sentence) if part)
        return markup.audit_plain_html(told, self._texts())

    # --- events ---

    def _on_key(self, change: dict[str, Any]) -> None:
        """One letter is a verdict. Several at once came faster than pairs were shown: none is
        taken, since the second was not meant for the pair that the first has brought.
        """
        typed = str(change["new"]).strip().casefold()
        if not typed:
            return
        self.key.value = ""
        if typed in KEYS:
            self._guarded(lambda: self.say_verdict(KEYS[typed]))
        else:
            self._say(f"{typed[:20]!r} is no verdict: type one of {', '.join(KEYS)}.")

    def _guarded(self, action: Callable[[], Any]) -> None:
        """Do it; an error becomes a sentence in the panel."""
        try:
            action()
        except Exception as error:
            self._say(error_sentence(error))
        self.face.refresh()

    # --- showing ---

    def _show_next(self) -> None:
        pending = self.audit.pending
        self._show(pending[0] if pending else None)

    def _show(self, item: tuple[Planned, Pair] | None) -> None:
        self.current = item
        texts = self._texts()
        self._pair.value = markup.audit_pair_html(*texts) if texts else ""
        self._progress.value = markup.muted_html(self.audit.sentence)
        for button in self.buttons.values():
            button.disabled = item is None
        self.key.disabled = item is None
        self._shown_at = time.monotonic()

    def _texts(self) -> tuple[str, str, str] | None:
        """(prompt, answer A, answer B) on show."""
        if self.current is None:
            return None
        planned, pair = self.current
        return as_text(pair.prompt), *planned.texts(pair)

    def _say(self, text: str) -> None:
        self.message = text
        self._error.value = markup.message_html(text, calm=True) if text else ""


def open_audit(
    inferior: Any,
    superior: Any,
    outcomes: str | Path = "",
    number: int = 200,
    folder: str | Path = "",
    auditor: str = "",
) -> Audit:
    """The audit of judged outcomes, planned now or resumed: what notebook 04 shows.

    Args:
        inferior, superior: the responses files behind the outcomes. outcomes: judged rows; without
            it, outputs/graded/judged/outcomes.jsonl. number: of pairs to show, about. auditor: who
            votes.

    Raises:
        auditing.AuditError: there are no judged rows.
    """
    path = (
        settings.resolve(outcomes)
        if outcomes
        else settings.outputs("graded", "judged") / "outcomes.jsonl"
    )
    if not path.exists():
        raise auditing.AuditError(f"There are no judged outcomes at {path}. Judge first (04).")
    rows = list(jsonl.read_rows(path, LabelledPrompt))
    pairs, _ = read_pairs(inferior, superior)
    plan = auditing.make_plan(rows, pairs, number, folder or path.parent)
    return Audit(pairs, plan, folder or path.parent, auditor)
