"""The queue before the router: what arrives together is scored together, and nobody waits for the
dead.
"""

import asyncio

import pytest
from small_router import EASY, HARD

from routerlib.rows.schemas import Message
from routerlib.serving.scoring_queue import ScoringQueue


class Counting:
    """A router that remembers the sizes of the batches it scored."""

    def __init__(self, router):
        self.router, self.sizes = router, []

    def score(self, prompts):
        self.sizes.append(len(prompts))
        if any("fail" in message.content for prompt in prompts for message in prompt):
            raise ValueError("cannot score")
        return self.router.score(prompts)


def test_prompts_that_arrive_together_are_scored_together(router):
    async def run():
        counting = Counting(router)
        scorer = ScoringQueue(counting, max_batch=16)
        prompts = [[Message(role="user", content=text)] for text in [EASY, HARD] * 20]
        scores = await asyncio.gather(*(scorer.score(prompt) for prompt in prompts))
        with pytest.raises(ValueError, match="cannot score"):
            await scorer.score([Message(role="user", content="fail")])
        again = await scorer.score(prompts[0])
        scorer.close()
        return counting.sizes, scores, again

    sizes, scores, again = asyncio.run(run())
    assert sizes == [16, 16, 8, 1, 1]
    assert scores == [scores[0], scores[1]] * 20
    assert scores[0] < 0.5 < scores[1]
    assert again == scores[0]


def test_a_caller_that_has_gone_holds_up_nobody(router):
    async def run():
        queue = ScoringQueue(router)
        prompts = [[Message(role="user", content=text)] for text in (EASY, HARD)]
        gone, stays = (asyncio.ensure_future(queue.score(prompt)) for prompt in prompts)
        await asyncio.sleep(0)
        gone.cancel()
        score = await stays
        queue.close()
        return score

    assert asyncio.run(run()) > 0.5
