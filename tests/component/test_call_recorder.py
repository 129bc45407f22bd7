"""What came of calls: gathered, written, never lost; keys and news."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest
from fakes.memory import NOON, EventList, HandClock
from fakes.switch import WORDS
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from gateway.domain.calling import ActionNews, CallResult
from gateway.domain.delivery import DeliveryState, Reason
from gateway.domain.response import Response, ResponseKind
from gateway.flows.calls import CallRecorder
from gateway.ports import Pressed, Recorded
from gateway.wiring.runtime import ReactorTasks

RESPONSE = Response("r1", "action1", ResponseKind.KEYPRESS, NOON, "+31*****001", "contacted", "1")


class FakeLedger:
    """The voice ledger, as far as it is written to."""

    def __init__(self) -> None:
        self.writes: list[list[int]] = []
        self.broken = 0
        self.planned_sms = 0
        self.asked: list[dict[int, int]] = []

    async def record_calls(self, results: Sequence[CallResult], *, now: datetime) -> Recorded:
        if self.broken:
            self.broken -= 1
            raise OSError("disk full")
        self.writes.append([one.delivery for one in results])
        return Recorded(frozenset({1}), planned_sms=self.planned_sms)

    async def pressed(self, delivery: int, key: str, *, now: datetime) -> Pressed:
        return Pressed(RESPONSE) if key == "1" else Pressed(sms=True)

    async def news_of(self, versions: Mapping[int, int]) -> Sequence[ActionNews]:
        self.asked.append(dict(versions))
        return [ActionNews(number, False, version, WORDS) for number, version in versions.items()]


class Desk:
    """A recorder and what it told."""

    def __init__(self) -> None:
        self.time, self.clock, self.ledger, self.sink = Clock(), HandClock(), FakeLedger(), EventList()
        self.changed: list[Recorded] = []
        self.sms_planned = 0
        self.failures: list[str] = []
        self.recorder = CallRecorder(
            self.ledger,  # type: ignore[arg-type]
            self.sink,
            self.clock,
            ReactorTasks(self.time),
            changed=self.changed.append,
            sms_planned=self._sms_planned,
            room=lambda: None,
            failed=lambda what, error: self.failures.append(f"{what}: {error}"),
        )

    def _sms_planned(self) -> None:
        self.sms_planned += 1

    def end(self, *deliveries: int, state: DeliveryState = DeliveryState.HEARD_FULL, reason: Any = None) -> None:
        self.recorder.ended([CallResult(f"bn.{one}", one, state, reason, NOON) for one in deliveries])


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_ends_of_a_moment_are_written_together(desk: Desk) -> None:
    desk.end(1)
    desk.end(2, 3)
    assert desk.recorder.backlog == 3
    desk.time.advance(0.05)
    assert desk.ledger.writes == [[1, 2, 3]]
    assert (desk.recorder.idle, [one.actions for one in desk.changed]) == (True, [frozenset({1})])


def test_nothing_that_was_heard_is_lost_while_the_disk_is_full(desk: Desk) -> None:
    desk.ledger.broken = 2
    desk.end(1)
    desk.time.advance(0.05)
    desk.end(2)
    assert not desk.recorder.idle
    for _ in range(30):
        desk.time.advance(0.1)
    assert desk.ledger.writes == [[1], [2]]
    assert desk.failures == ["calls cannot be written; trying again: disk full"] * 2


def test_sms_that_follow_a_call_are_sent_at_once(desk: Desk) -> None:
    desk.ledger.planned_sms = 1
    desk.end(1, state=DeliveryState.FAILED, reason=Reason.UNALLOCATED)
    desk.time.advance(0.05)
    assert desk.sms_planned == 1


def test_uncertain_calls_are_told(desk: Desk) -> None:
    desk.end(1, 2, state=DeliveryState.UNCERTAIN, reason=Reason.CALL_VANISHED)
    desk.time.advance(0.05)
    assert [(event.kind, event.data) for event in desk.sink.events] == [
        ("deliveries.uncertain", {"reasons": {"call_vanished": 2}})
    ]


def test_key_1_is_told_as_a_response(desk: Desk) -> None:
    Deferred.fromCoroutine(desk.recorder.pressed(1, "1"))
    assert [(event.kind, event.action_id, event.data["kind"]) for event in desk.sink.events] == [
        ("response.received", "action1", "keypress")
    ]


def test_key_3_wakes_the_sms_lane(desk: Desk) -> None:
    Deferred.fromCoroutine(desk.recorder.pressed(1, "3"))
    assert (desk.sms_planned, desk.sink.events) == (1, [])


def test_lane_is_told_what_became_of_its_actions(desk: Desk) -> None:
    told: list[ActionNews] = []

    class Lane:
        def versions(self) -> Mapping[int, int]:
            return {7: 2}

        def tell(self, news: Sequence[ActionNews]) -> None:
            told.extend(news)

    Deferred.fromCoroutine(desk.recorder.look(Lane()))  # type: ignore[arg-type]
    assert [(one.number, one.open) for one in told] == [(7, False)]
    assert desk.ledger.asked == [{7: 2}]
