"""The money that a run may spend: no request is sent that could go beyond its budget.

What a request can cost at most is kept back before it is sent, and let go of when it has ended;
what it did cost is then spent. How much that is comes from `forecast` and `stats.prices`; the money
of an answer that is on disk is the `ledger`'s to count.
"""

from __future__ import annotations

import asyncio


class Purse:
    """The money of a run: what is spent, and what the requests under way can still cost.

    Args:
        budget: None: there is no limit, and nothing waits.
        spent: by earlier runs.
    """

    def __init__(self, budget: float | None, spent: float = 0.0):
        self.budget, self.spent, self.held = budget, spent, 0.0
        self.under_way = 0  # requests that money is kept back for
        self._changed = asyncio.Event()

    async def hold(self, most: float) -> bool:
        """Keep back what a request can cost, as soon as it fits; False where it never will."""
        while self.budget is not None and self.spent + self.held + most > self.budget:
            if not self.under_way:
                return False
            await self.change()
        self.keep_back(most)
        return True

    def keep_back(self, most: float) -> None:
        """Money for one more request, which `settle` lets go of."""
        self.held += most
        self.under_way += 1

    @property
    def is_used_up(self) -> bool:
        """Whether nothing is left: answers may cost more than could be foreseen."""
        return self.budget is not None and self.spent >= self.budget

    async def change(self) -> None:
        """Wait until something is paid, let go of, or added."""
        self._changed.clear()
        await self._changed.wait()

    def tell(self) -> None:
        """Wake those who wait for a change."""
        self._changed.set()

    def settle(self, most: float) -> None:
        """Let go of what was kept back for a request that has ended."""
        self.under_way -= 1
        # A sum of fractions that are taken away again is rarely 0: what is left of it would be
        # waited for without end.
        self.held = max(0.0, self.held - most) if self.under_way else 0.0
        self.tell()


def end_of_budget(budget: float, spent: float) -> str:
    """What is said where another request could cost more than is left."""
    return (
        f"BUDGET is {budget:,.4f}, of which {spent:,.4f} is spent (earlier runs included): another "
        "request could go beyond it, so the run ends here. Nothing is lost; run again with more "
        "BUDGET, and it goes on."
    )
