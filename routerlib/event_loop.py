"""Run a coroutine from synchronous code, inside a running event loop or not.

A notebook's kernel already runs a loop, in which `asyncio.run` refuses to work. This is the only
place that knows nest-asyncio, the patch that lets asyncio's own loop be entered twice; leaving it
is a change to `run`. Other loops, such as uvloop's, cannot be entered twice: there the coroutine
runs on a loop of its own, in a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_coroutine(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end and return its result. A notebook cell may as well `await` it.

    Where this thread runs a loop already, that loop waits until the coroutine has ended.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        with asyncio.Runner() as runner:
            runner.get_loop().set_exception_handler(_tell_unless_ended)
            return runner.run(coroutine)
    import nest_asyncio

    try:
        nest_asyncio.apply(loop)
    except ValueError:  # "Can't patch loop of type <class 'uvloop.Loop'>"
        return _in_a_thread(coroutine)
    task = loop.create_task(coroutine)
    try:
        return loop.run_until_complete(task)
    except KeyboardInterrupt:
        task.cancel()  # or it would go on in the background; its clean-up runs here
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        raise


def _tell_unless_ended(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What asyncio does with an error that nobody has awaited; but a signal that ends us is not
    one, whichever task it came in.
    """
    if not isinstance(context.get("exception"), KeyboardInterrupt):
        loop.default_exception_handler(context)


class _AwaitedWork(threading.Thread):
    """A coroutine on a loop of its own, in a thread of its own."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]):
        super().__init__(name="routerlib-loop", daemon=True)
        self.coroutine = coroutine
        self.context = contextvars.copy_context()
        self.task: asyncio.Task[Any] | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.result: Any = None
        self.error: BaseException | None = None
        self.ended = threading.Event()

    def run(self) -> None:
        # A plain loop of asyncio, whatever the policy of this process makes.
        try:
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                self.loop = runner.get_loop()
                self.result = runner.run(self._watched(), context=self.context)
        except BaseException as error:
            self.error = error
        finally:
            self.ended.set()

    async def _watched(self) -> Any:
        self.task = asyncio.current_task()
        return await self.coroutine

    def cancel(self) -> None:
        if self.loop is not None and self.task is not None:
            with contextlib.suppress(RuntimeError):  # it has just ended
                self.loop.call_soon_threadsafe(self.task.cancel)


def _in_a_thread(coroutine: Coroutine[Any, Any, T]) -> T:
    work = _AwaitedWork(coroutine)
    try:
        work.start()
        # not `join`: interrupted once, it takes the thread for ended (Python 3.11)
        work.ended.wait()
    except KeyboardInterrupt:
        work.cancel()
        work.ended.wait()  # its clean-up
        raise
    if work.error is not None:
        raise work.error
    return work.result
