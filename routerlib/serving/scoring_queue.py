"""Scores for requests that come at the same time: a queue before the router, so that they share its
work.

One queue serves one event loop, and keeps it free: scoring runs in a thread. Which score means
which model is not known here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from routerlib.rows.schemas import Message
from routerlib.training.router import Router

Waiting = tuple[list[Message], asyncio.Future[float]]  # a conversation, and where its score goes


class ScoringQueue:
    """Scores the prompts of concurrent requests together, off the event loop.

    While one batch is being scored in a worker thread, the requests that arrive gather into the
    next one; one alone waits for nobody. Batches are small because on a CPU a batch takes nearly as
    long as its prompts one by one, and all of it waits for the last. A queue belongs to one event
    loop.
    """

    def __init__(self, router: Router, max_batch: int = 8):
        self.router = router
        self.max_batch = max_batch
        self.pending: list[Waiting] = []
        self.worker: asyncio.Task | None = None
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="router")

    async def score(self, messages: list[Message]) -> float:
        """The probability, in [0, 1], that only the superior model will do."""
        answer: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.pending.append((messages, answer))
        if self.worker is None or self.worker.done():
            self.worker = asyncio.create_task(self._work())
        return await answer

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self.pending:
            batch, self.pending = self.pending[: self.max_batch], self.pending[self.max_batch :]
            prompts = [messages for messages, _ in batch]
            try:
                scores = await loop.run_in_executor(self.thread, self._scores, prompts)
            except Exception as error:
                for answer in _still_waiting(batch):
                    answer.set_exception(error)
                continue
            for (_, answer), score in zip(batch, scores, strict=True):
                if not answer.done():  # else its caller has gone
                    answer.set_result(score)

    def _scores(self, prompts: Sequence[list[Message]]) -> list[float]:
        return [float(score) for score in self.router.score(prompts)]

    def close(self) -> None:
        self.thread.shutdown(wait=False, cancel_futures=True)


def _still_waiting(batch: Sequence[Waiting]) -> list[asyncio.Future[float]]:
    """The answers of a batch whose callers have not gone."""
    return [answer for _, answer in batch if not answer.done()]
