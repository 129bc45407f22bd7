"""Calls: what comes of them is gathered and written, and what is new about their actions is told to the lane.

One write is under way at a time; what comes meanwhile is the next batch. A result that cannot be written is kept and
tried again: nothing that somebody heard is lost because the disk was full.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from gateway.domain import events
from gateway.domain.calling import ActionNews, CallResult
from gateway.domain.delivery import DeliveryState
from gateway.domain.events import Event
from gateway.ports import CallLedger, Clock, EventSink, Pressed, Recorded, Tasks

GATHER_S = 0.02
"""How long the end of a call may wait for company."""

RETRY_S = 1.0
NEWS_EVERY_S = 0.5
"""How often the ledger is asked what became of the actions that have calls under way: another daemon may end them."""


class Concerned(Protocol):
    """What wants to know about actions: the voice lane."""

    def versions(self) -> Mapping[int, int]:
        """The actions with calls under way, and the version of the text that is known."""
        ...

    def tell(self, news: Iterable[ActionNews]) -> None:
        """They have ended, or have a newer text."""
        ...


class CallRecorder:
    """Implements :class:`gateway.ports.CallOutcomes`.

    Args:
        changed: called with what each write changed.
        sms_planned: called when SMS were planned because of a call; must return at once.
        room: called when the lane may take more; must return at once.
        failed: called with what went wrong in words; must not raise.
    """

    def __init__(
        self,
        ledger: CallLedger,
        sink: EventSink,
        clock: Clock,
        tasks: Tasks,
        *,
        changed: Callable[[Recorded], None],
        sms_planned: Callable[[], None],
        room: Callable[[], None],
        failed: Callable[[str, BaseException], None],
    ) -> None:
        self._ledger = ledger
        self._sink = sink
        self._clock = clock
        self._tasks = tasks
        self._changed = changed
        self._sms_planned = sms_planned
        self._room = room
        self._failed = failed
        self._results: list[CallResult] = []
        self._writing = 0
        self._asking = False
        self._stopped = False

    @property
    def backlog(self) -> int:
        """Results that are not in the ledger yet."""
        return len(self._results) + self._writing

    @property
    def idle(self) -> bool:
        """Whether everything is written."""
        return not self.backlog

    def ended(self, results: Sequence[CallResult]) -> None:
        """See the port."""
        begins = not self._results and not self._writing
        self._results += results
        if begins and results:
            self._tasks.spawn("write calls", self._write_all())

    def capacity_changed(self) -> None:
        """See the port."""
        self._room()

    async def pressed(self, delivery: int, key: str) -> Pressed:
        """A key that means something: apply it, and tell of a response."""
        now = self._clock.now()
        found = await self._ledger.pressed(delivery, key, now=now)
        if found.sms:
            self._sms_planned()
        response = found.response
        if response is not None:
            told = {
                "id": response.id,
                "kind": response.kind.value,
                "caller": response.caller,
                "text": response.text,
            }
            self._sink.emit(Event(events.RESPONSE_RECEIVED, now, response.action_id, told))
        return found

    async def follow(self, lane: Concerned) -> None:
        """Tell the lane what is new, every now and then; ends when stopped."""
        while not self._stopped:
            await self.look(lane)
            await self._tasks.sleep(NEWS_EVERY_S)

    async def look(self, lane: Concerned) -> None:
        """Tell the lane what is new about its actions."""
        versions = lane.versions()
        if not versions or self._asking:
            return
        self._asking = True
        try:
            lane.tell(await self._ledger.news_of(versions))
        except Exception as error:  # a boundary: asked again in a moment
            self._failed("the ledger cannot be asked about actions", error)
        finally:
            self._asking = False

    def stop(self) -> None:
        """Ask nothing any more."""
        self._stopped = True

    async def _write_all(self) -> None:
        while self._results:
            await self._tasks.sleep(GATHER_S)
            batch, self._results = self._results, []
            self._writing = len(batch)
            await self._write(batch)
            self._writing = 0
            self._room()

    async def _write(self, batch: Sequence[CallResult]) -> None:
        while True:
            try:
                recorded = await self._ledger.record_calls(batch, now=self._clock.now())
            except Exception as error:  # a boundary: nothing that was heard may be lost
                self._failed("calls cannot be written; trying again", error)
                await self._tasks.sleep(RETRY_S)
            else:
                break
        self._changed(recorded)
        if recorded.planned_sms:
            self._sms_planned()
        reasons: dict[str, int] = {}
        for one in batch:
            if one.state is DeliveryState.UNCERTAIN:
                word = one.reason.value if one.reason else "unknown"
                reasons[word] = reasons.get(word, 0) + 1
        if reasons:
            self._sink.emit(Event(events.DELIVERIES_UNCERTAIN, self._clock.now(), None, {"reasons": reasons}))
