"""Outcomes: what the carriers answer and report, gathered and written to the ledger in batches.

One write is under way at a time; what comes meanwhile is the next batch, so batches grow with the load by themselves.
Receipts and replies are acknowledged only after the commit that holds them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.domain import events
from gateway.domain.delivery import Accepted, DeliveryState, Receipt, Settlement, SmsReply
from gateway.domain.events import Event
from gateway.ports import Clock, EventSink, Journal, Recorded, ResponseStore, SmsLedger, Tasks

GATHER_S = 0.05
"""How long submit responses may wait for company; the journal holds them meanwhile. Receipts never wait."""

ENOUGH = 2000
"""Answers that are written at once without waiting for more."""

RETRY_S = 1.0
"""After the ledger could not be written, it is tried again this much later, and nothing is lost meanwhile."""


@dataclass(slots=True)
class _Batch:
    accepted: list[Accepted] = field(default_factory=list)
    settled: list[Settlement] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    replies: list[SmsReply] = field(default_factory=list)
    committed: list[Callable[[], None]] = field(default_factory=list)
    rows: int = 0

    def hurry(self) -> bool:
        """Whether a peer waits for this, or there is enough of it."""
        return bool(self.committed) or self.rows >= ENOUGH


class Outcomes:
    """Implements :class:`gateway.ports.SmsOutcomes`.

    Args:
        changed: called with the numbers of actions whose counts changed.
        room: called when the backlog or a lane's capacity changed; must return at once.
        failed: called with what went wrong in words; must not raise.
    """

    def __init__(
        self,
        ledger: SmsLedger,
        responses: ResponseStore,
        journal: Journal,
        sink: EventSink,
        clock: Clock,
        tasks: Tasks,
        *,
        changed: Callable[[Recorded], None],
        room: Callable[[], None],
        failed: Callable[[str, BaseException], None],
    ) -> None:
        self._ledger = ledger
        self._responses = responses
        self._journal = journal
        self._sink = sink
        self._clock = clock
        self._tasks = tasks
        self._changed = changed
        self._room = room
        self._failed = failed
        self._batch = _Batch()
        self._writing = False
        self._in_write = 0

    @property
    def backlog(self) -> int:
        """Outcomes that are not in the ledger yet."""
        return self._batch.rows + self._in_write

    @property
    def idle(self) -> bool:
        """Whether everything is written."""
        return not self._writing and not self._batch.rows

    def accepted(self, accepted: Accepted) -> None:
        """See the port."""
        self._batch.accepted.append(accepted)
        self._gathered(len(accepted.segments))

    def settled(self, settlements: Sequence[Settlement]) -> None:
        """See the port."""
        self._batch.settled.extend(settlements)
        self._gathered(len(settlements))

    def receipts(self, receipts: Sequence[Receipt], committed: Callable[[], None]) -> None:
        """See the port."""
        self._batch.receipts.extend(receipts)
        self._batch.committed.append(committed)
        self._gathered(len(receipts))

    def reply(self, reply: SmsReply, committed: Callable[[], None]) -> None:
        """See the port."""
        self._batch.replies.append(reply)
        self._batch.committed.append(committed)
        self._gathered(1)

    def capacity_changed(self) -> None:
        """See the port."""
        self._room()

    def _gathered(self, rows: int) -> None:
        self._batch.rows += rows
        if not self._writing:
            self._writing = True
            self._tasks.spawn("write outcomes", self._write_all())

    async def _write_all(self) -> None:
        try:
            while self._batch.rows:
                if not self._batch.hurry():
                    await self._tasks.sleep(GATHER_S)
                batch, self._batch = self._batch, _Batch()
                mark = self._journal.mark()
                self._in_write = batch.rows
                await self._write(batch)
                self._in_write = 0
                self._journal.stored(mark)
                for committed in batch.committed:
                    committed()
                self._room()
        finally:
            self._writing = False

    async def _write(self, batch: _Batch) -> None:
        while True:
            try:
                recorded = await self._ledger.record(
                    accepted=batch.accepted, settled=batch.settled, receipts=batch.receipts, now=self._clock.now()
                )
                for reply in batch.replies:
                    await self._record_reply(reply)
            except Exception as error:  # a boundary: nothing that came in may be lost because the disk is full
                self._failed("the ledger cannot be written; trying again", error)
                await self._tasks.sleep(RETRY_S)
            else:
                break
        self._changed(recorded)
        self._tell_uncertain(batch.settled)

    async def _record_reply(self, reply: SmsReply) -> None:
        now = self._clock.now()
        response = await self._responses.record_reply(reply, now=now)
        self._sink.emit(
            Event(
                events.RESPONSE_RECEIVED,
                now,
                response.action_id,
                {"id": response.id, "kind": response.kind.value, "caller": response.caller, "text": response.text},
            )
        )

    def _tell_uncertain(self, settled: Sequence[Settlement]) -> None:
        reasons: dict[str, int] = {}
        at: datetime | None = None
        for settlement in settled:
            if settlement.state is DeliveryState.UNCERTAIN:
                at = settlement.at
                word = settlement.reason.value if settlement.reason else "unknown"
                reasons[word] = reasons.get(word, 0) + 1
        if at is not None:
            self._sink.emit(Event(events.DELIVERIES_UNCERTAIN, at, None, {"reasons": reasons}))
