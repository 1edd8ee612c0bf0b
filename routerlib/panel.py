"""The demo panel: type a prompt, see where the router sends it and how sure it is, move the threshold, ask the models.

`RouterPanel` is made of ipywidgets alone, so that its bare name in a cell shows it in JupyterLab, Colab and Voila;
everything a button does is also a method, and everything on show also a value. Its pictures are HTML and SVG drawn
here from plain numbers, in the colours of the surrounding theme. All text of users and models is escaped. What the
router decides is `router`'s business, what a server answers `clients`'.
"""

from __future__ import annotations

import asyncio
import base64
import csv
import html
import io
import json
import math
import time
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np

from routerlib import clients, event_loop, settings
from routerlib.router import Decision, Router
from routerlib.routing import Backend, backend

SAMPLES = (  # (label, prompt), from easy to hard
    ("A capital", "What is the capital of Australia?"),
    ("A product", "What is 12 * 7?"),
    ("An e-mail", "Write a polite e-mail that moves a meeting from Tuesday to Thursday."),
    ("A journey", "A train leaves at 14:05 and arrives at 17:50. How long does the journey take? Explain each step."),
    ("A proof", "Prove that the square root of two is irrational."),
    ("A design", "Design a lock-free queue for many writers, and prove that it loses no element."),
)
TABLE_ROWS = 200  # rows of a table on show; the CSV has all
BATCH = 64  # prompts scored between two updates of the progress line
FRAME = 0.08  # seconds between two updates of a streaming answer
SIDES = ("inferior", "superior")


@dataclass
class Answer:
    """One model's answer to one prompt, as far as it has come. Times in seconds, cost in dollars."""

    side: str
    model: str
    text: str = ""
    state: str = "waiting"  # waiting | streaming | done | stopped | failed
    first_token: float | None = None
    seconds: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: float | None = None
    error: str = ""


@dataclass
class Event:
    """A line of the history: a prompt that was routed, or an answer that came. Times in seconds, cost in dollars."""

    time: str
    what: str  # routed | asked
    prompt: str
    p_superior: float
    threshold: float
    decision: str
    model: str = ""
    seconds: float | None = None
    first_token: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: float | None = None
    answer: str = ""
    error: str = ""


class RouterPanel(widgets.VBox):
    """A router to look at and to play with. Its bare name in a notebook cell shows it.

        panel = RouterPanel(router, inferior="http://127.0.0.1:8001/v1", superior="http://127.0.0.1:8000/v1")
        panel                                                        # in a cell
        panel.prompt.value = "What is 2 + 2?"; panel.route()         # the same without a browser
        panel.ask("both"); panel.answers["superior"].text

    Args:
        router: decides. Its curve says what a threshold costs, its certificate which threshold is promised.
        inferior, superior: where the two models answer: a `routing.Backend`, an address where the model has the
            name that the router knows, or None, which leaves routing alone.
        max_tokens: of an answer.
        samples: (label, prompt) pairs to try, from easy to hard.

    Attributes:
        prompt, threshold, batch_prompts: the input widgets; set their `.value`.
        decision: the latest `Decision`, or None. answers: side -> `Answer`. history: a list of `Event`.
        batch: the prompts routed at once, and their `batch_scores`. uploaded: the prompts of an uploaded file.
    """

    def __init__(
        self,
        router: Router,
        inferior: str | Backend | None = None,
        superior: str | Backend | None = None,
        *,
        max_tokens: int = 512,
        samples: Sequence[tuple[str, str]] = SAMPLES,
    ):
        self.router = router
        given = {"inferior": inferior, "superior": superior}
        self.backends = {side: value and backend(value, router.models.get(side)) for side, value in given.items()}
        self.names = {side: b.model if b else router.models.get(side) or side for side, b in self.backends.items()}
        self.max_tokens = max_tokens
        self.top = scale_top(router)
        self.decision: Decision | None = None
        self.routed = ""  # the prompt that the decision is about
        self.answers: dict[str, Answer] = {}
        self.history: list[Event] = []
        self.batch: list[str] = []
        self.uploaded: list[str] = []
        self.batch_scores = np.zeros(0)
        self.busy = False
        self._task: asyncio.Task | None = None
        super().__init__(self._build(samples))
        self.add_class("routerlib")
        self._show_point()

    # --- building ---

    def _build(self, samples: Sequence[tuple[str, str]]) -> list[widgets.Widget]:
        self._error = widgets.HTML()
        self._build_point()
        tabs = widgets.Tab(
            [self._build_one(samples), self._build_many(), self._build_history()],
            titles=("One prompt", "Many prompts", "History"),
        )
        self.tabs = _classed(tabs, "rl-tabs")
        header = widgets.HTML(f"<style>{STYLE}</style>{header_html(self.router, self.names)}")
        return [header, self._error, self.tabs]

    def _build_one(self, samples: Sequence[tuple[str, str]]) -> widgets.Widget:
        self.prompt = _field("Prompt", "Type a prompt, or take one of the samples below.", rows=4)
        chips = [widgets.Button(description=label, tooltip=prompt) for label, prompt in samples]
        for chip, (_, prompt) in zip(chips, samples, strict=True):
            _classed(chip, "rl-chip").on_click(lambda _, prompt=prompt: self._do_sample(prompt))
        self.samples = chips
        scale = [_note("easy"), *chips, _note("hard")]
        self.route_button = self._button("Route", self.route, "rl-primary", "Decide where the prompt goes")
        self.ask_button = self._task_button("Ask the chosen model", "chosen")
        self.both_button = self._task_button("Ask both", "both")
        self.stop_button = self._button("Stop", self.stop, "rl-quiet", "Stop the answers under way")
        self.stop_button.layout.display = "none"
        buttons = [self.route_button, self.ask_button, self.both_button, self.stop_button]
        self._verdict = widgets.HTML(verdict_html(None, self.names))
        self._answers = widgets.HTML()
        self._hint = widgets.HTML(self._server_hint())
        decision = _classed(widgets.VBox([self._verdict, self._point_box]), "rl-card")
        rows = [self.prompt, _row(*scale, name="rl-chips"), _row(*buttons), decision, self._answers, self._hint]
        return _classed(widgets.VBox(rows), "rl-page")

    def _build_point(self) -> None:
        """The threshold with what it buys; one widget, shown on two tabs."""
        own = self.router.threshold
        self.threshold = widgets.FloatSlider(
            value=min(own, self.top),
            min=0.0,
            max=self.top,
            step=self.top / 200,
            readout=False,
            description="Threshold",
        )
        _classed(self.threshold, "rl-slider rl-hidden-label").observe(self._on_threshold, "value")
        self._marks = widgets.HTML()
        self.own_button = self._button(f"The router's own: {own:.3f}", lambda: self._set_threshold(own), "rl-link")
        self.certified_button = self._button("", lambda: self._set_threshold(self._certified()), "rl-link")
        certified = self._certified()
        if certified is None:
            self.certified_button.layout.display = "none"
        else:
            self.certified_button.description = f"◆ Certified: {certified:.3f}"
            self.certified_button.tooltip = self.router.certificate.get("sentence", "The certified threshold")
            self.own_button.layout.display = "none" if abs(own - certified) < 1e-9 else None  # one stop, one button
        self._point = widgets.HTML()
        stops = _row(self.own_button, self.certified_button, name="rl-stops")
        self._point_box = _classed(widgets.VBox([self.threshold, self._marks, stops, self._point]), "rl-point")

    def _build_many(self) -> widgets.Widget:
        self.batch_prompts = _field("Prompts", "Paste prompts, one a line, or upload a file.", rows=5)
        self.upload = widgets.FileUpload(accept=".txt,.csv,.jsonl", description="Upload .txt, .csv, .jsonl")
        _classed(self.upload, "rl-quiet").observe(self._on_upload, "value")
        self.batch_button = self._task_button("Route all", "batch", "rl-primary")
        self._batch_view = widgets.HTML(batch_html([], self.threshold.value, self.top))
        self._batch_table = widgets.HTML()
        card = _classed(widgets.VBox([self._batch_view, self._point_box]), "rl-card")
        rows = [self.batch_prompts, _row(self.batch_button, self.upload), card, self._batch_table]
        return _classed(widgets.VBox(rows), "rl-page")

    def _build_history(self) -> widgets.Widget:
        self._history_view = widgets.HTML(history_html([]))
        self.clear_button = self._button("Clear", self.clear_history, "rl-quiet", "Forget the history")
        return _classed(widgets.VBox([self._history_view, _row(self.clear_button)]), "rl-page")

    def _button(self, text: str, action: Any, style: str, tooltip: str = "") -> widgets.Button:
        button = _classed(widgets.Button(description=text, tooltip=tooltip or text), style)
        button.on_click(lambda _: self._guarded(action))
        return button

    def _task_button(self, text: str, what: str, style: str = "rl-quiet") -> widgets.Button:
        tips = {"batch": "Decide for every prompt", "both": "Send the prompt to both models, side by side"}
        tip = tips.get(what, "Route the prompt and send it to the model it goes to")
        button = _classed(widgets.Button(description=text, tooltip=tip), style)
        button.on_click(lambda _: self._start(self._route_batch() if what == "batch" else self._ask(what)))
        return button

    # --- what the buttons do, for code too ---

    def route(self) -> Decision | None:
        """Decide about the prompt, show it, and note it in the history. An empty prompt is told off: None."""
        self._say("")
        text = _well_formed(self.prompt.value)
        if not text.strip():
            self._say("Type a prompt first, or take one of the samples.", calm=True)
            return None
        self.routed = text
        self.decision = self.router.route(text, self.threshold.value)
        self.answers = {}
        self._show_decision()
        self._show_answers()
        self._note("routed")
        return self.decision

    def ask(self, which: str = "chosen") -> dict[str, Answer]:
        """Send the prompt to the "chosen" model, or to "both", and wait for the answers; returns them by side."""
        self._run(self._ask(which))
        return self.answers

    async def asking(self, which: str = "chosen") -> dict[str, Answer]:
        """`ask`, to be awaited. For a notebook's cell: while `ask` waits, the kernel's loop is entered a second time,
        and with further cells in its queue it complains of that at length."""
        if not self.busy:
            await self._work(self._ask(which))
        return self.answers

    def route_batch(self) -> np.ndarray:
        """Score all prompts of `batch_prompts` (or of an uploaded file); returns p_superior of each, shape (n,)."""
        self._run(self._route_batch())
        return self.batch_scores

    def stop(self) -> None:
        """Stop the answers under way; what has come of them stays."""
        if self._task is not None:
            self._task.cancel()

    def clear_history(self) -> None:
        """Forget what was routed and asked."""
        self.history.clear()
        self._show_history()

    def history_csv(self) -> str:
        """The history as CSV, oldest first, safe to open in a spreadsheet."""
        return as_csv([asdict(event) for event in self.history])

    def batch_csv(self) -> str:
        """The batch as CSV: prompt, p_superior and decision at the current threshold."""
        return as_csv(self._batch_rows())

    def save_history(self, path: str | Path) -> Path:
        """Write the history to a CSV file; returns its path."""
        path = settings.resolve(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.history_csv(), encoding="utf-8")
        return path

    def snapshot(self) -> str:
        """The panel's state as a page of HTML without widgets, for runs and viewers that have none."""
        cards = [self._verdict.value + self._marks.value + self._point.value]
        cards += [self._batch_view.value] if self.batch else []
        parts = [self._error.value, *(f"<div class='rl-card'>{card}</div>" for card in cards)]
        parts += [self._answers.value, self._batch_table.value]
        asked = f"<div class='rl-prompt'>{html.escape(self.routed)}</div>" if self.routed else ""
        history = self._history_view.value if self.history else ""
        head = f"<style>{STYLE}</style>{header_html(self.router, self.names)}"
        return f"<div class='routerlib rl-static'>{head}{asked}{''.join(parts)}{history}</div>"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is not None:
            bundle["text/html"] = self.snapshot()  # for viewers without widgets
        return bundle

    # --- running ---

    def _do_sample(self, prompt: str) -> None:
        self.prompt.value = prompt
        self._guarded(self.route)

    def _guarded(self, action: Any) -> None:
        """Do it; an error becomes a sentence in the panel."""
        try:
            action()
        except Exception as error:
            self._say(sentence(error))

    def _start(self, work: Coroutine) -> None:
        """From a click: the work goes on beside the kernel's loop, so that the panel stays alive."""
        if self.busy:  # a second click while the first is at work
            work.close()
            return
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self._run(work)
        else:
            self._task = asyncio.ensure_future(self._work(work))

    def _run(self, work: Coroutine) -> None:
        if self.busy:
            work.close()
            self._say("The panel is at work: wait until it is done, or stop it.", calm=True)
            return
        event_loop.run(self._work(work))

    async def _work(self, work: Coroutine) -> None:
        self._set_busy(True)
        try:
            await work
        except asyncio.CancelledError:
            self._say("Stopped.", calm=True)
        except Exception as error:
            self._say(sentence(error))
        finally:
            self._set_busy(False)

    def _set_busy(self, busy: bool) -> None:
        self.busy = busy
        for button in (self.route_button, self.ask_button, self.both_button, self.batch_button, *self.samples):
            button.disabled = busy
        self.stop_button.layout.display = None if busy else "none"

    async def _ask(self, which: str) -> None:
        if which not in ("chosen", "both"):
            raise ValueError(f"ask({which!r}): it is either 'chosen' or 'both'.")
        if (self.decision is None or self.routed != _well_formed(self.prompt.value)) and self.route() is None:
            return
        self._say("")
        sides = SIDES if which == "both" else (self.decision.model,)
        missing = [side for side in sides if self.backends[side] is None]
        if missing:
            self._say(self._no_server(missing), calm=True)
            return
        self.answers = {side: Answer(side, self.names[side]) for side in sides}
        self._show_answers()
        try:
            await asyncio.gather(*(self._stream(answer) for answer in self.answers.values()))
        finally:
            for answer in self.answers.values():
                if answer.state in ("waiting", "streaming"):
                    answer.state = "stopped"
                self._note("asked", answer)
            self._show_answers()

    async def _stream(self, answer: Answer) -> None:
        """Let one model answer, word by word."""
        target, start, shown = self.backends[answer.side], time.perf_counter(), 0.0
        mode = clients.LOCAL if target.is_local else clients.REMOTE
        try:
            async with clients.connect(target.base_url, target.api_key, api_mode=mode) as client:
                stream = await client.chat.completions.create(
                    model=target.model,
                    messages=[{"role": "user", "content": self.routed}],
                    max_tokens=self.max_tokens,
                    stream=True,
                    stream_options={"include_usage": True},
                )
                async for chunk in stream:
                    self._take(answer, chunk, time.perf_counter() - start)
                    if time.perf_counter() - shown > FRAME:
                        self._show_answers()
                        shown = time.perf_counter()
                if answer.seconds is None:
                    raise ValueError("no event came")
            answer.state = "done"
        except Exception as error:
            answer.state, answer.error = "failed", self._what_failed(error, target)
        answer.seconds = time.perf_counter() - start
        answer.cost = self._cost(answer)

    def _take(self, answer: Answer, chunk: Any, now: float) -> None:
        piece = _well_formed((chunk.choices[0].delta.content or "") if chunk.choices else "")
        if piece:
            answer.first_token = now if answer.first_token is None else answer.first_token
            answer.state = "streaming"
            answer.text += piece
        answer.seconds = now
        if chunk.usage:
            answer.prompt_tokens = chunk.usage.prompt_tokens
            answer.completion_tokens = chunk.usage.completion_tokens

    def _cost(self, answer: Answer) -> float | None:
        price = self.router.prices.get(answer.side)
        if price is None or answer.completion_tokens is None:
            return None
        return price * ((answer.prompt_tokens or 0) + answer.completion_tokens) / 1e6

    async def _route_batch(self) -> None:
        self._say("")
        lines = _well_formed(self.batch_prompts.value).splitlines()
        typed = [line.strip() for line in lines if line.strip()]
        prompts = typed or self.uploaded
        if not prompts:
            self._say("Paste some prompts first, one a line, or upload a file.", calm=True)
            return
        self.batch, scores, start = prompts, [], time.perf_counter()
        for first in range(0, len(prompts), BATCH):
            scores.extend(await asyncio.to_thread(self.router.score, prompts[first : first + BATCH]))
            rate = len(scores) / (time.perf_counter() - start)
            left = (len(prompts) - len(scores)) / rate
            self._batch_view.value = _muted(f"{len(scores):,} of {len(prompts):,} · {rate:,.0f}/s · {left:.0f} s left")
        self.batch_scores = np.array(scores, dtype=float)
        self._show_batch()

    # --- events ---

    def _on_threshold(self, change: dict[str, Any]) -> None:
        certified = self._certified()
        nearest = certified is not None and abs(change["new"] - certified) <= self.threshold.step / 2
        if nearest and change["new"] != certified:  # a stop: the slider comes to rest on it
            self.threshold.value = certified
            return
        self._guarded(self._show_point)

    def _set_threshold(self, value: float) -> None:
        self.threshold.value = min(value, self.top)

    def _on_upload(self, change: dict[str, Any]) -> None:
        if change["new"]:
            self._guarded(lambda: self._take_upload(change["new"][0]))

    def _take_upload(self, file: dict[str, Any]) -> None:
        self._say("")
        self.uploaded = prompts_from_file(file["name"], bytes(file["content"]))
        self.batch_prompts.value = ""
        self.batch, self.batch_scores = [], np.zeros(0)
        self._batch_table.value = ""
        told = html.escape(f"{len(self.uploaded):,} prompts from {file['name']}")
        self._batch_view.value = f"<div class='rl-verdict'>{told}</div>{_muted('Press Route all.')}"

    # --- showing ---

    def _certified(self) -> float | None:
        certificate = self.router.certificate or {}
        threshold = certificate.get("threshold")
        return threshold if certificate.get("certified", True) and threshold is not None and threshold <= 1 else None

    def _show_point(self) -> None:
        at, certified = self.threshold.value, self._certified()
        self._marks.value = marks_html(at, certified, self.top)
        self._point.value = point_html(self.router.curve, at, certified, self.router.certificate)
        if self.decision is not None:
            self.decision = self.router.decide(self.decision.p_superior, at)
            self._show_decision()
        if len(self.batch_scores):
            self._show_batch()

    def _show_decision(self) -> None:
        self._verdict.value = verdict_html(self.decision, self.names, self.top)

    def _show_answers(self) -> None:
        chosen = self.decision.model if self.decision else ""
        cards = [answer_html(self.answers[side], side == chosen) for side in SIDES if side in self.answers]
        self._answers.value = f"<div class='rl-answers'>{''.join(cards)}</div>" if cards else ""

    def _show_batch(self) -> None:
        rows = self._batch_rows()
        self._batch_view.value = batch_html(rows, self.threshold.value, self.top)
        self._batch_table.value = batch_table_html(rows)

    def _batch_rows(self) -> list[dict[str, Any]]:
        at = self.threshold.value
        return [
            {"prompt": prompt, "p_superior": round(float(p), 4), "decision": self.router.decide(float(p), at).model}
            for prompt, p in zip(self.batch, self.batch_scores, strict=False)
        ]

    def _show_history(self) -> None:
        self._history_view.value = history_html(self.history)

    def _note(self, what: str, answer: Answer | None = None) -> None:
        at = datetime.now().isoformat(timespec="seconds")
        decision = self.decision
        event = Event(at, what, self.routed, decision.p_superior, decision.threshold, decision.model)
        if answer is not None:
            event.model, event.answer, event.error = answer.model, answer.text, answer.error
            for name in ("seconds", "first_token", "prompt_tokens", "completion_tokens", "cost"):
                setattr(event, name, getattr(answer, name))
        self.history.append(event)
        self._show_history()

    def _say(self, text: str, calm: bool = False) -> None:
        """Tell the user something above the tabs; an empty text clears it."""
        role = "status" if calm else "alert"
        self._error.value = f"<div class='rl-say rl-{role}' role='{role}'>{html.escape(text)}</div>" if text else ""

    @property
    def message(self) -> str:
        """What the panel tells the user now: a hint, or what went wrong; empty if nothing."""
        return html.unescape(self._error.value.partition(">")[2].removesuffix("</div>"))

    def _server_hint(self) -> str:
        missing = [side for side in SIDES if self.backends[side] is None]
        return _muted(self._no_server(missing)) if missing else ""

    def _no_server(self, sides: Sequence[str]) -> str:
        ports = {"inferior": 8001, "superior": 8000}
        starts = "; ".join(f"python -m routerlib serve --model {self.names[s]} --port {ports[s]}" for s in sides)
        given = ", ".join(f'{side}="http://127.0.0.1:{ports[side]}/v1"' for side in sides)
        models = " and ".join(f"the {side} model" for side in sides)
        return (
            f"Routing needs no server, but answers do, and none is connected for {models}. Start one in a terminal "
            f"({starts}), then make the panel with RouterPanel(router, {given})."
        )

    def _what_failed(self, error: Exception, target: Backend) -> str:
        import openai

        port = target.base_url.partition("//")[2].partition("/")[0].rpartition(":")[2]
        unreachable = "Connect" in type(error.__cause__).__name__  # aiohttp reports a refused connection as a time-out
        if isinstance(error, openai.APITimeoutError) and not unreachable:
            return f"{target.base_url} did not answer in time. Is the server overloaded, or still starting?"
        if isinstance(error, openai.APIConnectionError) and not unreachable:
            return f"{target.base_url} broke off its answer. Is the server still alive?"
        if isinstance(error, openai.APIConnectionError):
            start = f" Start it with: python -m routerlib serve --model {target.model} --port {port}"
            return f"Nothing answers at {target.base_url}.{start if target.is_local else ' Is the address right?'}"
        if isinstance(error, openai.AuthenticationError):
            return f"{target.base_url} does not accept the key. Check OPENAI_API_KEY in the environment or .env."
        if isinstance(error, openai.NotFoundError):
            return f"{target.base_url} knows no model {target.model!r}, or has no chat completions."
        if isinstance(error, openai.APIStatusError):
            return f"{target.base_url} answered {error.status_code}: {_short(error.message)}"
        if isinstance(error, openai.APIError | settings.MissingKey):
            return sentence(error)
        return (
            f"What {target.base_url} sent is no chat completion ({_short(sentence(error))}). Is it the right address?"
        )


# --- Small pieces ----------------------------------------------------------------------------------------------


def _classed(widget: Any, names: str) -> Any:
    for name in names.split():
        widget.add_class(name)
    return widget


def _row(*children: widgets.Widget, name: str = "rl-row") -> widgets.Widget:
    return _classed(widgets.HBox(children), name)


def _note(text: str) -> widgets.HTML:
    return _classed(widgets.HTML(_muted(text)), "rl-note")


def _muted(text: str) -> str:
    return f"<span class='rl-muted'>{html.escape(text)}</span>"


def _well_formed(text: str) -> str:
    """A text without halves of surrogate pairs, which can be neither sent nor saved."""
    return text.encode("utf-8", "replace").decode()


def _field(label: str, placeholder: str, rows: int) -> widgets.Textarea:
    field = widgets.Textarea(description=label, placeholder=placeholder, rows=rows, continuous_update=True)
    return _classed(field, "rl-field rl-hidden-label")


def sentence(error: BaseException) -> str:
    """An exception as a sentence for a person."""
    text = " ".join(str(error).split())[:500]
    return text if text and type(error).__module__.startswith("routerlib") else f"{type(error).__name__}: {text}"


def as_csv(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as CSV. A text that a spreadsheet would run as a formula gets an apostrophe in front."""
    if not rows:
        return ""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _harmless(value) for name, value in row.items()} for row in rows)
    return stream.getvalue()


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


class PromptFileError(ValueError):
    """An uploaded file that holds no prompts, or cannot be read; the text says where."""


def prompts_from_file(name: str, content: bytes) -> list[str]:
    """The prompts of an uploaded file: the lines of a text, a column of a CSV, or a field of a JSONL file.

    The column or field is called prompt, question, problem or text (a CSV without such a header: its first column).

    Raises:
        PromptFileError: with the line, where the file cannot be read so, or that it holds no prompt.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PromptFileError(
            f"{name} is no UTF-8 text (byte {error.start}). Save it as UTF-8 and upload it again."
        ) from None
    kind = Path(name).suffix.lower()
    read = {".csv": _prompts_of_csv, ".jsonl": _prompts_of_jsonl}.get(kind, lambda _, text: text.splitlines())
    prompts = [_well_formed(prompt.strip()) for prompt in read(name, text) if prompt and prompt.strip()]
    if not prompts:
        raise PromptFileError(f"{name} holds no prompt.")
    return prompts


FIELDS = ("prompt", "question", "problem", "text")


def _prompts_of_csv(name: str, text: str) -> Iterator[str]:
    try:
        rows = list(csv.reader(io.StringIO(text)))
    except csv.Error as error:
        raise PromptFileError(f"{name} is no CSV ({error}).") from None
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    column = next((header.index(field) for field in FIELDS if field in header), None)
    body = rows if column is None else rows[1:]
    return (row[column or 0] for row in body if len(row) > (column or 0))


def _prompts_of_jsonl(name: str, text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise PromptFileError(f"{name}, line {number}: no valid JSON.") from None
        fields = row if isinstance(row, dict) else {"text": row}
        found = next((fields[f] for f in FIELDS if f in fields), None)
        if not isinstance(found, str):
            raise PromptFileError(f"{name}, line {number}: no field prompt, question, problem or text that is a text.")
        yield found


# --- Pictures --------------------------------------------------------------------------------------------------


def header_html(router: Router, names: dict[str, str]) -> str:
    """The title: which router, between which models."""
    models = " ".join(f"<span class='rl-pill rl-{side}'>{side} · {html.escape(names[side])}</span>" for side in SIDES)
    return f"<div class='rl-head'><div class='rl-title'>{html.escape(router.name)}</div><div>{models}</div></div>"


def scale_top(router: Router) -> float:
    """Where the slider and the bars end: 1, or less where no calibration prompt scored so high, so that none is cramped."""
    highest = max((row["threshold"] for row in router.curve), default=1.0)
    return min(1.0, math.ceil(20 * 1.1 * max(highest, router.threshold)) / 20)


def verdict_html(decision: Decision | None, names: dict[str, str], top: float = 1.0) -> str:
    """The decision in words, above p_superior as a bar with the threshold marked."""
    if decision is None:
        words = "<div class='rl-verdict'>Nothing routed yet</div>"
        return words + _muted("Type a prompt and press Route.") + bar_html(None, None)
    side, p, at = decision.model, decision.p_superior, decision.threshold
    headline = "The inferior model will do" if side == "inferior" else "Send it to the superior model"
    comparison = "below" if side == "inferior" else "at or above"
    chance, limit = _percent(p), _percent(at)
    if chance == limit:
        chance, limit = f"{100 * p:.2f} %", f"{100 * at:.2f} %"
    why = (
        f"The router gives it a {chance} chance that only the superior model will do, "
        f"{comparison} the threshold of {limit}."
    )
    to = f"<span class='rl-pill rl-{side}'>{html.escape(names[side])}</span>"
    words = f"<div class='rl-verdict'>{headline} {to}</div><div class='rl-muted'>{why}</div>"
    return words + bar_html(p, at, side, top)


def bar_html(p: float | None, at: float | None, side: str = "inferior", top: float = 1.0) -> str:
    """A probability as a bar on a scale from 0 to `top`, with the threshold as a line across it."""
    if p is None or at is None:
        return "<div class='rl-bar' role='img' aria-label='no prompt routed yet'></div>"
    width, place = _place(p, top), _place(at, top)
    number = f"<div class='rl-number' style='left:{width:.2f}%'>{p:.2f}</div>"
    if width > 12:
        number = f"<div class='rl-number rl-inside' style='right:{100 - width:.2f}%'>{p:.2f}</div>"
    return (
        f"<div class='rl-bar' role='img' aria-label='p_superior {p:.2f}, threshold {at:.3f}'>"
        f"<div class='rl-fill rl-{side}' style='width:{width:.2f}%'></div>"
        f"<div class='rl-line' style='left:{place:.2f}%'></div>{number}</div>"
    )


def _place(value: float, top: float) -> float:
    """Per cent of the scale's length."""
    return 100 * min(value / top, 1.0)


def marks_html(at: float, certified: float | None, top: float = 1.0) -> str:
    """The scale under the slider: its ends, the threshold, and the certified stop."""
    stop = ""
    if certified is not None:
        stop = f"<span class='rl-stop' style='left:{_place(certified, top):.2f}%' title='certified threshold'>◆</span>"
    return (
        f"<div class='rl-scale'>{stop}</div><div class='rl-ends'><span>0 · all to the superior model</span>"
        f"<b>threshold {at:.3f}</b><span>all to the inferior model · {top:g}</span></div>"
    )


def at_threshold(curve: Sequence[dict[str, Any]], threshold: float) -> dict[str, Any]:
    """The curve's row for a threshold in [0, 1]: what the calibration prompts with scores at or above it bring.

    Scores between two rows belong to the upper one, so that it is the first row at or above the threshold.
    """
    rows = sorted(curve, key=lambda row: row["threshold"])
    return next((row for row in rows if row["threshold"] >= threshold - 1e-9), rows[-1])


def point_html(
    curve: Sequence[dict[str, Any]], at: float, certified: float | None, certificate: dict[str, Any] | None
) -> str:
    """What a threshold buys: share of calls, quality and cost, beside the curve; and the promise, if there is one."""
    if not curve:
        return _muted("This router was saved without a curve, so what a threshold costs is not known.")
    here, alone, none = at_threshold(curve, at), at_threshold(curve, 0.0), at_threshold(curve, math.inf)
    facts = [_fact(_percent(here["share_superior"]), "of the calibration prompts go to the superior model")]
    if here["accuracy"] is not None:
        kept = f", {_percent(here['pgr'])} of the gap closed" if here["pgr"] is not None else ""
        compared = (
            f"accuracy{kept}; the superior alone has {alone['accuracy']:.2f}, the inferior {none['accuracy']:.2f}"
        )
        facts.append(_fact(f"{here['accuracy']:.2f}", compared))
    if here["cost_per_1000"] is not None:  # without prices nobody knows
        facts.append(
            _fact(
                _dollars(here["cost_per_1000"]), f"per 1,000 prompts; all superior: {_dollars(alone['cost_per_1000'])}"
            )
        )
    promise = ""
    if certificate and certificate.get("sentence"):
        on_it = certified is not None and abs(at - certified) < 1e-9
        promise = f"<div class='rl-promise{' rl-on' if on_it else ''}'>◆ {html.escape(certificate['sentence'])}</div>"
    return f"<div class='rl-buys'>{curve_svg(curve, at, certified)}<div class='rl-facts'>{''.join(facts)}</div></div>{promise}"


def _fact(number: str, words: str) -> str:
    return f"<div class='rl-fact'><span class='rl-big'>{number}</span><span class='rl-muted'>{html.escape(words)}</span></div>"


def curve_svg(curve: Sequence[dict[str, Any]], at: float, certified: float | None) -> str:
    """Accuracy over the share of superior calls, with the present point and the certified one; empty without both."""
    here = at_threshold(curve, at)
    if len(curve) < 2:
        return ""
    low, high = min(row["accuracy"] for row in curve), max(row["accuracy"] for row in curve)
    span = (high - low) or 1.0

    def place(share: float, accuracy: float) -> tuple[float, float]:
        return 8 + 224 * share, 96 - 84 * (accuracy - low) / span

    ordered = sorted(curve, key=lambda row: (row["share_superior"], row["accuracy"]))
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(r["share_superior"], r["accuracy"]) for r in ordered))
    x, y = place(here["share_superior"], here["accuracy"])
    first, last = (place(r["share_superior"], r["accuracy"]) for r in (ordered[0], ordered[-1]))
    chord = f"<line class='rl-chord' x1='{first[0]:.1f}' y1='{first[1]:.1f}' x2='{last[0]:.1f}' y2='{last[1]:.1f}'/>"
    stop = ""
    if certified is not None:
        there = at_threshold(curve, certified)
        cx, cy = place(there["share_superior"], there["accuracy"])
        stop = f"<text class='rl-diamond' x='{cx:.1f}' y='{cy + 4:.1f}'>◆</text>"
    label = (
        f"accuracy {here['accuracy']:.2f} with {_percent(here['share_superior'])} of the calls to the superior model"
    )
    return (
        f"<svg class='rl-curve' viewBox='0 0 240 122' role='img' aria-label='{label}'>{chord}"
        f"<line class='rl-axis' x1='8' y1='100' x2='232' y2='100'/><polyline class='rl-path' points='{line}'/>{stop}"
        f"<circle class='rl-dot' cx='{x:.1f}' cy='{y:.1f}' r='5'/>"
        "<text class='rl-tick' x='8' y='116'>none superior</text>"
        "<text class='rl-tick' x='232' y='116' text-anchor='end'>all superior</text>"
        "<text class='rl-tick' x='8' y='10'>accuracy</text></svg>"
    )


def answer_html(answer: Answer, chosen: bool) -> str:
    """One model's answer: who, the text so far, and what it took."""
    mark = "<span class='rl-tag'>the router's choice</span>" if chosen else ""
    body = html.escape(answer.text) or ("" if answer.error else "<span class='rl-muted'>…</span>")
    caret = "<span class='rl-caret'></span>" if answer.state == "streaming" else ""
    error = f"<div class='rl-alert' role='alert'>{html.escape(answer.error)}</div>" if answer.error else ""
    return (
        f"<div class='rl-card rl-answer rl-from-{answer.side}' data-state='{answer.state}'>"
        f"<div class='rl-who'><span class='rl-pill rl-{answer.side}'>{html.escape(answer.model)}</span>{mark}</div>"
        f"<div class='rl-text'>{body}{caret}</div>{error}<div class='rl-took'>{html.escape(took(answer))}</div></div>"
    )


def took(answer: Answer) -> str:
    """Time, tokens and cost of an answer, as far as they are known."""
    parts = {"waiting": ["waiting"], "stopped": ["stopped"]}.get(answer.state, [])
    if answer.seconds is not None:
        first = f" (first word {answer.first_token:.1f} s)" if answer.first_token is not None else ""
        parts.append(f"{answer.seconds:.1f} s{first}")
    if answer.completion_tokens is not None:
        parts.append(f"{answer.prompt_tokens or 0:,} + {answer.completion_tokens:,} tokens")
    if answer.cost is not None:
        parts.append(_dollars(answer.cost))
    return " · ".join(parts)


def batch_html(rows: Sequence[dict[str, Any]], at: float, top: float = 1.0) -> str:
    """A batch in words, above a histogram of its scores on the slider's scale."""
    if not rows:
        empty = "<div class='rl-verdict'>Nothing routed yet</div>"
        return empty + _muted("Paste prompts and press Route all: each bar will be the prompts of one score.")
    superior = sum(row["decision"] == "superior" for row in rows)
    told = f"{superior:,} of {len(rows):,} prompts go to the superior model"
    share = _muted(f"{_percent(superior / len(rows))}, at the threshold {at:.3f}")
    link = download_html(as_csv(rows), "routed-prompts.csv")
    scores = np.array([row["p_superior"] for row in rows])
    return (
        f"<div class='rl-verdict'>{told}</div><div class='rl-below'>{share}{link}</div>{histogram_svg(scores, at, top)}"
    )


def batch_table_html(rows: Sequence[dict[str, Any]]) -> str:
    """A batch as a table, hardest first."""
    ordered = sorted(rows, key=lambda row: -row["p_superior"])
    body = "".join(
        f"<tr><td class='rl-num'>{row['p_superior']:.2f}</td><td><span class='rl-pill rl-{row['decision']}'>"
        f"{row['decision']}</span></td><td class='rl-wide'>{html.escape(_short(row['prompt']))}</td></tr>"
        for row in ordered[:TABLE_ROWS]
    )
    more = _muted(f"The first {TABLE_ROWS} of {len(rows):,}; the CSV has all.") if len(rows) > TABLE_ROWS else ""
    heads = "<tr><th>p_superior</th><th>goes to</th><th>prompt</th></tr>"
    table = f"<table><thead>{heads}</thead><tbody>{body}</tbody></table>"
    return f"<div class='rl-scroll' tabindex='0'>{table}</div>{more}"


def histogram_svg(scores: np.ndarray, at: float, top: float = 1.0, bins: int = 40) -> str:
    """How many prompts have which score, with the threshold as a line; bars right of it go to the superior model."""
    counts, edges = np.histogram(np.clip(scores, 0, top), bins=bins, range=(0, top))
    fullest = max(int(counts.max()), 1)
    width = 600 / bins
    bars = "".join(
        f"<rect class='rl-{'superior' if left >= at - 1e-9 else 'inferior'}-fill' x='{600 * left / top + 1:.1f}' "
        f"y='{100 - 92 * count / fullest:.1f}' width='{width - 2:.1f}' height='{92 * count / fullest:.1f}'/>"
        for count, left in zip(counts.tolist(), edges.tolist(), strict=False)
        if count
    )
    x = 6 * _place(at, top)
    label = f"histogram of {len(scores)} scores; the fullest bar has {fullest}"
    return (
        f"<svg class='rl-histogram' viewBox='0 0 600 102' preserveAspectRatio='none' role='img' aria-label='{label}'>"
        f"{bars}<line class='rl-axis' x1='0' y1='100' x2='600' y2='100'/>"
        f"<line class='rl-mark' x1='{x:.1f}' y1='0' x2='{x:.1f}' y2='102'/></svg>"
    )


def history_html(events: Sequence[Event]) -> str:
    """The history as a table, newest first, with a link to its CSV."""
    if not events:
        return _muted("Nothing yet: what you route and ask is kept here.")
    body = "".join(_history_row(event) for event in reversed(events[-TABLE_ROWS:]))
    heads = "".join(f"<th>{name}</th>" for name in ("time", "p_superior", "goes to", "prompt", "answered by", "took"))
    link = download_html(as_csv([asdict(event) for event in events]), "router-history.csv")
    return f"{link}<div class='rl-scroll' tabindex='0'><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"


def _history_row(event: Event) -> str:
    spent = [] if event.seconds is None else [f"{event.seconds:.1f} s"]
    spent += [] if event.completion_tokens is None else [f"{event.completion_tokens:,} tokens"]
    spent += [] if event.cost is None else [_dollars(event.cost)]
    by = f"{event.model}{' (failed)' if event.error else ''}"
    return (
        f"<tr><td class='rl-num'>{event.time[11:]}</td><td class='rl-num'>{event.p_superior:.2f}</td><td>"
        f"<span class='rl-pill rl-{event.decision}'>{event.decision}</span></td><td class='rl-wide'>"
        f"{html.escape(_short(event.prompt))}</td><td>{html.escape(by)}</td><td>{' · '.join(spent)}</td></tr>"
    )


def download_html(text: str, name: str) -> str:
    """A link that saves a text as a file, without a server."""
    content = base64.b64encode(("\ufeff" + text).encode()).decode()
    return (
        f"<a class='rl-download' download='{name}' href='data:text/csv;charset=utf-8;base64,{content}'>Save as CSV</a>"
    )


def _short(text: str, length: int = 160) -> str:
    text = " ".join(text[: 4 * length].split())
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _percent(share: float | None) -> str:
    if share is None:
        return "–"
    return f"{100 * share:.0f} %" if share in (0, 1) or 0.005 <= share <= 0.995 else f"{100 * share:.1f} %"


def _dollars(amount: float | None) -> str:
    if amount is None:
        return "–"
    if amount == 0 or amount >= 0.01:
        return f"${amount:,.2f}"
    digits = min(8, 1 - math.floor(math.log10(amount)))
    return f"${amount:.{digits}f}"


STYLE = (Path(__file__).parent / "panel.css").read_text(encoding="utf-8")
