"""The events' hub: stores what happened, then tells the streams, in order, without a gap and without a double.

A stream is a cursor: it is told that there is something, and reads from the hub what follows the last id it sent. The
hub answers from the newest events, which it has read back from the store, or from the store itself; so a stream that
was away, or that shares the store with another daemon's events, is served the same way as one that never blinked.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from gateway.domain.events import Event
from gateway.ports import EventStore

BATCH = 500
"""Events stored in one transaction, and read at once."""

CAPACITY = 20_000
"""Events that wait for a store that is away; then the oldest go. Deliveries and responses have their own tables."""

MEMORY = 2_000
"""Newest events that are answered without asking the store."""

RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class Page:
    """Events, and the id up to which nothing was left out: where to read on."""

    events: Sequence[Event]
    upto: int


class EventHub:
    """Implements :class:`gateway.ports.EventSink`, and reads for the streams.

    Args:
        clock: the reactor's time.
        poll_s: how often to look for events of other daemons on the same store, or ``None`` where there are none.
    """

    _log = Logger()

    def __init__(self, store: EventStore, clock: IReactorTime, *, poll_s: float | None = None) -> None:
        self._store = store
        self._clock = clock
        self._poll_s = poll_s
        self._waiting: deque[Event] = deque()
        self._memory: deque[Event] = deque(maxlen=MEMORY)
        self._listeners: set[Callable[[], None]] = set()
        self._last: int | None = None
        self._floor = 0
        self._work: Deferred[None] | None = None
        self._more = False
        self._timer: IDelayedCall | None = None
        self._stopped = False
        self.dropped = 0

    @property
    def last_id(self) -> int:
        """The newest event that streams may read."""
        return self._last or 0

    @property
    def stopped(self) -> bool:
        """Whether streams should end."""
        return self._stopped

    async def start(self) -> None:
        """Take up after the newest stored event, and begin to look for those of other daemons."""
        self._last = self._floor = await self._store.last_id()
        self.poke()

    async def stop(self) -> None:
        """Store what waits, as far as the store takes it now, and end the streams."""
        self._stopped = True
        self.poke()
        if self._work is not None:
            await self._work
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._tell()

    def emit(self, event: Event) -> None:
        """Store the event and tell the streams, soon. Never raises."""
        try:
            json.dumps(dict(event.data))
        except (TypeError, ValueError):
            self._log.failure("event {kind} has data that is no JSON; it is dropped", kind=event.kind)
            return
        if len(self._waiting) >= CAPACITY:
            self._waiting.popleft()
            if not self.dropped:
                self._log.error("the event store is away: the oldest events are dropped")
            self.dropped += 1
        self._waiting.append(event)
        self.poke()

    def poke(self) -> None:
        """Look for new events now: some wait here, or another daemon has stored some. Returns at once."""
        self._more = True
        if self._work is None and self._last is not None:
            self._work = Deferred.fromCoroutine(self._catch_up())
            if self._work.called:
                self._work = None

    def listen(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call ``wake`` whenever there is something new, or the hub stops; what is returned ends that."""
        self._listeners.add(wake)
        return lambda: self._listeners.discard(wake)

    async def read(self, after: int, *, action_id: str | None = None, limit: int = BATCH) -> Page:
        """At most ``limit`` events that follow ``after``, of one action or of all; empty where there are none yet.

        Raises:
            Exception: the store's, where it had to be asked.
        """
        last = self.last_id
        if after >= self._floor:
            found = self._remembered(after, action_id)
        else:
            # What others committed since ``last`` is for the next time, so that every stream sees one order.
            stored = await self._store.after(after, action_id=action_id, limit=limit)
            if len(stored) >= limit:
                last = min(last, stored[-1].id)
            found = [event for event in stored if event.id <= last]
        if len(found) > limit:
            return Page(found[:limit], found[limit - 1].id)
        return Page(found, max(after, last))

    def _remembered(self, after: int, action_id: str | None) -> list[Event]:
        newer: list[Event] = []
        for event in reversed(self._memory):
            if event.id <= after:
                break
            if action_id is None or event.action_id == action_id:
                newer.append(event)
        newer.reverse()
        return newer

    async def _catch_up(self) -> None:
        """Store what waits, then read back everything new, until there is no more. One at a time."""
        delay = self._poll_s
        try:
            while self._more:
                self._more = False
                await self._store_waiting()
                await self._read_new()
        except Exception:
            self._log.failure("events cannot be stored or read; trying again in {delay} s", delay=RETRY_S)
            delay = RETRY_S
        self._work = None
        if delay is not None and not self._stopped:
            self._schedule(delay)

    async def _store_waiting(self) -> None:
        while self._waiting:
            batch = [self._waiting[index] for index in range(min(BATCH, len(self._waiting)))]
            dropped = self.dropped
            await self._store.append(batch)
            # Some of the batch may have been dropped as the oldest while it was stored.
            for _ in range(max(0, len(batch) - (self.dropped - dropped))):
                self._waiting.popleft()

    async def _read_new(self) -> None:
        while True:
            found = await self._store.after(self.last_id, limit=BATCH)
            for event in found:
                if len(self._memory) == MEMORY:
                    self._floor = self._memory[0].id
                self._memory.append(event)
                self._last = event.id
            if found:
                self._tell()
            if len(found) < BATCH:
                return

    def _schedule(self, delay: float) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = self._clock.callLater(delay, self.poke)

    def _tell(self) -> None:
        for wake in tuple(self._listeners):
            try:
                wake()
            except Exception:
                self._log.failure("a listener to events failed")
