"""Coroutines from synchronous code, with and without a loop that runs already."""

import asyncio
import contextvars
import os
import signal
import subprocess
import sys

import nest_asyncio
import pytest

from routerlib import event_loop


async def double(value):
    await asyncio.sleep(0)
    return 2 * value


def test_without_a_loop():
    assert event_loop.run_coroutine(double(2)) == 4


def test_inside_a_running_loop_and_nested():
    async def outer():
        return event_loop.run_coroutine(double(2)) + event_loop.run_coroutine(double(3))

    assert asyncio.new_event_loop().run_until_complete(outer()) == 10


def test_errors_come_through():
    async def fail():
        raise KeyError("why")

    async def outer():
        event_loop.run_coroutine(fail())

    with pytest.raises(KeyError, match="why"):
        event_loop.run_coroutine(fail())
    with pytest.raises(KeyError, match="why"):
        asyncio.new_event_loop().run_until_complete(outer())


def test_an_interrupt_inside_a_running_loop_lets_the_work_clean_up():
    cleaned = []

    async def work():
        try:
            asyncio.get_running_loop().call_soon(interrupt)
            await asyncio.sleep(10)
        finally:
            cleaned.append(True)

    def interrupt():
        raise KeyboardInterrupt

    async def outer():
        with pytest.raises(KeyboardInterrupt):
            event_loop.run_coroutine(work())

    asyncio.new_event_loop().run_until_complete(outer())
    assert cleaned == [True]


# --- loops that cannot be entered twice ---


def in_another_loop(work):
    """Run a function inside a loop that nest-asyncio cannot patch: uvloop's where it is installed,
    else one like it.
    """
    try:
        import uvloop
    except ImportError:
        loop = asyncio.new_event_loop()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(nest_asyncio, "apply", cannot_patch)
            try:
                return loop.run_until_complete(work())
            finally:
                loop.close()
    return uvloop.run(work())


def cannot_patch(loop):
    raise ValueError(f"Can't patch loop of type {type(loop)}")


def test_inside_another_loop_and_nested():
    async def inner():
        return event_loop.run_coroutine(double(3))

    async def outer():
        return event_loop.run_coroutine(double(2)) + event_loop.run_coroutine(inner())

    assert in_another_loop(outer) == 10


def test_errors_and_the_context_come_through_from_another_loop():
    told = contextvars.ContextVar("told", default="")

    async def fail():
        raise KeyError(told.get())

    async def outer():
        told.set("why")
        event_loop.run_coroutine(fail())

    with pytest.raises(KeyError, match="why"):
        in_another_loop(outer)


def test_an_interrupt_inside_another_loop_lets_the_work_clean_up():
    cleaned = []

    async def work():
        try:
            os.kill(os.getpid(), signal.SIGINT)  # as Ctrl-C: the main thread meets it as it waits
            await asyncio.sleep(10)
        finally:
            cleaned.append(True)

    async def outer():
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with pytest.raises(KeyboardInterrupt):
                event_loop.run_coroutine(work())
        finally:
            signal.signal(signal.SIGINT, before)

    in_another_loop(outer)
    assert cleaned == [True]


ENDED_IN_A_TASK = """
import asyncio, os, signal
from routerlib import event_loop
from routerlib.progress import Terminated, ended_by_signals

async def kill():
    os.kill(os.getpid(), signal.SIGTERM)
    for _ in range(1000):  # the handler runs between two of these
        pass

async def fail():
    raise ValueError("this is told")

async def main():
    tasks = [asyncio.create_task(work()) for work in WORK]
    await asyncio.sleep(5)

try:
    with ended_by_signals():
        event_loop.run_coroutine(main())
except Terminated as end:
    print("ended by", end)
"""


@pytest.mark.parametrize(("work", "told"), [("kill", ""), ("fail, kill", "this is told")])
def test_a_signal_that_comes_in_a_task_leaves_no_traceback(work, told):
    code = ENDED_IN_A_TASK.replace("WORK", f"({work},)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "ended by SIGTERM\n"
    assert "SIGTERM" not in done.stderr and told in done.stderr
    assert bool(done.stderr) == bool(told)
