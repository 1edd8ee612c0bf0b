"""Carries out a router's policy: ask the inferior model, read its answer, keep it or escalate. The
one rule, for clients, server and panel.

`Stages.plan` takes the first decision, from the prompt alone; `Stages.ask` gets the answer and,
where the policy reads it, takes the second one before a single word is shown. Where the policy
cannot be carried out (a request with tools or images, a server without log-probabilities, a second
model that is silent), the router alone decides, and a header and the log say why. Thresholds and
gains are `training.policies`'; who is asked when a model is down is `fallback`'s; how bytes travel
is each floor's, by its `StagedLine`.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from routerlib import settings
from routerlib.answers.signals import FROM_LOGPROBS, MEANING
from routerlib.endpoints import check, clients
from routerlib.rows.schemas import Sample
from routerlib.serving import fallback, gathering
from routerlib.serving.fallback import Reply, has_more_than_text
from routerlib.serving.gathering import FirstAnswer, NotThere, Tokens
from routerlib.serving.reading import AnswerReader
from routerlib.serving.switchboard import (
    THRESHOLD_HEADER,
    Backend,
    Plan,
    RequestError,
    Switchboard,
    conversation,
)
from routerlib.stats.prices import call_cost, prices_of
from routerlib.training.policies import Policy
from routerlib.training.router import Decision

PROMPT, ANSWER = "prompt", "answer"  # which stage decided
NOTE = "x-router-note"

log = logging.getLogger(__name__)


@dataclass
class Gathered:
    """What came of a request for the first answer, and of those beside it, each by its name.

    first: the first answer; None where it is late. beside: the results that came in time; of what
    failed, its exception. is_late: whether something did not come in time.
    """

    first: Any = None
    beside: dict[str, Any] = field(default_factory=dict)
    is_late: bool = False


class StagedLine(fallback.Line, Protocol):
    """How one floor talks to models' servers when it asks several at once. What is written here is
    right for floors in an event loop.
    """

    async def at_once(
        self,
        first: Coroutine[Any, Any, Any],
        beside: Mapping[str, Coroutine[Any, Any, Any]],
        seconds: float | None,
    ) -> Gathered:
        """Run all of it at the same time, for so many seconds at most; without the first, what is
        beside it is given up. What is late is cancelled. An exception of the first is raised.
        """
        clock = asyncio.get_running_loop().time
        end = None if seconds is None else clock() + seconds
        main = asyncio.ensure_future(first)
        others = {name: asyncio.ensure_future(work) for name, work in beside.items()}
        try:
            await asyncio.wait([main], timeout=seconds)
            if not main.done():
                return Gathered(is_late=True)
            found = Gathered(main.result())
            if found.first is None or not others:
                return found
            left = None if end is None else max(0.0, end - clock())
            done, late = await asyncio.wait(others.values(), timeout=left)
            found.is_late = bool(late)
            in_time = {name: task for name, task in others.items() if task in done}
            found.beside = {
                name: task.exception() or task.result() for name, task in in_time.items()
            }
            return found
        finally:
            under_way = [task for task in (main, *others.values()) if not task.done()]
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def work_out(self, work: Callable[[], Any]) -> Any:
        """The result of work for the processor, while other requests go on."""
        return await asyncio.to_thread(work)


class Stages:
    """A switchboard's policy at work, and what it has learnt of the servers. Close it after use.

    why_not: why the router alone decides on every request, in words; empty where the policy is
    carried out, or where there is none.
    """

    def __init__(self, board: Switchboard):
        self.board = board
        self.policy: Policy | None = getattr(board.router, "policy", None)
        if self.policy is not None and self.policy.look is None:
            self.policy = None  # the router alone, which has a threshold of its own
        self.gives_logprobs: bool | None = None  # None: not known yet
        self.why_not = self._why_not_here() if self.policy else ""
        self.reader = AnswerReader(self.policy) if self.policy else None
        if self.why_not:
            log.warning("%s", self.why_not)

    @property
    def needs_logprobs(self) -> bool:
        return self.policy is not None and any(n in FROM_LOGPROBS for n in self.policy.signals)

    @property
    def needs_second(self) -> bool:
        return self.policy is not None and any(n.startswith("second_") for n in self.policy.signals)

    @property
    def sentence(self) -> str:
        """What is done with requests, for whoever starts this; empty without a policy."""
        if self.policy is None:
            return ""
        if self.why_not:
            return self.why_not
        read = ", ".join(MEANING[name] for name in self.policy.signals) or "nothing"
        return (
            f"Policy '{self.policy.name}': the inferior model's answer is read before it is shown "
            f"({read})."
        )

    def _why_not_here(self) -> str:
        """What this program lacks to carry the policy out."""
        assert self.policy is not None
        name = self.policy.name
        unknown = [signal for signal in self.policy.signals if signal not in MEANING]
        if unknown:
            return (
                f"The policy '{name}' reads signals that are not measured here "
                f"({', '.join(unknown)}), so the router alone decides. Train it on the outcomes of "
                "notebook 04."
            )
        if self.needs_second and self.board.second is None:
            model = self.policy.sources.second_model or "a second cheap model"
            return (
                f"The policy '{name}' compares answers with those of {model}, which has no "
                "address, so the router alone decides. Give it with second=… (serve-router: "
                "--second)."
            )
        if self.board.threshold is not None:
            return (
                f"A threshold is given ({self.board.threshold:g}), so the router alone decides; "
                f"the policy '{name}' stands at a point of its own. Leave the threshold out for it."
            )
        return ""

    async def examine(self) -> None:
        """Notice at the start whether the inferior model's server gives log-probabilities, where
        the policy reads them; one short answer is asked for. A server that is down says nothing.
        """
        if self.why_not or not self.needs_logprobs:
            return
        target = self.board.inferior
        mode = clients.LOCAL if target.is_local else clients.REMOTE
        try:
            async with clients.connect(
                target.base_url, target.api_key, timeout=10, api_mode=mode
            ) as client:
                given = await check.gives_logprobs(client, target.model, clients.CHAT, mode)
        except settings.MissingKey:
            return  # each request will say so
        if given is not None:
            self._learn_logprobs(given)

    def warm(self) -> None:
        """Load what reading an answer needs."""
        if self.reader is not None and not self.why_not:
            self.reader.warm()

    def close(self) -> None:
        if self.reader is not None:
            self.reader.close()

    def _learn_logprobs(self, given: bool) -> None:
        if given:
            self.gives_logprobs = True
        elif self.gives_logprobs is None and self.policy is not None:
            self.gives_logprobs = False
            self.why_not = (
                f"{self.board.inferior.base_url} gives no log-probabilities of "
                f"{self.board.inferior.model}'s answers, which the policy '{self.policy.name}' "
                "reads, so the router alone decides. vLLM gives them; or collect with LOGPROBS = "
                "False, and train again."
            )
            log.warning("%s", self.why_not)

    # --- the first decision ---

    def plan(self, p_superior: float, body: Mapping[str, Any], headers: Mapping[str, str]) -> Plan:
        """Who is asked first, and whether its answer is read, from the prompt alone.

        Raises:
            RequestError: the request's own threshold is none.
        """
        usual = self.board.plan(self.board.decide(p_superior, headers))
        if self.policy is None:
            return usual
        if why := self.why_not or passes_by(body, headers):
            if not self.why_not:  # which was told once, and needs no line a request
                log.info("the second stage is passed by: %s", why)
            return replace(usual, stage=PROMPT, told={NOTE: why})
        step = self.policy.before(p_superior)
        plan = self._decided("superior" if step == "up" else "inferior", p_superior, PROMPT)
        return replace(plan, reads=step == "read")

    def _decided(self, model: Any, p_superior: float, stage: str, reason: str = "") -> Plan:
        assert self.policy is not None
        reason = reason or f"policy '{self.policy.name}', from the prompt"
        decision = Decision(model, p_superior, self.policy.threshold, reason)
        plan = self.board.plan(decision)
        return replace(plan, stage=stage, told={"x-router-policy": self.policy.name})

    # --- the second one ---

    async def ask(
        self, plan: Plan, body: Mapping[str, Any], line: StagedLine
    ) -> tuple[Reply, Backend, Plan]:
        """The answer to a request, who gave it, and the plan as it was carried out.

        Raises:
            one of `line.broken`: the last model that was asked gave no answer. RequestError: it
            gave a web page, or an answer that is none.
        """
        if not plan.reads:
            reply, answered_by = await _in_the_callers_form(plan, body, line)
            return reply, answered_by, self._with_cost(plan, reply, answered_by)
        gathered = await self._gather(body, line)
        first: FirstAnswer | None = gathered.first
        if first is None and not gathered.is_late:
            return await self._instead(plan, body, line)
        if first is not None and first.value is None:
            return self._handed_on(plan, first, body)
        decided = await self._second_decision(plan, gathered, body, line)
        if decided.first is self.board.superior:
            return await self._escalate(decided, first, body, line)
        assert first is not None
        gathering.in_the_form_asked(first, body)
        return first.reply, self.board.inferior, self._with_cost(decided, None, None, first)

    async def _gather(self, body: Mapping[str, Any], line: StagedLine) -> Gathered:
        """The first answer and what the policy reads beside it."""
        assert self.policy is not None
        board, sources = self.board, self.policy.sources
        first = gathering.ask_inferior(
            board.inferior,
            body,
            line,
            self.needs_logprobs,
            board.fallback,
            bool(self.gives_logprobs),
        )
        beside: dict[str, Coroutine[Any, Any, Any]] = {}
        if sources.samples > 1:
            beside["samples"] = gathering.further_samples(
                board.inferior,
                body,
                line,
                sources.samples - 1,
                sources.temperature,
                self.needs_logprobs,
            )
        if self.needs_second and board.second is not None:
            beside["second"] = gathering.second_answer(board.second, body, line)
        return await line.at_once(first, beside, board.max_wait)

    async def _second_decision(
        self, plan: Plan, gathered: Gathered, body: Mapping[str, Any], line: StagedLine
    ) -> Plan:
        """Keep the answer or escalate: by the policy, or by the router alone where something that
        the policy reads is not there.
        """
        assert self.policy is not None and self.reader is not None and plan.decision is not None
        p, first = plan.decision.p_superior, gathered.first
        if gathered.is_late:
            waited = f"no answer to read within {self.board.max_wait:g} s"
            return _noted(self._decided("superior", p, ANSWER, waited), waited)
        missing = self._missing(gathered)
        if missing:
            return self._by_router(p, missing)
        samples: list[Sample] = [*first.samples[:1], *gathered.beside.get("samples", ())]
        second = gathered.beside.get("second", ())
        prompt, reader = question_of(body), self.reader
        try:
            found = await line.work_out(lambda: reader.read(prompt, samples, second))
        except Exception as error:  # no caller is to lose an answer because it could not be read
            log.error("an answer could not be read: %s", type(error).__name__)
            return self._by_router(p, f"the answer could not be read ({type(error).__name__})")
        if found is None:
            return self._by_router(p, "the answers took too long to compare")
        goes_up, gain = self.policy.escalates(p, found)
        reason = f"expected gain {gain:.3f}, read off the answer"
        decided = self._decided("superior" if goes_up else "inferior", p, ANSWER, reason)
        return replace(decided, told={**decided.told, "x-router-gain": f"{gain:.4f}"})

    def _missing(self, gathered: Gathered) -> str:
        """What the policy reads and the servers did not give, in words; empty where all is
        there.
        """
        first: FirstAnswer = gathered.first
        if self.needs_logprobs:
            given = first.takes_logprobs and first.has_logprobs
            self._learn_logprobs(given)
            if not given:
                return self.why_not or "the answer came without log-probabilities"
        failed = [got for got in gathered.beside.values() if isinstance(got, BaseException)]
        for failure in failed:
            if not isinstance(failure, NotThere):
                raise failure
        return str(failed[0]) if failed else ""

    def _by_router(self, p_superior: float, why: str) -> Plan:
        log.info("the second stage is passed by: %s", why)
        plan = self.board.plan(self.board.decide(p_superior, {}))
        return replace(plan, stage=PROMPT, told={NOTE: why})

    # --- where it leads ---

    async def _escalate(
        self, decided: Plan, first: FirstAnswer | None, body: Mapping[str, Any], line: StagedLine
    ) -> tuple[Reply, Backend, Plan]:
        """The superior model's answer; where it gives none and there may be a fallback, the one
        that was read.
        """
        superior = self.board.superior
        if first is None or not self.board.fallback:
            if first is not None:
                await line.let_go(first.reply)
            reply, _ = await _in_the_callers_form(Plan(superior), body, line)
            return reply, superior, self._with_cost(decided, reply, superior, first, True)
        reply_of_superior = await fallback.try_one(superior, body, line)
        if reply_of_superior is None:
            gathering.in_the_form_asked(first, body)
            told = self._with_cost(decided, None, None, first)
            return first.reply, self.board.inferior, told
        await line.let_go(first.reply)
        await gathering.to_the_caller(reply_of_superior, superior, body, line)
        told = self._with_cost(decided, reply_of_superior, superior, first)
        return reply_of_superior, superior, told

    async def _instead(
        self, plan: Plan, body: Mapping[str, Any], line: StagedLine
    ) -> tuple[Reply, Backend, Plan]:
        """The superior model's answer where the inferior one is down and there may be a
        fallback.
        """
        superior = self.board.superior
        reply, _ = await _in_the_callers_form(Plan(superior), body, line)
        note = f"{self.board.inferior.model} gave no answer"
        return reply, superior, self._with_cost(_noted(plan, note), reply, superior)

    def _handed_on(
        self, plan: Plan, first: FirstAnswer, body: Mapping[str, Any]
    ) -> tuple[Reply, Backend, Plan]:
        """What is no answer and no other model's case (a wrong key), as it came."""
        inferior = self.board.inferior
        if first.reply.status < 300 and body.get("stream"):
            raise RequestError(f"What {inferior.model} sent is no completion.", status=502)
        return first.reply, inferior, _noted(plan, "the answer could not be read")

    # --- what it cost ---

    def _with_cost(
        self,
        plan: Plan,
        reply: Reply | None,
        answered_by: Backend | None,
        first: FirstAnswer | None = None,
        was_asked: bool = False,
    ) -> Plan:
        """The plan with headers of the calls that were made and of their price.

        Args:
            reply, answered_by: of the model asked last; None where the held answer is shown.
            first: the answer that was read. was_asked: it was asked for, though it came too late.
        """
        if self.policy is None or plan.decision is None:
            return plan
        calls: list[tuple[str, Tokens | None]] = []
        if first is not None or was_asked:
            calls.append(("inferior", first.tokens() if first else None))
        if answered_by is not None:
            side = "superior" if answered_by is self.board.superior else "inferior"
            calls.append((side, _tokens_of_reply(reply)))
        was_read = first is not None or was_asked
        told = {"x-router-calls": self._calls_in_words([side for side, _ in calls], was_read)}
        prices = [self._price(side, tokens) for side, tokens in calls]
        known = [price for price in prices if price is not None]
        if len(known) == len(prices):
            beside = self.policy.usual_costs.get("signals", 0.0) if was_read else 0.0
            told["x-router-cost"] = f"{sum(known) + beside:.6g}"
            told["x-router-cost-unit"] = self.policy.unit
        return replace(plan, told={**plan.told, **told})

    def _calls_in_words(self, sides: list[str], was_read: bool) -> str:
        """ "inferior=3, second=1, superior=1" """
        assert self.policy is not None
        counts = {side: sides.count(side) for side in dict.fromkeys(sides)}
        if was_read:
            counts["inferior"] += self.policy.sources.samples - 1
            if self.needs_second:
                counts["second"] = 1
        return ", ".join(f"{side}={count}" for side, count in counts.items())

    def _price(self, side: str, tokens: Tokens | None) -> float | None:
        """The money of a call: by its tokens, else what such a call usually costs; None where
        neither is known.
        """
        assert self.policy is not None
        prices = prices_of(self.board.router.prices, side)
        if tokens and prices and any(prices) and self.policy.unit == "dollars":
            read, written, cached = tokens
            share = self.board.router.prices.get("cached_share", 1.0)
            return float(call_cost(read, written, *prices, cached, share))
        return self.policy.usual_costs.get(side)


async def _in_the_callers_form(
    plan: Plan, body: Mapping[str, Any], line: StagedLine
) -> tuple[Reply, Backend]:
    """The answer to a request in the form that its caller asked for, and who gave it."""
    reply, answered_by = await fallback.ask(plan, body, line)
    await gathering.to_the_caller(reply, answered_by, body, line)
    return reply, answered_by


def _tokens_of_reply(reply: Reply | None) -> Tokens | None:
    """The tokens that a reply tells, as far as it was looked at before it is handed on."""
    if reply is None or not reply.ended or reply.is_events:
        return None
    try:
        return gathering.tokens_in(json.loads(reply.beginning() or b""))
    except (ValueError, RecursionError):
        return None


def _noted(plan: Plan, note: str) -> Plan:
    return replace(plan, told={**plan.told, NOTE: note})


# --- requests ---


def passes_by(body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> str:
    """Why a request's answer is not read, in words; empty where it is.

    Tools are called in turns whose worth no signal tells; what is no text was never learnt from.
    """
    if headers and THRESHOLD_HEADER in headers:
        return f"the request has a threshold of its own ({THRESHOLD_HEADER})"
    messages = [m for m in body.get("messages") or () if isinstance(m, Mapping)]
    if any(body.get(name) for name in ("tools", "functions")):
        return "the request offers tools"
    if any(m.get("role") in ("tool", "function") or m.get("tool_calls") for m in messages):
        return "the conversation calls tools"
    if has_more_than_text(body):
        return "the request holds more than text"
    modalities = body.get("modalities")
    if body.get("audio") or (isinstance(modalities, list) and modalities not in ([], ["text"])):
        return "the answer is to be more than text"
    if isinstance(body.get("n"), int) and body["n"] > 1:
        return "the request asks for several answers"
    return ""


def question_of(body: Mapping[str, Any]) -> str:
    """The text that a request's answer is about: what the user said last."""
    said = [message for message in conversation(body) if message.role == "user"]
    return said[-1].content if said else ""
