"""`python -m routerlib replay`: your log, answered by a cheaper model and judged, in one command.

It cleans a log, examines the judge on pairs whose better answer is known, asks the inferior model
what the log has from the superior one, has both answers judged, fits a router on the verdicts, and
ends with a page: money saved and quality lost, by kind of prompt, a threshold and what is promised
about it, and what all that cost. A judge that is no better than chance is paid for no more than a
few verdicts, and nothing is said about quality. Each step is the one that the notebooks take (02 to
05), keeps its files in one folder, and goes on where it stopped: nothing is paid twice. The page
itself is `replay_page`'s.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from routerlib import settings
from routerlib.answers import examining, judges, judging, pairs
from routerlib.answers.examining import Examination
from routerlib.answers.judges import Judge
from routerlib.answers.pairs import KnownPair, Pair
from routerlib.collecting import collection
from routerlib.collecting.forecast import Prices, expected_tokens
from routerlib.collecting.resumable import Summary
from routerlib.endpoints import clients, servers, standins
from routerlib.endpoints.prompts import as_text
from routerlib.errors import INCOMPLETE, Foreseen
from routerlib.labels import cleaning
from routerlib.labels.kinds import name_kinds
from routerlib.notebook.replay_page import ReplayPage
from routerlib.progress import deferring_signals
from routerlib.rows import jsonl, masking, sources
from routerlib.rows.schemas import Conversation, LabelledPrompt, OpenPrompt, Vote
from routerlib.stats.certificates import check_terms
from routerlib.stats.savings import FEWEST, Saving, measure_money, measure_saving
from routerlib.training import examples, fitting, labelled_data
from routerlib.training.router import Router

ADDRESSES = {"inferior": "http://127.0.0.1:8001/v1", "judge": "http://127.0.0.1:8000/v1"}
LONGEST = 50_000  # characters of a prompt that is replayed
SEED = 0
STANDIN_VERDICT = 16  # tokens; a model of 135 million parameters that goes on only rambles
SHORTEST_LIMIT, LONGEST_LIMIT = 32, 4096  # tokens of an answer, where none is given
SHIPPED, UNEXAMINED = "sample", "none"  # what KNOWN may be beside files
KNOWN_PAIRS, STANDIN_PAIRS = 40, 20  # pairs that a judge is examined on; a stand-in takes a second
REFUSED_PAIRS = 8  # pairs that a judge who failed may show what it does on; they count for nothing


class ReplayError(Foreseen, ValueError):
    """There is nothing to replay in what was given; the text says why and what to do."""


@dataclass
class Replay:
    """How a replay ended: its page, where that lies, and whether anything is left to do."""

    page: ReplayPage
    path: Path
    is_complete: bool

    @property
    def exit_code(self) -> int:
        """0: every prompt is answered and judged; 3: run the same command again to go on."""
        return 0 if self.is_complete else INCOMPLETE

    def __str__(self) -> str:
        return f"{self.page.as_text()}\n\nThe same as a page: {self.path}"


@dataclass(frozen=True)
class ReplayedModel:
    """A model named as MODEL@URL: where it answers, and what it costs."""

    model: str
    api_base: str
    prices: Prices

    @property
    def api_mode(self) -> str:
        """A server behind https wants a key; others take one where the environment has it."""
        return clients.REMOTE if self.api_base.startswith("https://") else clients.LOCAL


async def replay(
    logs: str,
    inferior: str,
    judge: str,
    budget: float | None = None,
    superior: str = "",
    limit: int | None = None,
    mask: str = "",
    max_tokens: int | None = None,
    temperature: float | None = 0.7,
    inferior_price_in: float = 0.0,
    inferior_price_out: float = 0.0,
    judge_price_in: float = 0.0,
    judge_price_out: float = 0.0,
    superior_price_in: float = 0.0,
    superior_price_out: float = 0.0,
    judge_prompt: str = "",
    judge_max_tokens: int | None = None,
    known: str = SHIPPED,
    known_pairs: int | None = None,
    epsilon: float = 0.05,
    delta: float = 0.1,
    output: str = "",
    max_concurrent: int = 64,
    progress: bool = True,
) -> Replay:
    """Answer the requests of a log with a cheaper model, have both answers judged, and say what it
    would save and lose. Run again, it goes on and pays nothing twice.

    Example: python -m routerlib replay my_log.jsonl --inferior small@http://localhost:8001/v1
    --judge big@http://localhost:8000/v1 --judge-price-in 2 --judge-price-out 8 --budget 5

    Args:
        logs: a log of requests with their answers: chat JSONL, or an export of LiteLLM, Langfuse or
            OpenTelemetry, told by its shape; "sample-log" for the shipped one.
        inferior: the cheaper model, as MODEL@URL.
        judge: the model that compares the answers, as MODEL@URL.
        budget: money that the run may cost in all, earlier runs included; what has no price costs
            nothing. Without it: no limit.
        superior: the model in the log whose answers count. Without it, the one with most of them.
        limit: requests to read at most. Without it, all.
        mask: "standard", or module:function: takes out what is private before anything is sent.
        max_tokens: of one answer of the inferior model. Without it, as many as the longest answer
            in the log has.
        temperature: of the inferior model, 0 to 2; "none" leaves it out.
        inferior_price_in: money per million tokens that the inferior model reads.
        inferior_price_out: money per million tokens that it writes.
        judge_price_in: money per million tokens that the judge reads.
        judge_price_out: money per million tokens that it writes.
        superior_price_in: of the superior model, where the log does not hold the cost itself.
        superior_price_out: as above.
        judge_prompt: a file with the judge's prompt. Without it, the shipped one.
        judge_max_tokens: of one verdict. Without it, 512, which leave room to reason; 16 for a
            stand-in, which does not.
        known: pairs whose better answer is known, on which the judge is examined first: a file of
            people's votes with their conversations, or the two models' graded files with a comma
            between, the inferior one first; "sample" for short questions that are shipped; "none"
            to leave the judge unexamined.
        known_pairs: how many of them, at most. Without it, 40; 20 for a stand-in, which takes a
            second for each verdict.
        epsilon: points of quality that may be lost, as a share: 0.05 are 5 points of 100.
        delta: risk that the promise about it is broken, from 0 to 1.
        output: the folder for the page and all files. Without it, one below outputs/replay.
        max_concurrent: requests in flight, at most.

    Raises:
        ReplayError: no request with an answer of the superior model is left.
        Foreseen: of each step; what was finished by then is on disk.
    """
    started = time.monotonic()
    cheap = _candidate(inferior, "inferior", Prices(inferior_price_in, inferior_price_out))
    referee = _judge(judge, judge_prompt, Prices(judge_price_in, judge_price_out), judge_max_tokens)
    dear_prices = Prices(superior_price_in, superior_price_out)
    limit_of_money = _checked_budget(budget, cheap, referee)
    check_terms(epsilon, delta)
    _check_asking(cheap, max_tokens, temperature, max_concurrent)
    _check_log(limit, mask, dear_prices)
    known_ones = _pairs_for_examination(known, known_pairs, referee)
    for model, base in ((referee.model, _address_of(referee)), (cheap.model, cheap.api_base)):
        await asyncio.to_thread(servers.expect, model, base)  # what comes first is long
    folder = settings.resolve(output) if output else _replay_folder(logs, cheap.model)
    prompts, name, notes = _cleaned(logs, folder, superior, cheap.model, limit, mask)
    dear_file = collection.write_logged(prompts, name, folder / "superior.jsonl", dear_prices)
    most = _longest(prompts) if max_tokens is None else max_tokens
    plan = ReplayPlan.of(prompts, cheap, referee, limit_of_money, most, known_ones)
    print(plan.sentence(name), flush=True)
    given = ReplaySettings(cheap, referee, folder, most, temperature, max_concurrent, progress)
    heard = await _asked_and_judged(given, plan, known_ones, dear_file)
    page = _page(logs, name, cheap, heard)
    if heard.tells_of_quality:
        rows = heard.verdicts.rows
        costs = PairCosts.of(heard.pairs, [row.id for row in rows])
        _add_router(page, rows, costs, heard.verdicts.path, folder, epsilon, delta)
    page.notes[:0] = [*notes, *_money_notes(page, cheap)]
    page.costs = heard.costs_of(cheap)
    page.seconds = time.monotonic() - started
    jsonl.write_json(folder / "replay.json", page.numbers())
    if not heard.is_complete:
        page.notes.append(heard.what_is_left())
    return Replay(page, page.write(folder / "replay.html"), heard.is_complete)


# --- what is named ---


def _candidate(named: str, role: str, prices: Prices) -> ReplayedModel:
    """A model from MODEL@URL."""
    model, at, url = named.strip().rpartition("@")
    if not at or "://" not in url:
        model, url = named.strip(), ""
    if not model:
        raise ReplayError(
            f"{role.upper()} is {named!r}; it is a model and its address, such as "
            "my-model@http://localhost:8001/v1."
        )
    if not url and not standins.is_standin(model):
        raise ReplayError(
            f"{role.upper()} is {named!r}, without an address. Write it as MODEL@URL, such as "
            f"my-model@{ADDRESSES[role]}."
        )
    base = clients.check_base(url or ADDRESSES[role], clients.LOCAL)
    settings.price(f"{role.upper()}_PRICE_IN", prices.price_in)
    settings.price(f"{role.upper()}_PRICE_OUT", prices.price_out)
    return ReplayedModel(model, base, prices)


def _judge(named: str, prompt: str, prices: Prices, max_tokens: int | None) -> Judge:
    one = _candidate(named, "judge", prices)
    usual = STANDIN_VERDICT if standins.is_standin(one.model) else Judge.max_tokens
    if max_tokens is not None:
        settings.whole("JUDGE_MAX_TOKENS", max_tokens)
    return Judge(
        one.model,
        one.api_base,
        prompt=judges.load_judging_prompt(prompt) if prompt else "",
        max_tokens=usual if max_tokens is None else max_tokens,
        price_in=prices.price_in,
        price_out=prices.price_out,
        api_mode=one.api_mode,
    )


def _check_asking(
    cheap: ReplayedModel, max_tokens: int | None, temperature: float | None, max_concurrent: int
) -> None:
    """Whether the inferior model can be asked so, before the log is read."""
    collection.asking(
        cheap.model,
        cheap.api_mode,
        k_responses=1,
        temperature=temperature,
        max_tokens=SHORTEST_LIMIT if max_tokens is None else max_tokens,
        stop=(),
        endpoint=clients.CHAT,
        template=None,
        extra_body=None,
        timeout=Judge.timeout,
        price_in=cheap.prices.price_in,
        price_out=cheap.prices.price_out,
    )
    settings.whole("MAX_CONCURRENT", max_concurrent)


def _checked_budget(budget: float | None, cheap: ReplayedModel, judge: Judge) -> float | None:
    """The money that may be spent; refused where nothing that is asked has a price, since it would
    end nothing."""
    money = collection.checked_budget(budget)
    is_priced = cheap.prices.are_known or judge.price_in or judge.price_out
    if money is not None and not is_priced:
        raise ReplayError(
            f"BUDGET is {money:,.2f}, but neither {cheap.model} nor {judge.model} has a price, so "
            "it would end nothing. Give the prices of those that cost something "
            "(--inferior-price-in, --inferior-price-out, --judge-price-in, --judge-price-out), or "
            "leave BUDGET out."
        )
    return money


def _check_log(limit: int | None, mask: str, prices: Prices) -> None:
    """Whether the log can be read so."""
    if limit is not None:
        settings.whole("LIMIT", limit)
    masking.masking(mask)
    settings.price("SUPERIOR_PRICE_IN", prices.price_in)
    settings.price("SUPERIOR_PRICE_OUT", prices.price_out)


def _replay_folder(logs: str, model: str) -> Path:
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", f"{sources.short_name(logs)}-{model}")
    return settings.outputs("replay", name.strip("_"))


# --- the log ---


def _cleaned(
    logs: str, folder: Path, superior: str, inferior: str, limit: int | None, mask: str
) -> tuple[list[OpenPrompt], str, list[str]]:
    """The prompts with an answer of the superior model, in a file of their own; the model's name;
    and what a reader should know.
    """
    report = cleaning.Report()
    filters = cleaning.Filters(whole_conversation=True, languages=(), max_chars=LONGEST)
    with cleaning.RejectedConversations(report, folder / "log_rejected.jsonl") as rejects:
        rows = sources.load_rows(logs, Conversation, limit, rejects, mask=masking.masking(mask))
        kept = list(cleaning.clean(rows, filters, report))
    named = superior or _commonest([row.answer.model for row in kept if row.answer], inferior)
    chosen = [row for row in kept if row.answer and named and row.answer.is_of(named)]
    if not chosen:
        found = Counter(row.answer.model for row in kept if row.answer)
        told = ", ".join(f"{count:,} of {model}" for model, count in found.most_common(5))
        raise ReplayError(
            f"No request of {logs} comes with an answer of {named or 'a superior model'} (answers: "
            f"{told or 'none'}; {report.summary()}) Name a log that holds the answers, or the "
            "model with SUPERIOR."
        )
    if all(row.category == "uncategorised" for row in chosen):
        kinds = name_kinds([as_text(row.prompt) for row in chosen])
        for row, kind in zip(chosen, kinds, strict=True):
            row.category = kind
    jsonl.write_rows(folder / "prompts.jsonl", chosen)
    others = len(kept) - len(chosen)
    notes = [report.summary()]
    if others:
        notes.append(f"{others:,} prompts without an answer of {named} are not in it.")
    prompts = sources.load_asked(folder / "prompts.jsonl")
    asked = [prompt for prompt in prompts if isinstance(prompt, OpenPrompt)]
    return asked, named, notes


def _commonest(models: Sequence[str], inferior: str) -> str:
    others = Counter(model for model in models if model != inferior)
    return others.most_common(1)[0][0] if others else ""


def _longest(prompts: Sequence[OpenPrompt]) -> int:
    """Tokens that an answer may have: those of the longest in the log, rounded up to sixteens."""
    longest = max(expected_tokens(prompt, LONGEST_LIMIT) for prompt in prompts)
    return max(SHORTEST_LIMIT, 16 * math.ceil(longest / 16))


# --- the money ---


def _pair_about_as_long(prompt: OpenPrompt) -> Pair:
    """What a judge will read, before it is there: another answer beside the logged one, as long."""
    text = prompt.answer.full_response if prompt.answer else ""
    return Pair(prompt.unique_id, prompt.prompt or prompt.question, (f"{text}.",), (text,))


@dataclass(frozen=True)
class ReplayPlan:
    """What a replay will cost before it asks, as a whole, and how a budget is shared out.

    Fields: prompts: how many. verdicts: requests to the judge, those of its examination included.
    answering, judging, examining: money, about. budget: of the whole; for_answers: of the inferior
    model's answers, so that what is answered can be judged as well; None: no limit.
    """

    prompts: int
    verdicts: int
    answering: float
    judging: float
    budget: float | None = None
    examining: float = 0.0

    @classmethod
    def of(
        cls,
        prompts: Sequence[OpenPrompt],
        cheap: ReplayedModel,
        judge: Judge,
        budget: float | None,
        max_tokens: int,
        known: Sequence[KnownPair] = (),
    ) -> ReplayPlan:
        """The plan for prompts whose inferior answers are taken to be as long as the logged
        ones.
        """
        answering = sum(
            cheap.prices.about(
                prompt.prompt or prompt.question, expected_tokens(prompt, max_tokens)
            )
            for prompt in prompts
        )
        expected = [_pair_about_as_long(prompt) for prompt in prompts]
        verdicts, money = judging.estimate_judging(expected, [judge], comparisons=1)
        more, examination = judging.estimate_judging(known, [judge], comparisons=1)
        return cls(len(prompts), verdicts + more, answering, money, budget, examination)

    @property
    def total(self) -> float:
        return self.answering + self.judging + self.examining

    def left_after(self, paid: float) -> float | None:
        """What is left of the budget; None where there is none."""
        return None if self.budget is None else max(0.0, self.budget - paid)

    def after_examining(self, paid: float) -> ReplayPlan:
        """The plan for the rest, once the judge is examined."""
        return replace(self, budget=self.left_after(paid), examining=0.0)

    @property
    def for_answers(self) -> float | None:
        """Of the budget, what answers may cost: all but the judging, or their share."""
        if self.budget is None or self.total <= 0:
            return self.budget
        if self.total <= self.budget:
            return self.budget - self.judging - self.examining
        return self.budget * self.answering / self.total

    def sentence(self, superior: str) -> str:
        """The plan in words, told before anything is asked."""
        told = (
            f"{self.prompts:,} prompts with an answer of {superior} to replay: as many answers of "
            f"the inferior model (about {self.answering:,.4f}) and {self.verdicts:,} verdicts "
            f"(about {self.judging + self.examining:,.4f}; the judge's examination is "
            f"{self.examining:,.4f} of it), in all about {self.total:,.4f}; less what an earlier "
            "run has paid."
        )
        if self.total <= 0:
            return f"{told} No price is given, so costs count as 0."
        if self.budget is None:
            return told
        is_enough = "which is enough" if self.total <= self.budget else "which does for a part"
        return f"{told} BUDGET is {self.budget:,.4f}, {is_enough}."


def _money_notes(page: ReplayPage, cheap: ReplayedModel) -> list[str]:
    notes = []
    if page.whole.saved is None:
        notes.append(
            "The log holds no costs, so no money is told: give the prices of the superior model "
            "(--superior-price-in, --superior-price-out)."
        )
    elif page.is_free:
        notes.append(
            f"No price of {cheap.model} is given, so its answers count as free: give "
            "--inferior-price-in and --inferior-price-out, where they are not."
        )
    return notes


# --- asking and judging ---


@dataclass(frozen=True)
class ReplaySettings:
    """How both models are asked: who, into which folder, and with what settings."""

    cheap: ReplayedModel
    judge: Judge
    folder: Path
    max_tokens: int
    temperature: float | None
    max_concurrent: int
    progress: bool

    def settings_of_judging(self) -> dict[str, Any]:
        """What the examination and the judging have in common."""
        return {
            "comparisons": 1,
            "max_concurrent": self.max_concurrent,
            "progress": self.progress,
        }


@dataclass(frozen=True)
class Heard:
    """What the models gave: the judge's examination, the answers, and the verdicts on them.

    Fields: pairs: all that have both answers; of a judge that was refused, a few alone are judged.
    """

    judge: Judge
    examined: Sequence[Examination]
    admission: examining.Admission | None
    answers: Summary
    pairs: Sequence[Pair]
    verdicts: judging.Judging

    @property
    def is_refused(self) -> bool:
        return _is_refused(self.admission)

    @property
    def tells_of_quality(self) -> bool:
        """Whether there are verdicts, of a judge whose verdicts count."""
        return bool(self.verdicts.rows) and not self.is_refused

    @property
    def is_complete(self) -> bool:
        return self.answers.remaining == 0 and self.verdicts.unanswered == 0

    def costs_of(self, cheap: ReplayedModel) -> list[tuple[str, float]]:
        """What was paid for each step, earlier runs included."""
        costs = [(f"answers of {cheap.model}", _paid(self.answers))]
        costs.append(("judging", self.verdicts.cost))
        if self.examined:
            costs.insert(0, ("examining the judge", _paid_for(self.examined)))
        return costs

    def what_is_left(self) -> str:
        return (
            f"Not complete: {self.answers.remaining:,} answers and {self.verdicts.unanswered:,} "
            "verdicts are missing. The same command goes on from here, with more BUDGET where that "
            "ended it."
        )


def _is_refused(admission: examining.Admission | None) -> bool:
    return admission is not None and admission.is_refused


def _paid(answers: Summary) -> float:
    return answers.spent_before + answers.cost


def _paid_for(examined: Sequence[Examination]) -> float:
    return sum(one.cost for one in examined)


async def _asked_and_judged(
    given: ReplaySettings, plan: ReplayPlan, known: Sequence[KnownPair], dear_file: Path
) -> Heard:
    """The judge is examined, the inferior model asked, and both answers judged, in this order; the
    judge's server stands for all of it.
    """
    judge = given.judge
    held: list[servers.Place] = []
    try:
        _begin_standins(given, held)
        place = await _place(judge.model, _address_of(judge), judge.temperature)
        held.append(place)
        judge = replace(judge, api_base=place.base_url)
        how = given.settings_of_judging()
        examined = await _examined(known, judge, given.folder, plan.budget, how)
        plan = plan.after_examining(_paid_for(examined))
        admission = examining.admit([judge], examined) if examined else None
        print(_word_on_the_judge(judge, admission), flush=True)
        answers = await _answered(given, plan)
        print(answers, flush=True)
        found = _answered_pairs(answers, given.cheap, dear_file)
        to_judge = found[:REFUSED_PAIRS] if _is_refused(admission) else found
        left = plan.left_after(_paid(answers))
        verdicts = await _judged(to_judge, judge, given.folder, left, how)
    finally:
        with deferring_signals():
            servers.release(*held)
    return Heard(judge, examined, admission, answers, found, verdicts)


async def _judged(
    found: Sequence[Pair], judge: Judge, folder: Path, budget: float | None, how: dict[str, Any]
) -> judging.Judging:
    """The verdicts on the pairs; without a single one that could be read, what came instead: the
    answers are paid, and the money is known all the same.
    """
    try:
        return await judging.judge(found, judge, folder, budget=budget, **how)
    except judging.NothingJudged as nothing:
        return nothing.judging


def _answered_pairs(answers: Summary, cheap: ReplayedModel, dear_file: Path) -> list[Pair]:
    """The answers of the inferior model, each beside the superior one in the log."""
    if not Path(answers.path).exists():
        why = " ".join(answers.messages[-1:])
        raise ReplayError(f"{cheap.model} gave no answer, so there is nothing to judge. {why}")
    found, _ = pairs.read_pairs(answers.path, dear_file)
    return found


def _begin_standins(given: ReplaySettings, held: list[servers.Place]) -> None:
    """Start the servers of the stand-ins among both models at the same time: that takes little
    longer than the start of one. Their places are put in `held`.
    """
    judge, cheap = given.judge, given.cheap
    asked = [
        (judge.model, _address_of(judge), judge.temperature),
        (cheap.model, cheap.api_base, given.temperature),
    ]
    for model, address, temperature in asked:
        if standins.is_standin(model):
            servers.begin(held, model, address, temperature)


def _address_of(judge: Judge) -> str:
    return judge.api_base or ADDRESSES["judge"]


async def _place(model: str, api_base: str, temperature: float | None) -> servers.Place:
    """Where a model answers, held until it is released; a stand-in's server is started here."""
    if standins.is_standin(model):
        return servers.ensure(model, api_base, temperature)
    return await asyncio.to_thread(servers.ensure, model, api_base, temperature)


def _pairs_for_examination(named: str, number: int | None, judge: Judge) -> list[KnownPair]:
    """The pairs that the judge is examined on; none where it is left unexamined."""
    usual = STANDIN_PAIRS if standins.is_standin(judge.model) else KNOWN_PAIRS
    limit = usual if number is None else settings.whole("KNOWN_PAIRS", number)
    wanted = named.strip() or UNEXAMINED
    if wanted.lower() == UNEXAMINED:
        return []
    if wanted == SHIPPED:
        return examining.sample_pairs(limit)
    files = settings.names(wanted)
    if len(files) > 2:
        raise ReplayError(
            f"KNOWN names {len(files)} files. Name one file of people's votes, or two graded files "
            "of notebook 04, the inferior model's first."
        )
    if len(files) == 2:
        inferior, superior = files
        return examining.known_pairs((), inferior, superior, limit=limit)
    votes = list(sources.load_rows(files[0], Vote))
    return examining.known_pairs(votes, limit=limit)


async def _examined(
    known: Sequence[KnownPair],
    judge: Judge,
    folder: Path,
    budget: float | None,
    how: dict[str, Any],
) -> list[Examination]:
    if not known:
        return []
    return await examining.examining(judge, known, folder / "examination", budget=budget, **how)


def _word_on_the_judge(judge: Judge, admission: examining.Admission | None) -> str:
    """How good the judge is, as far as that was measured, and what to do about the rest."""
    if admission is None:
        return (
            f"How good the judge {judge.model} is, nobody has measured (KNOWN is none), so take "
            "what is said about quality as its opinion. --known names pairs to examine it on; in "
            "notebook 04 people check some of its verdicts, from which 05 makes a promise."
        )
    if admission.is_refused:
        return f"The judge is refused, so nothing is said about quality. {admission.sentence}"
    return (
        f"{admission.sentence} That is on those pairs, not on the prompts of this log: there, "
        "people have to check some of its verdicts (notebook 04)."
    )


async def _answered(given: ReplaySettings, plan: ReplayPlan) -> Summary:
    """The answers of the inferior model to the prompts in the folder."""
    cheap = given.cheap
    place = await _place(cheap.model, cheap.api_base, given.temperature)
    try:
        return await collection.collect(
            str(given.folder / "prompts.jsonl"),
            cheap.model,
            place.base_url,
            cheap.api_mode,
            k_responses=1,
            temperature=given.temperature,
            max_tokens=given.max_tokens,
            max_concurrent=given.max_concurrent,
            endpoint=clients.CHAT,
            output_file="inferior.jsonl",
            output_dir=given.folder,
            price_in=cheap.prices.price_in,
            price_out=cheap.prices.price_out,
            budget=plan.for_answers,
        )
    finally:
        servers.release(place)


# --- the figures ---


def _page(logs: str, superior: str, cheap: ReplayedModel, heard: Heard) -> ReplayPage:
    """The page without its router. Of a judge that was refused, the money alone counts."""
    verdicts = heard.verdicts
    judged = [Judged.by_nobody(pair) for pair in heard.pairs]
    if heard.tells_of_quality:
        judged = [Judged.by_the_judge(row) for row in verdicts.rows]
    costs = PairCosts.of(heard.pairs, [one.id for one in judged])
    page = ReplayPage(
        logs=logs,
        superior=superior,
        inferior=cheap.model,
        judges=", ".join(f"{name} ({method})" for name, method in verdicts.methods.items()),
        is_free=not cheap.prices.are_known,
        whole=_saving("all prompts", judged, costs),
        kinds=_by_kind(judged, costs),
        certificate=_why_no_router(heard),
        judging=[
            _word_on_the_judge(heard.judge, heard.admission),
            *(one.sentence for one in verdicts.leanings().values()),
        ],
    )
    if verdicts.what_is_missing():
        page.judging.append(verdicts.what_is_missing())
    return page


def _why_no_router(heard: Heard) -> str:
    """Why nothing is promised; empty where a router can be fitted."""
    if heard.is_refused:
        return (
            "No router, and no promise: the labels of a judge that is no better than chance would "
            "be noise."
        )
    if not heard.verdicts.rows:
        return "No router, and no promise: not one verdict of the judge could be read."
    return ""


@dataclass(frozen=True)
class Judged:
    """What is known of one prompt: how often its inferior answer is worse and better than the
    superior one, in [0, 1]; None where nobody can say.
    """

    id: str
    category: str
    worse: float | None = None
    better: float | None = None

    @classmethod
    def by_the_judge(cls, row: LabelledPrompt) -> Judged:
        worse, better = 1 - (row.inferior_score or 0.0), 1 - (row.superior_score or 0.0)
        return cls(row.id, row.category, worse, better)

    @classmethod
    def by_nobody(cls, pair: Pair) -> Judged:
        return cls(pair.id, pair.category)


def _saving(name: str, judged: Sequence[Judged], costs: PairCosts) -> Saving:
    worse = [one.worse for one in judged if one.worse is not None]
    better = [one.better for one in judged if one.better is not None]
    if len(worse) < len(judged):
        return measure_money(name, len(judged), costs.inferior, costs.superior)
    return measure_saving(name, worse, better, costs.inferior, costs.superior)


@dataclass(frozen=True)
class PairCosts:
    """The money of both calls of each judged prompt; None where the superior model's is unknown."""

    inferior: np.ndarray | None
    superior: np.ndarray | None

    @classmethod
    def of(cls, found: Sequence[Pair], ids: Sequence[str]) -> PairCosts:
        by_id = {pair.id: pair for pair in found}
        dear = _with_mean([by_id[name].superior_cost for name in ids])
        cheap = _with_mean([by_id[name].inferior_cost for name in ids])
        if dear is None:
            return cls(None, None)
        return cls(np.zeros(len(ids)) if cheap is None else cheap, dear)

    def take(self, at: np.ndarray) -> PairCosts:
        if self.inferior is None or self.superior is None:
            return self
        return PairCosts(self.inferior[at], self.superior[at])

    def routed(self, goes_up: np.ndarray) -> np.ndarray | None:
        """The bill where some prompts go to the superior model."""
        if self.inferior is None or self.superior is None:
            return None
        return np.where(goes_up, self.superior, self.inferior)


def _with_mean(costs: Sequence[float | None]) -> np.ndarray | None:
    """Costs, with the mean of those that are known in the place of others; None: none is."""
    known = [cost for cost in costs if cost is not None]
    if not known:
        return None
    mean = sum(known) / len(known)
    return np.array([mean if cost is None else cost for cost in costs], dtype=float)


def _worse(rows: Sequence[LabelledPrompt]) -> np.ndarray:
    return np.array([1 - (row.inferior_score or 0.0) for row in rows])


def _better(rows: Sequence[LabelledPrompt]) -> np.ndarray:
    return np.array([1 - (row.superior_score or 0.0) for row in rows])


def _by_kind(judged: Sequence[Judged], costs: PairCosts) -> list[Saving]:
    """The kinds of prompts, the largest first; those of a few prompts together at the end."""
    sizes = Counter(one.category for one in judged)
    large = [kind for kind, number in sizes.most_common() if number >= FEWEST]
    if len(sizes) < 2 or not large:
        return []
    named = {kind: kind for kind in large}
    found = []
    for kind in [*large, "other kinds"]:
        at = np.array(
            [n for n, one in enumerate(judged) if named.get(one.category, "other kinds") == kind]
        )
        if len(at):
            found.append(_saving(kind, [judged[n] for n in at], costs.take(at)))
    return found


def _add_router(
    page: ReplayPage,
    rows: Sequence[LabelledPrompt],
    costs: PairCosts,
    outcomes: Path,
    folder: Path,
    epsilon: float,
    delta: float,
) -> None:
    """Fit a router on the verdicts, and add what it does and what is promised about it."""
    try:
        router = fitting.fit(outcomes, epsilon=epsilon, delta=delta, seed=SEED)
    except Foreseen as error:
        page.certificate = f"No router: {error}"
        return
    promised = str((router.certificate or {}).get("sentence", ""))
    is_told = "judge" in promised.lower()
    page.certificate = promised if is_told else f"As the judge sees it, unaudited: {promised}"
    table = examples.from_rows(list(rows))
    tested = labelled_data.split_rows(table, SEED)["test"]
    _add_routed(page, [rows[n] for n in tested], costs.take(tested), router)
    saved = router.save(folder / "router")
    page.notes.append(
        f"The router is in {saved}: python -m routerlib serve-router --router {saved}."
    )


def _add_routed(
    page: ReplayPage, rows: Sequence[LabelledPrompt], costs: PairCosts, router: Router
) -> None:
    if not rows:
        return
    scores = router.score([row.prompt for row in rows])
    goes_up = scores >= router.threshold
    kept = ~goes_up
    page.share_superior = float(goes_up.mean())
    page.routed = measure_saving(
        "routed",
        np.where(kept, _worse(rows), 0.0),
        np.where(kept, _better(rows), 0.0),
        costs.routed(goes_up),
        costs.superior,
    )
