"""Dispatch: planned deliveries are claimed in batches, most urgent first, and handed to the lane.

It claims only what the lane has room for, so that a stop finds little in memory and another daemon finds much to claim.
Where no carrier is bound nothing is claimed: the queue waits in the ledger.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from gateway.ports import Clock, Tasks

LOOK_EVERY = timedelta(seconds=1)
"""How often the ledger is asked without being woken: for retries, and for what other daemons gave back."""


Batch = TypeVar("Batch")
Taken = TypeVar("Taken", contravariant=True)


class Taker(Protocol[Taken]):
    """What takes batches: a lane."""

    def capacity(self) -> int:
        """How many deliveries it would take now."""
        ...

    def submit(self, batch: Taken) -> None:
        """Take a batch."""
        ...


class Dispatcher(Generic[Batch]):
    """Moves deliveries from the ledger to a lane.

    Args:
        claim: at most so many deliveries, as of that time, that are this daemon's until answered.
        backlog: outcomes that are not in the ledger yet.
        max_backlog: with more than that no new work is taken, so that memory stays bounded while the disk is slow.
        failed: called with what went wrong; must not raise.
    """

    def __init__(
        self,
        claim: Callable[[int, datetime], Awaitable[Sequence[Batch]]],
        lane: Taker[Batch],
        clock: Clock,
        tasks: Tasks,
        *,
        backlog: Callable[[], int],
        failed: Callable[[str, BaseException], None],
        max_backlog: int = 20_000,
    ) -> None:
        self._take = claim
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
                for batch in await self._take(room, self._clock.now()):
                    self._lane.submit(batch)
                    self._work = True
        except Exception as error:  # a boundary: the next look tries again
            self._failed("deliveries cannot be claimed", error)
        finally:
            self._claiming = False
