"""A purse: what is kept back for requests under way, and what is said when it is empty."""

import asyncio

from routerlib.collecting.budget import Purse, end_of_budget


def test_a_purse_waits_for_requests_under_way_and_says_no_when_none_is():
    async def main():
        purse = Purse(1.0)
        assert await purse.hold(0.6)
        waiting = asyncio.create_task(purse.hold(0.6))
        await asyncio.sleep(0)
        assert not waiting.done()
        purse.spent += 0.3
        purse.settle(0.6)
        assert await waiting
        purse.spent += 0.5
        purse.settle(0.6)
        return await purse.hold(0.6)

    assert asyncio.run(main()) is False


def test_a_request_may_cost_all_that_is_left_and_then_nothing_is():
    async def main():
        purse = Purse(1.0, spent=0.25)
        return await purse.hold(0.75)

    assert asyncio.run(main())
    assert Purse(1.0, spent=1.0).is_used_up and not Purse(1.0, spent=0.75).is_used_up
    assert not Purse(None, spent=9.0).is_used_up


def test_fractions_that_do_not_add_up_to_nothing_keep_nobody_waiting():
    async def main():
        purse = Purse(1.0)
        amounts = (0.1, 0.2, 0.3)
        assert (0.1 + 0.2 + 0.3) - 0.1 - 0.2 - 0.3 > 0, "what floats leave behind"
        for most in amounts:
            assert await purse.hold(most)
        waiting = asyncio.create_task(purse.hold(1.5))
        await asyncio.sleep(0)
        for most in amounts:
            purse.settle(most)
        return await asyncio.wait_for(waiting, 5)

    assert asyncio.run(main()) is False


def test_the_end_of_a_budget_names_what_was_given_and_what_was_spent():
    told = end_of_budget(1.5, 1.25)
    assert "1.5000" in told and "1.2500" in told and "more BUDGET" in told
