"""Traffic: what may be under way, and how long a busy server is left alone."""

import asyncio

from routerlib.collecting import pace
from routerlib.collecting.pace import Traffic


def test_the_wait_for_a_busy_server_grows_and_what_to_do_is_said(monkeypatch):
    async def main():
        traffic = Traffic(8)
        waits = []
        for _ in range(12):
            traffic._not_before = 0.0
            moment = await traffic.enter()
            traffic.leave()
            waits.append(traffic.ease_off(moment, None))
            waits.append(traffic.ease_off(moment - 1, None))  # it was under way with the other
        return waits, traffic

    monkeypatch.setattr(pace, "FIRST_WAIT", 1.0)
    waits, traffic = asyncio.run(main())
    assert waits[::2] == waits[1::2], "refusals of one wave count once"
    assert waits[::2][:5] == [1, 2, 4, 8, 16] and waits[-1] == pace.LONGEST_WAIT
    traffic.speed_up()
    assert traffic.ease_off(1e12, None) == 1


def test_a_time_that_the_server_named_in_vain_grows_too():
    traffic = Traffic(8)
    waits = [traffic.ease_off(1e12 + k, 0.5) for k in range(12)]
    assert waits[:2] == [0.5, 0.5] and waits[-1] > 5


def test_traffic_halves_once_for_what_was_under_way_and_grows_back():
    async def main():
        traffic = Traffic(64)
        started = [await traffic.enter() for _ in range(64)]
        for moment in started:
            traffic.ease_off(moment, 0)
        assert traffic.limit == 32
        for _ in started:
            traffic.leave()
        for _ in range(1000):
            traffic.speed_up()
        return traffic.limit

    assert asyncio.run(main()) == 64
