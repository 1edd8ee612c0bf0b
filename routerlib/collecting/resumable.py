"""Run a long job of requests over many items, so that nothing paid for is lost and the server stays
busy.

One item is one line of a `ledger`: it is written as soon as anything about it is known, and a
second run goes on where the first one stopped, item by item and sample by sample. What an item is,
how it is asked and what its line looks like come from the caller (`collection`, `labelling`); this
module knows only how to be patient:

* an outage (nobody answers, or the connection broke) pauses everything, probes, and costs no
  attempt;
* a busy server (429, 503 …) is left alone, and gets half the requests at once (`pace`); this costs
  no attempt;
* a bad answer costs the item one attempt, and is asked again after a short wait;
* a refused request ends that item for this run; a wrong key or model ends the run. What contradicts
  answers that came before (a key refused after it was taken) is one item's matter until the next
  ones meet it.

Attempts: a round asks for all the samples an item still lacks, in one request, or in several at
once where the server gives one at a time. A round with a bad answer costs one attempt. `attempts`
on a finished row is the number of such rounds plus one.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from routerlib.collecting.budget import Purse, end_of_budget
from routerlib.collecting.ledger import TOKENS, Ledger
from routerlib.collecting.pace import Traffic
from routerlib.endpoints.clients import (
    BadRequest,
    Busy,
    Completion,
    FailedAttempt,
    Outage,
    RequestFailure,
    Stopped,
)
from routerlib.endpoints.refusals import Kind
from routerlib.errors import INCOMPLETE, Foreseen
from routerlib.progress import bar as progress_bar
from routerlib.rows.finish_reasons import FILTERED, LENGTH, TOOL_CALLS
from routerlib.stats.prices import call_cost

T = TypeVar("T")

SYNC_SECONDS = 0.2  # rows wait at most so long for the disk's own flush
DISK_PATIENCE = 60.0  # seconds to wait for room on a full disk
# Times a server that is up may break off one item before that item is given up for this run.
RESETS_FORGIVEN = 5
LAST_ANSWERS = 60.0  # seconds that a run which has to stop waits for the answers under way
# Items given up with no success between them, before the run is halted to spare the rest.
FAILED_IN_A_ROW = 20
# Items that no request brought an answer for, before the run is stopped where no other item has
# one either; an answer that tells its cause is asked for so often before it counts as none.
IN_VAIN, TOLD_TWICE = 5, 2
# Items in a row that meet what no request can mend, before that is believed although answers came
# before it; of a firewall's page, which may be about the prompts, more have to meet it.
STOPS_IN_A_ROW, BLOCKS_IN_A_ROW = 3, 8
# Why answers of a length that was all used up have no text
REASONED_ONLY = "reasoning took all their tokens. Give more MAX_TOKENS"
UNSEEN = "they reached MAX_TOKENS before the first word, as models do that reason unseen"
# Times one item may meet a busy server that answers others, before that counts as a reset.
BUSY_FORGIVEN = 6


class DiskFull(Foreseen, RuntimeError):
    """Rows could not be written for longer than we wait."""

    exit_code = INCOMPLETE


@dataclass
class Job(Generic[T]):
    """What to do with each item.

    Attributes:
        key: the item's id, unique in the job and equal to its row's key field.
        ask: request n samples (it may bring fewer, never none); raises one of `clients`' five
            failures.
        brings: samples that an item has before anything is asked, such as an answer out of a log.
        most: money that one request for n samples can cost at most; where a run has a budget.
        found: what the first answer of the run shows of the server, in a few lines, which are told
            then; None: nothing is told.
        news: sentences about the server, told as they come; whoever asks adds to the list.
        row: the line to store: the ledger's key and samples fields, and `attempts` and `error` as
            given.
        wanted: samples an item needs.
        subject: the item's own text, equal to its row's subject field; None where the ledger has
            none.
        is_up: whether the server answers, asked during an outage; None: the first item's request is
            the probe.
        where: the server's name for messages.
    """

    key: Callable[[T], str]
    ask: Callable[[T, int], Awaitable[Completion]]
    row: Callable[[T, State], dict[str, Any]]
    wanted: int = 1
    subject: Callable[[T], Any] | None = None
    is_up: Callable[[], Awaitable[bool]] | None = None
    where: str = "the server"
    news: list[str] = field(default_factory=list)
    found: Callable[[Completion], Awaitable[object]] | None = None
    brings: Callable[[T], list[dict[str, Any]]] | None = None
    most: Callable[[T, int], float] | None = None


@dataclass
class State:
    """What is known of one item so far; `Job.row` turns it into a line."""

    samples: list[dict[str, Any]] = field(default_factory=list)
    failures: int = 0  # rounds that cost an attempt
    error: dict[str, Any] | None = None  # the last failure, while samples are missing
    usage: dict[str, int] = field(
        default_factory=lambda: {"prompt_tokens": 0, "completion_tokens": 0, "requests": 0}
    )
    is_complete: bool = False
    is_new: bool = False  # holds samples that are not on disk yet

    @property
    def attempts(self) -> int:
        return self.failures + self.is_complete


@dataclass
class Summary:
    """How a run ended: counts of items, tokens and cost of this run, and whether anything is
    left.
    """

    total: int = 0  # items met in the input
    complete: int = 0  # with all their samples, now or before
    complete_before: int = 0
    failed: int = 0  # out of attempts, or refused
    repeated: int = 0  # the same item twice in the input
    samples: int = 0  # received in this run
    requests: int = 0
    empty: int = 0
    empty_because: dict[str, int] = field(default_factory=dict)  # the same, by why
    out_of_reasoning: int = 0  # answers that the server took for reasoning
    rejected: int = 0  # input rows that could not be used
    brought: int = 0  # samples that came with the items, and were not asked for
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    spent_before: float = 0.0  # money of earlier runs behind the same file
    is_out_of_budget: bool = False
    seconds: float = 0.0
    outages: int = 0
    rate_limits: int = 0
    peak_in_flight: int = 0
    finish_reasons: dict[str, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)  # by kind
    first_error: str = ""
    notes: list[str] = field(default_factory=list)  # printed with the summary
    messages: list[str] = field(default_factory=list)  # printed as they happened
    path: str = ""

    @property
    def remaining(self) -> int:
        """Items that still lack samples."""
        return self.total - self.complete

    @property
    def exit_code(self) -> int:
        """0: every item is complete; 3: some remain."""
        return 0 if self.remaining == 0 else 3

    def __str__(self) -> str:
        tokens = f"{self.completion_tokens:,} tokens"
        rate = (
            f" ({self.completion_tokens / self.seconds:,.0f}/s)"
            if self.seconds and self.completion_tokens
            else ""
        )
        cost = f", cost {self.cost:,.4f}" if self.cost else ""
        lines = [
            f"{self.complete:,} of {self.total:,} complete ({self.complete_before:,} were before), "
            f"{self.failed:,} failed, {self.remaining - self.failed:,} open: {self.samples:,} "
            f"samples, {tokens}{rate}, {self.seconds:,.1f} s{cost}. "
            f"{self.path}".rstrip()
        ]
        if self.errors:
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(self.errors.items()))
            lines.append(f"Failures: {kinds}. The first one: {self.first_error}")
        if self.brought:
            lines.append(f"{self.brought:,} samples were in the log, and were not asked for.")
        if self.repeated:
            lines.append(f"{self.repeated:,} items came twice in the input and were asked once.")
        for why, count in self.empty_because.items():
            are = "sample is" if count == 1 else "samples are"
            lines.append(f"{count:,} {are} empty: {why}.")
        unsaid = sum(self.empty_because.get(why, 0) for why in (REASONED_ONLY, UNSEEN))
        cut = self.finish_reasons.get(LENGTH, 0) - unsaid
        if cut > 0:
            were = "sample was" if cut == 1 else "samples were"
            lines.append(f"{cut:,} {were} cut off at the limit of tokens that was given.")
        if self.out_of_reasoning:
            lines.append(
                f"{self.out_of_reasoning:,} answers stood in the server's field for reasoning "
                "alone, and were taken from there."
            )
        return "\n".join([*lines, *self.notes])


async def run_job(
    items: Iterable[T],
    job: Job[T],
    ledger: Ledger,
    max_concurrent: int = 16,
    batch_size: int = 32,
    max_attempts: int = 3,
    total: int | None = None,
    price_in: float = 0.0,
    price_out: float = 0.0,
    progress: bool = True,
    label: str = "",
    first_contact: float = 600.0,
    budget: float | None = None,
    opening: str = "",
    oversight: Oversight | None = None,
) -> Summary:
    """Bring every item to its wanted number of samples, as far as attempts allow. Closes the
    ledger.

    Args:
        items: streamed; only those being worked on are in memory.
        max_concurrent: requests in flight, at most.
        batch_size: items read ahead of the requests, and rows that share one flush of the disk, at
            most.
        max_attempts: rounds an item may fail, over all runs.
        total: number of items for the progress bar, where known.
        price_in, price_out: per million tokens, for the cost so far.
        first_contact: seconds to wait for a server that has never answered, or has only said that
            it is busy and not for how long; one that has answered is waited for for good.
        budget: money that the whole file may cost, earlier runs included; None: no limit. No
            request is sent that could go beyond it, by the job's `most`.
        opening: told before the first request.
        oversight: how somebody outside sees the run, and holds it back.

    Raises:
        Stopped: no request can succeed; what was received is on disk.
        DiskFull, LedgerMismatch.
    """
    read, written = (ledger.usage[name] for name in TOKENS)
    before = call_cost(read, written, price_in, price_out)
    run: _Run[T] = _Run(
        job,
        ledger,
        max_concurrent,
        max_attempts,
        (price_in, price_out),
        first_contact,
        Purse(budget, before),
    )
    if oversight is not None:
        run.obey(oversight)
    run.open_bar(total, progress, label)
    if opening:
        run.say(opening)
    try:
        await run.work_through(items, max_concurrent + batch_size, batch_size)
        run.is_finished = True
    finally:
        run.end(total or 0)
    return run.summary


@dataclass
class Oversight:
    """How somebody outside sees a run while it works, and holds it back.

    Attributes:
        traffic: how many requests may be in flight.
        tell: is given what the run has to say, in place of the bar.
        purse: the money that the run may spend.
        summary: what the run has reached; it fills as the run goes on, and stays where it is
            cancelled.
    """

    traffic: Traffic
    tell: Callable[[str], None]
    purse: Purse
    summary: Summary = field(default_factory=Summary)


class _Run(Generic[T]):
    def __init__(
        self,
        job: Job[T],
        ledger: Ledger,
        max_concurrent: int,
        max_attempts: int,
        prices: tuple[float, float],
        first_contact: float,
        purse: Purse,
    ):
        self.job, self.ledger = job, ledger
        self.purse = purse
        self.traffic = Traffic(max_concurrent)
        self.max_attempts, self.prices = max_attempts, prices
        self.first_contact = first_contact
        self.tell: Callable[[str], None] | None = None
        self.summary = Summary(path=str(ledger.path), notes=list(ledger.notes))
        self.summary.spent_before = purse.spent
        self.started = time.monotonic()
        self.gives_many = True  # until the server gives fewer samples than asked
        self.was_reached = self.is_finished = self.has_told_found = False
        self.failed_in_a_row: deque[str] = deque(maxlen=FAILED_IN_A_ROW)
        self.stops_in_a_row: set[str] = set()  # items that met what may be the end of the run
        self.told_wait = 0.0
        self.busy_since: float | None = None  # with no answer since
        # Before the first answer: what is not yet written of items that failed, and those items
        # whose requests have all been in vain.
        self.unwritten: dict[str, tuple[T, State]] = {}
        self.in_vain: set[str] = set()
        self.hearing: asyncio.Task[None] | None = None
        self.fatal: Exception | None = None
        self.watch: asyncio.Task[bool] | None = None
        self.ending: asyncio.Task[None] | None = None

    # -- the stream of items
    # -----------------------------------------------------------------------------

    async def work_through(self, items: Iterable[T], window: int, batch_size: int) -> None:
        main = asyncio.current_task()
        assert main is not None
        self.main = main
        tasks: set[asyncio.Task[None]] = set()
        keeper = asyncio.create_task(self._keep_synced(batch_size))
        try:
            try:
                await self._start_all(items, asyncio.Semaphore(window), tasks)
            # also where the input breaks off in the middle: what has been asked is paid for
            finally:
                while tasks and not main.cancelling():
                    await asyncio.wait(tasks)
        except asyncio.CancelledError:
            if not self.fatal:
                raise
            self.main.uncancel()  # it was we who stopped the work
        finally:
            rest = [keeper, *tasks, *filter(None, (self.watch, self.hearing, self.ending))]
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)
        if self.fatal and not isinstance(self.fatal, _Halted):
            raise self.fatal
        await self._write_the_unwritten()

    async def _start_all(
        self, items: Iterable[T], places: asyncio.Semaphore, tasks: set[asyncio.Task[None]]
    ) -> None:
        def finished(task: asyncio.Task[None]) -> None:
            tasks.discard(task)
            places.release()

        for count, item in enumerate(items):
            if count % 64 == 0:
                await asyncio.sleep(0)  # the input may be long, and its items all done
            state = self._state_of(item)
            if state is None:
                continue
            await places.acquire()
            task = asyncio.create_task(self._finish(item, state))
            tasks.add(task)
            task.add_done_callback(finished)

    def _stop(self, error: Exception) -> None:
        """End the run for this reason; the first one counts."""
        if self.fatal is None:
            self.fatal = error
            self.traffic.is_ending = True
            patience = 0.0 if isinstance(error, DiskFull) else LAST_ANSWERS
            self.ending = asyncio.create_task(self._end(patience))

    async def _end(self, patience: float) -> None:
        """Cancel the work, after the answers under way have come: they are paid for."""
        deadline = time.monotonic() + patience
        while self.traffic.active and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        self.main.cancel()

    def _state_of(self, item: T) -> State | None:
        """Where to go on with an item, or None where there is nothing to do for it."""
        key, summary = self.job.key(item), self.summary
        if not self.ledger.meet(key, self.job.subject(item) if self.job.subject else None):
            summary.repeated += 1
            return None
        summary.total += 1
        if self.ledger.is_done(key):
            summary.complete += 1
            summary.complete_before += 1
            self._show(1)
            return None
        state = self._state_with_what_it_brings(item, self.ledger.latest(key))
        if state.failures >= self.max_attempts:
            self._give_up(state)
            return None
        return state

    def _state_with_what_it_brings(self, item: T, row: dict[str, Any] | None) -> State:
        if row is not None or self.job.brings is None:
            return _state_in(row, self.ledger.samples)
        samples = self.job.brings(item)[: self.job.wanted]
        self.summary.brought += len(samples)
        return State(samples=samples, is_new=bool(samples))

    # -- one item
    # ----------------------------------------------------------------------------------------

    async def _finish(self, item: T, state: State) -> None:
        try:
            await self._rounds(item, state)
        except (
            Exception
        ) as error:  # also a fault of ours or of the caller's: end the run, lose nothing
            if not isinstance(error, Foreseen):
                error.add_note(f"It came at {self.job.key(item)!r}.")
            self._stop(error)

    async def _rounds(self, item: T, state: State) -> None:
        resets = 0
        if state.is_new:
            await self._store(item, state)
        while (missing := self.job.wanted - len(state.samples)) > 0:
            failure = await self._round(item, state, missing)
            if failure is None:
                continue
            if isinstance(failure, Outage):
                resets += 1
                if resets <= RESETS_FORGIVEN:
                    continue
            if isinstance(failure, Stopped) and self.fatal:
                return
            if not isinstance(failure, Outage | Stopped):
                state.failures += 1
            kind = BadRequest.kind if isinstance(failure, Stopped) else failure.kind
            state.error = {"kind": kind, "message": str(failure), "status": failure.status}
            await self._store_failure(item, state, failure)
            if self._is_given_up(state, failure):
                self._give_up(state)
                self._spare_the_rest(failure)
                await self._hear(self.job.key(item), failure)
                return
            await self._pause(
                min(30.0, 0.5 * 2 ** (state.failures - 1)) * random.uniform(0.75, 1.25)
            )
        self.summary.complete += 1
        self._show(1)

    def _is_given_up(self, state: State, failure: RequestFailure) -> bool:
        """Whether an item is left alone for this run."""
        if not isinstance(failure, FailedAttempt) or state.failures >= self.max_attempts:
            return True
        # From a server that has not answered at all: it will hardly say anything else
        is_told = failure.kind == "invalid_answer" and state.failures >= TOLD_TWICE
        return is_told and not self._has_answered

    # -- a server that has never answered
    # ------------------------------------------------------------------

    @property
    def _has_answered(self) -> bool:
        """Whether this server has answered anything of the job, in this run or an earlier one."""
        return bool(self.summary.samples) or any(self.ledger.usage.values())

    def _may_be_the_servers(self, failure: RequestFailure) -> bool:
        """Whether a failure says nothing about its item: nothing was refused, and the server has
        not answered anything yet.
        """
        return not self._has_answered and isinstance(failure, FailedAttempt | Outage)

    async def _pause(self, seconds: float) -> None:
        """Wait before an item's next try. Before the first answer it keeps its place meanwhile, so
        that a server that always fails is asked about few items.
        """
        if self._has_answered:
            await asyncio.sleep(seconds)
            return
        self.traffic.active += 1
        try:
            await asyncio.sleep(seconds)
        finally:
            self.traffic.leave()

    async def _store_failure(self, item: T, state: State, failure: RequestFailure) -> None:
        """Write a failed item's row; before the server's first answer, only remember it.

        Where nothing is ever answered, the fault is not the items', and no attempt of theirs is
        spent.
        """
        if self._may_be_the_servers(failure):
            self.unwritten[self.job.key(item)] = item, state
        else:
            await self._store(item, state)

    async def _write_the_unwritten(self) -> None:
        """Now the failures are the items' own: others were answered, or the run is over."""
        while self.unwritten:
            _, (item, state) = self.unwritten.popitem()
            if not state.is_complete:
                await self._store(item, state)

    async def _hear(self, key: str, failure: RequestFailure) -> None:
        """Stop the run where item after item is in vain, and nothing under way brings an answer."""
        if not self._may_be_the_servers(failure):
            return
        self.in_vain.add(key)
        if len(self.in_vain) < IN_VAIN:
            return
        if self.hearing is None or self.hearing.done():
            self.hearing = asyncio.create_task(self._stop_unless_answered(failure))
        await asyncio.shield(self.hearing)

    async def _stop_unless_answered(self, failure: RequestFailure) -> None:
        self.traffic.is_held = True
        try:
            while self.traffic.active and not self._has_answered:
                await asyncio.sleep(0.01)
        finally:
            self.traffic.is_held = False
        if not self._has_answered:
            self.summary.failed -= len(self.in_vain)  # they are as open as before
            text = f"{failure}. Nothing else has come from {self.job.where}, so the run stops; no"
            self._stop(Stopped(f"{text} attempt is spent. Mend the cause and run again."))

    async def _round(self, item: T, state: State, missing: int) -> RequestFailure | None:
        """One request for all missing samples, or as many requests at once; the failure, if there
        was one.
        """
        if self.gives_many or missing == 1:
            return await self._request(item, state, missing)
        requests = (self._request(item, state, 1) for _ in range(missing))
        failures: list[RequestFailure] = []
        for result in await asyncio.gather(*requests, return_exceptions=True):
            if isinstance(result, RequestFailure):
                failures.append(result)
            elif result is not None:
                raise result
        return min(failures, key=lambda failure: isinstance(failure, Outage), default=None)

    async def _request(self, item: T, state: State, n: int) -> RequestFailure | None:
        most = 0.0
        if self.purse.budget is not None and self.job.most is not None:
            most = self.job.most(item, n)
        while True:
            if not await self.purse.hold(most):
                self._end_of_budget()
                await asyncio.Event().wait()  # until the run cancels whoever waits
            try:
                return await self._request_that_fits(item, state, n)
            except _Overspent:
                pass  # held once more, as far as there is money
            finally:
                self.purse.settle(most)

    def _end_of_budget(self) -> None:
        if self.fatal is None:
            self.summary.is_out_of_budget = True
            if self.tell is None:  # else whoever holds the whole budget says so
                self.say(end_of_budget(self.purse.budget or 0.0, self.purse.spent))
            self._stop(_Halted())

    async def _request_that_fits(self, item: T, state: State, n: int) -> RequestFailure | None:
        unlucky = 0
        while True:
            started = await self.traffic.enter()
            try:
                if self.purse.is_used_up:
                    raise _Overspent
                answer = await self.job.ask(item, n)
            except Busy as busy:
                if (busy.status or 0) >= 500 and await self._server_was_down(busy):
                    continue
                if self.summary.samples and busy.status != 429:
                    unlucky += 1
                # The server answers others: it may be this item it fails at
                if unlucky > BUSY_FORGIVEN:
                    return Outage(str(busy), busy.status)
                self._slow_down(busy, started)
            except Outage as outage:
                if not await self._server_was_down(outage) and self._has_answered:
                    self.traffic.take_less(started)  # it may be more at once than the server takes
                return outage
            except FailedAttempt as failure:
                if (failure.status or 0) >= 500 and await self._server_was_down(failure):
                    return Outage(str(failure), failure.status)
                self.was_reached = True
                return failure
            except BadRequest as refusal:
                self.was_reached = True
                return refusal
            except Stopped as stop:
                self.was_reached = True
                if self._is_believed(stop, self.job.key(item)):
                    self._stop(stop)
                return stop
            else:
                self.was_reached = True
                self.traffic.speed_up()
                await self._take(item, state, answer, n)
                return None
            finally:
                self.traffic.leave()

    def _is_believed(self, stop: Stopped, key: str) -> bool:
        """Whether what one item met is the end of the run: others decide, where answers came before
        it.
        """
        if stop.is_sure:
            return True
        self.stops_in_a_row.add(key)
        is_blocked = stop.refusal is not None and stop.refusal.kind == Kind.BLOCKED
        if self.summary.samples:
            needed = BLOCKS_IN_A_ROW if is_blocked else STOPS_IN_A_ROW
        else:
            needed = STOPS_IN_A_ROW if is_blocked else 1
        return len(self.stops_in_a_row) >= needed

    def _slow_down(self, busy: Busy, started: float) -> None:
        self.was_reached = True
        self.summary.rate_limits += 1
        now = time.monotonic()
        self.busy_since = now if self.busy_since is None else self.busy_since
        waited = now - self.busy_since
        if busy.retry_after is None and waited > self.first_contact and not self._has_answered:
            self._stop(Stopped(self._always_busy(busy, waited)))
            return
        wait = self.traffic.ease_off(started, busy.retry_after)
        if wait >= 4 and wait > 1.5 * self.told_wait:
            self.told_wait = wait
            why = "as it says" if busy.retry_after == wait else "longer each time"
            self.say(
                f"{busy}. Waiting {wait:.0f} s, {why}; no attempt is spent. If it stays so: lower "
                "MAX_CONCURRENT, or stop with Ctrl-C and run again later; what is finished is on "
                "disk."
            )

    async def _take(self, item: T, state: State, answer: Completion, asked: int) -> None:
        if len(answer.samples) < asked:
            self.gives_many = False
        state.samples.extend(answer.samples)
        self.failed_in_a_row.clear()
        self.stops_in_a_row.clear()
        self.told_wait, self.busy_since = 0.0, None
        self._tell_news()
        state.usage["prompt_tokens"] += answer.prompt_tokens
        state.usage["completion_tokens"] += answer.completion_tokens
        state.usage["requests"] += 1
        self._count(answer)
        if len(state.samples) >= self.job.wanted:
            state.is_complete, state.error = True, None
        await self._store(item, state)
        await self._write_the_unwritten()
        await self._tell_found(answer)

    async def _tell_found(self, answer: Completion) -> None:
        """Say once what the first answer shows; it is on disk by then, and the others go on."""
        if self.job.found is not None and not self.has_told_found:
            self.has_told_found = True
            self.say(str(await self.job.found(answer)))

    def _tell_news(self) -> None:
        while self.job.news:
            self.say(f"{self.job.where}: {self.job.news.pop(0)}.")

    async def _store(self, item: T, state: State) -> None:
        row = self.job.row(item, state)
        try:
            self.ledger.append(row)
        except OSError as error:
            await self._wait_for_room(row, error)

    def _give_up(self, state: State) -> None:
        self.summary.failed += 1
        error = state.error or {"kind": "unknown", "message": ""}
        self.summary.errors[error["kind"]] = self.summary.errors.get(error["kind"], 0) + 1
        self.summary.first_error = self.summary.first_error or error["message"]
        self._show(1)

    def _spare_the_rest(self, failure: RequestFailure) -> None:
        """When item after item fails, the fault is not the items'; their attempts are better kept
        for later.

        Refusals count only in the same words and before any success: long questions may come in a
            row.
        """
        if isinstance(failure, Stopped) or (
            isinstance(failure, BadRequest) and self.summary.samples
        ):
            return
        self.failed_in_a_row.append(str(failure))
        alike = len(set(self.failed_in_a_row)) == 1 or not isinstance(failure, BadRequest)
        if len(self.failed_in_a_row) == FAILED_IN_A_ROW and alike and not self.fatal:
            self.say(
                f"{FAILED_IN_A_ROW} items in a row failed, so the run was halted, to keep the "
                f"attempts of the others. The last failure: {failure}. Mend the cause and run "
                "again."
            )
            self._stop(_Halted())

    # -- waiting
    # -----------------------------------------------------------------------------------------

    async def _server_was_down(self, failure: RequestFailure) -> bool:
        """Whether the server is down; if so, returns when it is back. The first to ask closes the
        gate and watches.
        """
        if self.watch is None or self.watch.done():
            self.traffic.is_open.clear()
            self.watch = asyncio.create_task(self._watch(failure))
        return await asyncio.shield(self.watch)

    async def _watch(self, failure: RequestFailure) -> bool:
        start, pause, was_down = time.monotonic(), 0.1, False
        try:
            while self.job.is_up and not await self.job.is_up():
                waited = time.monotonic() - start
                if not was_down:
                    was_down = True
                    self.summary.outages += 1
                    self.say(
                        f"{failure}. Paused; no attempt is spent. Asking again until it is back …"
                    )
                if not self.was_reached and waited > self.first_contact:
                    self._stop(Stopped(self._never_answered(waited)))
                await asyncio.sleep(pause)
                pause = min(30.0, pause * 2)
            if was_down:
                self.say(
                    f"{self.job.where} is back after {time.monotonic() - start:.1f} s; going on."
                )
            elif isinstance(failure, Outage):
                await asyncio.sleep(pause)  # it is up, but broke off a connection: give it a moment
            return was_down
        finally:
            self.traffic.is_open.set()

    def _never_answered(self, waited: float) -> str:
        return (
            f"{self.job.where} has not answered in {waited:.0f} s. Start it (python -m routerlib "
            "serve --model …), or correct the base URL, and run again."
        )

    def _always_busy(self, busy: Busy, waited: float) -> str:
        return (
            f"{busy}. It has said so for {waited:.0f} s and has answered nothing, so the run "
            "stops; no attempt is spent. Run again when it is free, or name another server."
        )

    async def _wait_for_room(self, row: dict[str, Any], error: OSError) -> None:
        """Hold on to a paid answer while the disk is full: no new requests, one more try every
        second.
        """
        was_open = self.traffic.is_open.is_set()
        self.traffic.is_open.clear()
        if was_open:
            self.say(
                f"{self.ledger.path} cannot be written ({error}). Paused: make room, it goes on by "
                "itself."
            )
        deadline = time.monotonic() + DISK_PATIENCE
        while time.monotonic() < deadline and not self.fatal:
            await asyncio.sleep(1.0)
            with contextlib.suppress(OSError):
                self.ledger.append(row)
                self.traffic.is_open.set()
                return
        raise DiskFull(
            f"{self.ledger.path} could not be written for {DISK_PATIENCE:.0f} s ({error}), so the "
            "run was stopped. Rows written before are whole; make room on the disk and run again."
        ) from None

    async def _keep_synced(self, batch_size: int) -> None:
        """Flush to the disk in groups: one fsync serves every row that came meanwhile."""
        last = time.monotonic()
        while True:
            await asyncio.sleep(SYNC_SECONDS / 10)
            due = self.ledger.unsynced >= batch_size or time.monotonic() - last >= SYNC_SECONDS
            if self.ledger.unsynced and due:
                with contextlib.suppress(OSError):  # what matters is told by the next append
                    await asyncio.to_thread(self.ledger.sync)
                last = time.monotonic()

    # -- counting and telling
    # ----------------------------------------------------------------------------

    def _count(self, answer: Completion) -> None:
        summary = self.summary
        summary.requests += 1
        summary.samples += len(answer.samples)
        summary.prompt_tokens += answer.prompt_tokens
        summary.completion_tokens += answer.completion_tokens
        cost = call_cost(answer.prompt_tokens, answer.completion_tokens, *self.prices)
        summary.cost += cost
        self.purse.spent += cost
        for sample in answer.samples:
            reason = str(sample.get("finish_reason"))
            summary.finish_reasons[reason] = summary.finish_reasons.get(reason, 0) + 1
            summary.out_of_reasoning += bool(sample.get("answer_in_reasoning"))
            text = sample.get("full_response")  # a label's probability comes without a text
            if text is not None and not text.strip():
                why = why_empty(sample)
                summary.empty += 1
                summary.empty_because[why] = summary.empty_because.get(why, 0) + 1

    def open_bar(self, total: int | None, show: bool, label: str) -> None:
        self.bar = progress_bar(total, label, show=show)
        self._shown_at = 0.0

    def _show(self, done: int) -> None:
        now = time.monotonic()
        if now - self._shown_at > 0.5:
            self._shown_at = now
            summary = self.summary
            rate = summary.completion_tokens / max(now - self.started, 1e-9)
            flow = f"in flight {self.traffic.active}, {rate:,.0f} tokens/s"
            self.bar.set_postfix_str(f"{self._spent()}, {flow}", refresh=False)
        self.bar.update(done)

    def _spent(self) -> str:
        """What the bar says of failures and money."""
        cost = f", cost {self.summary.cost:.4f}" if self.summary.cost else ""
        return f"failed {self.summary.failed}{cost}"

    def obey(self, oversight: Oversight) -> None:
        """Be seen, and held back, from outside."""
        oversight.summary.path, oversight.summary.notes = self.summary.path, self.summary.notes
        self.traffic, self.purse = oversight.traffic, oversight.purse
        self.summary, self.tell = oversight.summary, oversight.tell

    def say(self, text: str) -> None:
        (self.tell or self.bar.write)(text)
        self.summary.messages.append(text)

    def end(self, total: int) -> None:
        """Close the bar and the file; what an interrupted run has reached is said here, since it
        returns nothing.
        """
        summary, met = self.summary, self.summary.total
        summary.seconds, summary.peak_in_flight = time.monotonic() - self.started, self.traffic.peak
        summary.total = (
            summary.total if self.is_finished and not self.fatal else max(total, summary.total)
        )
        self.bar.set_postfix_str(self._spent(), refresh=False)  # nothing is in flight any more
        self.bar.close()
        try:
            self.ledger.close(compact=self.is_finished)
        except OSError as error:
            summary.notes.append(f"{self.ledger.path}: the last flush failed ({error}).")
        if not self.is_finished and met and self.tell is None:
            print(f"{'Stopped' if self.fatal else 'Interrupted'}. {summary}", flush=True)


def why_empty(sample: dict[str, Any]) -> str:
    """The cause that an answer has no text, as far as the server tells."""
    reason = sample.get("finish_reason")
    if reason == FILTERED:
        return "the server's content filter kept them back"
    if reason == LENGTH and sample.get("reasoning"):
        return REASONED_ONLY
    if reason == LENGTH:
        return UNSEEN
    if reason == TOOL_CALLS:
        return "the model called a tool in place of an answer"
    return "the model ended its answer before the first word"


class _Halted(Exception):
    """The run ends early, without an error of its own: the summary says what is left."""


class _Overspent(Exception):
    """While a request waited for its turn, the answers of others have cost all the money."""


def _state_in(row: dict[str, Any] | None, samples: str) -> State:
    if row is None:
        return State()
    error = row.get("error")
    state = State(
        samples=list(row.get(samples) or ()),
        failures=row.get("attempts", 0) if error else 0,
        error=error,
    )
    state.usage |= row.get("usage") or {}
    return state
