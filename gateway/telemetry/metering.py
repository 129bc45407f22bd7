"""Ports with a meter in between, so that the flows need not know of metrics."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.domain.delivery import Accepted, Receipt, Settlement, SmsBatch, SmsReply
from gateway.domain.events import Event
from gateway.ports import EventSink, Recorded, SmsLedger, SmsOutcomes
from gateway.telemetry.metrics import Metrics


class MeteredEvents:
    """An :class:`EventSink` that is counted."""

    def __init__(self, inner: EventSink, metrics: Metrics) -> None:
        self._inner = inner
        self._metrics = metrics

    def emit(self, event: Event) -> None:
        """See the port."""
        self._inner.emit(event)
        self._metrics.event(event)


class MeteredOutcomes:
    """:class:`SmsOutcomes` that are counted, for the carriers' side."""

    def __init__(self, inner: SmsOutcomes, metrics: Metrics) -> None:
        self._inner = inner
        self._metrics = metrics

    def accepted(self, accepted: Accepted) -> None:
        """See the port."""
        self._inner.accepted(accepted)
        self._metrics.accepted(accepted)

    def settled(self, settlements: Sequence[Settlement]) -> None:
        """See the port."""
        self._inner.settled(settlements)
        self._metrics.settled(settlements)

    def receipts(self, receipts: Sequence[Receipt], committed: Callable[[], None]) -> None:
        """See the port."""
        self._inner.receipts(receipts, committed)
        self._metrics.receipts(receipts)

    def reply(self, reply: SmsReply, committed: Callable[[], None]) -> None:
        """See the port."""
        self._inner.reply(reply, committed)
        self._metrics.reply(reply.carrier)

    def capacity_changed(self) -> None:
        """See the port."""
        self._inner.capacity_changed()


class MeteredLedger:
    """An :class:`SmsLedger` whose claims and writes are counted and timed.

    Args:
        seconds: the reactor's clock.
    """

    def __init__(self, inner: SmsLedger, metrics: Metrics, seconds: Callable[[], float]) -> None:
        self._inner = inner
        self._metrics = metrics
        self._seconds = seconds

    async def claim_sms(self, limit: int, *, now: datetime) -> Sequence[SmsBatch]:
        """See the port."""
        batches = await self._inner.claim_sms(limit, now=now)
        self._metrics.claimed(sum(len(batch.recipients) for batch in batches))
        return batches

    async def record(
        self,
        *,
        accepted: Sequence[Accepted] = (),
        settled: Sequence[Settlement] = (),
        receipts: Sequence[Receipt] = (),
        now: datetime,
    ) -> Recorded:
        """See the port."""
        began = self._seconds()
        recorded = await self._inner.record(accepted=accepted, settled=settled, receipts=receipts, now=now)
        rows = sum(len(one.segments) for one in accepted) + len(settled) + len(receipts)
        self._metrics.wrote(rows, self._seconds() - began, recorded)
        return recorded

    async def outstanding(self, action: int, carriers: Sequence[str]) -> Mapping[str, Sequence[tuple[str, int, str]]]:
        """See the port."""
        return await self._inner.outstanding(action, carriers)

    async def next_retry(self) -> datetime | None:
        """See the port."""
        return await self._inner.next_retry()

    async def progress(self, actions: Collection[int]) -> Mapping[str, Mapping[str, Any]]:
        """See the port."""
        return await self._inner.progress(actions)
