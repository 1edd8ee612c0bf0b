"""04: have pairs of answers judged, in both orders, in a job that can be stopped and goes on.

Every comparison is shown to every judge twice, once with each answer first; where the two verdicts
differ, it is a tie. So a judge's liking for a place cannot move a label; how large it is, and how
verdicts follow the answers' length, is reported. The same answer twice is a tie that nobody is paid
for, and says nothing about a judge. The verdicts are kept beside the outcomes that are
made of them, through the same resumable core as every paid answer. How a judge is asked is
`judges`' business, whether it is any good `examining`'s.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from routerlib import event_loop, settings
from routerlib.answers import judges as judging_models
from routerlib.answers.judges import FIRST, Judge, JudgingError
from routerlib.answers.pairs import INFERIOR, SUPERIOR, TIE, Pair
from routerlib.collecting import ledger, resumable
from routerlib.collecting.forecast import Prices
from routerlib.endpoints import clients, servers
from routerlib.endpoints.check import first_answer
from routerlib.endpoints.prompts import as_text
from routerlib.rows import jsonl
from routerlib.rows.schemas import ROUTE_TO_INFERIOR, ROUTE_TO_SUPERIOR, LabelledPrompt
from routerlib.stats import metrics
from routerlib.stats.prices import call_cost

COMPARISONS = 3  # of one pair at most, where both models have several samples
TOKENS_PER_CHARACTER = 1 / 3.5  # of English text; only prices a run before it has begun
LETTER_TOKENS = 8  # of a verdict that is read from text, where the judge does as it is told


@dataclass(frozen=True)
class Showing:
    """One comparison in one order: what one request asks.

    Fields: inferior_sample, superior_sample: which answers meet. superior_first: who is answer A.
    """

    pair: Pair
    inferior_sample: int
    superior_sample: int
    superior_first: bool

    @property
    def texts(self) -> tuple[str, str]:
        """(answer A, answer B)."""
        cheap = self.pair.inferior[self.inferior_sample]
        dear = self.pair.superior[self.superior_sample]
        return (dear, cheap) if self.superior_first else (cheap, dear)

    @property
    def is_alike(self) -> bool:
        """Whether both answers are the same: a tie, whoever judges."""
        first, second = self.texts
        return first.strip() == second.strip()

    @property
    def key(self) -> str:
        """The showing's name, by what it shows: other answers under the same id are another one."""
        seen = "\0".join((as_text(self.pair.prompt), *self.texts))
        digest = hashlib.sha256(seen.encode(errors="replace")).hexdigest()[:12]
        order = "superior-first" if self.superior_first else "inferior-first"
        return f"{self.pair.id}/{self.inferior_sample}-{self.superior_sample}/{order}/{digest}"

    def side(self, verdict: str | None) -> str | None:
        """Whose answer a verdict prefers; None for none."""
        if verdict is None or verdict == TIE:
            return verdict
        return SUPERIOR if (verdict == FIRST) == self.superior_first else INFERIOR


def showings(pairs: Iterable[Pair], comparisons: int = COMPARISONS) -> Iterator[Showing]:
    """Every comparison, pair by pair, its two orders side by side."""
    for pair in pairs:
        for i, j in pair.matches(comparisons):
            yield Showing(pair, i, j, superior_first=False)
            yield Showing(pair, i, j, superior_first=True)


def asked_showings(pairs: Iterable[Pair], comparisons: int = COMPARISONS) -> Iterator[Showing]:
    """The showings that a judge is asked about: those of two different answers."""
    return (one for one in showings(pairs, comparisons) if not one.is_alike)


@dataclass(frozen=True)
class Comparison:
    """What one judge said about one inferior and one superior answer, in both orders.

    Fields: inferior_first, superior_first: the side preferred in that order ("inferior",
    "superior", "tie"; None: it could not be read, or was not answered). longer: the side whose
    answer has more characters; None where they are as long. is_alike: the answers are the same, so
    that it is a tie and nobody was asked.
    """

    judge: str
    inferior_sample: int
    superior_sample: int
    inferior_first: str | None
    superior_first: str | None
    longer: str | None
    chances: tuple[dict[str, float], ...] = ()
    is_alike: bool = False

    @property
    def verdict(self) -> str | None:
        """The settled verdict: the same in both orders, or a tie; None where one is missing."""
        both = self.inferior_first, self.superior_first
        if None in both:
            return None
        return both[0] if both[0] == both[1] else TIE

    @property
    def to_the_first(self) -> float | None:
        """How far the verdicts follow the place: 1 both times the first, -1 both times the second,
        0 the same answer twice; a tie pulls nowhere. None where one is missing.
        """
        if self.inferior_first is None or self.superior_first is None:
            return None
        one = {INFERIOR: 1.0, SUPERIOR: -1.0, TIE: 0.0}[self.inferior_first]
        other = {SUPERIOR: 1.0, INFERIOR: -1.0, TIE: 0.0}[self.superior_first]
        return (one + other) / 2

    def to_dict(self) -> dict[str, Any]:
        """The comparison as it stands in an outcome."""
        told: dict[str, Any] = {
            "judge": self.judge,
            "inferior_sample": self.inferior_sample,
            "superior_sample": self.superior_sample,
            "inferior_first": self.inferior_first,
            "superior_first": self.superior_first,
            "verdict": self.verdict,
        }
        if self.is_alike:
            told["same_answer"] = True
        return told


# --- how verdicts follow order and length ---


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval, and of how many; all None but `n` where there is nothing."""

    value: float | None
    low: float | None
    high: float | None
    n: int

    def __str__(self) -> str:
        if self.value is None or self.low is None or self.high is None:
            return "not known"
        return f"{self.value:.3f} (95 % interval {self.low:.3f} to {self.high:.3f})"

    def to_dict(self) -> dict[str, Any]:
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n}


def estimate_mean(values: Sequence[float]) -> Estimate:
    """The mean of numbers, with a bootstrap interval."""
    if not len(values):
        return Estimate(None, None, None, 0)
    array = np.asarray(values, dtype=float)
    low, high = metrics.bootstrap(np.mean, array)
    mean = float(array.mean())
    return Estimate(mean, min(float(low), mean), max(float(high), mean), len(array))


def estimate_share(hits: int, n: int) -> Estimate:
    """A share with Wilson's interval."""
    if not n:
        return Estimate(None, None, None, 0)
    low, high = metrics.wilson(hits, n)
    return Estimate(hits / n, low, high, n)


@dataclass(frozen=True)
class Leanings:
    """What verdicts follow beside quality.

    Fields: order: how much oftener the first answer is preferred than the second, in [-1, 1]; 0 is
    a judge who does not look at places. consistent: the share of comparisons with the same verdict
    in both orders. longer: the share of decided verdicts that went to the longer answer.
    """

    order: Estimate
    consistent: Estimate
    longer: Estimate

    @property
    def sentence(self) -> str:
        """The leanings in words."""
        if not self.consistent.n:
            return (
                "How its verdicts follow order and length is not known: no comparison has a "
                "verdict in both orders."
            )
        parts = [
            f"In {self.consistent.n:,} comparisons, "
            f"{_percent_of(self.consistent)} had the same verdict in both orders; the others count "
            "as ties.",
            _order_sentence(self.order),
        ]
        if self.longer.n:
            parts.append(
                f"The longer answer won {_percent_of(self.longer)} of {self.longer.n:,} decided "
                "comparisons"
                + (
                    "."
                    if _is_about_half(self.longer)
                    else ": read some of them before you take length for quality."
                )
            )
        return " ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        return {
            "order": self.order.to_dict(),
            "consistent": self.consistent.to_dict(),
            "longer": self.longer.to_dict(),
        }


def leanings(comparisons: Iterable[Comparison]) -> Leanings:
    """How the verdicts follow order and length. Answers that are the same tell nothing of it."""
    order, same, longer, decided = [], 0, 0, 0
    for one in comparisons:
        pull = one.to_the_first
        if pull is None or one.is_alike:
            continue
        order.append(pull)
        same += one.inferior_first == one.superior_first
        if one.verdict != TIE and one.longer is not None:
            decided += 1
            longer += one.verdict == one.longer
    return Leanings(
        estimate_mean(order), estimate_share(same, len(order)), estimate_share(longer, decided)
    )


def _percent_of(share: Estimate) -> str:
    if share.value is None or share.low is None or share.high is None:
        return "an unknown share"
    return f"{share.value:.0%} ({share.low:.0%} to {share.high:.0%})"


def _is_about_half(share: Estimate) -> bool:
    return share.low is None or share.high is None or share.low <= 0.5 <= share.high


def _order_sentence(order: Estimate) -> str:
    if order.value is None or order.low is None or order.high is None:
        return "How the order weighs is not known."
    if order.low <= 0 <= order.high:
        return f"No liking for a place is seen ({order.value:+.2f})."
    place = "first" if order.value > 0 else "second"
    return (
        f"The judge likes the {place} answer for standing there: it is preferred oftener by "
        f"{abs(order.value):.2f} of all verdicts ({order.low:+.2f} to {order.high:+.2f}). Asking "
        "in both orders takes this out of the labels."
    )


# --- a run ---


class NothingJudged(JudgingError):
    """Not one pair got a verdict; `judging` holds what came."""

    def __init__(self, message: str, judging: Judging):
        super().__init__(message)
        self.judging = judging


@dataclass
class Judging:
    """How judging ended. `rows` are the judged outcomes, which lie in `path`.

    Fields: path: the outcomes, source "judged". unjudged_path: the pairs without a verdict, where
    there are any. verdict_files: of each judge, from which a second run goes on. methods: how each
    judge was read. comparisons: by pair id. unreadable: verdicts that could not be read.
    unanswered: showings without an answer. cost: money of all verdicts behind these rows, those of
    earlier runs included; costs: the same by pair id; spent: of this run. first_unread: what an
    unreadable answer said.
    """

    path: Path
    unjudged_path: Path
    verdict_files: list[Path] = field(default_factory=list)
    methods: dict[str, str] = field(default_factory=dict)
    rows: list[LabelledPrompt] = field(default_factory=list)
    comparisons: dict[str, list[Comparison]] = field(default_factory=dict)
    pairs: int = 0
    unjudged: int = 0
    unreadable: int = 0
    unanswered: int = 0
    first_unread: str = ""
    is_cut_off: bool = False
    cost: float = 0.0
    costs: dict[str, float] = field(default_factory=dict)
    spent: float = 0.0
    summaries: list[resumable.Summary] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def all_comparisons(self, judge: str = "") -> list[Comparison]:
        """Every comparison, or those of one judge."""
        every = (one for group in self.comparisons.values() for one in group)
        return [one for one in every if judge in ("", one.judge)]

    def leanings(self) -> dict[str, Leanings]:
        """How each judge's verdicts follow order and length."""
        return {name: leanings(self.all_comparisons(name)) for name in self.methods}

    @property
    def exit_code(self) -> int:
        """0: every pair is judged by every judge; 3: something is missing."""
        return 3 if self.unjudged or self.unanswered else 0

    def numbers(self) -> dict[str, Any]:
        """What a notebook keeps of it among its metrics."""
        return {
            "pairs": self.pairs,
            "judged": len(self.rows),
            "unjudged": self.unjudged,
            "unreadable_verdicts": self.unreadable,
            "unanswered": self.unanswered,
            "cost": round(self.cost, 6),
            "methods": self.methods,
            "leanings": {name: one.to_dict() for name, one in self.leanings().items()},
        }

    def __str__(self) -> str:
        shares = Counter(_word_of(row) for row in self.rows)
        cost = f", cost {self.cost:,.4f}" if self.cost else ""
        lines = [
            f"{len(self.rows):,} of {self.pairs:,} pairs judged by "
            f"{', '.join(f'{name} ({method})' for name, method in self.methods.items())}: "
            f"{shares[SUPERIOR]:,} for the superior model, {shares[INFERIOR]:,} for the inferior "
            f"one, {shares[TIE]:,} ties or split{cost}. {self.path}",
            *(f"{name}: {one.sentence}" for name, one in self.leanings().items()),
            *self.notes,
            self.what_is_missing(),
        ]
        return "\n".join(line for line in lines if line)

    def what_is_missing(self) -> str:
        """Why verdicts are missing, and what to do about it; empty where none is."""
        lines = []
        if self.unreadable:
            said = f", the first one {self.first_unread!r}" if self.first_unread else ""
            remedy = "Take another judge, or edit its prompt."
            if self.is_cut_off:
                remedy = "They were cut off: give the judge more room (max_tokens)."
            lines.append(
                f"{self.unreadable:,} verdicts could not be read{said}; they are counted and not "
                f"guessed. {remedy}"
            )
        if self.unanswered:
            errors = [summary.first_error for summary in self.summaries if summary.first_error]
            cause = f" The first failure: {errors[0]}." if errors else ""
            lines.append(
                f"{self.unanswered:,} questions to judges got no answer.{cause} Run this again: "
                "only these are asked."
            )
        if self.unjudged:
            lines.append(f"{self.unjudged:,} pairs have no verdict: {self.unjudged_path}.")
        return " ".join(lines)


def _word_of(row: LabelledPrompt) -> str:
    """The side that a judged row is for; a tie, or a split jury, is for neither."""
    superior, inferior = row.p_superior, 1 - (row.superior_score or 0.0)
    if superior > 0.5:
        return SUPERIOR
    return INFERIOR if inferior > 0.5 else TIE


def estimate_judging(
    pairs: Iterable[Pair], jury: Sequence[Judge], comparisons: int = COMPARISONS
) -> tuple[int, float]:
    """(requests, money) of judging, before anything is asked: tokens are told from characters, so
    take the money for right within a third.
    """
    requests, money = 0, 0.0
    sizes = [len(judge.prompt) for judge in jury]
    for showing in asked_showings(pairs, comparisons):
        text = len(as_text(showing.pair.prompt)) + sum(map(len, showing.texts))
        for judge, size in zip(jury, sizes, strict=True):
            requests += 1
            read = (text + size) * TOKENS_PER_CHARACTER
            money += call_cost(read, LETTER_TOKENS, judge.price_in, judge.price_out)
    return requests, float(money)


def judge_pairs(
    pairs: Iterable[Pair],
    jury: Judge | Sequence[Judge],
    folder: str | Path = "",
    **settings_of_the_run: Any,
) -> Judging:
    """Have pairs judged, resumable, and write the outcomes; the arguments are those of `judge`.

    Example:
        pairs, counts = read_pairs("responses/cheap.jsonl", "responses/dear.jsonl")
        judging = judge_pairs(pairs, Judge("my-judge", "http://localhost:8000/v1"))
        print(judging, judging.path)          # rows of source "judged", as 05 reads them
    """
    return event_loop.run_coroutine(judge(pairs, jury, folder, **settings_of_the_run))


async def judge(
    pairs: Iterable[Pair],
    jury: Judge | Sequence[Judge],
    folder: str | Path = "",
    comparisons: int = COMPARISONS,
    max_concurrent: int = 16,
    max_attempts: int = 3,
    name: str = "outcomes.jsonl",
    progress: bool = True,
    budget: float | None = None,
) -> Judging:
    """Have every pair judged by every judge; the outcomes appear whole at the end, the paid
    verdicts are on disk as they come.

    Args:
        pairs: as `pairs.read_pairs` gives them; ids are unique.
        jury: one judge, or several, whose verdicts count by their `weight`.
        folder: for the outcomes and, in its folder `verdicts`, a file for each judge. Without it,
            outputs/graded/judged.
        comparisons: of one pair at most, where the models gave several samples: inferior sample i
            against superior sample i. The share of them that the superior model wins is the row's
            `p_superior`.
        max_concurrent: requests in flight, at most. max_attempts: failures after which a showing is
            left alone in this run; the next run asks it again.
        name: of the outcomes file.
        budget: money that each judge's verdicts may cost in all, earlier runs included; None: no
            limit.

    Raises:
        JudgingError: no pairs or no judges. NothingJudged: not one verdict could be read.
        clients.Stopped: no request can succeed (key, model, address); what was received is on disk.
        ledger.LedgerMismatch: a file of verdicts is of another judge.
    """
    pairs = list(pairs)
    jury = [jury] if isinstance(jury, Judge) else list(jury)
    _check_jury(pairs, jury)
    settings.whole("COMPARISONS", comparisons)
    settings.whole("MAX_CONCURRENT", max_concurrent)
    settings.whole("MAX_ATTEMPTS", max_attempts)
    target = settings.resolve(folder) if folder else settings.outputs("graded", "judged")
    found = Judging(target / name, target / f"unjudged_{name}", pairs=len(pairs))
    answered: list[dict[str, dict[str, Any]]] = []
    for one in jury:
        path = target / "verdicts" / f"{one.stem}.jsonl"
        limits = (comparisons, max_concurrent, max_attempts)
        await _ask_judge(one, pairs, path, limits, progress, found, budget)
        answered.append(_verdicts_in(path, pairs, comparisons, found))
    _settle_verdicts(pairs, jury, answered, comparisons, found)
    return found


def _check_jury(pairs: Sequence[Pair], jury: Sequence[Judge]) -> None:
    if not pairs:
        raise JudgingError("There is not one pair of answers to judge. Run 03 for both models.")
    if not jury or not any(judge.weight for judge in jury):
        raise JudgingError("There is no judge, or none with a weight above 0. Name one.")
    twice = [name for name, n in Counter(judge.model for judge in jury).items() if n > 1]
    if twice:
        raise JudgingError(f"The judge {twice[0]} is named twice in the jury. Name it once.")
    ids = Counter(pair.id for pair in pairs)
    again = [name for name, number in ids.items() if number > 1]
    if again:
        raise JudgingError(f"Two pairs have the id {again[0]!r}. Give each its own.")


async def _ask_judge(
    one: Judge,
    pairs: Sequence[Pair],
    path: Path,
    limits: tuple[int, int, int],
    progress: bool,
    found: Judging,
    budget: float | None = None,
) -> None:
    """Bring every showing to one verdict of one judge, as far as attempts allow; `limits` are
    comparisons, requests in flight and attempts.
    """
    comparisons, max_concurrent, max_attempts = limits
    asked = list(asked_showings(pairs, comparisons))
    async with clients.connect(one.api_base, timeout=one.timeout, api_mode=one.api_mode) as client:
        method = _method_in(path, one) or await judging_models.choose_judging_method(client, one)
        endpoint = judging_models.endpoint_of(client, one, method)
        facts = one.describe(method)
        book = ledger.Ledger(path, "key", check=_same_judge(facts), samples="verdicts")
        with servers.held(endpoint.url):
            summary = await resumable.run_job(
                asked,
                _judging_job(endpoint, one, method, facts),
                book,
                max_concurrent,
                max_attempts=max_attempts,
                total=len(asked),
                price_in=one.price_in,
                price_out=one.price_out,
                progress=progress,
                label=f"judge {one.model}",
                budget=budget if one.price_in or one.price_out else None,
            )
    found.methods[one.model] = method
    found.verdict_files.append(path)
    found.summaries.append(summary)
    found.spent += summary.cost


def _method_in(path: Path, one: Judge) -> str:
    """The method of the verdicts that are there already, so that a second run goes on with it."""
    facts: Any = None
    if path.exists():
        for _, row in jsonl.read_values(path):
            facts = row.get("judge") if isinstance(row, dict) else None
            break
    method = str(facts.get("method", "")) if isinstance(facts, dict) else ""
    return method if one.method == "auto" and method in judging_models.METHODS else ""


def _same_judge(facts: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    def check(row: dict[str, Any]) -> None:
        stored = row.get("judge")
        if stored == facts:
            return
        if not isinstance(stored, dict):
            raise ledger.LedgerMismatch(
                "this is no file of verdicts of ours: it does not say who judged. Move it away, or "
                "name another folder."
            )
        differing = [name for name in {*facts, *stored} if facts.get(name) != stored.get(name)]
        told = ", ".join(
            f"{name} {stored.get(name)!r}, not {facts.get(name)!r}" for name in sorted(differing)
        )
        raise ledger.LedgerMismatch(
            f"these are the verdicts of another run: {told}. Take the old value, or name another "
            "folder; nothing was changed here."
        )

    return check


def _judging_job(
    endpoint: clients.Endpoint, one: Judge, method: str, facts: dict[str, Any]
) -> resumable.Job[Showing]:
    ask = judging_models.asker(endpoint, method)

    def message(showing: Showing) -> str:
        return judging_models.render_comparison(one.prompt, showing.pair.prompt, *showing.texts)

    def line(showing: Showing, state: resumable.State) -> dict[str, Any]:
        tokens = state.usage["prompt_tokens"], state.usage["completion_tokens"]
        return {
            "key": showing.key,
            "pair": showing.pair.id,
            "inferior_sample": showing.inferior_sample,
            "superior_sample": showing.superior_sample,
            "superior_first": showing.superior_first,
            "verdicts": state.samples,
            # What failed is tried anew by every run
            "attempts": state.attempts if state.is_complete else 0,
            "error": state.error,
            "usage": state.usage,
            "cost": call_cost(*tokens, one.price_in, one.price_out),
            "judge": facts,
        }

    return resumable.Job(
        key=lambda showing: showing.key,
        ask=lambda showing, n: ask(message(showing)),
        row=line,
        is_up=endpoint.is_up,
        where=endpoint.url,
        news=endpoint.dialect.news,
        found=lambda answer: first_answer(endpoint, answer, one.price_in, one.price_out),
        most=lambda showing, n: Prices(one.price_in, one.price_out).most(
            message(showing), n, endpoint.max_tokens
        ),
    )


def _verdicts_in(
    path: Path, pairs: Sequence[Pair], comparisons: int, found: Judging
) -> dict[str, dict[str, Any]]:
    """The rows of a verdict file that are about these answers, by their key; others are counted."""
    wanted = {showing.key for showing in showings(pairs, comparisons)}
    rows: dict[str, dict[str, Any]] = {}
    others = 0
    if path.exists():
        for row in ledger.latest_rows(path, "key", samples="verdicts"):
            if row["key"] in wanted:
                rows[row["key"]] = row
            else:
                others += 1
    if others:
        found.notes.append(
            f"{path} also holds {others:,} verdicts about other answers, which are left as they "
            "are and not used."
        )
    return rows


def _settle_verdicts(
    pairs: Sequence[Pair],
    jury: Sequence[Judge],
    answered: Sequence[Mapping[str, dict[str, Any]]],
    comparisons: int,
    found: Judging,
) -> None:
    """Make outcomes of the verdicts, and write them with the list of pairs that have none."""
    weights = {judge.model: judge.weight for judge in jury}
    jsonl_rows: list[dict[str, Any]] = []
    for pair in pairs:
        group, cost, attempts = [], 0.0, 0
        for judge, rows in zip(jury, answered, strict=True):
            for i, j in pair.matches(comparisons):
                both = [
                    rows.get(Showing(pair, i, j, superior_first).key)
                    for superior_first in (False, True)
                ]
                group.append(_comparison(pair, judge.model, i, j, both, found))
                cost += sum(row["cost"] for row in both if row)
                attempts += sum(row["attempts"] for row in both if row)
        found.comparisons[pair.id] = group
        found.cost += cost
        found.costs[pair.id] = cost
        outcome = outcome_of(pair, group, weights)
        if outcome is None:
            jsonl_rows.append(_unjudged(pair, group))
            continue
        outcome.judging_cost = round(cost, 8)
        found.rows.append(outcome.model_copy(update={"attempts": attempts}))
    found.unjudged = len(jsonl_rows)
    found.notes += _note_on_alike(found)
    found.unjudged_path.unlink(missing_ok=True)
    if jsonl_rows:
        jsonl.write_rows(found.unjudged_path, jsonl_rows)
    if not found.rows:
        raise NothingJudged(
            f"Not one of {len(pairs):,} pairs has a verdict, so the work ends here. "
            f"{found.what_is_missing()}",
            found,
        )
    jsonl.write_rows(found.path, found.rows)


def _note_on_alike(found: Judging) -> list[str]:
    """How many comparisons nobody had to be asked about."""
    alike = sum(one.is_alike for one in found.all_comparisons())
    if not alike:
        return []
    return [
        f"{alike:,} of {len(found.all_comparisons()):,} comparisons are of the same answer twice: "
        "they count as ties, no judge was asked, and they are in no figure about the judge."
    ]


def _comparison(
    pair: Pair,
    judge: str,
    i: int,
    j: int,
    both: Sequence[dict[str, Any] | None],
    found: Judging,
) -> Comparison:
    """What stands in the two rows of a comparison (inferior first, superior first)."""
    if Showing(pair, i, j, superior_first=False).is_alike:
        return Comparison(judge, i, j, TIE, TIE, longer=None, is_alike=True)
    sides: list[str | None] = []
    chances = []
    for row, superior_first in zip(both, (False, True), strict=True):
        samples = (row or {}).get("verdicts") or []
        if not samples:
            found.unanswered += 1
            sides.append(None)
            continue
        sample = samples[0]
        side = Showing(pair, i, j, superior_first).side(sample.get("verdict"))
        sides.append(side)
        if side is None:
            found.unreadable += 1
            found.is_cut_off |= sample.get("finish_reason") == "length"
            found.first_unread = found.first_unread or (sample.get("full_response") or "")[:80]
        if sample.get("chances"):
            told = sample["chances"]
            shown = Showing(pair, i, j, superior_first)
            chances.append({str(shown.side(name)): float(told[name]) for name in told})
    sizes = len(pair.inferior[i]), len(pair.superior[j])
    longer = None
    if sizes[0] != sizes[1]:
        longer = SUPERIOR if sizes[1] > sizes[0] else INFERIOR
    return Comparison(judge, i, j, sides[0], sides[1], longer, tuple(chances))


def _unjudged(pair: Pair, group: Sequence[Comparison]) -> dict[str, Any]:
    return {
        "id": pair.id,
        "prompt": as_text(pair.prompt),
        "verdicts": [one.to_dict() for one in group],
    }


def outcome_of(
    pair: Pair, group: Sequence[Comparison], weights: Mapping[str, float] | None = None
) -> LabelledPrompt | None:
    """The judged outcome of one pair; None where no comparison is settled.

    `p_superior` is the share of settled comparisons that the superior model wins, the mean over
    judges by their weight; a model's score is the share that it did not lose, so that superior less
    inferior score is the loss of sending the prompt to the inferior model, in [-1, 1].
    """
    by_judge: dict[str, list[str]] = defaultdict(list)
    for one in group:
        if one.verdict is not None:
            by_judge[one.judge].append(one.verdict)
    given = {name: (weights or {}).get(name, 1.0) for name in by_judge}
    total = sum(given.values())
    if not total:
        return None
    share = {
        side: sum(
            weight * by_judge[name].count(side) / len(by_judge[name])
            for name, weight in given.items()
        )
        / total
        for side in (INFERIOR, SUPERIOR)
    }
    return LabelledPrompt(
        id=pair.id,
        prompt=pair.prompt,
        label=ROUTE_TO_SUPERIOR if share[SUPERIOR] > 0.5 else ROUTE_TO_INFERIOR,
        p_superior=round(share[SUPERIOR], 6),
        source="judged",
        category=pair.category,
        inferior_score=round(1 - share[SUPERIOR], 6),
        superior_score=round(1 - share[INFERIOR], 6),
        inferior_model=pair.inferior_model,
        superior_model=pair.superior_model,
        inferior_cost=pair.inferior_cost,
        superior_cost=pair.superior_cost,
        judges=sorted(by_judge),
        verdicts=[one.to_dict() for one in group],
        doubt=doubt(group, given),
    )


def doubt(group: Sequence[Comparison], weights: Mapping[str, float]) -> float:
    """How far single verdicts differ about a pair, in [0, 1]: the variance of its loss (1, 0 or -1)
    over orders, comparisons and judges, or over the chances of the verdict's token where known.
    """
    superior = inferior = total = 0.0
    for one in group:
        weight = weights.get(one.judge, 0.0)
        told: Sequence[Mapping[str, float]] = one.chances
        if len(told) < 2:
            told = [{side: 1.0} for side in (one.inferior_first, one.superior_first) if side]
        for chances in told:
            superior += weight * chances.get(SUPERIOR, 0.0)
            inferior += weight * chances.get(INFERIOR, 0.0)
            total += weight
    if not total:
        return 1.0
    p, q = superior / total, inferior / total
    return round(min(1.0, p + q - (p - q) ** 2), 6)
