"""Run a function on many items in worker processes that can be killed, so that one that hangs costs
only itself.

A worker is a fresh Python that reads batches of JSON items from a pipe and answers item by item.
Close to the time limit it interrupts itself; if it cannot, because it is deep inside one long
computation, the parent kills it, marks that one item as lost, and gives the rest of the batch to a
new worker. The limit is on processor time, so that no item is lost because a machine is busy with
other things. What takes long to load is loaded outside the clock of an item, by two functions that
may stand beside the function NAME: `prepare_NAME()` at the start, and `loader_for_NAME(item)`,
which gives what only this item needs, or None. Threads cannot be killed, and multiprocessing's
pools start the caller's script again or wait for ever; hence this. A library for pools with time
limits (pebble, loky) would cost the limit on processor time: theirs goes by the clock. Functions
are named as text ("routerlib.answers.correctness:grade_answer"); items and results are what JSON
can hold.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import psutil

from routerlib import settings
from routerlib.errors import Foreseen, SettingError

BATCH = 16  # items a worker is given at a time
MOST_PER_CORE = 4  # processes; an interpreter each, so that thousands would fill the memory
WINDOW = 1024  # items under way or waiting for an earlier one: bounds the memory
LONGEST = 86_400  # seconds: a day for one item
PATIENCE = (
    10  # times the limit that an item may take by the clock, where it waits more than it computes
)
GIBIBYTE = 2**30


class WorkerFailed(Foreseen, RuntimeError):
    """A worker process could not even start."""


@dataclass(frozen=True)
class Lost:
    """An item without a result, and why: `timeout`, `crash` (the process died) or `error` (it
    raised).
    """

    reason: str
    detail: str = ""


class Crew:
    """Worker processes for one function. Use as a context manager; leaving it kills them.

    Args:
        function: "module:name" of a function of one JSON value that returns one.
        workers: processes; None for one a core. More than four a core would only take memory: so
            many are not started.
        timeout: seconds of processor time an item may take. memory: bytes a worker may use, so that
            9**9**9 fails early.
    """

    def __init__(
        self,
        function: str,
        workers: int | None = None,
        timeout: float = 5.0,
        memory: int = 3 * GIBIBYTE,
    ):
        if not 0 < timeout <= LONGEST:
            raise SettingError(
                f"TIMEOUT is {timeout} seconds; it must be more than 0, and at most {LONGEST:,}."
            )
        if workers is not None:
            settings.whole("WORKERS", workers)
        cores = os.cpu_count() or 1
        self.size = min(workers or cores, MOST_PER_CORE * cores)
        self._spec = {
            "function": function,
            "timeout": timeout,
            "memory": memory,
            "path": str(settings.ROOT),
        }
        self._timeout = timeout
        self._selector = selectors.DefaultSelector()
        self._workers: list[_Worker] = []

    def __enter__(self) -> Crew:
        for _ in range(self.size):
            self._hire()
        return self

    def __exit__(self, *_: object) -> None:
        for worker in list(self._workers):
            self._dismiss(worker)
        self._selector.close()

    def map(self, items: Iterable[Any]) -> Iterator[Any]:
        """The results in the order of the items, or a Lost in their place; streams, with bounded
        memory.
        """
        source = iter(items)
        done: dict[int, Any] = {}
        sent = returned = 0
        exhausted = False
        while True:
            while returned in done:
                yield done.pop(returned)
                returned += 1
            if exhausted and returned == sent:
                return
            for worker in [w for w in self._workers if w.ready and not w.waiting]:
                batch = (
                    []
                    if exhausted or sent - returned > WINDOW
                    else list(itertools.islice(source, BATCH))
                )
                exhausted = exhausted or (not batch and sent - returned <= WINDOW)
                if batch:
                    worker.send(list(enumerate(batch, start=sent)))
                    sent += len(batch)
            if exhausted and returned == sent:
                return
            self._collect(done)

    def _collect(self, done: dict[int, Any]) -> None:
        """Wait for answers, and replace the workers that are late or gone."""
        for key, _ in self._selector.select(timeout=0.05):
            worker = key.data
            if not worker.read(done):
                self._replace(worker, done, Lost("crash", worker.complaint()))
        now = time.monotonic()
        for worker in list(self._workers):
            if worker.waiting and worker.ready and worker.is_late(now, self._timeout):
                self._replace(worker, done, Lost("timeout"))

    def _replace(self, worker: _Worker, done: dict[int, Any], loss: Lost) -> None:
        if not worker.ready:
            raise WorkerFailed(
                f"A worker process could not start: {worker.complaint() or 'no message'}"
            )
        rest = deque(worker.waiting)
        if rest:
            done[rest.popleft()[0]] = loss
        self._dismiss(worker)
        self._hire(list(rest))

    def _hire(self, batch: list[tuple[int, Any]] | None = None) -> None:
        worker = _Worker(self._spec, batch or [])
        self._workers.append(worker)
        self._selector.register(worker.output, selectors.EVENT_READ, worker)

    def _dismiss(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        self._selector.unregister(worker.output)
        worker.kill()


class _Worker:
    """One process, what it was given and has not answered yet, and since when it has been
    silent.
    """

    def __init__(self, spec: dict[str, Any], batch: list[tuple[int, Any]]):
        code = (
            "import sys, json; spec = json.loads(sys.argv[1]); sys.path.insert(0, spec['path']); "
            + ("from routerlib.answers import killable; killable.serve_batches(spec)")
        )
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by kill()
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, json.dumps(spec)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        assert self._process.stdin and self._process.stdout  # both were asked for
        self._input, self.output = self._process.stdin, self._process.stdout
        self.ready = self.loading = False
        self._start_clocks()
        self.waiting: deque[tuple[int, Any]] = deque(batch)
        self._buffer = b""

    def send(self, batch: list[tuple[int, Any]]) -> None:
        self.waiting = deque(batch)
        self._start_clocks()
        self._write()

    def is_late(self, now: float, timeout: float) -> bool:
        """Whether the item at hand has used up its time: of the processor, or far more by the
        clock.
        """
        if self.loading or now - self.since <= timeout:
            return False
        return (
            now - self.since > PATIENCE * timeout
            or self._computed() - self._computed_before > timeout
        )

    def _start_clocks(self) -> None:
        self.since, self._computed_before = time.monotonic(), self._computed()

    def _computed(self) -> float:
        """Seconds of processor time the process has used so far."""
        try:
            times = psutil.Process(self._process.pid).cpu_times()
        except psutil.Error:  # it is gone; reading its output tells
            return 0.0
        return times.user + times.system

    def _write(self) -> None:
        try:
            self._input.write(json.dumps([item for _, item in self.waiting]).encode() + b"\n")
            self._input.flush()
        except BrokenPipeError:
            pass  # the process is gone; reading its output tells

    def read(self, done: dict[int, Any]) -> bool:
        """Take in what was answered; False when the process has ended."""
        chunk = os.read(self.output.fileno(), 1 << 16)
        if not chunk:
            return False
        *lines, self._buffer = (self._buffer + chunk).split(b"\n")
        self._start_clocks()
        for line in lines:
            answer = json.loads(line)
            if answer == "ready":
                self.ready = True
                if self.waiting:
                    self._write()
                continue
            if answer in ("loading", "loaded"):
                self.loading = answer == "loading"
                continue
            index, _ = self.waiting.popleft()
            done[index] = (
                answer["value"]
                if "value" in answer
                else Lost(answer["lost"], answer.get("detail", ""))
            )
        return True

    def complaint(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else ""

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._input.close()
        self.output.close()
        self._errors.close()


# --- in the worker ---


class _TooLong(BaseException):
    """Raised by the alarm; no Exception, so that `except Exception` inside a library does not
    swallow it.
    """


def serve_batches(spec: dict[str, Any]) -> None:
    """The worker's loop: batches in on standard input, one answer a line out on standard output."""
    import importlib
    import resource
    import signal

    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever a library prints must not mix with the answers
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    signal.signal(signal.SIGPROF, _alarm)
    with contextlib.suppress(
        ValueError, OSError
    ):  # macOS has no such limit; the time limit holds there as well
        resource.setrlimit(resource.RLIMIT_AS, (spec["memory"], resource.RLIM_INFINITY))
    module, name = spec["function"].split(":")
    function = getattr(importlib.import_module(module), name)
    prepare = getattr(sys.modules[module], f"prepare_{name}", None)
    loader_for = getattr(sys.modules[module], f"loader_for_{name}", None)
    if prepare:
        prepare()
    answers.write(b'"ready"\n')
    for line in sys.stdin.buffer:
        for item in json.loads(line):
            loader = loader_for(item) if loader_for else None
            if loader:
                answers.write(b'"loading"\n')
                loader()
                answers.write(b'"loaded"\n')
            answers.write(
                json.dumps(_answer_within(function, item, spec["timeout"])).encode() + b"\n"
            )


def _alarm(*_: object) -> None:
    raise _TooLong


def _answer_within(function: Any, item: Any, timeout: float) -> dict[str, Any]:
    import signal

    try:
        signal.setitimer(signal.ITIMER_PROF, 0.8 * timeout)
        try:
            return {"value": function(item)}
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    except _TooLong:
        return {"lost": "timeout"}
    except Exception as error:
        return {"lost": "error", "detail": f"{type(error).__name__}: {error}"[:300]}
