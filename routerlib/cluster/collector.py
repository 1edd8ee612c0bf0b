"""A worker that collects answers: some questions at a time, with our own client, patience and
ledger.

It lives in a process of its own on some machine, and works for a driver (`collecting`), which gives
it shards of questions, asks several times a second how far it is, and tells it what the others have
met. What is paid for is in the shard's part of the file as soon as it comes. Which worker gets
which questions is not decided here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from dataclasses import dataclass, field, replace
from typing import Any

from routerlib.cluster import machines
from routerlib.collecting import ledger_parts
from routerlib.collecting.budget import Purse
from routerlib.collecting.collection import Asking
from routerlib.collecting.pace import Traffic
from routerlib.collecting.resumable import LAST_ANSWERS, Job, Oversight, Summary, run_job
from routerlib.endpoints.clients import RequestFailure
from routerlib.errors import Foreseen
from routerlib.rows.schemas import Question

LONGEST_PAUSE = 15.0  # seconds between two looks at a server that is down

# How work on a shard ends.
DONE, TAKEN_AWAY, HALTED, STOPPED = "done", "taken away", "halted", "stopped"
OUT_OF_BUDGET = "out of budget"


@dataclass
class Shard:
    """Questions for one worker, and what is needed to ask them.

    Attributes:
        number: of the assignment; each has a file of its own.
        file: where the answers go.
        url: whom to ask. concurrent: requests in flight, at most.
        known: rows of those questions that have some of their samples.
        lease: money that may be spent before more is asked for; None: there is no budget.
        tells_first: whether the first answer is to be told about.
        busy_for: seconds for which the account is still to be left alone.
    """

    number: int
    file: str
    url: str
    concurrent: int
    questions: list[Question]
    known: list[dict[str, Any]] = field(default_factory=list)
    lease: float | None = None
    tells_first: bool = False
    busy_for: float = 0.0


@dataclass
class Ending:
    """How work on a shard ended, what was reached, and where; `why` says why it stopped."""

    how: str
    summary: Summary
    node: str
    why: str = ""
    exit_code: int = 0


@dataclass
class ShardReport:
    """How far the work on one shard is.

    Attributes:
        busy_for: seconds for which a busy server is left alone, met since the last report.
        down_for: seconds since which the server is down; 0 while it is up.
        lacks: money by which the next request goes beyond the lease; 0 while it does not.
        said: sentences for the user.
    """

    complete: int
    failed: int
    samples: int
    tokens: int
    cost: float
    in_flight: int
    busy_for: float = 0.0
    down_for: float = 0.0
    lacks: float = 0.0
    said: list[str] = field(default_factory=list)


class SharedTraffic(Traffic):
    """The traffic of one worker, where a server's or an account's limits are those of all: what one
    meets, the others are told.
    """

    def __init__(self, maximum: int):
        super().__init__(maximum)
        self.met = 0.0

    def ease_off(self, started: float, wait: float | None) -> float:
        """As `Traffic.ease_off`; the driver hears of it."""
        waited = super().ease_off(started, wait)
        self.met = max(self.met, waited)
        return waited

    def obey(self, wait: float) -> None:
        """Ease off because another worker met a busy server."""
        super().ease_off(time.monotonic(), wait)

    def take_met(self) -> float:
        """The longest wait met since the last call; 0 where there was none."""
        met, self.met = self.met, 0.0
        return met


class LeasedPurse(Purse):
    """The part of a run's budget that one worker may spend. It asks for more where it lacks some,
    and ends the work when it is told that there is no more.
    """

    def __init__(self, lease: float | None):
        super().__init__(lease)
        self.lacks = 0.0
        self.is_last = False

    async def hold(self, most: float) -> bool:
        """As `Purse.hold`; waits for a longer lease."""
        while self.budget is not None and self.spent + self.held + most > self.budget:
            if self.is_last and not self.under_way:
                return False
            self.lacks = max(self.lacks, self.spent + self.held + most - self.budget)
            await self.change()
        self.keep_back(most)
        return True

    def grant(self, more: float) -> None:
        """Take a longer lease; nothing more: there is none, now or later."""
        self.budget = (self.budget or 0.0) + more
        self.is_last = not more
        self.lacks = 0.0
        self.tell()


class _ShardWork:
    """The work on one shard, as it goes on."""

    def __init__(self, shard: Shard):
        self.shard = shard
        self.traffic = SharedTraffic(shard.concurrent)
        if shard.busy_for:
            self.traffic.obey(shard.busy_for)
        self.said: list[str] = []
        self.purse = LeasedPurse(shard.lease)
        self.oversight = Oversight(self.traffic, self.said.append, self.purse)
        self.task: asyncio.Task[Summary] | None = None
        self.ending: asyncio.Task[None] | None = None
        self.down_since: float | None = None

    def report(self) -> ShardReport:
        summary = self.oversight.summary
        said = list(self.said)
        self.said.clear()
        down_for = time.monotonic() - self.down_since if self.down_since else 0.0
        return ShardReport(
            complete=summary.complete,
            failed=summary.failed,
            samples=summary.samples,
            tokens=summary.completion_tokens,
            cost=summary.cost,
            in_flight=self.traffic.active,
            busy_for=self.traffic.take_met(),
            down_for=down_for,
            lacks=self.purse.lacks,
            said=said,
        )

    def take_away(self) -> None:
        """End the work after the answers under way have come: they are paid for."""
        if self.ending is None:
            self.ending = asyncio.create_task(self._end())

    async def _end(self) -> None:
        self.traffic.is_ending = True
        deadline = time.monotonic() + LAST_ANSWERS
        while self.traffic.active and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        if self.task is not None:
            self.task.cancel()


class Collector:
    """The worker. Its methods are called from the driver, several at a time, on one event loop.

    Args:
        how: how the model is asked. api_key: for the endpoints; None: from the environment of this
            machine.
        batch_size, max_attempts: as for `collection.collect`.
    """

    def __init__(self, how: Asking, api_key: str | None, batch_size: int, max_attempts: int):
        self.how, self.api_key = how, api_key
        self.batch_size, self.max_attempts = batch_size, max_attempts
        self.node = machines.name_of_this_node()
        self.works: dict[int, _ShardWork] = {}
        self.jobs: dict[str, Job[Question]] = {}
        self.connections = contextlib.AsyncExitStack()

    async def hello(self, folder: str) -> tuple[str, int, bool]:
        """Where this worker is: its machine, its process, and whether it sees the folder."""
        return self.node, os.getpid(), os.path.isdir(folder)

    async def collect(self, shard: Shard) -> Ending:
        """Bring the questions of a shard to their answers, as far as attempts allow."""
        work = self.works[shard.number] = _ShardWork(shard)
        try:
            work.task = asyncio.create_task(self._collect(work))
            await work.task
        except asyncio.CancelledError:
            return Ending(TAKEN_AWAY, work.oversight.summary, self.node)
        except RequestFailure as failure:
            return self._stopped(work, failure)
        except Foreseen as error:
            return self._stopped(work, error)
        finally:
            del self.works[shard.number]
        summary = work.oversight.summary
        is_done = summary.remaining == summary.failed
        if summary.is_out_of_budget:
            return Ending(OUT_OF_BUDGET, summary, self.node)
        why = "" if is_done or not summary.messages else summary.messages[-1]
        return Ending(DONE if is_done else HALTED, summary, self.node, why)

    def _stopped(self, work: _ShardWork, error: Foreseen) -> Ending:
        summary = work.oversight.summary
        return Ending(STOPPED, summary, self.node, str(error), error.exit_code)

    async def _collect(self, work: _ShardWork) -> Summary:
        shard = work.shard
        job = await self._job(shard.url)
        book = self.how.part(shard.file)
        for row in shard.known:
            book.append(row)
        return await run_job(
            shard.questions,
            replace(
                job,
                is_up=lambda: self._is_up(work, job),
                found=job.found if shard.tells_first else None,
            ),
            book,
            shard.concurrent,
            self.batch_size,
            self.max_attempts,
            price_in=self.how.price_in,
            price_out=self.how.price_out,
            progress=False,
            oversight=work.oversight,
        )

    async def _job(self, url: str) -> Job[Question]:
        """How questions are asked at an address; what its server takes is learnt once."""
        if url not in self.jobs:
            ready = self.how.ready(url or None, self.api_key)
            job = await self.connections.enter_async_context(ready)
            self.jobs.setdefault(url, job)
        return self.jobs[url]

    async def _is_up(self, work: _ShardWork, job: Job[Question]) -> bool:
        assert job.is_up is not None
        is_up = await job.is_up()
        if is_up:
            work.down_since = None
        elif work.down_since is None:
            work.down_since = time.monotonic()
        return is_up

    async def pulse(
        self, busy: dict[int, float], away: list[int], grants: dict[int, float]
    ) -> dict[int, ShardReport]:
        """Take in what the driver knows, and tell how far each shard is.

        Args:
            busy: shards whose server or account others have found busy, and for how many seconds.
            away: shards that are to be taken away.
            grants: money by which a shard's lease grows; 0: there is no more.
        """
        for number, more in grants.items():
            if number in self.works:
                self.works[number].purse.grant(more)
        for number, wait in busy.items():
            if number in self.works:
                self.works[number].traffic.obey(wait)
        for number in away:
            if number in self.works:
                self.works[number].take_away()
        return {number: work.report() for number, work in self.works.items()}

    async def until_up(self, url: str) -> None:
        """Return when the server at an address answers."""
        job, pause = await self._job(url), 0.5
        assert job.is_up is not None
        while not await job.is_up():
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    async def stop(self) -> None:
        """End all work at once; what has come is on disk."""
        tasks = [work.task for work in self.works.values() if work.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.connections.aclose()


def part_file(path: str, number: int) -> str:
    """The file of an assignment: parts are read in the order in which they were begun."""
    return str(ledger_parts.folder_of(path) / f"{number:08d}.jsonl")
