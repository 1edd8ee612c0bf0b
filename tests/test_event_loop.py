"""Coroutines from synchronous code, with and without a loop that runs already."""

import asyncio

import pytest

from routerlib import event_loop


async def double(value):
    await asyncio.sleep(0)
    return 2 * value


def test_without_a_loop():
    assert event_loop.run(double(2)) == 4


def test_inside_a_running_loop_and_nested():
    async def outer():
        return event_loop.run(double(2)) + event_loop.run(double(3))

    assert asyncio.new_event_loop().run_until_complete(outer()) == 10


def test_errors_come_through():
    async def fail():
        raise KeyError("why")

    async def outer():
        event_loop.run(fail())

    with pytest.raises(KeyError, match="why"):
        event_loop.run(fail())
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
            event_loop.run(work())

    asyncio.new_event_loop().run_until_complete(outer())
    assert cleaned == [True]
