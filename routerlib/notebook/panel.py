"""The demo panel: type a prompt, see where the router sends it and how sure it is, move the
threshold, ask the models.

`RouterPanel` is made of ipywidgets alone, so that its bare name in a cell shows it in JupyterLab,
Colab and Voila; everything a button does is also a method, and everything on show also a value.
Here is what it holds and does. How that looks is `markup`'s: no HTML is written here and nothing
escaped. What the router decides is `router`'s business, what a server answers `clients`'.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import math
import time
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
import numpy as np

from routerlib import event_loop, settings
from routerlib.endpoints import addresses, clients
from routerlib.endpoints.prompts import well_formed
from routerlib.errors import Foreseen, SettingError
from routerlib.notebook import markup
from routerlib.notebook.face import FacedBox
from routerlib.notebook.markup import SIDES, Entry, ModelAnswer, Point
from routerlib.rows import jsonl
from routerlib.rows.finish_reasons import LENGTH, finish_reason
from routerlib.rows.spreadsheets import as_csv
from routerlib.serving.routed_clients import AsyncRoutedClient, Backend, backend
from routerlib.serving.stages import Stages
from routerlib.serving.switchboard import ROUTED, Switchboard, checked_router, switchboard
from routerlib.stats.prices import call_cost, prices_of
from routerlib.training.router import Decision, Router

if TYPE_CHECKING:
    from routerlib.endpoints.connections import Client

# (label, prompt), from easy to hard
SAMPLES = (
    ("A capital", "What is the capital of Australia?"),
    ("A product", "What is 12 * 7?"),
    ("An e-mail", "Write a polite e-mail that moves a meeting from Tuesday to Thursday."),
    (
        "A journey",
        "A train leaves at 14:05 and arrives at 17:50. How long does the journey take? Explain "
        "each step.",
    ),
    ("A proof", "Prove that the square root of two is irrational."),
    ("A design", "Design a lock-free queue for many writers, and prove that it loses no element."),
)
BATCH = 64  # prompts scored between two updates of the progress line
LONGEST_CELL = 1 << 17  # characters of an uploaded table
FRAME = 0.08  # seconds between two updates of a streaming answer


class RouterPanel(FacedBox):
    """A router to look at and to play with. Its bare name in a notebook cell shows it.

        panel = RouterPanel(
            router, inferior="http://127.0.0.1:8001/v1", superior="http://127.0.0.1:8000/v1"
        )
        panel  # in a cell
        panel.prompt.value = "What is 2 + 2?"  # the same without a browser
        panel.route()
        panel.ask("both")
        panel.answers["superior"].text

    Args:
        router: decides. Its curve says what a threshold costs, its certificate which threshold is
            promised.
        inferior, superior: where the two models answer: a `switchboard.Backend`, an address where
            the model has the name that the router knows, or None, which leaves routing alone.
        max_tokens: of an answer.
        samples: (label, prompt) pairs to try, from easy to hard.
        second, max_wait: of a router whose policy reads answers, as for `RoutedClient`. Its
            policy is carried out where the chosen model is asked at the router's own threshold.

    Attributes:
        prompt, threshold, batch_prompts: the input widgets; set their `.value`.
        decision: the latest `Decision`, or None. answers: side -> `Reply`. history: a list of
            `Entry`.
        batch: the prompts routed at once, and their `batch_scores`. uploaded: the prompts of an
            uploaded file.
        message: what the panel tells the user now: a hint, or what went wrong; empty if nothing.
    """

    def __init__(
        self,
        router: Router,
        inferior: str | Backend | None = None,
        superior: str | Backend | None = None,
        *,
        max_tokens: int = 512,
        samples: Sequence[tuple[str, str]] = SAMPLES,
        second: str | Backend | None = None,
        max_wait: float | None = None,
    ):
        self.router = checked_router(router)
        settings.whole("MAX_TOKENS", max_tokens)
        if not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in samples):
            raise SettingError("SAMPLES holds something else than pairs of a label and a prompt.")
        given = {"inferior": inferior, "superior": superior}
        self.backends: dict[str, Backend | None] = {
            side: backend(value, router.models.get(side)) if value else None
            for side, value in given.items()
        }
        self.names = {
            side: b.model if b else router.models.get(side) or side
            for side, b in self.backends.items()
        }
        self.max_tokens = max_tokens
        self.top = _scale_top(router)
        self.decision: Decision | None = None
        self.routed = ""  # the prompt that the decision is about
        self.answers: dict[str, ModelAnswer] = {}
        self.chosen = ""  # the side whose answer the router, or its policy, has chosen
        self.board = self._switchboard(second, max_wait)
        self.history: list[Entry] = []
        self.batch: list[str] = []
        self.uploaded: list[str] = []
        self.batch_scores = np.zeros(0)
        self.busy = False
        self.message = ""
        self._task: asyncio.Task | None = None
        super().__init__(self._build(samples))
        self.add_class("routerlib")
        self.wear_face()
        self._show_point()

    def _switchboard(self, second: Any, max_wait: float | None) -> Switchboard | None:
        """Of a router whose policy reads answers, where both models are connected; else None."""
        policy = getattr(self.router, "policy", None)
        inferior, superior = (self.backends[side] for side in SIDES)
        if policy is None or policy.look is None or inferior is None or superior is None:
            return None
        return switchboard(self.router, inferior, superior, second=second, max_wait=max_wait)

    # --- building ---

    def _build(self, samples: Sequence[tuple[str, str]]) -> list[widgets.Widget]:
        self._error = widgets.HTML()
        self._build_point()
        tabs = widgets.Tab(
            [self._build_one(samples), self._build_many(), self._build_history()],
            titles=("One prompt", "Many prompts", "History"),
        )
        self.tabs = classed(tabs, "rl-tabs")
        self._header = widgets.HTML(markup.header_html(self.router.name, self.names))
        return [self._header, self._error, self.tabs]

    def _build_one(self, samples: Sequence[tuple[str, str]]) -> widgets.Widget:
        self.prompt = _text_field(
            "Prompt", "Type a prompt, or take one of the samples below.", rows=4
        )
        chips = [widgets.Button(description=label, tooltip=prompt) for label, prompt in samples]
        for chip, (_, prompt) in zip(chips, samples, strict=True):
            classed(chip, "rl-chip").on_click(lambda _, prompt=prompt: self._do_sample(prompt))
        self.samples = chips
        scale = [_note("easy"), *chips, _note("hard")]
        self.route_button = self._button(
            "Route", self.route, "rl-primary", "Decide where the prompt goes"
        )
        self.ask_button = self._task_button("Ask the chosen model", "chosen")
        self.both_button = self._task_button("Ask both", "both")
        self.stop_button = self._button("Stop", self.stop, "rl-quiet", "Stop the answers under way")
        self.stop_button.layout.display = "none"
        buttons = [self.route_button, self.ask_button, self.both_button, self.stop_button]
        self._verdict = widgets.HTML(markup.verdict_html(None, self.names))
        self._answers = widgets.HTML()
        self._hint = widgets.HTML(self._server_hint())
        decision = classed(widgets.VBox([self._verdict, self._point_box]), "rl-card")
        rows = [
            self.prompt,
            row_of(*scale, name="rl-chips"),
            row_of(*buttons),
            decision,
            self._answers,
            self._hint,
        ]
        return classed(widgets.VBox(rows), "rl-page")

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
        classed(self.threshold, "rl-slider rl-hidden-label").observe(self._on_threshold, "value")
        self._marks = widgets.HTML()
        self.own_button = self._button(
            f"The router's own: {own:.3f}", lambda: self._set_threshold(own), "rl-link"
        )
        certified = self._certified()
        self.certified_button = self._button(
            "", lambda: self._set_threshold(certified or 0.0), "rl-link"
        )
        if certified is None:
            self.certified_button.layout.display = "none"
        else:
            self.certified_button.description = f"◆ Certified: {certified:.3f}"
            told = self.router.certificate or {}
            self.certified_button.tooltip = told.get("sentence", "The certified threshold")
            # One stop, one button
            self.own_button.layout.display = "none" if abs(own - certified) < 1e-9 else None
        self._point = widgets.HTML()
        stops = row_of(self.own_button, self.certified_button, name="rl-stops")
        self._point_box = classed(
            widgets.VBox([self.threshold, self._marks, stops, self._point]), "rl-point"
        )

    def _build_many(self) -> widgets.Widget:
        self.batch_prompts = _text_field(
            "Prompts", "Paste prompts, one a line, or upload a file.", rows=5
        )
        self.upload = widgets.FileUpload(
            accept=".txt,.csv,.jsonl", description="Upload .txt, .csv, .jsonl"
        )
        classed(self.upload, "rl-quiet").observe(self._on_upload, "value")
        self.batch_button = self._task_button("Route all", "batch", "rl-primary")
        self._batch_view = widgets.HTML(markup.batch_html([], self.threshold.value, self.top))
        self._batch_table = widgets.HTML()
        card = classed(widgets.VBox([self._batch_view, self._point_box]), "rl-card")
        rows = [self.batch_prompts, row_of(self.batch_button, self.upload), card, self._batch_table]
        return classed(widgets.VBox(rows), "rl-page")

    def _build_history(self) -> widgets.Widget:
        self._history_view = widgets.HTML(markup.history_html([]))
        self.clear_button = self._button(
            "Clear", self.clear_history, "rl-quiet", "Forget the history"
        )
        return classed(widgets.VBox([self._history_view, row_of(self.clear_button)]), "rl-page")

    def _button(self, text: str, action: Any, style: str, tooltip: str = "") -> widgets.Button:
        button = classed(widgets.Button(description=text, tooltip=tooltip or text), style)
        button.on_click(lambda _: self._guarded(action))
        return button

    def _task_button(self, text: str, what: str, style: str = "rl-quiet") -> widgets.Button:
        tips = {
            "batch": "Decide for every prompt",
            "both": "Send the prompt to both models, side by side",
        }
        tip = tips.get(what, "Route the prompt and send it to the model it goes to")
        button = classed(widgets.Button(description=text, tooltip=tip), style)
        button.on_click(
            lambda _: self._start(self._route_batch() if what == "batch" else self._ask(what))
        )
        return button

    # --- what the buttons do, for code too ---

    def route(self) -> Decision | None:
        """Decide about the prompt, show it, and note it in the history. An empty prompt is told
        off: None.
        """
        self._say("")
        text = well_formed(self.prompt.value)
        if not text.strip():
            self._say("Type a prompt first, or take one of the samples.", calm=True)
            return None
        self.routed = text
        self.decision = self.router.route(text, self.threshold.value)
        self.answers, self.chosen = {}, self.decision.model
        self._show_decision()
        self._show_answers()
        self._note("routed")
        return self.decision

    def ask(self, which: str = "chosen") -> dict[str, ModelAnswer]:
        """Send the prompt to the "chosen" model, or to "both", and wait for the answers; returns
        them by side.
        """
        self._run(self._ask(which))
        return self.answers

    async def asking(self, which: str = "chosen") -> dict[str, ModelAnswer]:
        """`ask`, to be awaited. For a notebook's cell: while `ask` waits, the kernel's loop is
        entered a second time, and with further cells in its queue it complains of that at length.
        """
        if not self.busy:
            await self._work(self._ask(which))
        return self.answers

    def route_batch(self) -> np.ndarray:
        """Score all prompts of `batch_prompts` (or of an uploaded file); returns p_superior of
        each, shape (n,).
        """
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
        return jsonl.write_text(settings.resolve(path), self.history_csv())

    def snapshot(self) -> str:
        """The panel's state as plain HTML, for runs and viewers that have no widgets."""
        return markup.plain_html(
            self.router.name,
            self.names,
            self.message,
            self.routed,
            self.decision,
            self._point_now(),
            self.answers,
            self._batch_rows(),
            self.history,
        )

    # --- running ---

    def _do_sample(self, prompt: str) -> None:
        self.prompt.value = prompt
        self._guarded(self.route)

    def _guarded(self, action: Any) -> None:
        """Do it; an error becomes a sentence in the panel."""
        try:
            action()
        except Exception as error:
            self._say(error_sentence(error))
        self.face.refresh()

    def _start(self, work: Coroutine) -> None:
        """From a click: the work goes on beside the kernel's loop, so that the panel stays
        alive.
        """
        # A second click while the first is at work, or has yet to begin: a call is paid once
        if self.busy:
            work.close()
            return
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self._run(work)
        else:
            self._set_busy(True)
            self._task = asyncio.ensure_future(self._work(work))
            self._task.add_done_callback(lambda _: self._ended(work))

    def _ended(self, work: Coroutine) -> None:
        """Also where Stop came before the work began, and nothing of it has run."""
        work.close()
        self._set_busy(False)

    def _run(self, work: Coroutine) -> None:
        if self.busy:
            work.close()
            self._say("The panel is at work: wait until it is done, or stop it.", calm=True)
            return
        event_loop.run_coroutine(self._work(work))

    async def _work(self, work: Coroutine) -> None:
        self._set_busy(True)
        try:
            await work
        except asyncio.CancelledError:
            self._say("Stopped.", calm=True)
        except Exception as error:
            self._say(error_sentence(error))
        finally:
            self._set_busy(False)
            self.face.refresh()

    def _set_busy(self, busy: bool) -> None:
        self.busy = busy
        for button in (
            self.route_button,
            self.ask_button,
            self.both_button,
            self.batch_button,
            *self.samples,
        ):
            button.disabled = busy
        self.stop_button.layout.display = None if busy else "none"

    async def _ask(self, which: str) -> None:
        if which not in ("chosen", "both"):
            raise SettingError(f"ask({which!r}): it is either 'chosen' or 'both'.")
        if (
            self.decision is None or self.routed != well_formed(self.prompt.value)
        ) and self.route() is None:
            return
        self._say("")
        if which == "chosen" and self.board is not None and self._is_at_own_point():
            await self._ask_by_policy(self.board)
            return
        self.chosen = self.decision.model if self.decision else ""
        sides = SIDES if which == "both" else (self.chosen,)
        missing = [side for side in sides if self.backends[side] is None]
        if missing:
            self._say(self._no_server(missing), calm=True)
            return
        targets = {side: target for side, target in self.backends.items() if target is not None}
        self.answers = {side: ModelAnswer(side, self.names[side]) for side in sides}
        self._show_answers()
        try:
            streams = [self._stream(a, targets[side]) for side, a in self.answers.items()]
            await asyncio.gather(*streams)
        finally:
            for answer in self.answers.values():
                if answer.state in ("waiting", "streaming"):
                    answer.state = "stopped"
                self._note("asked", answer)
            self._show_answers()

    def _is_at_own_point(self) -> bool:
        own = min(self.router.threshold, self.top)
        return abs(self.threshold.value - own) <= self.threshold.step / 2

    async def _ask_by_policy(self, board: Switchboard) -> None:
        """Ask as a program would: the inferior model's answer is shown once it is decided that it
        stays.
        """
        self._say(f"Asking {board.inferior.model}; its answer is read before it is shown.", True)
        answer = ModelAnswer("inferior", board.inferior.model)
        start = time.perf_counter()
        routed = AsyncRoutedClient(
            self.router,
            board.inferior,
            board.superior,
            second=board.second,
            max_wait=board.max_wait,
            max_retries=0,
        )
        try:
            async with routed as client:
                raw = await client.chat.completions.with_raw_response.create(
                    model=ROUTED, **self._request()
                )
                self.chosen = raw.headers["x-router-decision"]
                answer = ModelAnswer(self.chosen, self.names[self.chosen])
                self.answers = {self.chosen: answer}
                self._say(markup.stage_sentence(raw.headers), calm=True)
                await self._follow(answer, raw.parse(), start)
            answer.state = "done"
        except Exception as error:
            target = self.backends[answer.side] or board.inferior
            answer.state, answer.error = "failed", await self._what_failed(error, target)
        finally:
            if answer.state in ("waiting", "streaming"):
                answer.state = "stopped"
            answer.seconds = time.perf_counter() - start
            answer.cost = self._cost(answer)
            self.answers = {answer.side: answer}
            self._note("asked", answer)
            self._show_answers()

    def _request(self) -> dict[str, Any]:
        return {
            "messages": [{"role": "user", "content": self.routed}],
            "max_tokens": self.max_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
        }

    async def _follow(self, answer: ModelAnswer, stream: Any, start: float) -> None:
        """Take a stream of events as they come."""
        shown = 0.0
        async for chunk in stream:
            self._take(answer, chunk, time.perf_counter() - start)
            if time.perf_counter() - shown > FRAME:
                self._show_answers()
                shown = time.perf_counter()
        if answer.seconds is None:
            raise ValueError("no event came")

    async def _stream(self, answer: ModelAnswer, target: Backend) -> None:
        """Let one model answer, word by word."""
        start = time.perf_counter()
        try:
            async with _connected(target) as client:
                stream = await client.chat.completions.create(model=target.model, **self._request())
                await self._follow(answer, stream, start)
            answer.state = "done"
        except Exception as error:
            answer.state, answer.error = "failed", await self._what_failed(error, target)
        answer.seconds = time.perf_counter() - start
        answer.cost = self._cost(answer)

    def _take(self, answer: ModelAnswer, chunk: Any, now: float) -> None:
        piece = well_formed((chunk.choices[0].delta.content or "") if chunk.choices else "")
        if piece:
            answer.first_token = now if answer.first_token is None else answer.first_token
            answer.state = "streaming"
            answer.text += piece
        answer.seconds = now
        if chunk.choices and finish_reason(chunk.choices[0].finish_reason) == LENGTH:
            answer.is_cut_off = True
        if chunk.usage:
            answer.prompt_tokens = _count_or_none(chunk.usage.prompt_tokens)
            answer.completion_tokens = _count_or_none(chunk.usage.completion_tokens)

    def _cost(self, answer: ModelAnswer) -> float | None:
        prices = prices_of(self.router.prices, answer.side)
        if prices is None or answer.completion_tokens is None:
            return None
        return float(call_cost(answer.prompt_tokens or 0, answer.completion_tokens, *prices))

    async def _route_batch(self) -> None:
        self._say("")
        lines = well_formed(self.batch_prompts.value).splitlines()
        typed = [line.strip() for line in lines if line.strip()]
        prompts = typed or self.uploaded
        if not prompts:
            self._say("Paste some prompts first, one a line, or upload a file.", calm=True)
            return
        self.batch = prompts
        scores: list[float] = []
        start = time.perf_counter()
        for first in range(0, len(prompts), BATCH):
            scores.extend(
                await asyncio.to_thread(self.router.score, prompts[first : first + BATCH])
            )
            seconds = time.perf_counter() - start
            self._batch_view.value = markup.progress_html(len(scores), len(prompts), seconds)
        self.batch_scores = np.array(scores, dtype=np.float64)
        self._show_batch()

    # --- events ---

    def _on_threshold(self, change: dict[str, Any]) -> None:
        certified = self._certified()
        nearest = (
            certified is not None and abs(change["new"] - certified) <= self.threshold.step / 2
        )
        if nearest and change["new"] != certified:  # a stop: the slider comes to rest on it
            self.threshold.value = certified
            return
        try:  # not `_guarded`: a face for each step of the slider would be too many
            self._show_point()
        except Exception as error:
            self._say(error_sentence(error))

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
        self._batch_view.value = markup.upload_html(file["name"], len(self.uploaded))

    # --- showing ---

    def _certified(self) -> float | None:
        certificate = self.router.certificate or {}
        threshold = certificate.get("threshold")
        return (
            threshold
            if certificate.get("certified", True) and threshold is not None and threshold <= 1
            else None
        )

    def _show_point(self) -> None:
        at, certified = self.threshold.value, self._certified()
        self._marks.value = markup.marks_html(at, certified, self.top)
        self._point.value = markup.point_html(self._point_now())
        if self.decision is not None:
            self.decision = self.router.decide(self.decision.p_superior, at)
            self._show_decision()
        if len(self.batch_scores):
            self._show_batch()

    def _point_now(self) -> Point:
        router, at = self.router, self.threshold.value
        return Point(router.curve, at, self._certified(), router.certificate, self.top)

    def _show_decision(self) -> None:
        self._verdict.value = markup.verdict_html(self.decision, self.names, self.top)

    def _show_answers(self) -> None:
        self._answers.value = markup.answers_html(self.answers, self.chosen)

    def _show_batch(self) -> None:
        rows = self._batch_rows()
        self._batch_view.value = markup.batch_html(rows, self.threshold.value, self.top)
        self._batch_table.value = markup.batch_table_html(rows)

    def _batch_rows(self) -> list[dict[str, Any]]:
        at = self.threshold.value
        return [
            {
                "prompt": prompt,
                "p_superior": round(float(p), 4),
                "decision": self.router.decide(float(p), at).model,
            }
            for prompt, p in zip(self.batch, self.batch_scores, strict=False)
        ]

    def _show_history(self) -> None:
        self._history_view.value = markup.history_html(self.history)

    def _note(self, what: str, answer: ModelAnswer | None = None) -> None:
        at = datetime.now().isoformat(timespec="seconds")
        decision = self.decision
        if decision is None:
            return  # nothing was routed
        event = Entry(
            at, what, self.routed, decision.p_superior, decision.threshold, decision.model
        )
        if answer is not None:
            event.model, event.answer, event.error = answer.model, answer.text, answer.error
            for name in ("seconds", "first_token", "prompt_tokens", "completion_tokens", "cost"):
                setattr(event, name, getattr(answer, name))
        self.history.append(event)
        self._show_history()

    def _say(self, text: str, calm: bool = False) -> None:
        """Tell the user something above the tabs; an empty text clears it."""
        self.message = text
        self._error.value = markup.message_html(text, calm)

    def _server_hint(self) -> str:
        missing = [side for side in SIDES if self.backends[side] is None]
        if missing:
            return markup.muted_html(self._no_server(missing))
        if self.board is None:
            return ""
        stages = Stages(self.board)
        moved = "" if stages.why_not else " Where the threshold is moved, the router alone decides."
        return markup.muted_html(stages.sentence + moved)

    def _no_server(self, sides: Sequence[str]) -> str:
        ports = {"inferior": 8001, "superior": 8000}
        starts = "; ".join(
            f"python -m routerlib serve --model {self.names[s]} --port {ports[s]}" for s in sides
        )
        given = ", ".join(f'{side}="http://127.0.0.1:{ports[side]}/v1"' for side in sides)
        models = " and ".join(f"the {side} model" for side in sides)
        return (
            f"Routing needs no server, but answers do, and none is connected for {models}. Start "
            "one in a terminal "
            f"({starts}), then make the panel with RouterPanel(router, {given})."
        )

    async def _what_failed(self, error: Exception, target: Backend) -> str:
        """Why a model has no answer, in a sentence: as `clients` reads it for all who ask."""
        import aiohttp
        import httpx2
        import openai

        if isinstance(error, Foreseen):
            return str(error)
        if not isinstance(error, openai.APIError | aiohttp.ClientError | httpx2.HTTPError):
            return (
                f"What {target.base_url} sent is no chat completion "
                f"({markup.short(error_sentence(error))}). Is it the right address?"
            )
        async with _connected(target) as client:
            endpoint = clients.Endpoint(client, target.model, kind=clients.CHAT)
            failure = await endpoint.explained(error)
        text = str(failure)
        if isinstance(failure, clients.Outage):
            text += f". {self._how_to_start(target)}"
        return text if text.startswith("http") else text[:1].upper() + text[1:]

    def _how_to_start(self, target: Backend) -> str:
        if not target.is_local:
            return "Is the address right?"
        port = addresses.host_and_port(target.base_url)[1]
        return f"Start it with: python -m routerlib serve --model {target.model} --port {port}"


# --- Small pieces ---


def _connected(target: Backend) -> Client:
    mode = clients.LOCAL if target.is_local else clients.REMOTE
    return clients.connect(target.base_url, target.api_key, api_mode=mode)


def _scale_top(router: Router) -> float:
    """Where the slider and the bars end: 1, or less where no calibration prompt scored so high, so
    that none is cramped.
    """
    highest = max((row["threshold"] for row in router.curve), default=1.0)
    return min(1.0, math.ceil(20 * 1.1 * max(highest, router.threshold)) / 20)


def classed(widget: Any, names: str) -> Any:
    for name in names.split():
        widget.add_class(name)
    return widget


def row_of(*children: widgets.Widget, name: str = "rl-row") -> widgets.Widget:
    return classed(widgets.HBox(children), name)


def _note(text: str) -> widgets.HTML:
    return classed(widgets.HTML(markup.muted_html(text)), "rl-note")


def _count_or_none(value: Any) -> int | None:
    """A count as a server sent it, or None where it is none: the client hands on whatever came."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _text_field(label: str, placeholder: str, rows: int) -> widgets.Textarea:
    """A text to type. It is sent when it is left, not letter by letter: while a busy kernel has yet
    to take one letter, the browser holds back the rest, and a click on a button would overtake it.
    """
    field = widgets.Textarea(
        description=label, placeholder=placeholder, rows=rows, continuous_update=False
    )
    return classed(field, "rl-field rl-hidden-label")


def error_sentence(error: BaseException) -> str:
    """An exception as a sentence for a person."""
    text = " ".join(str(error).split())[:500]
    return (
        text
        if text and type(error).__module__.startswith("routerlib")
        else f"{type(error).__name__}: {text}"
    )


class PromptFileError(Foreseen, ValueError):
    """An uploaded file that holds no prompts, or cannot be read; the text says where."""


def prompts_from_file(name: str, content: bytes) -> list[str]:
    """The prompts of an uploaded file: the lines of a text, a column of a CSV, or a field of a
    JSONL file.

    The column or field is called prompt, question, problem or text (a CSV without such a header:
    its first column).

    Raises:
        PromptFileError: with the line, where the file cannot be read so, or that it holds no
        prompt.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PromptFileError(
            f"{name} is no UTF-8 text (byte {error.start}). Save it as UTF-8 and upload it again."
        ) from None
    kind = Path(name).suffix.lower()
    read = {".csv": _prompts_of_csv, ".jsonl": _prompts_of_jsonl}.get(
        kind, lambda _, text: text.splitlines()
    )
    prompts = [
        well_formed(prompt.strip()) for prompt in read(name, text) if prompt and prompt.strip()
    ]
    if not prompts:
        raise PromptFileError(f"{name} holds no prompt.")
    return prompts


FIELDS = ("prompt", "question", "problem", "text")


def _prompts_of_csv(name: str, text: str) -> Iterator[str]:
    usual = csv.field_size_limit(LONGEST_CELL)  # of the whole process, so it is put back
    try:
        rows = list(csv.reader(io.StringIO(text)))
    except csv.Error as error:
        raise PromptFileError(f"{name} is no CSV ({error}).") from None
    finally:
        csv.field_size_limit(usual)
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
            raise PromptFileError(
                f"{name}, line {number}: no field prompt, question, problem or text that is a text."
            )
        yield found
