"""`python -m routerlib replay`: your log, answered by a cheaper model and judged, in one command.

It cleans a log, asks the inferior model what the log has from the superior one, has both answers
judged, fits a router on the verdicts, and ends with a page: money saved and quality lost, by kind
of prompt, a threshold and what is promised about it, and what all that cost. Each step is the one
that the notebooks take (02 to 05), keeps its files in one folder, and goes on where it stopped:
nothing is paid twice. The page itself is `replay_page`'s.
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

import numpy as np

from routerlib import settings
from routerlib.answers import judges, judging, pairs
from routerlib.answers.judges import Judge
from routerlib.answers.pairs import Pair
from routerlib.collecting import collection
from routerlib.collecting.forecast import Prices, expected_tokens
from routerlib.collecting.resumable import Summary
from routerlib.endpoints import clients, servers, standins
from routerlib.endpoints.prompts import as_text
from routerlib.errors import INCOMPLETE, Foreseen
from routerlib.labels import cleaning
from routerlib.labels.kinds import name_kinds
from routerlib.notebook.replay_page import ReplayPage
from routerlib.rows import jsonl, masking, sources
from routerlib.rows.schemas import Conversation, LabelledPrompt, OpenPrompt
from routerlib.stats.savings import FEWEST, Saving, measure_saving
from routerlib.training import examples, fitting, labelled_data
from routerlib.training.router import Router

ADDRESSES = {"inferior": "http://127.0.0.1:8001/v1", "judge": "http://127.0.0.1:8000/v1"}
LONGEST = 50_000  # characters of a prompt that is replayed
SEED = 0
STANDIN_VERDICT = 16  # tokens; a model of 135 million parameters that goes on only rambles
SHORTEST_LIMIT, LONGEST_LIMIT = 32, 4096  # tokens of an answer, where none is given


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
    epsilon: float = 0.05,
    delta: float = 0.1,
    output: str = "",
    max_concurrent: int = 16,
    progress: bool = True,
) -> Replay:
    """Answer the requests of a log with a cheaper model, have both answers judged, and say what it
    would save and lose. Run again, it goes on and pays nothing twice.

    Example: python -m routerlib replay my_log.jsonl --inferior small@http://localhost:8001/v1
    --judge big@http://localhost:8000/v1 --budget 5

    Args:
        logs: a log of requests with their answers: chat JSONL, or an export of LiteLLM, Langfuse or
            OpenTelemetry, told by its shape; "sample-log" for the shipped one.
        inferior: the cheaper model, as MODEL@URL.
        judge: the model that compares the answers, as MODEL@URL.
        budget: money that the run may cost in all, earlier runs included. Without it: no limit.
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
    limit_of_money = collection.checked_budget(budget)
    folder = settings.resolve(output) if output else _replay_folder(logs, cheap.model)
    prompts, name, notes = _cleaned(logs, folder, superior, cheap.model, limit, mask)
    dear_prices = Prices(superior_price_in, superior_price_out)
    dear_file = collection.write_logged(prompts, name, folder / "superior.jsonl", dear_prices)
    most = _longest(prompts) if max_tokens is None else settings.whole("MAX_TOKENS", max_tokens)
    plan = ReplayPlan.of(prompts, cheap, referee, limit_of_money, most)
    print(plan.sentence(name), flush=True)
    answers = await _answered(
        folder / "prompts.jsonl", cheap, folder, plan, most, temperature, max_concurrent
    )
    print(answers, flush=True)
    if not Path(answers.path).exists():
        why = " ".join(answers.messages[-1:])
        raise ReplayError(f"{cheap.model} gave no answer, so there is nothing to judge. {why}")
    found, _ = pairs.read_pairs(answers.path, dear_file)
    paid = answers.spent_before + answers.cost
    left = None if limit_of_money is None else max(0.0, limit_of_money - paid)
    verdicts = await _judged(found, referee, folder, left, max_concurrent, progress)
    page = _page(logs, name, cheap, found, verdicts, folder, epsilon, delta)
    page.judging.append(
        "Whether the judge is any good is not examined here: notebook 04 does that."
    )
    page.notes[:0] = [*notes, *_money_notes(page, cheap, referee, limit_of_money)]
    page.costs = [(f"answers of {cheap.model}", paid), ("judging", verdicts.cost)]
    page.seconds = time.monotonic() - started
    jsonl.write_json(folder / "replay.json", page.numbers())
    is_complete = answers.remaining == 0 and verdicts.unanswered == 0
    if not is_complete:
        page.notes.append(_what_is_left(answers, verdicts))
    return Replay(page, page.write(folder / "replay.html"), is_complete)


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
            f"{role.upper()} is {named!r}, without an address. Write it as {model}@URL, such as "
            f"{model}@{ADDRESSES[role]}."
        )
    base = clients.check_base(url or ADDRESSES[role], clients.LOCAL)
    settings.price("PRICE_IN", prices.price_in)
    settings.price("PRICE_OUT", prices.price_out)
    return ReplayedModel(model, base, prices)


def _judge(named: str, prompt: str, prices: Prices, max_tokens: int | None) -> Judge:
    one = _candidate(named, "judge", prices)
    usual = STANDIN_VERDICT if standins.is_standin(one.model) else Judge.max_tokens
    return Judge(
        one.model,
        one.api_base,
        prompt=judges.load_judging_prompt(prompt) if prompt else "",
        max_tokens=usual if max_tokens is None else max_tokens,
        price_in=prices.price_in,
        price_out=prices.price_out,
        api_mode=one.api_mode,
    )


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
        broken = str(rejects) if rejects.count else ""
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
    notes = [report.summary(), broken]
    if others:
        notes.append(f"{others:,} prompts without an answer of {named} are not in it.")
    prompts = sources.load_asked(folder / "prompts.jsonl")
    asked = [prompt for prompt in prompts if isinstance(prompt, OpenPrompt)]
    return asked, named, [note for note in notes if note]


def _commonest(models: Sequence[str], inferior: str) -> str:
    others = Counter(model for model in models if model != inferior)
    return others.most_common(1)[0][0] if others else ""


def _longest(prompts: Sequence[OpenPrompt]) -> int:
    """Tokens that an answer may have: those of the longest in the log, rounded up to sixteens."""
    longest = max(expected_tokens(prompt, LONGEST_LIMIT) for prompt in prompts)
    return max(SHORTEST_LIMIT, 16 * math.ceil(longest / 16))


# --- the money ---


@dataclass(frozen=True)
class ReplayPlan:
    """What a replay will cost before it asks, as a whole, and how a budget is shared out.

    Fields: prompts: how many. verdicts: requests to the judge. answering, judging: money, about.
    budget: of the whole; for_answers: of the inferior model's answers, so that what is answered can
    be judged as well; None: no limit.
    """

    prompts: int
    verdicts: int
    answering: float
    judging: float
    budget: float | None = None

    @classmethod
    def of(
        cls,
        prompts: Sequence[OpenPrompt],
        cheap: ReplayedModel,
        judge: Judge,
        budget: float | None,
        max_tokens: int,
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
        alike = [
            Pair(prompt.unique_id, prompt.prompt or prompt.question, (text,), (text,))
            for prompt in prompts
            for text in [prompt.answer.full_response if prompt.answer else ""]
        ]
        verdicts, money = judging.estimate_judging(alike, [judge], comparisons=1)
        return cls(len(prompts), verdicts, answering, money, budget)

    @property
    def total(self) -> float:
        return self.answering + self.judging

    @property
    def for_answers(self) -> float | None:
        """Of the budget, what answers may cost: all but the judging, or their share."""
        if self.budget is None or self.total <= 0:
            return self.budget
        if self.total <= self.budget:
            return self.budget - self.judging
        return self.budget * self.answering / self.total

    def sentence(self, superior: str) -> str:
        """The plan in words, told before anything is asked."""
        told = (
            f"{self.prompts:,} prompts with an answer of {superior} to replay: as many answers of "
            f"the inferior model (about {self.answering:,.4f}) and {self.verdicts:,} verdicts "
            f"(about {self.judging:,.4f}), in all about {self.total:,.4f}; less what an earlier "
            "run has paid."
        )
        if self.total <= 0:
            return f"{told} No price is given, so costs count as 0."
        if self.budget is None:
            return told
        is_enough = "which is enough" if self.total <= self.budget else "which does for a part"
        return f"{told} BUDGET is {self.budget:,.4f}, {is_enough}."


def _money_notes(
    page: ReplayPage, cheap: ReplayedModel, judge: Judge, budget: float | None
) -> list[str]:
    notes = []
    if page.whole.saved is None:
        notes.append(
            "The log holds no costs, so no money is told: give the prices of the superior model "
            "(--superior-price-in, --superior-price-out)."
        )
    elif not cheap.prices.are_known:
        notes.append(
            f"No price of {cheap.model} is given, so its answers count as free: give "
            "--inferior-price-in and --inferior-price-out, where they are not."
        )
    priced = cheap.prices.are_known or judge.price_in or judge.price_out
    if budget is not None and not priced:
        notes.append("BUDGET ended nothing, since no price is given.")
    return notes


# --- asking and judging ---


async def _place(model: str, api_base: str, temperature: float | None) -> servers.Place:
    """Where a model answers, held until it is released; a stand-in's server is started here."""
    if standins.is_standin(model):
        return servers.ensure(model, api_base, temperature)
    return await asyncio.to_thread(servers.ensure, model, api_base, temperature)


async def _answered(
    prompts: Path,
    cheap: ReplayedModel,
    folder: Path,
    plan: ReplayPlan,
    max_tokens: int,
    temperature: float | None,
    max_concurrent: int,
) -> Summary:
    place = await _place(cheap.model, cheap.api_base, temperature)
    try:
        return await collection.collect(
            str(prompts),
            cheap.model,
            place.base_url,
            cheap.api_mode,
            k_responses=1,
            temperature=temperature,
            max_tokens=max_tokens,
            max_concurrent=max_concurrent,
            endpoint=clients.CHAT,
            output_file="inferior.jsonl",
            output_dir=folder,
            price_in=cheap.prices.price_in,
            price_out=cheap.prices.price_out,
            budget=plan.for_answers,
        )
    finally:
        servers.release(place)


async def _judged(
    found: Sequence[Pair],
    judge: Judge,
    folder: Path,
    budget: float | None,
    max_concurrent: int,
    progress: bool,
) -> judging.Judging:
    base = judge.api_base or ADDRESSES["judge"]
    place = await _place(judge.model, base, judge.temperature)
    try:
        return await judging.judge(
            found,
            replace(judge, api_base=place.base_url),
            folder,
            comparisons=1,
            max_concurrent=max_concurrent,
            progress=progress,
            budget=budget,
        )
    finally:
        servers.release(place)


def _what_is_left(answers: Summary, verdicts: judging.Judging) -> str:
    return (
        f"Not complete: {answers.remaining:,} answers and {verdicts.unanswered:,} verdicts are "
        "missing. The same command goes on from here, with more BUDGET where that ended "
        "it."
    )


# --- the figures ---


def _page(
    logs: str,
    superior: str,
    cheap: ReplayedModel,
    found: Sequence[Pair],
    verdicts: judging.Judging,
    folder: Path,
    epsilon: float,
    delta: float,
) -> ReplayPage:
    rows = verdicts.rows
    costs = PairCosts.of(found, rows)
    worse, better = _worse(rows), _better(rows)
    whole = measure_saving("all prompts", worse, better, costs.inferior, costs.superior)
    page = ReplayPage(
        logs=logs,
        superior=superior,
        inferior=cheap.model,
        judges=", ".join(f"{name} ({method})" for name, method in verdicts.methods.items()),
        whole=whole,
        kinds=_by_kind(rows, costs),
        certificate="",
        judging=[one.sentence for one in verdicts.leanings().values()],
    )
    if verdicts.what_is_missing():
        page.judging.append(verdicts.what_is_missing())
    _add_router(page, rows, costs, verdicts.path, folder, epsilon, delta)
    return page


@dataclass(frozen=True)
class PairCosts:
    """The money of both calls of each judged prompt; None where the superior model's is unknown."""

    inferior: np.ndarray | None
    superior: np.ndarray | None

    @classmethod
    def of(cls, found: Sequence[Pair], rows: Sequence[LabelledPrompt]) -> PairCosts:
        by_id = {pair.id: pair for pair in found}
        dear = _with_mean([by_id[row.id].superior_cost for row in rows])
        cheap = _with_mean([by_id[row.id].inferior_cost for row in rows])
        if dear is None:
            return cls(None, None)
        return cls(np.zeros(len(rows)) if cheap is None else cheap, dear)

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


def _by_kind(rows: Sequence[LabelledPrompt], costs: PairCosts) -> list[Saving]:
    """The kinds of prompts, the largest first; those of a few prompts together at the end."""
    sizes = Counter(row.category for row in rows)
    large = [kind for kind, number in sizes.most_common() if number >= FEWEST]
    if len(sizes) < 2 or not large:
        return []
    named = {kind: kind for kind in large}
    found = []
    for kind in [*large, "other kinds"]:
        at = np.array(
            [n for n, row in enumerate(rows) if named.get(row.category, "other kinds") == kind]
        )
        if len(at):
            part, money = [rows[n] for n in at], costs.take(at)
            found.append(
                measure_saving(kind, _worse(part), _better(part), money.inferior, money.superior)
            )
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
