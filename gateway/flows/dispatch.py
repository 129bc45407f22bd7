"""Dispatch: planned deliveries are claimed in batches, most urgent first, and handed to the lane.

It claims only what the lane has room for, so that a stop finds little in memory and another daemon finds much to claim.
Where no carrier is bound nothing is claimed: the queue waits in the ledger.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from gateway.ports import Clock, SmsLane, SmsLedger, Tasks

LOOK_EVERY = timedelta(seconds=1)
"""How often the ledger is asked without being woken: for retries, and for what other daemons gave back."""


class Dispatcher:
    """Moves deliveries from the ledger to the SMS lane.

    Args:
        backlog: outcomes that are not in the ledger yet.
        max_backlog: with more than that no new work is taken, so that memory stays bounded while the disk is slow.
        failed: called with what went wrong; must not raise.
    """

    def __init__(
        self,
        ledger: SmsLedger,
        lane: SmsLane,
        clock: Clock,
        tasks: Tasks,
        *,
        backlog: Callable[[], int],
        failed: Callable[[str, BaseException], None],
        max_backlog: int = 20_000,
    ) -> None:
        self._ledger = ledger
        self._lane = lane
        self._clock = clock
        self._tasks = tasks
        self._backlog = backlog
        self._failed = failed
        self._max_backlog = max_backlog
        self._claiming = False
        self._stopped = False
        # There may be work; cleared by a claim that found less than it asked for.
        self._work = True

    def wake(self) -> None:
        """There is new work."""
        self._work = True
        self.look()

    def look(self) -> None:
        """Claim if there is room and maybe work; returns at once."""
        if self._claiming or self._stopped or not self._work or not self._room():
            return
        self._claiming = True
        self._tasks.spawn("claim", self._claim())

    def stop(self) -> None:
        """Take no new work from now on."""
        self._stopped = True

    async def run(self) -> None:
        """Look at the ledger every now and then; ends when stopped."""
        while not self._stopped:
            self._work = True
            self.look()
            await self._tasks.sleep(LOOK_EVERY.total_seconds())

    def _room(self) -> int:
        return 0 if self._backlog() >= self._max_backlog else self._lane.capacity()

    async def _claim(self) -> None:
        try:
            while not self._stopped and self._work and (room := self._room()) > 0:
                self._work = False
                batches = await self._ledger.claim_sms(room, now=self._clock.now())
                taken = 0
                for batch in batches:
                    taken += len(batch.recipients)
                    self._lane.submit(batch)
                if taken:
                    self._work = True
        except Exception as error:  # a boundary: the next look tries again
            self._failed("deliveries cannot be claimed", error)
        finally:
            self._claiming = False
