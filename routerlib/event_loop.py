"""Run a coroutine from synchronous code, inside a running event loop or not.

A notebook's kernel already runs a loop, in which `asyncio.run` refuses to work. This is the only place
that knows nest-asyncio, the patch that lets a loop be entered twice; leaving it is a change to `run`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end and return its result. A notebook cell may as well `await` it."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    import nest_asyncio

    nest_asyncio.apply(loop)
    task = loop.create_task(coroutine)
    try:
        return loop.run_until_complete(task)
    except KeyboardInterrupt:
        task.cancel()  # or it would go on in the background; its clean-up runs here
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        raise
