"""Run a coroutine from synchronous code, inside a running event loop or not.

A notebook's kernel already runs a loop, in which `asyncio.run` refuses to work. This is the only place
that knows nest-asyncio, the patch that lets a loop be entered twice; leaving it is a change to `run`.
"""

from __future__ import annotations

import asyncio
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
    return loop.run_until_complete(coroutine)
