"""How fast a run asks: how many requests are in flight, and how long a busy server (429, 503 …) is
left alone.

A busy server is waited for as long as it asks for, longer each time it is still busy, and gets half
the requests at once; their number recovers with every answer. Whether an answer means "busy" is
`refusals`' business, what else a run does about a failure `resumable`'s.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque

FIRST_WAIT, LONGEST_WAIT = 1.0, 300.0  # seconds for a busy server that names none


class Traffic:
    """How many requests may be in flight now, and whether any may.

    The number is halved when the server is busy, or breaks off connections, at most once for what
    was under way at that moment, and grows back by a twentieth of the maximum for each full round
    of successes.
    """

    def __init__(self, maximum: int):
        self.maximum, self.limit, self.active, self.peak = maximum, float(maximum), 0, 0
        self.is_open = asyncio.Event()
        self.is_open.set()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._not_before = self._eased_at = 0.0
        self.is_ending = False  # no new requests
        self.is_held = False  # none for now: those under way are to bring a decision
        self.refusals = 0  # of a busy server, with no answer between them

    async def enter(self) -> float:
        """Wait for a place; returns the time, by which `ease_off` knows old requests from new
        ones.
        """
        while True:
            if self.is_ending:
                await asyncio.Event().wait()  # until the run cancels whoever waits
            elif not self.is_open.is_set():
                await self.is_open.wait()
            elif self.is_held:
                await asyncio.sleep(0.01)
            elif (wait := self._not_before - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            elif self.active < max(1, int(self.limit)):
                break
            else:
                await self._queue()
        self.active += 1
        self.peak = max(self.peak, self.active)
        return time.monotonic()

    async def _queue(self) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            self._wake()  # the place may have been given to us just now
            raise

    def leave(self) -> None:
        self.active -= 1
        self._wake()

    def _wake(self) -> None:
        free = max(1, int(self.limit)) - self.active
        while free > 0 and self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                free -= 1

    def ease_off(self, started: float, wait: float | None) -> float:
        """Leave a busy server alone; returns for how many seconds.

        The wait grows from one refusal to the next until an answer comes; the refusals of requests
        that were under way together count as one.

        Args:
            wait: as the server asks; None where it names no time.
        """
        if self.take_less(started):
            self.refusals += 1
        grown = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(self.refusals - 1, 20))
        if wait is None:
            wait = grown
        elif self.refusals > 2:  # it named a time twice, and was still busy after it
            wait = max(wait, grown / 4)
        self._not_before = max(self._not_before, time.monotonic() + wait)
        return wait

    def take_less(self, started: float) -> bool:
        """Halve the number of requests in flight, once for those that were under way together;
        whether this one was the first of them.
        """
        if started < self._eased_at:
            return False
        self.limit, self._eased_at = max(1.0, self.limit / 2), time.monotonic()
        return True

    def speed_up(self) -> None:
        self.refusals = 0
        if self.limit < self.maximum:
            self.limit = min(self.maximum, self.limit + max(1.0, self.maximum / 20) / self.limit)
            self._wake()
