"""Collect a model's answers over several machines and several servers: what 03 does, by many hands.

The driver, here, reads the questions, hands them out in shards, and brings what comes into the one
file, in the order of the questions. Workers (`collector`) ask, with our client, patience and
ledger, and keep what is paid for in parts beside that file (`collecting.ledger_parts`), in a folder
that all machines see. A worker, a machine or the driver may be lost at any moment: the parts stay,
and the next run, on one machine or on many, takes them in first.

What is one run's is kept one: a server or an account that is busy for one worker is left alone by
all that ask it; an endpoint that is down or slow gets fewer shards, and loses those it has.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from routerlib import event_loop, settings
from routerlib.cluster.collector import (
    DONE,
    HALTED,
    OUT_OF_BUDGET,
    STOPPED,
    TAKEN_AWAY,
    Collector,
    Ending,
    Shard,
    ShardReport,
    part_file,
)
from routerlib.cluster.machines import ClusterError, Machines, joined, on_machines
from routerlib.collecting import collection, ledger_parts
from routerlib.collecting.budget import end_of_budget
from routerlib.collecting.ledger import TOKENS, Ledger, Row
from routerlib.collecting.resumable import Summary
from routerlib.endpoints import clients
from routerlib.errors import INCOMPLETE, Foreseen, SettingError
from routerlib.progress import bar as progress_bar
from routerlib.rows import jsonl
from routerlib.rows.schemas import Question

LARGEST, SMALLEST = 1000, 16  # questions of a shard
PER_WORKER = 32  # requests in flight that are worth a worker of their own
AHEAD = 2  # shards read ahead for each that is being worked on
PULSE = 0.25  # seconds between two looks at the workers
MOVE_AFTER = 2.0  # seconds for which a server is down before its shard moves to another
TAIL = 4.0  # seconds that a shard must still take to be worth dividing among idle workers
MUCH_FASTER = 2.0  # times another's pace; endpoints that are alike do not wait for each other
START_PATIENCE = 30.0  # seconds after which a wait for the cluster's cores is told
LAST_WORDS = 10.0  # seconds for workers to close their files
LOSSES = 5  # times one shard may lose its worker before the run is stopped


class CollectionStopped(Foreseen, RuntimeError):
    """No request can succeed at any endpoint; what was received is on disk."""

    exit_code = INCOMPLETE


@on_machines(collection.collect)
async def collect(*args: Any, cluster: str | None = None, **kwargs: Any) -> Summary:
    """`collection.collect`; with CLUSTER, on several machines."""
    if not cluster:
        _check_alone(*args, **kwargs)
        return await collection.collect(*args, **kwargs)
    given = _bound_arguments(*args, **kwargs)
    with joined(cluster) as machines:
        return await _collect(machines, **given)


def collect_sync(*args: Any, **kwargs: Any) -> Summary:
    """Bring every question to k answers of one model, resumable: notebook 03 for one of its models.

    The arguments are the options of the command `collect`, whose help says what each means (see
    docs/commands.md). With `cluster`, the work is done on several machines: "local", "auto", or an
    address such as ray://head:10001; `api_base` may then name several servers, with commas between.

    Example:
        summary = routerlib.collect("my_questions.jsonl", "my-model", "http://localhost:8000/v1")
        print(summary, summary.path)
    """
    return event_loop.run_coroutine(collect(*args, **kwargs))


collect_sync.__signature__ = inspect.signature(collect)  # type: ignore[attr-defined]


def _bound_arguments(*args: Any, **kwargs: Any) -> dict[str, Any]:
    """The arguments of `collection.collect` by name, its defaults among them."""
    bound = inspect.signature(collection.collect).bind(*args, **kwargs)
    bound.apply_defaults()
    return dict(bound.arguments)


def _check_alone(*args: Any, **kwargs: Any) -> None:
    """Raises SettingError where several endpoints are named for one process."""
    bases = settings.names(_bound_arguments(*args, **kwargs)["api_base"])
    if len(bases) > 1:
        raise SettingError(
            f"API_BASE names {len(bases)} endpoints; one process asks one of them. Set CLUSTER to "
            "'local' to share the questions among them on this machine."
        )


async def _collect(machines: Machines, **given: Any) -> Summary:
    how = collection.asking(
        **{name: given[name] for name in ("model", "api_mode", "k_responses", "temperature")},
        **{name: given[name] for name in ("max_tokens", "stop", "endpoint", "template")},
        **{name: given[name] for name in ("extra_body", "timeout", "price_in", "price_out")},
        logprobs=given["logprobs"],
    )
    collection.check_pace(given["max_concurrent"], given["batch_size"], given["max_attempts"])
    limit = collection.first_so_many(given["num_problems"])
    budget = collection.checked_budget(given["budget"])
    urls = endpoints(given["api_base"], how.api_mode)
    api_key = given["api_key"] or settings.key(
        "OPENAI_API_KEY", required=how.api_mode == clients.REMOTE
    )
    path = collection.output_path(
        given["questions"], how.model, given["output_file"], given["output_dir"]
    )
    total = collection.count_questions(given["questions"], limit)
    book = how.book(path)
    opening = how.opening(given["questions"], limit, given["fields"], book, budget)
    with jsonl.Rejects(jsonl.rejects_path(path)) as rejects:
        questions = collection.read_questions(given["questions"], limit, rejects, given["fields"])
        pot = Pot(budget if how.prices.are_known else None, book, how)
        run = _ClusterRun(machines, how, api_key, book, urls, given, total, pot)
        run.opening = opening
        summary = await run.work_through(questions)
    summary.rejected = rejects.count
    if rejects.count:
        summary.notes.append(str(rejects))
    collection.put_copy(summary, given["output_file"])
    return summary


def endpoints(api_base: str | Sequence[str] | None, api_mode: str) -> list[str]:
    """The base URLs that a text with commas, or a list, names; each once.

    Raises:
        SettingError: one is none.
    """
    named = settings.names(api_base) or [""]
    return list(dict.fromkeys(clients.check_base(base or None, api_mode) for base in named))


# --- what is handed out ---


@dataclass
class _Piece:
    """Questions that stand together in the input: handed out as shards until all are done.

    Attributes:
        place: in the input, counted from 0. A piece that was divided has the place of the whole.
        digests: the items in the order of the input, as the ledger knows them.
        files: parts that hold rows of it.
    """

    place: int
    questions: list[Question]
    known: list[Row]
    files: list[str] = field(default_factory=list)
    losses: int = 0


@dataclass
class _Whole:
    """One piece as it was read: its keys in order, its files, and how many pieces are open."""

    keys: list[str]
    files: list[str] = field(default_factory=list)
    open: int = 1


@dataclass
class _Place:
    """An endpoint: how many shards it is given at once, and whether it can be asked."""

    url: str
    account: str
    slots: int
    concurrent: int
    running: int = 0
    is_down: bool = False
    why_not: str = ""  # why it is asked no more
    exit_code: int = INCOMPLETE
    is_halted: bool = False  # item after item failed there
    finished: int = 0  # questions, of shards that have come back
    seconds: float = 0.0  # that these shards took, one after the other

    @property
    def can_be_asked(self) -> bool:
        return not self.is_down and not self.why_not

    @property
    def is_free(self) -> bool:
        return self.can_be_asked and self.running < self.slots

    @property
    def pace(self) -> float:
        """Questions a second of one of its shards, as far as that was seen; else 0."""
        return self.finished / self.seconds if self.seconds else 0.0


@dataclass
class _HiredWorker:
    """A process on some machine. `node` is empty until it has said where it is."""

    actor: Any
    node: str = ""
    running: int = 0
    pulse: Any = None


@dataclass
class _Assignment:
    """A shard in the hands of a worker."""

    number: int
    piece: _Piece
    place: _Place
    worker: _HiredWorker
    started: float
    rests_until: float = 0.0  # as far as it has been told; a time of `time.monotonic`
    report: ShardReport | None = None
    is_moving: bool = False


class Pot:
    """The budget of a run: what is spent, and what is leased to the shards that are worked on.

    Args:
        budget: money that the whole file may cost; None: there is no limit.
        book: the file, whose tokens were paid for before.
    """

    def __init__(self, budget: float | None, book: Ledger, how: collection.Asking):
        self.budget = budget
        self.spent = how.prices.cost(*(book.usage[name] for name in TOKENS))
        self.leases: dict[int, float] = {}

    @property
    def left(self) -> float:
        """What is neither spent nor leased."""
        return (self.budget or 0.0) - self.spent - sum(self.leases.values())

    def lease(self, number: int, slots: int) -> float | None:
        """What a shard may spend at first: a part of what is left."""
        if self.budget is None:
            return None
        self.leases[number] = max(0.0, self.left / (4 * slots))
        return self.leases[number]

    def grant(self, number: int, lacks: float, slots: int) -> float:
        """How much longer a shard's lease becomes; 0 where what is left is less than it lacks."""
        if lacks > self.left:
            return 0.0
        more = max(lacks, self.left / (4 * slots))
        self.leases[number] = self.leases.get(number, 0.0) + more
        return more

    def settle(self, number: int, cost: float) -> None:
        """A shard is no longer worked on: what it cost is spent, the rest of its lease is left."""
        self.leases.pop(number, None)
        self.spent += cost


class _ClusterRun:
    """One run of the driver."""

    def __init__(
        self,
        machines: Machines,
        how: collection.Asking,
        api_key: str | None,
        book: Ledger,
        urls: list[str],
        given: dict[str, Any],
        total: int | None,
        pot: Pot,
    ):
        self.pot, self.opening = pot, ""
        self.machines, self.how, self.api_key, self.book = machines, how, api_key, book
        self.ray = machines.ray
        self.done_before = book.done
        self.rests: dict[str, float] = {}  # until when an account is left alone
        self.max_attempts, self.batch_size = given["max_attempts"], given["batch_size"]
        self.total, self.show = total, given["progress"]
        self.places = places(urls, machines.cores, given["max_concurrent"], how.api_mode)
        self.summary = Summary(path=str(book.path), notes=list(book.notes))
        self.summary.spent_before = pot.spent
        self.waiting: deque[_Piece] = deque()
        self.wholes: dict[int, _Whole] = {}
        self.next_whole = 0  # the first that is not yet in the file
        self.workers: list[_HiredWorker] = []
        self.hellos: dict[Any, _HiredWorker] = {}
        self.assignments: dict[Any, _Assignment] = {}
        self.probes: dict[Any, _Place] = {}
        self.numbers = 0
        self.is_read = self.is_finished = self.is_halted = self.has_told_first = False
        self.said: set[str] = set()
        self.started = time.monotonic()
        self.felt_at = 0.0  # when the workers' pulses were asked for
        self.fatal: Foreseen | None = None

    # -- the course of a run -----------------------------------------------------------------------

    async def work_through(self, questions: Iterator[Question]) -> Summary:
        """Hand out every question, and bring what comes into the file."""
        ledger_parts.folder_of(self.book.path).mkdir(parents=True, exist_ok=True)
        self.bar = progress_bar(self.total, self.how.model, show=self.show)
        pieces = self._pieces(questions)
        if self.opening:
            self._say(self.opening)
        try:
            self._hire(self._workers_wanted())
            while await self._turn(pieces):
                pass
            self.is_finished = self.fatal is None
        finally:
            await self._end()
        if self.fatal is not None:
            raise self.fatal
        return self.summary

    async def _turn(self, pieces: Iterator[_Piece]) -> bool:
        """One look at everything; whether there is more to do."""
        self._read_ahead(pieces)
        is_all_out = self.is_read and not self.waiting
        if (is_all_out or self.summary.is_out_of_budget) and not self.assignments:
            return False
        if not self.assignments and all(place.why_not for place in self.places):
            self.is_halted = all(place.is_halted for place in self.places)
            self.fatal = None if self.is_halted else self._hopeless()
            return False
        self._hand_out()
        self._divide_the_last()
        await self._listen()
        self._show()
        return self.fatal is None

    async def _listen(self) -> None:
        """Wait for what comes next, a quarter of a second at most, and take it in."""
        self._feel_pulses()
        pulses = {worker.pulse: worker for worker in self.workers if worker.pulse is not None}
        refs = [*self.hellos, *self.assignments, *self.probes, *pulses]
        for ref in await asyncio.to_thread(self._ready, refs):
            if ref in pulses:
                self._take_pulse(pulses[ref])
            elif ref in self.hellos:
                self._welcome(self.hellos.pop(ref), ref)
            elif ref in self.probes:
                self._take_probe(self.probes.pop(ref), ref)
            else:
                self._take_ending(self.assignments.pop(ref), ref)
        await self._settle()

    def _ready(self, refs: list[Any]) -> list[Any]:
        """Those that have come, waiting for the first one."""
        if not refs:
            time.sleep(PULSE)
            return []
        self.ray.wait(refs, num_returns=1, timeout=PULSE)
        ready, _ = self.ray.wait(refs, num_returns=len(refs), timeout=0)
        return ready

    # -- questions in ------------------------------------------------------------------------------

    def _read_ahead(self, pieces: Iterator[_Piece]) -> None:
        slots = sum(place.slots for place in self.places)
        while not self.is_read and len(self.waiting) < AHEAD * slots:
            piece = next(pieces, None)
            if piece is None:
                self.is_read = True
            else:
                self.waiting.append(piece)

    def _pieces(self, questions: Iterator[Question]) -> Iterator[_Piece]:
        """The questions that are to be asked, in pieces; what is done is counted."""
        size = self._size()
        fresh: list[Question] = []
        known: list[Row] = []
        for question in questions:
            row = self._to_ask(question)
            if row is None:
                continue
            fresh.append(question)
            if row:
                known.append(row)
            if len(fresh) == size:
                yield self._piece(fresh, known)
                fresh, known = [], []
        if fresh:
            yield self._piece(fresh, known)

    def _size(self) -> int:
        slots = sum(place.slots for place in self.places)
        if self.total is None:
            return LARGEST
        return max(SMALLEST, min(LARGEST, math.ceil(self.total / (4 * slots))))

    def _to_ask(self, question: Question) -> Row | None:
        """The row of a question that is to be asked, empty where it has none; None where nothing is
        to be done for it.
        """
        key, summary = question.unique_id, self.summary
        if not self.book.meet(key, collection.subject_of(question)):
            summary.repeated += 1
            return None
        summary.total += 1
        if self.book.is_done(key):
            summary.complete += 1
            summary.complete_before += 1
            return None
        row = self.book.latest(key) or {}
        if row.get("error") and row.get("attempts", 0) >= self.max_attempts:
            self._give_up(row)
            return None
        return row

    def _give_up(self, row: Row) -> None:
        kind = row["error"]["kind"]
        self.summary.failed += 1
        self.summary.errors[kind] = self.summary.errors.get(kind, 0) + 1
        self.summary.first_error = self.summary.first_error or row["error"]["message"]

    def _piece(self, questions: list[Question], known: list[Row]) -> _Piece:
        place = len(self.wholes) + self.next_whole
        self.wholes[place] = _Whole([question.unique_id for question in questions])
        return _Piece(place, questions, known)

    # -- workers -----------------------------------------------------------------------------------

    def _workers_wanted(self) -> int:
        return min(self.machines.cores, sum(place.slots for place in self.places))

    def _hire(self, count: int) -> None:
        actor = self.ray.remote(Collector).options(
            num_cpus=1, max_restarts=0, max_concurrency=1000, scheduling_strategy="SPREAD"
        )
        folder = str(ledger_parts.folder_of(self.book.path))
        for _ in range(count):
            worker = _HiredWorker(
                actor.remote(self.how, self.api_key, self.batch_size, self.max_attempts)
            )
            self.hellos[worker.actor.hello.remote(folder)] = worker

    def _welcome(self, worker: _HiredWorker, ref: Any) -> None:
        try:
            node, _, sees_folder = self.ray.get(ref)
        except self.ray.exceptions.RayError as error:
            if not self._is_lost(error):
                self.fatal = ClusterError(
                    f"A machine of the cluster cannot collect ({_first_line(error)}). Is the same "
                    "version of routerlib installed there?"
                )
                return
            self._hire(1)
            return
        if not sees_folder:
            self.fatal = ClusterError(
                f"The machine {node} does not see {self.book.path.parent}, where the answers go. "
                "All machines need one folder in common: set OUTPUT_DIR to one that they share."
            )
            return
        worker.node = node
        self.workers.append(worker)

    def _is_lost(self, error: Exception) -> bool:
        """Whether a process or a machine has gone, rather than our code failed in it."""
        is_gone = isinstance(error, self.ray.exceptions.RayActorError)
        return is_gone and "creation task" not in str(error)

    def _lose(self, worker: _HiredWorker, error: Exception) -> None:
        """A worker has gone: another one is hired in its place."""
        if worker in self.workers:
            self.workers.remove(worker)
            self._say(f"A worker on {worker.node} was lost; its questions go to others.")
            self._hire(1)

    # -- handing out -------------------------------------------------------------------------------

    def _hand_out(self) -> None:
        while self.waiting and not self.summary.is_out_of_budget:
            place = min(
                (place for place in self.places if place.is_free and not self._is_too_slow(place)),
                key=lambda place: place.running / place.slots,
                default=None,
            )
            worker = min(self.workers, key=lambda worker: worker.running, default=None)
            if place is None or worker is None:
                return
            self._assign(self.waiting.popleft(), place, worker)

    def _is_too_slow(self, place: _Place) -> bool:
        """Whether much faster endpoints will have done all that waits before this one has done the
        next piece: at the end of a run, a slow endpoint would be what all wait for.

        The fastest one is never too slow, so that what waits is always given to somebody.
        """
        if not self.is_read or not place.pace:
            return False
        much = MUCH_FASTER * place.pace
        faster = [other for other in self.places if other.can_be_asked and other.pace >= much]
        pace = sum(other.pace * other.slots for other in faster)
        waiting = sum(len(piece.questions) for piece in self.waiting)
        takes = len(self.waiting[0].questions) / place.pace
        return pace > 0 and takes > max(TAIL, waiting / pace)

    def _assign(self, piece: _Piece, place: _Place, worker: _HiredWorker) -> None:
        self.numbers += 1
        file = part_file(str(self.book.path), self.numbers)
        assignment = _Assignment(self.numbers, piece, place, worker, time.monotonic())
        shard = Shard(
            *(self.numbers, file, place.url, place.concurrent, piece.questions, piece.known),
            lease=self.pot.lease(self.numbers, sum(place.slots for place in self.places)),
            tells_first=not self.has_told_first,
            busy_for=self._told_wait(assignment),
        )
        self.has_told_first = True
        piece.files.append(file)
        self.wholes[piece.place].files.append(file)
        place.running += 1
        worker.running += 1
        ref = worker.actor.collect.remote(shard)
        self.assignments[ref] = assignment

    def _divide_the_last(self) -> None:
        """Where workers are idle and nothing waits, the shard that would take longest is taken away
        and divided.
        """
        idle = [place for place in self.places if place.is_free]
        if self.waiting or not self.is_read or not idle or not self.workers:
            return
        if any(assignment.is_moving for assignment in self.assignments.values()):
            return
        slowest = max(self.assignments.values(), key=_seconds_left, default=None)
        if slowest is not None and _seconds_left(slowest) > TAIL:
            slowest.is_moving = True

    # -- what comes back ---------------------------------------------------------------------------

    def _feel_pulses(self) -> None:
        """Ask each worker how far it is, and tell it what the others have met."""
        now = time.monotonic()
        if now - self.felt_at < PULSE:
            return
        self.felt_at = now
        for worker in self.workers:
            if worker.pulse is not None:
                continue
            busy, away = {}, []
            grants: dict[int, float] = {}
            for assignment in self.assignments.values():
                if assignment.worker is not worker:
                    continue
                wait = self._told_wait(assignment)
                if wait:
                    busy[assignment.number] = wait
                if assignment.is_moving:
                    away.append(assignment.number)
                if assignment.report is not None and assignment.report.lacks:
                    more = self._granted(assignment)
                    if more is not None:
                        grants[assignment.number] = more
                        assignment.report.lacks = 0.0
            worker.pulse = worker.actor.pulse.remote(busy, away, grants)

    def _granted(self, assignment: _Assignment) -> float | None:
        """Money for a shard that lacks some: 0 where the budget has no more for anybody, None where
        what the others leave may still be enough.
        """
        assert assignment.report is not None
        slots = sum(place.slots for place in self.places)
        more = self.pot.grant(assignment.number, assignment.report.lacks, slots)
        if more:
            return more
        others = [other for other in self.assignments.values() if other is not assignment]
        are_waiting = all(other.report and other.report.lacks for other in others)
        return 0.0 if are_waiting else None

    def _told_wait(self, assignment: _Assignment) -> float:
        """Seconds for which this one is to leave its account alone, and does not know yet."""
        until = self.rests.get(assignment.place.account, 0.0)
        now = time.monotonic()
        if until <= max(now, assignment.rests_until):
            return 0.0
        assignment.rests_until = until
        return until - now

    def _take_pulse(self, worker: _HiredWorker) -> None:
        ref, worker.pulse = worker.pulse, None
        try:
            reports = self.ray.get(ref)
        except self.ray.exceptions.RayError as error:
            self._lose(worker, error)
            return
        for assignment in self.assignments.values():
            report = reports.get(assignment.number)
            if report is not None:
                assignment.report = report
                self._heed(assignment, report)

    def _heed(self, assignment: _Assignment, report: ShardReport) -> None:
        for text in report.said:
            self._say(text)
        if report.busy_for:
            account, until = assignment.place.account, time.monotonic() + report.busy_for
            assignment.rests_until = max(assignment.rests_until, until)
            self.rests[account] = max(self.rests.get(account, 0.0), until)
        others_up = any(
            place is not assignment.place and not place.is_down and not place.why_not
            for place in self.places
        )
        if report.down_for > MOVE_AFTER and others_up and not assignment.is_moving:
            assignment.is_moving = True
            self._mark_down(assignment.place, assignment.worker)

    def _mark_down(self, place: _Place, worker: _HiredWorker) -> None:
        if not place.is_down:
            place.is_down = True
            self._say(f"{place.url} is down; its questions go to the other endpoints.")
            self.probes[worker.actor.until_up.remote(place.url)] = place

    def _take_probe(self, place: _Place, ref: Any) -> None:
        try:
            self.ray.get(ref)
        except self.ray.exceptions.RayError as error:
            if self._is_lost(error) and self.workers:
                self.probes[self.workers[0].actor.until_up.remote(place.url)] = place
                return
            place.why_not = _first_line(error)
        place.is_down = False
        self._say(f"{place.url} is back.")

    def _take_ending(self, assignment: _Assignment, ref: Any) -> None:
        assignment.place.running -= 1
        assignment.worker.running -= 1
        piece = assignment.piece
        try:
            ending: Ending = self.ray.get(ref)
        except self.ray.exceptions.RayError as error:
            if not self._is_lost(error):
                first = piece.questions[0].unique_id
                self.fatal = ClusterError(
                    f"Collecting failed on {assignment.worker.node}, at the questions from "
                    f"{first!r} on ({part_file(str(self.book.path), assignment.number)}): "
                    f"{_first_line(error)}"
                )
                return
            self._lose(assignment.worker, error)
            piece.losses += 1
            if piece.losses >= LOSSES:
                first = piece.questions[0].unique_id
                self.fatal = ClusterError(
                    f"{LOSSES} workers were lost one after the other at the questions from "
                    f"{first!r} on, the last on {assignment.worker.node}. Look at its memory, and "
                    "run again: what was finished is on disk."
                )
                return
            self.pot.settle(assignment.number, self._count_lost(piece, assignment))
            self._hand_back(piece, divided=1)
            return
        self.pot.settle(assignment.number, ending.summary.cost)
        came = ending.summary.complete - ending.summary.complete_before
        assignment.place.finished += came + ending.summary.failed
        assignment.place.seconds += time.monotonic() - assignment.started
        if ending.how == OUT_OF_BUDGET:
            self._end_of_budget()
        self._count(ending.summary, is_done=ending.how in (DONE, HALTED))
        if ending.how == DONE:
            self.wholes[piece.place].open -= 1
            return
        if ending.how in (HALTED, STOPPED):
            self._refuse(assignment, ending)
        idle = sum(place.slots - place.running for place in self.places if place.is_free)
        self._hand_back(piece, divided=max(1, idle) if ending.how == TAKEN_AWAY else 1)

    def _end_of_budget(self) -> None:
        if not self.summary.is_out_of_budget:
            self.summary.is_out_of_budget = self.is_halted = True
            self._say(end_of_budget(self.pot.budget or 0.0, self.pot.spent))

    def _refuse(self, assignment: _Assignment, ending: Ending) -> None:
        """An endpoint at which no request can succeed is asked no more."""
        place = assignment.place
        if place.why_not:
            return
        place.why_not = f"{ending.why} (told on {ending.node})"
        place.is_halted = ending.how == HALTED
        place.exit_code = ending.exit_code
        if any(not other.why_not for other in self.places):
            self._say(f"{place.url} is asked no more: {ending.why}")

    def _hopeless(self) -> Foreseen:
        reasons = dict.fromkeys(place.why_not for place in self.places)
        error = CollectionStopped("\n".join(reasons))
        error.exit_code = self.places[0].exit_code
        return error

    def _hand_back(self, piece: _Piece, divided: int) -> None:
        """Put what is left of a piece before the others, in so many pieces."""
        whole = self.wholes[piece.place]
        found = ledger_parts.best_rows(map(Path, piece.files), self.book.key, self.book.samples)
        left = [
            question
            for question in piece.questions
            if not _is_done(found.get(question.unique_id), self.how.k_responses)
        ]
        whole.open -= 1
        size = max(SMALLEST, math.ceil(len(left) / divided))
        for start in range(0, len(left), size):
            some = left[start : start + size]
            known = {str(row[self.book.key]): row for row in piece.known}
            known |= {key: row for key, (row, _) in found.items()}
            rows = [known[question.unique_id] for question in some if question.unique_id in known]
            whole.open += 1
            self.waiting.appendleft(
                _Piece(piece.place, some, rows, list(piece.files), piece.losses)
            )

    # -- into the file -----------------------------------------------------------------------------

    async def _settle(self) -> None:
        """Bring the pieces that are whole into the file, in the order of the questions."""
        done = []
        while self.next_whole in self.wholes and self.wholes[self.next_whole].open == 0:
            done.append(self.wholes.pop(self.next_whole))
            self.next_whole += 1
        if done:
            await asyncio.to_thread(self._take_in, done)

    def _take_in(self, wholes: list[_Whole]) -> None:
        for whole in wholes:
            files = [Path(file) for file in whole.files if Path(file).exists()]
            found = ledger_parts.best_rows(files, self.book.key, self.book.samples)
            rows = [found[key] for key in whole.keys if key in found]
            ledger_parts.take_rows(self.book, rows)
            self.book.sync()
            for file in files:
                file.unlink(missing_ok=True)
        self._count_complete()

    def _count_complete(self) -> None:
        self.summary.complete = self.summary.complete_before + self.book.done - self.done_before

    # -- counting and telling ----------------------------------------------------------------------

    def _count(self, part: Summary, is_done: bool) -> None:
        whole = self.summary
        for name in (
            "samples",
            "requests",
            "empty",
            "brought",
            "out_of_reasoning",
            "prompt_tokens",
        ):
            setattr(whole, name, getattr(whole, name) + getattr(part, name))
        for name in ("completion_tokens", "cost", "outages", "rate_limits", "peak_in_flight"):
            setattr(whole, name, getattr(whole, name) + getattr(part, name))
        for name in ("empty_because", "finish_reasons"):
            _add(getattr(whole, name), getattr(part, name))
        for text in part.messages:
            self._say(text)
        if is_done:
            whole.failed += part.failed
            _add(whole.errors, part.errors)
            whole.first_error = whole.first_error or part.first_error

    def _count_lost(self, piece: _Piece, assignment: _Assignment) -> float:
        """Count what a lost worker has left on disk, less what it was given; returns its cost."""
        file = Path(part_file(str(self.book.path), assignment.number))
        if not file.exists():
            return 0.0
        paid = dict.fromkeys((*TOKENS, "requests"), 0)
        before = {str(row[self.book.key]): row for row in piece.known}
        for key, (row, _) in ledger_parts.best_rows([file], self.book.key).items():
            old = before.get(key, {})
            self.summary.samples += len(row["responses"]) - len(old.get("responses", ()))
            used, used_before = row.get("usage") or {}, old.get("usage") or {}
            for name in paid:
                paid[name] += used.get(name, 0) - used_before.get(name, 0)
        for name, count in paid.items():
            setattr(self.summary, name, getattr(self.summary, name) + count)
        cost = self.how.prices.cost(*(paid[name] for name in TOKENS))
        self.summary.cost += cost
        return cost

    def _say(self, text: str) -> None:
        if text not in self.said:
            self.said.add(text)
            self.summary.messages.append(text)
            self.bar.write(text)

    def _show(self) -> None:
        reports = [a.report for a in self.assignments.values() if a.report is not None]
        waiting = sum(len(whole.keys) for whole in self.wholes.values() if whole.open == 0)
        done = self.summary.complete + waiting + sum(report.complete for report in reports)
        now = time.monotonic()
        failed = self.summary.failed + sum(report.failed for report in reports)
        tokens = self.summary.completion_tokens + sum(report.tokens for report in reports)
        cost = self.summary.cost + sum(report.cost for report in reports)
        flow = f"{tokens / max(now - self.started, 1e-9):,.0f} tokens/s"
        spent = f", cost {cost:.4f}" if cost else ""
        in_flight = sum(report.in_flight for report in reports)
        workers = f"{len(self.workers)} workers on {self.machines}"
        self.bar.set_postfix_str(
            f"failed {failed}{spent}, in flight {in_flight}, {flow}, {workers}", refresh=False
        )
        self.bar.update(max(0, min(done, self.summary.total) - self.bar.n))
        if not self.workers and now - self.started > START_PATIENCE:
            self._say("Waiting for a free core of the cluster …")

    # -- the end -----------------------------------------------------------------------------------

    async def _end(self) -> None:
        """Close what the workers have open, and bring what they have left into the file."""
        await self._dismiss()
        summary = self.summary
        try:
            if not self.is_finished or self.is_halted:
                await asyncio.to_thread(ledger_parts.take_in, self.book)
                self._count_complete()
            ledger_parts.remove(self.book.path, ())
            self.book.close(compact=self.is_finished and not self.is_halted)
        except OSError as error:
            summary.notes.append(f"{self.book.path}: the last flush failed ({error}).")
        summary.seconds = time.monotonic() - self.started
        if not self.is_finished or self.is_halted:
            summary.total = max(self.total or 0, summary.total)
        self.bar.close()
        if not self.is_finished and summary.total:
            print(f"{'Stopped' if self.fatal else 'Interrupted'}. {summary}", flush=True)

    async def _dismiss(self) -> None:
        workers = [*self.workers, *self.hellos.values()]
        stops = [worker.actor.stop.remote() for worker in self.workers]
        if stops:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.to_thread(
                    self.ray.wait, stops, num_returns=len(stops), timeout=LAST_WORDS
                )
        for worker in workers:
            with contextlib.suppress(Exception):  # it has gone already
                self.ray.kill(worker.actor)


def places(urls: list[str], cores: int, max_concurrent: int, api_mode: str) -> list[_Place]:
    """The endpoints, with the shards that each is given at once: enough for every core, but none
    with less than a worker's worth of requests.

    Args:
        max_concurrent: requests in flight at one endpoint, over all workers.
    """
    worth = max(1, max_concurrent // PER_WORKER)
    slots = min(worth, max(1, math.ceil(cores / len(urls))))
    return [
        _Place(url, _account_at(url, api_mode), slots, max(1, max_concurrent // slots))
        for url in urls
    ]


def _account_at(url: str, api_mode: str) -> str:
    """What limits are counted by: the account at a provider, else the server."""
    parts = urlsplit(url)
    return str(parts.hostname) if api_mode == clients.REMOTE else parts.netloc


def _seconds_left(assignment: _Assignment) -> float:
    """How long a shard will still take, at its own pace; nothing where that cannot be told."""
    report = assignment.report
    questions = len(assignment.piece.questions)
    if report is None or assignment.is_moving or questions < 2 * SMALLEST:
        return 0.0
    taken = time.monotonic() - assignment.started
    finished = report.complete + report.failed
    left = questions - finished
    return left * taken / max(finished, 1) if left >= SMALLEST and taken > TAIL / 2 else 0.0


def _is_done(found: tuple[Row, bytes] | None, wanted: int) -> bool:
    return found is not None and len(found[0].get("responses") or ()) >= wanted


def _add(whole: dict[str, int], part: dict[str, int]) -> None:
    for name, count in part.items():
        whole[name] = whole.get(name, 0) + count


def _first_line(error: Exception) -> str:
    """What went wrong, and at which row where that is noted, out of an error that came with a
    worker's traceback.
    """
    cause = getattr(error, "cause", None) or error
    lines = [line for line in str(cause).splitlines() if line.strip()]
    kind = type(cause).__name__
    notes = "".join(f" {note}" for note in getattr(cause, "__notes__", ()))
    if not lines:
        return f"{kind}:{notes or ' '}"
    said = lines[-1] if kind == "RayTaskError" else lines[0]
    return f"{kind}: {said}"[:500] + notes
