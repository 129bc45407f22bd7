"""The API on stores in memory, and a client that asks it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fakes.http import Answer, Wire
from fakes.memory import (
    FakeSmsLane,
    HandClock,
    IdleTasks,
    KnownKeys,
    MemoryActions,
    MemoryEvents,
    MemoryParticipants,
    MemoryResponses,
    MemorySpeech,
)
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from gateway.domain.action import Policy
from gateway.flows.alert import Alert
from gateway.web.api import Api
from gateway.web.events import EventHub
from gateway.web.site import Doors, Limits


@dataclass
class Office:
    """The API, and everything behind it."""

    api: Api
    doors: Doors
    time: Clock
    clock: HandClock
    actions: MemoryActions
    responses: MemoryResponses
    participants: MemoryParticipants
    events: MemoryEvents
    hub: EventHub
    lane: FakeSmsLane
    keys: KnownKeys
    woken: list[str]
    probes: dict[str, Any]
    speech: MemorySpeech

    def wire(self, host: str = "127.0.0.1") -> Wire:
        return Wire(self.doors, host)

    def ask(
        self, method: str, path: str, body: Any = None, *, key: str | None = "operator-key", **options: Any
    ) -> Answer:
        """One request on a connection of its own."""
        wire = self.wire(options.pop("host", "127.0.0.1"))
        answer = wire.ask(method, path, body, key=key, **options)
        wire.hang_up()
        return answer


def open_office(limits: Limits | None = None) -> Office:
    time, clock = Clock(), HandClock()
    actions, events, lane, keys = MemoryActions(), MemoryEvents(), FakeSmsLane(), KnownKeys()
    responses, participants, hub = MemoryResponses(actions), MemoryParticipants(), EventHub(events, time)
    woken: list[str] = []
    probes: dict[str, Any] = {}
    speech = MemorySpeech()
    api = Api(
        alert=Alert(
            actions,
            lane,
            speech,
            hub,
            clock,
            IdleTasks(),
            Policy(rooms=("Midden",)),
            lambda: woken.append("dispatch"),
        ),
        actions=actions,
        responses=responses,
        participants=participants,
        report=actions.report,
        lane=lane,
        speech=speech,
        hub=hub,
        authenticator=keys,
        metrics=lambda: b"# HELP burgernet_up 1\n",
        clock=clock,
        reactor=time,
        probes=probes,
        limits=limits or Limits(),
    )
    Deferred.fromCoroutine(hub.start())
    return Office(
        api, api.doors(), time, clock, actions, responses, participants, events, hub, lane, keys, woken, probes, speech
    )


def close_office(office: Office) -> None:
    """Close everything; nothing may be left that would still happen."""
    Deferred.fromCoroutine(office.hub.stop())
    for door in list(office.doors.protocols):
        door.transport.loseConnection()
    assert not office.time.getDelayedCalls(), "a timer is left"
