"""What a run of questions will cost, told before it asks, and how much a single request can cost.

A forecast counts what is missing in a job's file: answers of earlier runs and answers out of a log
are not paid again. It asks nothing and knows no server; that a run keeps to its budget is
`budget`'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from routerlib.collecting.ledger import TOKENS, Ledger
from routerlib.collecting.resumable import Job
from routerlib.endpoints.clients import Completion
from routerlib.endpoints.prompts import as_text
from routerlib.rows.schemas import OpenPrompt, Prompt, Question
from routerlib.stats.prices import call_cost

OVERHEAD = 100  # tokens of a chat template around a prompt, at most
BYTES_A_TOKEN = 4  # of English text, about


@dataclass(frozen=True)
class Prices:
    """What a model costs, in money per million tokens read and written; a token read out of a cache
    costs a share of one read anew.
    """

    price_in: float = 0.0
    price_out: float = 0.0
    cached_share: float = 1.0

    @property
    def are_known(self) -> bool:
        return bool(self.price_in or self.price_out)

    def cost(self, tokens_in: float, tokens_out: float, cached: float = 0.0) -> float:
        """Money for so many tokens; `cached` of those read came out of a cache."""
        prices = (self.price_in, self.price_out)
        return float(call_cost(tokens_in, tokens_out, *prices, cached, self.cached_share))

    def mark(self, answer: Completion) -> Completion:
        """The answer, with its price shared out among its samples."""
        if self.are_known and answer.samples:
            cost = self.cost(answer.prompt_tokens, answer.completion_tokens) / len(answer.samples)
            for sample in answer.samples:
                sample["cost"] = cost
        return answer

    def about(self, prompt: Prompt, written: float) -> float:
        """What an answer of so many tokens costs, about."""
        return self.cost(_bytes_of(prompt) / BYTES_A_TOKEN, written)

    def most(self, prompt: Prompt, n: int, max_tokens: int) -> float:
        """What a request for n samples can cost: half a token a byte is more than texts have, and
        every answer as long as it may be. A server that gives one sample at a time reads the prompt
        n times.
        """
        return self.cost(n * (_bytes_of(prompt) / 2 + OVERHEAD), n * max_tokens)


def _bytes_of(prompt: Prompt) -> int:
    return len(as_text(prompt).encode("utf-8", "replace"))


@dataclass
class Forecast:
    """What a run has to ask, and what that will cost, before it asks.

    Fields: items: questions or prompts. samples: still to be asked for. from_log: samples that a
    log holds. about, most: money; `about` takes a question for as long as it is, and an answer for
    as long as the one in the log, or as those before. spent: by earlier runs.
    """

    items: int = 0
    samples: int = 0
    from_log: int = 0
    about: float = 0.0
    most: float = 0.0
    spent: float = 0.0

    def sentence(self, budget: float | None = None) -> str:
        """The forecast in words."""
        logged = f" {self.from_log:,} are in the log." if self.from_log else ""
        spent = f" {self.spent:,.4f} was spent before." if self.spent else ""
        told = (
            f"{self.samples:,} answers to ask for, to {self.items:,} questions or prompts: about "
            f"{self.about:,.4f}, at most {self.most:,.4f}.{logged}{spent}"
        )
        if budget is None:
            return told
        is_enough = self.spent + self.most <= budget
        enough = "which is enough" if is_enough else "where the run ends, should it come to that"
        return f"{told} BUDGET is {budget:,.4f}, {enough}."


def forecast(
    questions: Iterable[Question],
    job: Job[Question],
    book: Ledger,
    prices: Prices,
    sent: Callable[[Question], Prompt],
    max_tokens: int,
) -> Forecast:
    """What is missing in a job's file, and its price.

    Args:
        sent: what the model gets of a question. max_tokens: of one answer.
    """
    read, written = (book.usage[name] for name in TOKENS)
    found = Forecast(spent=prices.cost(read, written))
    for question in questions:
        found.items += 1
        if book.is_done(question.unique_id):
            continue
        row = book.latest(question.unique_id)
        known = job.brings(question) if row is None and job.brings else []
        found.from_log += len(known[: job.wanted])
        there = len(row.get("responses") or ()) if row else len(known)
        missing = job.wanted - there
        if missing <= 0:
            continue
        found.samples += missing
        prompt = sent(question)
        found.about += prices.about(prompt, missing * expected_tokens(question, max_tokens))
        found.most += prices.most(prompt, missing, max_tokens)
    return found


def expected_tokens(question: Question, max_tokens: int) -> float:
    """Of an answer: as many as that in the log has, or as many as it may have."""
    answer = question.answer if isinstance(question, OpenPrompt) else None
    if answer is None:
        return float(max_tokens)
    guessed = len(answer.full_response) / BYTES_A_TOKEN
    return min(float(max_tokens), float(answer.completion_tokens or guessed))
